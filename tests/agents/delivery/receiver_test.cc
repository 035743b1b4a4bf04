#define BOOST_TEST_MODULE receiver_test
#include "agents/delivery/receiver.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"
#include "tests/agents/delivery/fixture.h"

namespace selvage {
namespace {

struct Receiving : TwoMembers {
  std::unique_ptr<Store> store = NewMemoryStore();
  Sender sender{&a, ShortA(), epoch};
  std::unique_ptr<Receiver> receiver = std::make_unique<Receiver>(&b, *store);

  std::optional<ReceivedMessage> Give(const OutgoingPacket& p) {
    auto m = receiver->OnPacket(now, p.header, epoch, p.payload);
    std::string error;
    if (m) store->Write(m->writes, &error);
    return m;
  }
  std::vector<OutgoingPacket> Packets(TrafficClass c, std::size_t bytes, std::uint8_t fill = 1) {
    return sender.SealNow(Message(c, bytes, fill));
  }
};

BOOST_AUTO_TEST_CASE(every_packet_is_handed_up_once_under_repetition_and_reordering) {
  for (const TrafficClass c : {TrafficClass::kTelemetry, TrafficClass::kReliable}) {
    Receiving r;
    Random random(3);
    std::vector<OutgoingPacket> all;
    for (int i = 0; i < 300; ++i) all.push_back(r.Packets(c, 10, static_cast<std::uint8_t>(i))[0]);
    const std::size_t n = all.size();
    for (std::size_t i = 0; i < n; ++i) all.push_back(all[i]);
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random.Below(i)]);
    std::map<std::uint64_t, int> up;
    for (const OutgoingPacket& p : all) {
      const auto m = r.Give(p);
      if (m && !m->duplicate) {
        ++up[p.header.id.sequence];
        BOOST_TEST(m->body == Bytes(10, static_cast<std::uint8_t>(p.header.id.sequence)));
      }
      if (m) BOOST_TEST(m->wants_receipt == (c == TrafficClass::kReliable));
    }
    BOOST_TEST(up.size() == n);
    for (const auto& [sequence, times] : up) BOOST_TEST(times == 1);
    BOOST_TEST(r.receiver->counters().duplicates == n);
  }
}

BOOST_AUTO_TEST_CASE(a_duplicate_of_a_promised_message_asks_for_its_receipt_again) {
  Receiving r;
  const auto p = r.Packets(TrafficClass::kCritical, 5);
  BOOST_REQUIRE(r.Give(p[0]).has_value());
  const auto again = r.Give(p[0]);
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST(again->duplicate);
  BOOST_TEST(again->wants_receipt);
  BOOST_TEST((again->first == p[0].header.id));
  BOOST_TEST(again->writes.empty());
}

BOOST_AUTO_TEST_CASE(what_was_received_is_known_after_a_restart) {
  Receiving r;
  const auto p = r.Packets(TrafficClass::kReliable, 3000);
  std::optional<ReceivedMessage> m;
  for (const auto& packet : p) m = r.Give(packet);
  BOOST_REQUIRE(m.has_value());
  r.receiver = std::make_unique<Receiver>(&r.b, *r.store);
  for (const auto& packet : p) {
    const auto again = r.Give(packet);
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST(again->duplicate);
    BOOST_TEST((again->first == p[0].header.id));
  }
}

BOOST_AUTO_TEST_CASE(fragments_in_any_order_make_the_message) {
  Receiving r;
  Random random(5);
  for (int round = 0; round < 20; ++round) {
    OutgoingMessage m = r.Message(TrafficClass::kTelemetry, 1 + random.Below(20'000));
    for (auto& byte : m.body) byte = static_cast<std::uint8_t>(random.U64());
    auto packets = r.sender.SealNow(m);
    for (std::size_t i = packets.size(); i > 1; --i) {
      std::swap(packets[i - 1], packets[random.Below(i)]);
    }
    for (std::size_t i = 0; i < packets.size(); ++i) {
      const auto got = r.Give(packets[i]);
      BOOST_REQUIRE(got.has_value() == (i + 1 == packets.size()));
      if (got) BOOST_TEST(got->body == m.body);
    }
  }
}

BOOST_AUTO_TEST_CASE(forged_and_malformed_packets_are_counted_and_change_nothing) {
  Receiving r;
  const auto p = r.Packets(TrafficClass::kTelemetry, 10)[0];
  OutgoingPacket forged = p;
  forged.payload[3] ^= 1;
  BOOST_TEST(!r.Give(forged).has_value());
  BOOST_TEST(r.receiver->counters().forged == 1);
  OutgoingPacket impossible = p;  // fragment 5 of a message whose first packet is before 0
  impossible.header.fragment = 5;
  impossible.header.fragments = 9;
  BOOST_TEST(!r.Give(impossible).has_value());
  BOOST_TEST(r.receiver->counters().malformed == 1);
  OutgoingPacket kind = p;
  kind.payload = *r.a.Seal(kind.header, r.epoch, Bytes{2, 0, 7, 1});
  BOOST_TEST(!r.Give(kind).has_value());
  kind.payload = *r.a.Seal(kind.header, r.epoch, Bytes{0, 0});
  BOOST_TEST(!r.Give(kind).has_value());
  BOOST_TEST(r.receiver->counters().malformed == 3);
  BOOST_TEST(r.Give(p).has_value());  // the true one still counts
}

BOOST_AUTO_TEST_CASE(incomplete_messages_are_bounded_in_number_and_in_time) {
  Receiving r;
  std::vector<std::vector<OutgoingPacket>> messages;
  for (std::size_t i = 0; i < Receiver::kPartialsMax; ++i) {
    messages.push_back(r.Packets(TrafficClass::kTelemetry, 2 * kFragmentBodyBytes));
    r.Give(messages.back()[0]);
    r.now += 1ms;
  }
  BOOST_TEST(r.receiver->counters().partial_dropped == 0);
  // At the bound: going on with one of them pushes nothing out ...
  BOOST_TEST(r.Give(messages[5][1]).has_value());
  BOOST_TEST(r.receiver->counters().partial_dropped == 0);
  // ... a new one takes the free place, the next one that of the oldest.
  r.Give(r.Packets(TrafficClass::kTelemetry, 2 * kFragmentBodyBytes)[0]);
  BOOST_TEST(r.receiver->counters().partial_dropped == 0);
  r.Give(r.Packets(TrafficClass::kTelemetry, 2 * kFragmentBodyBytes)[0]);
  BOOST_TEST(r.receiver->counters().partial_dropped == 1);
  BOOST_TEST(!r.Give(messages[0][1]).has_value());
  BOOST_TEST(r.Give(messages[9][1]).has_value());
  r.now += Receiver::kPartialLifetime + 1s;
  BOOST_TEST(!r.Give(messages[20][1]).has_value());
}

BOOST_AUTO_TEST_CASE(too_many_gaps_are_left_with_the_sender_until_they_close) {
  Receiving r;
  std::vector<OutgoingPacket> all;
  for (std::size_t i = 0; i < 2 * IntervalSet::kIntervalsMax + 1; ++i) {
    all.push_back(r.Packets(TrafficClass::kReliable, 1)[0]);
  }
  for (std::size_t i = 0; i < IntervalSet::kIntervalsMax; ++i) {
    BOOST_REQUIRE(r.Give(all[2 * i]).has_value());
  }
  const OutgoingPacket& last = all[2 * IntervalSet::kIntervalsMax];
  BOOST_TEST(!r.Give(last).has_value());  // no receipt: the sender keeps it
  BOOST_TEST(r.receiver->counters().refused_full == 1);
  BOOST_TEST(r.Give(all[1]).has_value());
  BOOST_TEST(r.Give(last).has_value());
}

BOOST_AUTO_TEST_CASE(flows_are_bounded_and_the_row_that_goes_leaves_the_disk_too) {
  Receiving r;
  std::size_t rows = 0;
  auto count = [&] {
    rows = 0;
    r.store->Scan("received/", [&](auto, auto) {
      ++rows;
      return true;
    });
    return rows;
  };
  for (std::size_t i = 0; i <= Receiver::kFlowsMax; ++i) {
    OutgoingMessage m = r.Message(TrafficClass::kReliable, 1);
    m.port = static_cast<std::uint16_t>(i);
    BOOST_REQUIRE(r.Give(r.sender.SealNow(m)[0]).has_value());
  }
  BOOST_TEST(count() == Receiver::kFlowsMax);
}

}  // namespace
}  // namespace selvage
