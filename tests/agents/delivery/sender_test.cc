#define BOOST_TEST_MODULE sender_test
#include "agents/delivery/sender.h"

#include <boost/test/unit_test.hpp>
#include <deque>

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
    if (number != 0 && !write.key.empty()) store->Write({write}, &error);
    return number;
  }
  // Keeps and makes durable.
  std::uint64_t Accept(OutgoingMessage m) {
    const std::uint64_t number = Keep(std::move(m));
    sender.OnDurable(now, number);
    return number;
  }
  std::vector<OutgoingPacket> Packets() {
    sender.OnTimeout(now);
    return sender.TakePackets();
  }
  std::size_t Due() { return Packets().size(); }
  std::vector<Sender::Settled> Receipt(TrafficClass c, std::uint64_t floor,
                                       std::vector<SequenceRange> ranges = {}) {
    return sender.OnReceipt(now, ShortB(),
                            EncodeReport({epoch, FlowOf(c, 7), floor, std::move(ranges)}));
  }
  // One message of a flow of its own, answered after `rtt`.
  void LearnRoundTrip(Duration rtt, int samples = 20) {
    OutgoingMessage m = Message(TrafficClass::kReliable, 1);
    m.port = 9;
    for (int i = 0; i < samples; ++i) {
      Accept(m);
      Packets();
      now += rtt;
      sender.OnReceipt(now, ShortB(),
                       EncodeReport({epoch, FlowOf(TrafficClass::kReliable, 9), ++learnt_, {}}));
    }
  }
  std::uint64_t learnt_ = 0;
};

constexpr TrafficClass kReliable = TrafficClass::kReliable;
constexpr TrafficClass kCritical = TrafficClass::kCritical;

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
  const auto number = s.Accept(s.Message(kReliable, 10));
  const auto first = s.Packets();
  BOOST_REQUIRE(first.size() == 1);
  BOOST_TEST(first[0].header.attempt == 0);
  Duration pause = RoundTrip::kTimeoutFirst;
  for (int i = 1; i < 10; ++i) {
    BOOST_TEST((s.sender.NextDeadline() == s.now + pause));
    s.now += pause - Duration(1);
    BOOST_TEST(s.Due() == 0);
    s.now += Duration(1);
    const auto again = s.Packets();
    BOOST_REQUIRE(again.size() == 1);
    BOOST_TEST((again[0].header.id == first[0].header.id));  // recognised as the same
    BOOST_TEST(again[0].payload == first[0].payload);        // one nonce, one plain text
    BOOST_TEST(again[0].header.attempt == i);                // but a walk of its own to relays
    pause = std::min(2 * pause, SendWindow::kPauseMax);
  }
  const Bytes receipt = EncodeReport({s.epoch, FlowOf(kReliable, 7), 1, {}});
  BOOST_TEST(s.sender.OnReceipt(s.now, ShortId(4711), receipt).empty());  // not the destination
  BOOST_TEST(s.sender.OnReceipt(s.now, s.ShortB(), Bytes(11)).empty());
  const auto settled = s.sender.OnReceipt(s.now, s.ShortB(), receipt);
  BOOST_REQUIRE(settled.size() == 1);
  BOOST_TEST(settled[0].number == number);
  BOOST_TEST(settled[0].delivered);
  BOOST_REQUIRE(settled[0].write.has_value());
  BOOST_TEST(!settled[0].write->value.has_value());
  BOOST_TEST(s.sender.OnReceipt(s.now, s.ShortB(), receipt).empty());
  BOOST_TEST(s.sender.size() == 0);
  BOOST_TEST(s.sender.bytes() == 0);
  BOOST_TEST((s.sender.NextDeadline() == kNever));
}

BOOST_AUTO_TEST_CASE(one_receipt_settles_many_messages_and_leaves_the_gaps) {
  Sending s;
  std::vector<std::uint64_t> numbers;
  for (int i = 0; i < 10; ++i) numbers.push_back(s.Accept(s.Message(kReliable, 3000)));  // 3 each
  BOOST_TEST(s.Due() == 30);
  const auto settled = s.Receipt(kReliable, 6, {{9, 14}, {27, 29}});
  std::vector<std::uint64_t> got;
  for (const auto& one : settled) got.push_back(one.number);
  BOOST_TEST((got == std::vector<std::uint64_t>{numbers[0], numbers[1], numbers[3], numbers[4],
                                                numbers[9]}));
  BOOST_TEST(s.sender.size() == 5);
}

BOOST_AUTO_TEST_CASE(retries_follow_the_measured_round_trip_within_bounds) {
  Sending fast;
  fast.LearnRoundTrip(2ms);
  fast.Accept(fast.Message(kReliable, 1));
  BOOST_TEST(fast.Due() == 1);
  BOOST_TEST((fast.sender.NextDeadline() == fast.now + RoundTrip::kTimeoutMin));
  Sending slow;
  slow.LearnRoundTrip(700ms);
  slow.Accept(slow.Message(kReliable, 1));
  BOOST_TEST(slow.Due() == 1);
  BOOST_TEST((slow.sender.NextDeadline() > slow.now + 700ms));
}

BOOST_AUTO_TEST_CASE(a_dead_path_gets_few_packets_and_ever_fewer) {
  Sending s;
  s.LearnRoundTrip(5ms);
  for (int i = 0; i < 400; ++i) s.Accept(s.Message(kReliable, 1));
  std::size_t sent = s.Due();
  BOOST_TEST(sent == static_cast<std::size_t>(SendWindow::kFirst));
  const auto until = [&](Time end) {
    std::size_t more = 0;
    while (s.sender.NextDeadline() < end) {
      s.now = std::max(s.now, s.sender.NextDeadline());
      more += s.Due();
    }
    return more;
  };
  const Time left = s.now;
  BOOST_TEST(until(left + 2s) <= 2 * sent);
  const std::size_t late = until(left + 60s);
  BOOST_TEST(late >= 5u);
  BOOST_TEST(late <= 40u);
}

// A channel that passes on `per_ms` packets in a millisecond, with a queue as long as it takes.
BOOST_AUTO_TEST_CASE(a_channel_that_is_too_full_gets_no_more_than_it_carries) {
  Sending s;
  s.LearnRoundTrip(5ms);
  constexpr std::uint64_t kMessages = 2000;
  for (std::uint64_t i = 0; i < kMessages; ++i) s.Accept(s.Message(kReliable, 1));
  std::deque<std::uint64_t> channel;
  std::size_t sent = 0;
  Time next_pass = s.now;
  const Time began = s.now;
  while (s.sender.size() > 0 && s.now - began < 60s) {
    for (const auto& p : s.Packets()) {
      channel.push_back(p.header.id.sequence);
      ++sent;
    }
    if (s.now >= next_pass && !channel.empty()) {
      const std::uint64_t n = channel.front();
      channel.pop_front();
      s.Receipt(kReliable, 0, {{n, n}});
      next_pass = s.now + 4ms;
    }
    s.now += 1ms;
  }
  BOOST_TEST(s.sender.size() == 0);
  BOOST_TEST(((s.now - began) / 1s) < 12);  // 8 s would be without any packet in vain
  BOOST_TEST(sent < kMessages * 13 / 10);
}

BOOST_AUTO_TEST_CASE(critical_neither_waits_for_room_nor_behind_what_is_reliable) {
  Sending s;
  s.LearnRoundTrip(5ms);
  for (int i = 0; i < 400; ++i) s.Accept(s.Message(kReliable, 1));
  s.Due();
  for (int i = 0; i < 100; ++i) s.Accept(s.Message(kCritical, 1));
  std::size_t critical = 0;
  for (const auto& p : s.Packets()) critical += p.header.traffic_class == kCritical ? 1 : 0;
  BOOST_TEST(critical == 100u);
  // Sent again they need room, and get what there is before the rest.
  s.now += RoundTrip::kTimeoutMin;
  std::size_t again = 0;
  bool reliable = false;
  for (const auto& p : s.Packets()) {
    if (p.header.attempt == 0) continue;  // second copies, by worry
    reliable |= p.header.traffic_class == kReliable;
    ++again;
  }
  BOOST_TEST(again > 0u);
  BOOST_TEST(again < static_cast<std::size_t>(SendWindow::kFirst));
  BOOST_TEST(!reliable);
}

BOOST_AUTO_TEST_CASE(what_a_partition_kept_back_leaves_ever_faster_while_receipts_come) {
  Sending s;
  s.LearnRoundTrip(5ms);
  constexpr std::uint64_t kMessages = 5000;
  for (std::uint64_t i = 0; i < kMessages; ++i) s.Accept(s.Message(kReliable, 1));
  s.Due();  // into the void
  for (const Time end = s.now + 60s; s.sender.NextDeadline() < end; s.Due()) {
    s.now = std::max(s.now, s.sender.NextDeadline());
  }
  s.sender.OnMapChanged(s.now);
  const Time healed = s.now;
  std::size_t most = 0;
  while (s.sender.size() > 0 && s.now - healed < 10s) {
    std::vector<SequenceRange> ranges;
    const std::vector<OutgoingPacket> packets = s.Packets();
    most = std::max(most, packets.size());
    s.now += 5ms;
    for (const OutgoingPacket& p : packets) {
      s.Receipt(kReliable, 0, {{p.header.id.sequence, p.header.id.sequence}});
    }
  }
  BOOST_TEST(s.sender.size() == 0);
  BOOST_TEST(((s.now - healed) / 1ms) < 1500);
  BOOST_TEST(most <= static_cast<std::size_t>(SendWindow::kMax));
}

BOOST_AUTO_TEST_CASE(a_new_map_shortens_a_long_pause) {
  Sending s;
  s.Accept(s.Message(kReliable, 10));
  for (int i = 0; i < 6; ++i) {
    s.Due();
    s.now = s.sender.NextDeadline();
  }
  s.Due();
  BOOST_TEST((s.sender.NextDeadline() > s.now + 5s));
  s.sender.OnMapChanged(s.now);
  BOOST_TEST((s.sender.NextDeadline() == s.now + RoundTrip::kTimeoutFirst));
}

BOOST_AUTO_TEST_CASE(an_ip_packet_leaves_at_once_and_is_written_only_without_a_receipt) {
  Sending s;
  OutgoingMessage m = s.Message(kCritical, 10);
  m.store_late = true;
  StoreWrite write;
  BOOST_TEST(s.sender.Keep(s.now, m, &write) > 0);
  BOOST_TEST(write.key.empty());
  BOOST_TEST(s.Due() == 1);
  s.now += 10ms;
  auto settled = s.Receipt(kCritical, 1);
  BOOST_REQUIRE(settled.size() == 1);
  BOOST_TEST(!settled[0].write.has_value());
  s.now += 1s;
  s.Due();
  BOOST_TEST(s.sender.TakeWrites().empty());

  BOOST_TEST(s.sender.Keep(s.now, m, &write) > 0);
  s.Due();
  s.now += Sender::kStoreLate;
  s.Due();
  const auto writes = s.sender.TakeWrites();
  BOOST_REQUIRE(writes.size() == 1);
  BOOST_TEST(DecodeOutboxRecord(*writes[0].value).has_value());
  settled = s.Receipt(kCritical, 2);
  BOOST_REQUIRE(settled.size() == 1);
  BOOST_REQUIRE(settled[0].write.has_value());
  BOOST_TEST(settled[0].write->key == writes[0].key);
}

// What goes on one path is swallowed, what goes on two arrives: messages a millisecond apart, for
// `length`. Returns the doubts; *overdue: the longest a message waited for its second copy.
std::vector<Sender::Doubt> Swallow(Sending* s, std::uint64_t* sequence, Duration length,
                                   Duration* overdue) {
  std::vector<Sender::Doubt> doubts;
  std::map<std::uint64_t, Time> left;
  std::set<std::uint64_t> copied;
  for (const Time end = s->now + length; s->now < end; s->now += 1ms) {
    s->Accept(s->Message(kCritical, 10));
    left[++*sequence] = s->now;
    for (const auto& p : s->Packets()) {
      if (p.header.traffic_class != kCritical || p.paths == OutgoingPacket::Paths::kOne) continue;
      const std::uint64_t n = p.header.id.sequence;
      *overdue = std::max(*overdue, s->now - left[n]);
      copied.insert(n);
    }
    while (!copied.empty() && copied.count(left.begin()->first) > 0) left.erase(left.begin());
    s->Receipt(kCritical, left.empty() ? *sequence + 1 : left.begin()->first);
    for (const Sender::Doubt& d : s->sender.TakeDoubts()) doubts.push_back(d);
  }
  return doubts;
}

BOOST_AUTO_TEST_CASE(worry_that_returns_lasts_longer_and_the_third_is_a_doubt_about_the_path) {
  Sending s;
  s.LearnRoundTrip(5ms);
  std::uint64_t sequence = 0;
  Duration overdue{0};
  const auto doubts = Swallow(&s, &sequence, 2s, &overdue);
  BOOST_REQUIRE(!doubts.empty());
  BOOST_TEST((doubts[0].to == s.ShortB()));
  BOOST_TEST(doubts[0].packets >= 15u);
  BOOST_TEST((doubts[0].silence >= RoundTrip::kOverdueMin));
  // Copies that left late tell nothing of the round trip: patience does not grow.
  BOOST_TEST(ToMillis(overdue) <= 25);
  BOOST_TEST(s.sender.counters().worries >= 3u);
  BOOST_TEST(s.sender.counters().worries <= 7u);
}

BOOST_AUTO_TEST_CASE(a_receipt_for_what_went_on_one_path_ends_the_row_of_worries) {
  Sending s;
  s.LearnRoundTrip(5ms);
  std::uint64_t sequence = 0;
  for (int i = 0; i < 10; ++i) {
    s.Accept(s.Message(kCritical, 10));
    s.Packets();
    s.now += RoundTrip::kOverdueMin;
    s.Packets();
    s.Receipt(kCritical, ++sequence + 1);
    s.now += 2 * Sender::kWorry;
    s.Accept(s.Message(kCritical, 10));
    BOOST_TEST((s.Packets()[0].paths == OutgoingPacket::Paths::kOne));
    s.now += 5ms;
    s.Receipt(kCritical, ++sequence + 1);
  }
  BOOST_TEST(s.sender.counters().worries == 10u);
  BOOST_TEST(s.sender.TakeDoubts().empty());
}

BOOST_AUTO_TEST_CASE(an_overdue_receipt_sends_what_is_under_way_a_second_way_and_new_ones_both) {
  Sending s;
  s.LearnRoundTrip(5ms);
  for (int i = 0; i < 3; ++i) s.Accept(s.Message(kCritical, 10));
  for (const auto& p : s.Packets()) BOOST_TEST((p.paths == OutgoingPacket::Paths::kOne));
  s.now += RoundTrip::kOverdueMin;
  auto seconds = s.Packets();
  BOOST_REQUIRE(seconds.size() == 3);
  for (const auto& p : seconds) {
    BOOST_TEST((p.paths == OutgoingPacket::Paths::kSecondOnly));
    BOOST_TEST(p.header.attempt == 0);  // the same attempt: the other copy of it
  }
  BOOST_TEST(s.sender.worried(s.now, s.ShortB()));
  s.Accept(s.Message(kCritical, 10));
  auto both = s.Packets();
  BOOST_REQUIRE(both.size() == 1);
  BOOST_TEST((both[0].paths == OutgoingPacket::Paths::kTwo));
  s.Accept(s.Message(kReliable, 10));  // no haste
  BOOST_TEST((s.Packets()[0].paths == OutgoingPacket::Paths::kOne));
  s.Receipt(kCritical, 4);
  s.now += Sender::kWorry;
  BOOST_TEST(!s.sender.worried(s.now, s.ShortB()));
  s.Accept(s.Message(kCritical, 10));
  bool one = false;
  for (const auto& p : s.Packets()) {
    one = one || (p.header.traffic_class == kCritical && p.paths == OutgoingPacket::Paths::kOne);
  }
  BOOST_TEST(one);
}

BOOST_AUTO_TEST_CASE(what_was_given_up_is_told_while_the_destination_waits_for_it) {
  Sending s;
  s.LearnRoundTrip(5ms);
  OutgoingMessage brief = s.Message(kCritical, 10);
  brief.deadline = 100ms;
  s.Accept(s.Message(kCritical, 10));  // 0
  s.Accept(brief);                     // 1
  s.Accept(s.Message(kCritical, 10));  // 2
  s.Accept(brief);                     // 3
  s.Accept(s.Message(kCritical, 10));  // 4
  s.Due();
  BOOST_TEST(s.Receipt(kCritical, 1, {{2, 2}, {4, 4}}).size() == 1);  // 2 and 4 wait for 1 and 3
  s.now += 100ms;
  const auto packets = s.Packets();
  BOOST_TEST(s.sender.TakeExpired().size() == 2);
  std::vector<FlowReport> gone;
  for (const auto& p : packets) {
    if ((p.header.id.flow & 0x3fff) != kReceiptPort) continue;
    const Bytes plain = *s.b.Open(p.header, s.epoch, p.payload);
    BOOST_TEST(plain[0] == static_cast<int>(PayloadKind::kGone));
    gone = *DecodeReports(ByteSpan(plain).Sub(kPayloadHeaderBytes));
  }
  BOOST_REQUIRE(gone.size() == 1);
  BOOST_TEST(gone[0].floor == 2);
  // It got lost, and 3 has been given up since: the next receipt asks for it again.
  s.now += 200ms;
  s.Receipt(kCritical, 1, {{2, 2}, {4, 4}});
  bool again = false;
  for (const auto& p : s.sender.TakePackets()) {
    if ((p.header.id.flow & 0x3fff) != kReceiptPort) continue;
    const Bytes plain = *s.b.Open(p.header, s.epoch, p.payload);
    const auto reports = *DecodeReports(ByteSpan(plain).Sub(kPayloadHeaderBytes));
    BOOST_REQUIRE(reports.size() == 1);
    BOOST_TEST(reports[0].floor == 2);
    BOOST_REQUIRE(reports[0].ranges.size() == 1);
    BOOST_TEST((reports[0].ranges[0] == SequenceRange{3, 3}));
    again = true;
  }
  BOOST_TEST(again);
}

BOOST_AUTO_TEST_CASE(no_more_of_a_critical_flow_is_under_way_than_the_destination_can_hold) {
  Sending s;
  for (std::uint64_t i = 0; i < Sender::kFlowWindow + 10; ++i) s.Accept(s.Message(kCritical, 1));
  BOOST_TEST(s.Due() == Sender::kFlowWindow);
  s.Receipt(kCritical, 4);
  BOOST_TEST(s.Due() == 4);
  for (std::uint64_t i = 0; i < Sender::kFlowWindow + 10; ++i) s.Accept(s.Message(kReliable, 1));
  BOOST_TEST(s.Due() == static_cast<std::size_t>(SendWindow::kFirst));
  BOOST_TEST(s.Receipt(kReliable, 0, {{1, 31}}).size() == 31u);
  // Unordered: the first holds nothing back.
  BOOST_TEST(s.Due() > 31u);
}

BOOST_AUTO_TEST_CASE(a_new_life_sends_the_critical_flow_on_after_what_the_last_life_left) {
  Sending s;
  s.Accept(s.Message(kCritical, 10, 1));
  s.Accept(s.Message(kCritical, 10, 2));
  const auto old = s.Packets();
  Sender next(&s.a, s.ShortA(), Epoch(s.epoch.value + 1));
  next.Load(s.now, *s.store);
  StoreWrite write;
  next.OnDurable(s.now, next.Keep(s.now, s.Message(kCritical, 10, 3), &write));
  next.OnTimeout(s.now);
  auto packets = next.TakePackets();
  BOOST_REQUIRE(packets.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    BOOST_TEST((packets[i].header.id == old[i].header.id));
    BOOST_TEST(packets[i].header.attempt != 0);  // relays may remember the last life's walks
  }
  next.OnReceipt(s.now, s.ShortB(), EncodeReport({s.epoch, FlowOf(kCritical, 7), 2, {}}));
  next.OnTimeout(s.now);
  packets = next.TakePackets();
  BOOST_REQUIRE(packets.size() == 1);
  BOOST_TEST(packets[0].header.id.sequence == 0);
  BOOST_TEST(packets[0].header.id.epoch == static_cast<std::uint16_t>(s.epoch.value + 1));
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
  s.sender = Sender(&s.a, s.ShortA(), s.epoch, {100, 1'000'000});
  for (std::size_t i = 0; i < 100; ++i) {
    BOOST_REQUIRE(s.Keep(s.Message(TrafficClass::kReliable, 1)) > 0);
  }
  BOOST_TEST(s.sender.full());
  BOOST_TEST(s.Keep(s.Message(TrafficClass::kReliable, 1)) == 0);
  Sending t;
  t.sender = Sender(&t.a, t.ShortA(), t.epoch, {100, 2 * 65'536});
  for (std::size_t i = 0; i < 2; ++i) {
    BOOST_REQUIRE(t.Keep(t.Message(TrafficClass::kReliable, 65'536)) > 0);
  }
  BOOST_TEST(t.sender.bytes() == 2 * 65'536u);
  BOOST_TEST(t.Keep(t.Message(TrafficClass::kReliable, 1)) == 0);
  BOOST_TEST(t.Keep(t.Message(TrafficClass::kReliable, 0)) > 0);
}

BOOST_AUTO_TEST_CASE(a_carrier_gets_what_was_sent_and_waits_and_can_be_opened_at_the_end) {
  Sending s;
  s.Accept(s.Message(TrafficClass::kReliable, 3000, 9));
  std::vector<Sender::Waiting> waiting;
  auto look = [&] {
    waiting.clear();
    s.sender.VisitWaiting([&](const Sender::Waiting& w) { waiting.push_back(w); });
  };
  s.Packets();
  look();
  BOOST_REQUIRE(waiting.size() == 1u);
  BOOST_TEST((waiting[0].since == s.now));
  const auto envelope = s.sender.Envelope(s.now + 1h, waiting[0].id);
  BOOST_REQUIRE(envelope.has_value());
  BOOST_TEST((envelope->lifetime == Sender::kDeadlineReliable - 1h));
  const auto carried = DecodeCarried(EncodeCarried(*envelope));
  BOOST_REQUIRE(carried.has_value());
  Bytes whole;
  for (const SealedPacket& p : carried->packets) {
    const Bytes plain = s.b.Open(p.header, carried->id.epoch, p.payload).value();
    whole.insert(whole.end(), plain.begin() + kPayloadHeaderBytes, plain.end());
  }
  BOOST_TEST(whole == Bytes(3000, 9));
  MessageId other = waiting[0].id;
  other.sequence += 1;
  BOOST_TEST(!s.sender.Envelope(s.now, other).has_value());
  // Nor what is not this node's promise yet.
  const auto kept = s.Keep(s.Message(TrafficClass::kReliable, 1));
  look();
  BOOST_TEST(waiting.size() == 1u);
  s.sender.OnDurable(s.now, kept);
  // One whose turn to leave has not come can be carried, and the receipt for it counts.
  for (int i = 0; i < 200; ++i) s.Accept(s.Message(TrafficClass::kReliable, 1));
  s.Packets();
  look();
  const auto last = waiting.back().id;
  BOOST_TEST(s.Receipt(TrafficClass::kReliable, 0, {{last.sequence, last.sequence}}).empty());
  BOOST_TEST(s.sender.Envelope(s.now, last).has_value());
  BOOST_TEST(s.Receipt(TrafficClass::kReliable, 0, {{last.sequence, last.sequence}}).size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_outbox_survives_a_restart_with_its_numbers) {
  Sending s;
  s.Accept(s.Message(TrafficClass::kReliable, 3000, 9));
  const auto before = s.Packets();
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
  const auto settled = next.OnReceipt(
      s.now, s.ShortB(), EncodeReport({s.epoch, FlowOf(TrafficClass::kReliable, 7), 3, {}}));
  BOOST_REQUIRE(settled.size() == 1);
  BOOST_TEST(settled[0].delivered);
}

BOOST_AUTO_TEST_CASE(over_slow_radios_a_retry_waits_for_their_round_trip_and_then_twice_that) {
  Sending s;
  s.LearnRoundTrip(5ms);
  s.sender.SetPathTime([](ShortId, TrafficClass) { return Duration(130s); });
  OutgoingMessage m = s.Message(kCritical, 10);
  m.deadline = 24h;
  s.Accept(m);
  BOOST_TEST(s.Due() == 1u);
  const Time sent = s.now;
  for (const Duration pause : {130s, 260s, 520s, 1040s}) {
    const Time last = s.now;
    s.now = last + pause - 1ms;
    BOOST_TEST(s.Due() == 0u);
    s.now = last + pause;
    BOOST_TEST(s.Due() == 1u);
  }
  int copies = 0;
  while (s.now < sent + 24h - 1min) {
    s.now += 1min;
    const std::size_t due = s.Due();
    copies += static_cast<int>(due);
  }
  BOOST_TEST(copies >= 4);
  BOOST_TEST(copies <= 8);
  BOOST_TEST(s.sender.counters().worries == 0u);
  s.now = sent + 24h;
  s.Packets();
  BOOST_TEST(s.sender.TakeExpired().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_faster_path_is_taken_at_once_by_what_waits_for_slow_radios) {
  Sending s;
  Duration slow = 130s;
  s.LearnRoundTrip(5ms);
  s.sender.SetPathTime([&](ShortId, TrafficClass) { return slow; });
  OutgoingMessage m = s.Message(kReliable, 10);
  s.Accept(m);
  BOOST_TEST(s.Due() == 1u);
  // The same path: no change of the map is worth a copy.
  for (int i = 0; i < 50; ++i) {
    s.now += 2s;
    s.sender.OnMapChanged(s.now);
    BOOST_TEST(s.Due() == 0u);
  }
  // Two changes in a row: the second one, unheeded at first, opens the way.
  s.now += 10ms;
  s.sender.OnMapChanged(s.now);
  slow = Duration(0);
  s.now += 10ms;
  s.sender.OnMapChanged(s.now);
  BOOST_TEST(s.Due() == 0u);
  std::size_t sent = 0;
  while (sent == 0 && s.sender.NextDeadline() < kNever) {
    s.now = std::max(s.now, s.sender.NextDeadline());
    sent = s.Due();
  }
  BOOST_TEST(sent == 1u);
  BOOST_TEST(ToMillis(s.now - TimeFromNanos(1'000'000'000)) < 103'000);
}

BOOST_AUTO_TEST_CASE(answers_over_slow_radios_leave_the_round_trip_of_fast_paths_alone) {
  Sending s;
  Duration slow = 130s;
  s.LearnRoundTrip(5ms);
  s.sender.SetPathTime([&](ShortId, TrafficClass) { return slow; });
  for (std::uint64_t i = 1; i <= 5; ++i) {
    s.Accept(s.Message(kReliable, 10));
    BOOST_TEST(s.Due() == 1u);
    s.now += 100s;
    BOOST_TEST(s.Receipt(kReliable, i).size() == 1u);
  }
  slow = Duration(0);
  s.Accept(s.Message(kReliable, 10));
  BOOST_TEST(s.Due() == 1u);
  BOOST_TEST((s.sender.NextDeadline() == s.now + RoundTrip::kTimeoutMin));
}

}  // namespace
}  // namespace selvage
