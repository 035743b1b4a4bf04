#define BOOST_TEST_MODULE sender_test
#include "agents/delivery/sender.h"

#include <boost/test/unit_test.hpp>

#include "tests/agents/delivery/fixture.h"

namespace selvage {
namespace {

struct Sending : TwoMembers {
  Sender sender{&a, ShortA(), epoch};
  std::unique_ptr<Store> store = NewMemoryStore();

  std::uint64_t Keep(OutgoingMessage m) {
    StoreWrite write;
    const std::uint64_t number = sender.Keep(now, std::move(m), &write);
    std::string error;
    if (number != 0) store->Write({write}, &error);
    return number;
  }
  std::size_t Due() {
    sender.OnTimeout(now);
    return sender.TakePackets().size();
  }
};

BOOST_AUTO_TEST_CASE(best_effort_is_cut_numbered_and_sealed) {
  Sending s;
  OutgoingMessage m = s.Message(TrafficClass::kTelemetry, 2 * kFragmentBodyBytes + 1);
  for (std::size_t i = 0; i < m.body.size(); ++i) m.body[i] = static_cast<std::uint8_t>(i * 7);
  const auto packets = s.sender.SealNow(m);
  BOOST_REQUIRE(packets.size() == 3);
  Bytes whole;
  for (std::size_t i = 0; i < 3; ++i) {
    const DataHeader& h = packets[i].header;
    BOOST_TEST(h.id.sequence == i);
    BOOST_TEST(h.fragment == i);
    BOOST_TEST(h.fragments == 3);
    BOOST_TEST(h.id.flow == FlowOf(TrafficClass::kTelemetry, 7));
    BOOST_TEST(h.id.epoch == (s.epoch.value & 0xffff));
    const Bytes plain = s.b.Open(h, s.epoch, packets[i].payload).value();
    whole.insert(whole.end(), plain.begin() + kPayloadHeaderBytes, plain.end());
  }
  BOOST_TEST(whole == m.body);
  BOOST_TEST(s.sender.SealNow(m)[0].header.id.sequence == 3);
  BOOST_TEST(s.sender.SealNow(s.Message(TrafficClass::kTelemetry, kFragmentBodyBytes)).size() == 1);
  BOOST_TEST(s.sender.SealNow(s.Message(TrafficClass::kTelemetry, 0)).size() == 1);
}

BOOST_AUTO_TEST_CASE(nothing_leaves_before_it_is_durable) {
  Sending s;
  const auto number = s.Keep(s.Message(TrafficClass::kReliable, 10));
  BOOST_TEST(number > 0);
  BOOST_TEST(s.Due() == 0);
  s.now += 10s;
  BOOST_TEST(s.Due() == 0);
  s.sender.OnDurable(s.now, number);
  BOOST_TEST(s.Due() == 1);
}

BOOST_AUTO_TEST_CASE(it_is_sent_again_with_growing_pauses_until_the_receipt) {
  Sending s;
  const auto number = s.Keep(s.Message(TrafficClass::kReliable, 10));
  s.sender.OnDurable(s.now, number);
  s.sender.OnTimeout(s.now);
  const auto first = s.sender.TakePackets();
  BOOST_REQUIRE(first.size() == 1);
  Duration pause = Sender::kRetryFirst;
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST((s.sender.NextDeadline() == s.now + pause));
    s.now += pause - Duration(1);
    BOOST_TEST(s.Due() == 0);
    s.now += Duration(1);
    s.sender.OnTimeout(s.now);
    const auto again = s.sender.TakePackets();
    BOOST_REQUIRE(again.size() == 1);
    BOOST_TEST((again[0].header.id == first[0].header.id));  // recognised as the same
    pause = std::min(2 * pause, Sender::kRetryMax);
  }
  const Bytes receipt = Sender::ReceiptBody(s.epoch, first[0].header.id);
  BOOST_TEST(s.sender.OnReceipt(ShortId(4711), receipt).number == 0);  // not from the destination
  BOOST_TEST(s.sender.OnReceipt(s.ShortB(), Bytes(11)).number == 0);
  const auto settled = s.sender.OnReceipt(s.ShortB(), receipt);
  BOOST_TEST(settled.number == number);
  BOOST_TEST(settled.delivered);
  BOOST_TEST(!settled.write.value.has_value());
  BOOST_TEST(s.sender.OnReceipt(s.ShortB(), receipt).number == 0);
  BOOST_TEST(s.sender.size() == 0);
  BOOST_TEST(s.sender.bytes() == 0);
  BOOST_TEST((s.sender.NextDeadline() == kNever));
}

BOOST_AUTO_TEST_CASE(a_new_map_shortens_a_long_pause) {
  Sending s;
  s.sender.OnDurable(s.now, s.Keep(s.Message(TrafficClass::kReliable, 10)));
  for (int i = 0; i < 6; ++i) {
    s.Due();
    s.now = s.sender.NextDeadline();
  }
  s.Due();
  BOOST_TEST((s.sender.NextDeadline() > s.now + 5s));
  s.sender.OnMapChanged(s.now);
  BOOST_TEST((s.sender.NextDeadline() == s.now + Sender::kRetryFirst));
}

BOOST_AUTO_TEST_CASE(when_its_time_is_up_the_sender_is_told) {
  Sending s;
  OutgoingMessage own = s.Message(TrafficClass::kReliable, 10);
  own.deadline = 5s;
  const auto with_deadline = s.Keep(own);
  const auto critical = s.Keep(s.Message(TrafficClass::kCritical, 10));
  const auto reliable = s.Keep(s.Message(TrafficClass::kReliable, 10));
  auto expired_at = [&](Duration after) {
    s.sender.OnTimeout(TimeFromNanos(1'000'000'000) + after);
    std::vector<std::uint64_t> out;
    for (const auto& e : s.sender.TakeExpired()) {
      BOOST_TEST(!e.delivered);
      BOOST_TEST(!e.reason.empty());
      out.push_back(e.number);
    }
    return out;
  };
  BOOST_TEST(expired_at(Sender::kDeadlineCritical - Duration(1)).empty());
  BOOST_TEST(expired_at(Sender::kDeadlineCritical) == std::vector<std::uint64_t>{critical});
  BOOST_TEST(expired_at(5s) == std::vector<std::uint64_t>{with_deadline});
  BOOST_TEST(expired_at(Sender::kDeadlineReliable - Duration(1)).empty());
  BOOST_TEST(expired_at(Sender::kDeadlineReliable) == std::vector<std::uint64_t>{reliable});
}

BOOST_AUTO_TEST_CASE(the_outbox_is_bounded_in_messages_and_bytes) {
  Sending s;
  for (std::size_t i = 0; i < Sender::kOutboxMax; ++i) {
    BOOST_REQUIRE(s.Keep(s.Message(TrafficClass::kReliable, 1)) > 0);
  }
  BOOST_TEST(s.Keep(s.Message(TrafficClass::kReliable, 1)) == 0);
  Sending t;
  for (std::size_t i = 0; i < Sender::kOutboxBytesMax / 65'536; ++i) {
    BOOST_REQUIRE(t.Keep(t.Message(TrafficClass::kReliable, 65'536)) > 0);
  }
  BOOST_TEST(t.sender.bytes() == Sender::kOutboxBytesMax);
  BOOST_TEST(t.Keep(t.Message(TrafficClass::kReliable, 1)) == 0);
  BOOST_TEST(t.Keep(t.Message(TrafficClass::kReliable, 0)) > 0);
}

BOOST_AUTO_TEST_CASE(the_outbox_survives_a_restart_with_its_numbers) {
  Sending s;
  s.sender.OnDurable(s.now, s.Keep(s.Message(TrafficClass::kReliable, 3000, 9)));
  s.sender.OnTimeout(s.now);
  const auto before = s.sender.TakePackets();
  std::string error;
  s.store->Write(
      {{"outbox/zz", std::string("not a number")}, {"outbox/0000000000000001", std::string("\1")}},
      &error);
  Sender next(&s.a, s.ShortA(), Epoch(s.epoch.value + 1));
  next.Load(s.now, *s.store);
  BOOST_TEST(next.size() == 1);
  BOOST_TEST(next.bytes() == 3000);
  next.OnTimeout(s.now);
  const auto after = next.TakePackets();
  BOOST_REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    BOOST_TEST((after[i].header.id == before[i].header.id));
    BOOST_TEST(after[i].payload == before[i].payload);
  }
  BOOST_TEST(
      next.OnReceipt(s.ShortB(), Sender::ReceiptBody(s.epoch, before[0].header.id)).delivered);
}

}  // namespace
}  // namespace selvage
