#define BOOST_TEST_MODULE receiver_test
#include "agents/delivery/receiver.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"
#include "tests/agents/delivery/fixture.h"

namespace selvage {
namespace {

constexpr TrafficClass kReliable = TrafficClass::kReliable;
constexpr TrafficClass kCritical = TrafficClass::kCritical;

struct Receiving : TwoMembers {
  std::unique_ptr<Store> store = NewMemoryStore();
  Sender sender{&a, ShortA(), epoch};
  std::unique_ptr<Receiver> receiver = std::make_unique<Receiver>(&b, *store);

  std::vector<ReceivedMessage> Give(const OutgoingPacket& p) {
    return receiver->OnPacket(now, p.header, epoch, p.payload);
  }
  std::vector<OutgoingPacket> Packets(TrafficClass c, std::size_t bytes, std::uint8_t fill = 1) {
    return sender.SealNow(Message(c, bytes, fill));
  }
  // `n` critical messages of one packet; the body's only byte counts them.
  std::vector<OutgoingPacket> Row(std::uint8_t n) {
    std::vector<OutgoingPacket> out;
    for (std::uint8_t i = 0; i < n; ++i) out.push_back(Packets(kCritical, 1, i)[0]);
    return out;
  }
  // What is owed, made durable.
  std::vector<FlowReport> Receipts() {
    now = std::max(now, receiver->NextDeadline() == kNever ? now : receiver->NextDeadline());
    std::vector<FlowReport> out;
    const auto batch = receiver->TakeReceipts(now);
    if (!batch) return out;
    std::string error;
    store->Write(batch->writes, &error);
    receiver->OnDurable(batch->receipts);
    for (const auto& r : batch->receipts) {
      const auto reports = DecodeReports(r.body);
      out.insert(out.end(), reports->begin(), reports->end());
    }
    return out;
  }
  void Gone(std::uint64_t floor, std::vector<SequenceRange> ranges,
            std::vector<ReceivedMessage>* out) {
    OutgoingMessage m = Message(kCritical, 0);
    m.kind = PayloadKind::kGone;
    m.body = EncodeReport({epoch, FlowOf(kCritical, 7), floor, std::move(ranges)});
    const OutgoingPacket p = sender.SealNow(m)[0];
    *out = Give(p);
  }
};

std::string Fills(const std::vector<ReceivedMessage>& messages) {
  std::string out;
  for (const ReceivedMessage& m : messages) out += static_cast<char>('0' + m.body.at(0));
  return out;
}

BOOST_AUTO_TEST_CASE(every_packet_is_handed_up_once_under_repetition_and_reordering) {
  for (const TrafficClass c : {TrafficClass::kTelemetry, kReliable, kCritical}) {
    Receiving r;
    Random random(3);
    std::vector<OutgoingPacket> all;
    for (int i = 0; i < 300; ++i) all.push_back(r.Packets(c, 10, static_cast<std::uint8_t>(i))[0]);
    const std::size_t n = all.size();
    for (std::size_t i = 0; i < n; ++i) all.push_back(all[i]);
    for (std::size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random.Below(i)]);
    std::vector<std::uint8_t> up;
    for (const OutgoingPacket& p : all) {
      for (const ReceivedMessage& m : r.Give(p)) up.push_back(m.body.at(0));
    }
    BOOST_TEST(up.size() == n);
    BOOST_TEST(r.receiver->counters().duplicates == n);
    if (c == kCritical) {  // and in order
      for (std::size_t i = 0; i < up.size(); ++i) {
        BOOST_TEST(up[i] == static_cast<std::uint8_t>(i));
      }
      BOOST_TEST(r.receiver->reorder().messages() == 0);
    }
    const auto reports = r.Receipts();
    BOOST_TEST(reports.size() == (c == TrafficClass::kTelemetry ? 0 : 1));
    if (!reports.empty()) BOOST_TEST(reports[0].floor == n);
  }
}

BOOST_AUTO_TEST_CASE(a_duplicate_of_a_promised_message_asks_for_its_receipt_again) {
  for (const TrafficClass c : {kReliable, kCritical}) {
    Receiving r;
    const auto p = r.Packets(c, 5);
    BOOST_TEST(r.Give(p[0]).size() == 1);
    BOOST_TEST(r.Receipts().size() == 1);
    BOOST_TEST(r.Receipts().empty());
    BOOST_TEST(r.Give(p[0]).empty());
    const auto again = r.Receipts();
    BOOST_REQUIRE(again.size() == 1);
    BOOST_TEST(again[0].floor == 1);
  }
}

BOOST_AUTO_TEST_CASE(one_receipt_tells_of_all_that_came_in_its_gap) {
  Receiving r;
  r.now += 1s;
  const auto first = r.Packets(kReliable, 1);
  r.Give(first[0]);
  BOOST_TEST((r.receiver->NextDeadline() == r.now));  // after a pause at once
  BOOST_TEST(r.Receipts().size() == 1);
  const Time batch = r.now;
  std::vector<OutgoingPacket> all;
  for (int i = 0; i < 9; ++i) all.push_back(r.Packets(kReliable, 1)[0]);
  for (const int i : {0, 1, 4, 6, 7}) {
    r.now += 1ms;
    r.Give(all[static_cast<std::size_t>(i)]);
    BOOST_TEST((r.receiver->NextDeadline() == batch + Receiver::kReceiptGap));
    BOOST_TEST(!r.receiver->TakeReceipts(r.now).has_value());
  }
  const auto reports = r.Receipts();
  BOOST_REQUIRE(reports.size() == 1);
  BOOST_TEST(reports[0].floor == 3);
  BOOST_TEST((reports[0].ranges == std::vector<SequenceRange>{{5, 5}, {7, 8}}));
}

BOOST_AUTO_TEST_CASE(many_gaps_at_once_do_not_wait_for_their_receipt) {
  Receiving r;
  r.Give(r.Packets(kReliable, 1)[0]);
  r.Receipts();
  for (std::size_t i = 0; i < Receiver::kNewsMax; ++i) {
    BOOST_TEST(!r.receiver->TakeReceipts(r.now).has_value());
    r.Packets(kReliable, 1);  // lost
    r.Give(r.Packets(kReliable, 1)[0]);
  }
  BOOST_TEST((r.receiver->NextDeadline() == r.now));
  BOOST_TEST(r.Receipts()[0].ranges.size() == kReportRangesMax);
}

BOOST_AUTO_TEST_CASE(a_critical_message_waits_for_those_before_it_and_is_told_to_be_held) {
  Receiving r;
  const auto p = r.Row(6);
  BOOST_TEST(Fills(r.Give(p[0])) == "0");
  BOOST_TEST(Fills(r.Give(p[2])) == "");
  BOOST_TEST(Fills(r.Give(p[3])) == "");
  BOOST_TEST(Fills(r.Give(p[5])) == "");
  auto reports = r.Receipts();
  BOOST_REQUIRE(reports.size() == 1);
  BOOST_TEST(reports[0].floor == 1);
  BOOST_TEST((reports[0].ranges == std::vector<SequenceRange>{{2, 3}, {5, 5}}));
  BOOST_TEST(Fills(r.Give(p[3])) == "");  // a duplicate of what is held
  BOOST_TEST(Fills(r.Give(p[1])) == "123");
  BOOST_TEST(Fills(r.Give(p[4])) == "45");
  reports = r.Receipts();
  BOOST_TEST(reports[0].floor == 6);
  BOOST_TEST(reports[0].ranges.empty());
}

BOOST_AUTO_TEST_CASE(while_the_disk_is_slow_what_came_is_told_to_be_held_and_later_received) {
  Receiving r;
  const auto p = r.Row(6);
  auto batch = [&] {
    r.now = r.receiver->NextDeadline();
    return *r.receiver->TakeReceipts(r.now);
  };
  auto only = [](const std::vector<ReceiptBatch::Receipt>& receipts) {
    return DecodeReports(receipts.at(0).body)->at(0);
  };
  r.Give(p[0]);
  const ReceiptBatch first = batch();
  BOOST_TEST(first.early.empty());  // the disk may be quick
  r.Give(p[1]);
  r.Give(p[2]);
  r.Give(p[4]);
  const ReceiptBatch second = batch();
  BOOST_TEST(only(second.early).floor == 0);
  BOOST_TEST((only(second.early).ranges == std::vector<SequenceRange>{{0, 2}, {4, 4}}));
  BOOST_TEST(only(second.receipts).floor == 3);
  r.receiver->OnDurable(first.receipts);
  r.Give(p[3]);
  const ReceiptBatch third = batch();
  BOOST_TEST(only(third.early).floor == 1);
  BOOST_TEST((only(third.early).ranges == std::vector<SequenceRange>{{1, 4}}));
  r.receiver->OnDurable(second.receipts);
  r.receiver->OnDurable(third.receipts);
  r.Give(p[5]);
  BOOST_TEST(batch().early.empty());
}

BOOST_AUTO_TEST_CASE(what_the_origin_gave_up_is_not_waited_for_and_not_handed_up_later) {
  Receiving r;
  const auto p = r.Row(8);
  r.Give(p[0]);
  r.Give(p[3]);
  r.Give(p[4]);
  r.Give(p[6]);
  std::vector<ReceivedMessage> up;
  r.Gone(3, {{4, 5}}, &up);  // 1 and 2; 4, which is held, and 5
  BOOST_TEST(Fills(up) == "36");
  BOOST_TEST(r.Give(p[1]).empty());
  BOOST_TEST(r.Give(p[5]).empty());
  BOOST_TEST(Fills(r.Give(p[7])) == "7");
  BOOST_TEST(r.Receipts()[0].floor == 8);
  BOOST_TEST(r.receiver->reorder().messages() == 0);
}

BOOST_AUTO_TEST_CASE(only_the_origin_of_a_flow_can_give_it_up) {
  Receiving r;
  const auto p = r.Row(3);
  r.Give(p[0]);
  r.Give(p[2]);
  OutgoingMessage m;  // b, to itself, about a's flow
  m.to = r.ShortB();
  m.traffic_class = kCritical;
  m.kind = PayloadKind::kGone;
  m.body = EncodeReport({r.epoch, FlowOf(kCritical, 7), 2, {}});
  Sender other(&r.b, r.ShortB(), r.epoch);
  const OutgoingPacket forged = other.SealNow(m)[0];
  BOOST_TEST(r.receiver->OnPacket(r.now, forged.header, r.epoch, forged.payload).empty());
  BOOST_TEST(Fills(r.Give(p[1])) == "12");
}

BOOST_AUTO_TEST_CASE(what_was_received_is_known_after_a_restart_and_the_order_goes_on) {
  for (const TrafficClass c : {kReliable, kCritical}) {
    Receiving r;
    const auto p = r.Packets(c, 3000);
    std::size_t up = 0;
    for (const auto& packet : p) up += r.Give(packet).size();
    BOOST_TEST(up == 1);
    const auto second = r.Packets(c, 1, 2);
    const auto third = r.Packets(c, 1, 3);
    r.Give(third[0]);  // critical: held, and lost with the process; no receipt said it was received
    r.Receipts();
    r.receiver = std::make_unique<Receiver>(&r.b, *r.store);
    for (const auto& packet : p) BOOST_TEST(r.Give(packet).empty());
    BOOST_TEST(r.Receipts()[0].floor == 3);
    BOOST_TEST(Fills(r.Give(second[0])) == "2");
    BOOST_TEST(Fills(r.Give(third[0])) == (c == kCritical ? "3" : ""));
  }
}

BOOST_AUTO_TEST_CASE(out_of_order_beyond_the_bound_is_left_with_the_sender_and_the_head_never) {
  Receiving r;
  const auto head = r.Packets(kCritical, 1, 0)[0];
  std::vector<OutgoingPacket> rest;
  for (std::size_t i = 0; i <= ReorderBuffer::kFlowMessagesMax; ++i) {
    rest.push_back(r.Packets(kCritical, 1, 1)[0]);
  }
  for (const auto& p : rest) BOOST_TEST(r.Give(p).empty());
  BOOST_TEST(r.receiver->counters().refused_full == 1);
  BOOST_TEST(r.Give(head).size() == 1 + ReorderBuffer::kFlowMessagesMax);
  BOOST_TEST(r.Give(rest.back()).size() == 1);
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
      BOOST_REQUIRE(got.size() == (i + 1 == packets.size() ? 1 : 0));
      if (!got.empty()) BOOST_TEST(got[0].body == m.body);
    }
  }
}

BOOST_AUTO_TEST_CASE(forged_and_malformed_packets_are_counted_and_change_nothing) {
  Receiving r;
  const auto p = r.Packets(TrafficClass::kTelemetry, 10)[0];
  OutgoingPacket forged = p;
  forged.payload[3] ^= 1;
  BOOST_TEST(r.Give(forged).empty());
  BOOST_TEST(r.receiver->counters().forged == 1);
  OutgoingPacket impossible = p;  // fragment 5 of a message whose first packet is before 0
  impossible.header.fragment = 5;
  impossible.header.fragments = 9;
  BOOST_TEST(r.Give(impossible).empty());
  BOOST_TEST(r.receiver->counters().malformed == 1);
  OutgoingPacket kind = p;
  kind.payload = *r.a.Seal(kind.header, r.epoch, Bytes{kPayloadKinds, 0, 7, 1});
  BOOST_TEST(r.Give(kind).empty());
  kind.payload = *r.a.Seal(kind.header, r.epoch, Bytes{0, 0});
  BOOST_TEST(r.Give(kind).empty());
  BOOST_TEST(r.receiver->counters().malformed == 3);
  BOOST_TEST(!r.Give(p).empty());  // the true one still counts
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
  BOOST_TEST(!r.Give(messages[5][1]).empty());
  BOOST_TEST(r.receiver->counters().partial_dropped == 0);
  // ... a new one takes the free place, the next one that of the oldest.
  r.Give(r.Packets(TrafficClass::kTelemetry, 2 * kFragmentBodyBytes)[0]);
  BOOST_TEST(r.receiver->counters().partial_dropped == 0);
  r.Give(r.Packets(TrafficClass::kTelemetry, 2 * kFragmentBodyBytes)[0]);
  BOOST_TEST(r.receiver->counters().partial_dropped == 1);
  BOOST_TEST(r.Give(messages[0][1]).empty());
  BOOST_TEST(!r.Give(messages[9][1]).empty());
  r.now += Receiver::kPartialLifetime + 1s;
  BOOST_TEST(r.Give(messages[20][1]).empty());
}

BOOST_AUTO_TEST_CASE(too_many_gaps_are_left_with_the_sender_until_they_close) {
  Receiving r;
  std::vector<OutgoingPacket> all;
  for (std::size_t i = 0; i < 2 * IntervalSet::kIntervalsMax + 1; ++i) {
    all.push_back(r.Packets(TrafficClass::kReliable, 1)[0]);
  }
  for (std::size_t i = 0; i < IntervalSet::kIntervalsMax; ++i) {
    BOOST_REQUIRE(!r.Give(all[2 * i]).empty());
  }
  const OutgoingPacket& last = all[2 * IntervalSet::kIntervalsMax];
  BOOST_TEST(r.Give(last).empty());  // no receipt: the sender keeps it
  BOOST_TEST(r.receiver->counters().refused_full == 1);
  BOOST_TEST(!r.Give(all[1]).empty());
  BOOST_TEST(!r.Give(last).empty());
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
    BOOST_REQUIRE(!r.Give(r.sender.SealNow(m)[0]).empty());
    if (i % 100 == 0) r.Receipts();
  }
  r.Receipts();
  BOOST_TEST(count() == Receiver::kFlowsMax);
}

}  // namespace
}  // namespace selvage
