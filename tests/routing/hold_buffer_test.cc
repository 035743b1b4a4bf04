#define BOOST_TEST_MODULE hold_buffer_test
#include "routing/hold_buffer.h"

#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

#include "core/random.h"
#include "routing/receive_tracker.h"

namespace selvage {
namespace {

const Time kStart = TimeFromNanos(1'000'000'000);

HeldFrame Frame(std::uint64_t counter, Time sent = kStart, std::size_t bytes = 0) {
  HeldFrame f;
  f.counter = counter;
  f.sent = sent;
  f.kind = HeldFrame::Kind::kData;
  f.payload = Bytes(bytes);
  return f;
}

Feedback Got(std::uint32_t highest, std::uint64_t missing = 0, Duration held = Duration(0)) {
  return {highest, missing, held};
}

BOOST_AUTO_TEST_CASE(an_acknowledged_frame_leaves_and_tells_the_round_trip) {
  HoldBuffer buffer;
  buffer.Add(Frame(1, kStart, 100));
  buffer.Add(Frame(2, kStart + 1ms, 100));
  BOOST_TEST(buffer.bytes() == 200);
  const auto out = buffer.OnFeedback(kStart + 10ms, Got(1, 0, 4ms), 3);
  BOOST_TEST(out.acknowledged == 1);
  BOOST_TEST(out.lost.empty());
  BOOST_TEST(out.has_rtt);
  BOOST_TEST((out.rtt == 6ms));
  BOOST_TEST((out.newest_acknowledged_sent == kStart));
  BOOST_TEST(buffer.outstanding() == 1);
  BOOST_TEST(buffer.bytes() == 100);
  BOOST_TEST((buffer.oldest_sent() == kStart + 1ms));
  BOOST_TEST(buffer.OnFeedback(kStart + 10ms, Got(1), 3).acknowledged == 0);  // told twice
}

BOOST_AUTO_TEST_CASE(a_hole_is_loss_when_three_frames_behind_and_not_before) {
  HoldBuffer buffer;
  for (std::uint64_t c = 1; c <= 4; ++c) buffer.Add(Frame(c));
  BOOST_TEST(buffer.OnFeedback(kStart + 1ms, Got(3, 0b10), 5).lost.empty());  // two behind
  const auto out = buffer.OnFeedback(kStart + 1ms, Got(4, 0b100), 5);         // three behind
  BOOST_REQUIRE(out.lost.size() == 1);
  BOOST_TEST(out.lost[0].counter == 1);
  BOOST_TEST(buffer.outstanding() == 0);
}

BOOST_AUTO_TEST_CASE(a_hole_is_loss_when_eight_milliseconds_old_and_not_before) {
  for (const bool old : {false, true}) {
    HoldBuffer buffer;
    buffer.Add(Frame(1));
    buffer.Add(Frame(2, kStart + 1ms));
    const Time at = kStart + HoldBuffer::kReorderTime - (old ? Duration(0) : Duration(1));
    BOOST_TEST(buffer.OnFeedback(at, Got(2, 1), 3).lost.size() == (old ? 1u : 0u));
  }
}

BOOST_AUTO_TEST_CASE(what_feedback_can_no_longer_tell_counts_as_lost) {
  HoldBuffer buffer;
  buffer.Add(Frame(1));
  buffer.Add(Frame(2));
  buffer.Add(Frame(66));
  const auto out = buffer.OnFeedback(kStart, Got(66), 67);
  BOOST_TEST(out.acknowledged == 2);  // 66, and 2, which is 64 behind
  BOOST_REQUIRE(out.lost.size() == 1);
  BOOST_TEST(out.lost[0].counter == 1);
}

BOOST_AUTO_TEST_CASE(feedback_on_frames_never_sent_changes_nothing) {
  HoldBuffer buffer;
  buffer.Add(Frame(1));
  BOOST_TEST(buffer.OnFeedback(kStart, Got(2), 2).acknowledged == 0);
  BOOST_TEST(buffer.OnFeedback(kStart, Got(0xffffffff), 2).acknowledged == 0);
  BOOST_TEST(buffer.OnFeedback(kStart, Got(1), 0).acknowledged == 0);
  BOOST_TEST(buffer.outstanding() == 1);
}

BOOST_AUTO_TEST_CASE(counters_beyond_32_bits_are_rebuilt) {
  const std::uint64_t base = (std::uint64_t{7} << 32) - 2;
  HoldBuffer buffer;
  for (std::uint64_t i = 0; i < 4; ++i) buffer.Add(Frame(base + i));
  BOOST_TEST(buffer.OnFeedback(kStart, Got(0xffffffff), base + 4).acknowledged == 2);
  BOOST_TEST(buffer.OnFeedback(kStart, Got(1), base + 4).acknowledged == 2);
}

BOOST_AUTO_TEST_CASE(a_full_buffer_lets_the_oldest_go_by_count_and_by_bytes) {
  HoldBuffer by_count;
  for (std::uint64_t c = 1; c <= HoldBuffer::kFramesMax; ++c) by_count.Add(Frame(c));
  BOOST_TEST(by_count.overflowed() == 0);
  by_count.Add(Frame(HoldBuffer::kFramesMax + 1, kStart + 1ms));
  BOOST_TEST(by_count.overflowed() == 1);
  BOOST_TEST(by_count.outstanding() == HoldBuffer::kFramesMax);
  BOOST_TEST(by_count.TakeAll().front().counter == 2);
  BOOST_TEST(by_count.outstanding() == 0);

  HoldBuffer by_bytes;
  by_bytes.Add(Frame(1, kStart, HoldBuffer::kBytesMax - 10));
  by_bytes.Add(Frame(2, kStart, 10));
  BOOST_TEST(by_bytes.overflowed() == 0);
  BOOST_TEST(by_bytes.bytes() == HoldBuffer::kBytesMax);
  by_bytes.Add(Frame(3, kStart, 1));
  BOOST_TEST(by_bytes.overflowed() == 1);
  BOOST_TEST(by_bytes.bytes() == 11);
}

// The buffer with its counterpart, the receive tracker, over a channel that loses and reorders,
// against a plain record of what arrived.
BOOST_AUTO_TEST_CASE(verdicts_are_never_wrong_about_what_arrived_under_loss_and_reordering) {
  Random random(9);
  for (int round = 0; round < 200; ++round) {
    HoldBuffer buffer;
    ReceiveTracker tracker;
    std::set<std::uint64_t> arrived;    // by then
    std::map<std::uint64_t, int> told;  // 1: acknowledged, 2: lost
    std::vector<std::uint64_t> late;
    const double loss = random.Uniform() * 0.5;
    Time now = kStart;
    std::uint64_t next = 1;
    std::uint64_t outstanding = 0;
    for (int step = 0; step < 300; ++step) {
      now += 1ms;
      const std::uint64_t c = next++;
      buffer.Add(Frame(c, now));
      ++outstanding;
      auto arrive = [&](std::uint64_t counter) {
        tracker.OnFrame(now, counter, true);
        arrived.insert(counter);
      };
      if (random.Uniform() >= loss) {
        if (random.Below(5) == 0) {
          late.push_back(c);
        } else {
          arrive(c);
        }
      }
      if (!late.empty() && random.Below(2) == 0) {
        arrive(late.back());
        late.pop_back();
      }
      if (!tracker.any() || random.Below(4) != 0) continue;
      const Feedback f = tracker.Take(now);
      BOOST_REQUIRE(f.highest == *arrived.rbegin());
      for (int i = 0; i < 64; ++i) {
        if (*arrived.rbegin() < 2 + static_cast<std::uint64_t>(i)) break;
        const std::uint64_t counter = *arrived.rbegin() - 1 - static_cast<std::uint64_t>(i);
        BOOST_REQUIRE(((f.missing >> i) & 1) == (arrived.count(counter) == 0));
      }
      std::set<std::uint64_t> pending;
      for (std::uint64_t k = 1; k < next; ++k) {
        if (told.count(k) == 0) pending.insert(k);
      }
      const auto out = buffer.OnFeedback(now, f, next);
      for (const HeldFrame& l : out.lost) {
        BOOST_REQUIRE(told.count(l.counter) == 0);
        told[l.counter] = 2;
        const bool too_old = *arrived.rbegin() - l.counter > kFeedbackHistory;
        BOOST_REQUIRE(too_old || arrived.count(l.counter) == 0);
      }
      int acknowledged = 0;
      for (std::uint64_t k : pending) {
        const bool within = k <= *arrived.rbegin() && *arrived.rbegin() - k <= kFeedbackHistory;
        if (told.count(k) == 0 && within && arrived.count(k) > 0) {
          told[k] = 1;
          ++acknowledged;
        }
      }
      BOOST_REQUIRE(out.acknowledged == acknowledged);
      outstanding -= static_cast<std::uint64_t>(acknowledged) + out.lost.size();
      BOOST_REQUIRE(buffer.outstanding() == outstanding);
    }
  }
}

}  // namespace
}  // namespace selvage
