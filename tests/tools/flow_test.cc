#define BOOST_TEST_MODULE flow_test
#include <boost/test/unit_test.hpp>

#include "tools/flow/flow_counter.h"

namespace selvage {
namespace flow {
namespace {

constexpr std::int64_t kMs = 1'000'000;

// A sender at 1 kHz and the way to the receiver, on an imagined clock.
struct Fixture {
  FlowCounter counter{10.0};
  std::string Packet(std::uint64_t sequence, std::int64_t sent_ns, std::uint64_t run = 1) {
    FlowPacket packet;
    packet.run = run;
    packet.sequence = sequence;
    packet.due_ns = packet.sent_ns = sent_ns;
    packet.interval_ns = kMs;
    return packet.Encode(200);
  }
  // Sequence n is sent at n ms and arrives `delay` later.
  std::optional<Gap> Arrive(std::uint64_t n, std::int64_t delay_ns = kMs / 2) {
    std::int64_t sent = static_cast<std::int64_t>(n) * kMs;
    return counter.OnMessage(sent + delay_ns, Packet(n, sent));
  }
  void End(std::uint64_t sent) {
    FlowPacket packet;
    packet.run = 1;
    packet.sequence = sent;
    packet.end = true;
    counter.OnMessage(0, packet.Encode(0));
  }
};

BOOST_FIXTURE_TEST_SUITE(flow_test, Fixture)

BOOST_AUTO_TEST_CASE(a_packet_survives_encoding_and_has_the_wanted_size) {
  FlowPacket packet;
  packet.run = 0x0123456789abcdef;
  packet.sequence = 42;
  packet.due_ns = -5;
  packet.sent_ns = 7;
  packet.interval_ns = 1000;
  std::string bytes = packet.Encode(200);
  BOOST_TEST(bytes.size() == 200u);
  auto back = FlowPacket::Decode(bytes);
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST(back->run == packet.run);
  BOOST_TEST(back->sequence == 42u);
  BOOST_TEST(back->due_ns == -5);
  BOOST_TEST(back->interval_ns == 1000u);
  BOOST_TEST(!back->end);
  BOOST_TEST(packet.Encode(0).size() == FlowPacket::kBytes);
  BOOST_TEST(!FlowPacket::Decode(bytes.substr(0, FlowPacket::kBytes - 1)).has_value());
  bytes[0] = 'x';
  BOOST_TEST(!FlowPacket::Decode(bytes).has_value());
}

BOOST_AUTO_TEST_CASE(a_whole_flow_has_no_loss_and_no_gap) {
  for (std::uint64_t n = 0; n < 1000; ++n) BOOST_TEST(!Arrive(n).has_value());
  End(1000);
  FlowSummary s = counter.Summary(0);
  BOOST_TEST(s.sent == 1000u);
  BOOST_TEST(s.received == 1000u);
  BOOST_TEST(s.lost == 0u);
  BOOST_TEST(s.duplicates == 0u);
  BOOST_TEST(s.longest.ms < 0.001);
  BOOST_TEST(s.delay_ms_median == 0.5);
}

BOOST_AUTO_TEST_CASE(a_hole_is_a_gap_with_place_length_and_what_is_missing) {
  for (std::uint64_t n = 0; n < 100; ++n) Arrive(n);
  auto gap = Arrive(150);
  BOOST_REQUIRE(gap.has_value());
  BOOST_TEST(gap->ms == 50.0);
  BOOST_TEST(gap->after == 99u);
  BOOST_TEST(gap->next == 150u);
  BOOST_TEST(gap->missing == 50u);
  BOOST_TEST(gap->at_s == 0.099);
  End(151);
  BOOST_TEST(counter.Summary(0).lost == 50u);
  BOOST_TEST(counter.Summary(0).longest.after == 99u);
}

BOOST_AUTO_TEST_CASE(what_is_held_up_and_comes_later_is_a_gap_but_no_loss) {
  for (std::uint64_t n = 0; n < 100; ++n) Arrive(n);
  BOOST_TEST(Arrive(100, 300 * kMs).has_value());
  for (std::uint64_t n = 101; n < 400; ++n) {
    Arrive(n, std::max<std::int64_t>(400 - static_cast<std::int64_t>(n), 1) * kMs);
  }
  End(400);
  FlowSummary s = counter.Summary(0);
  BOOST_TEST(s.lost == 0u);
  BOOST_TEST(s.longest.ms > 295.0);
  BOOST_TEST(s.late > 0u);
}

BOOST_AUTO_TEST_CASE(the_senders_own_pause_is_no_gap) {
  counter.OnMessage(0, Packet(0, 0));
  BOOST_TEST(!counter.OnMessage(80 * kMs, Packet(1, 80 * kMs)).has_value());
  BOOST_TEST(counter.Summary(80 * kMs).longest.ms == 0.0);
}

BOOST_AUTO_TEST_CASE(duplicates_strangers_and_reordering_are_told_apart) {
  Arrive(0);
  Arrive(2);
  Arrive(1, 2 * kMs);
  Arrive(2, 2 * kMs);
  counter.OnMessage(3 * kMs, "not a packet");
  counter.OnMessage(3 * kMs, Packet(3, 3 * kMs, /*run=*/2));
  counter.OnMessage(3 * kMs, Packet(FlowCounter::kSequencesMax, 3 * kMs));
  FlowSummary s = counter.Summary(3 * kMs);
  BOOST_TEST(s.received == 3u);
  BOOST_TEST(s.duplicates == 1u);
  BOOST_TEST(s.reordered == 1u);
  BOOST_TEST(s.foreign == 3u);
  BOOST_TEST(s.lost == 0u);
}

BOOST_AUTO_TEST_CASE(a_silence_that_still_lasts_counts_until_the_end_marker_says_otherwise) {
  for (std::uint64_t n = 0; n < 10; ++n) Arrive(n, 0);
  BOOST_TEST(counter.SilentMs(109 * kMs) == 99.0);
  BOOST_TEST(counter.Summary(109 * kMs).longest.ms == 99.0);
  End(30);
  FlowSummary s = counter.Summary(109 * kMs);
  BOOST_TEST(s.ended);
  BOOST_TEST(s.lost == 20u);
  BOOST_TEST(s.longest.ms < 0.001);
}

BOOST_AUTO_TEST_CASE(the_percentiles_cover_a_flow_longer_than_what_is_kept) {
  const std::uint64_t count = 3 * FlowCounter::kDelaysMax;
  for (std::uint64_t n = 0; n < count; ++n) Arrive(n, (n < count * 3 / 4 ? 1 : 9) * kMs);
  FlowSummary s = counter.Summary(0);
  BOOST_TEST(s.delay_ms_median == 1.0);
  BOOST_TEST(s.delay_ms_p99 == 9.0);
  BOOST_TEST(s.delay_ms_max == 9.0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace flow
}  // namespace selvage
