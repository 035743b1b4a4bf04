#define BOOST_TEST_MODULE receive_tracker_test
#include "routing/receive_tracker.h"

#include <boost/test/unit_test.hpp>
#include <set>

#include "core/random.h"

namespace selvage {
namespace {

const Time kStart = TimeFromNanos(1'000'000'000);

BOOST_AUTO_TEST_CASE(feedback_goes_along_after_3_6_ms_and_by_itself_after_4_4_ms) {
  ReceiveTracker t;
  BOOST_TEST(!t.any());
  t.OnFrame(kStart, 1, false);
  BOOST_TEST(t.any());
  BOOST_TEST(!t.pending());
  BOOST_TEST((t.deadline() == kNever));
  t.OnFrame(kStart + 1ms, 2, true);
  t.OnFrame(kStart + 3ms, 3, true);
  BOOST_TEST(!t.due(kStart + 4600us - Duration(1)));
  BOOST_TEST(t.due(kStart + 4600us));
  BOOST_TEST((t.deadline() == kStart + 5400us));
  const Feedback f = t.Take(kStart + 6ms);
  BOOST_TEST(f.highest == 3);
  BOOST_TEST(f.missing == 0);
  BOOST_TEST((f.held == 3ms));
  BOOST_TEST(!t.pending());
  BOOST_TEST((t.deadline() == kNever));
}

BOOST_AUTO_TEST_CASE(feedback_is_due_at_once_when_half_of_what_it_can_tell_is_waiting) {
  ReceiveTracker t;
  for (int i = 1; i <= ReceiveTracker::kFramesPerFeedback; ++i) {
    BOOST_TEST(!t.due(kStart));
    t.OnFrame(kStart, static_cast<std::uint64_t>(i), true);
  }
  BOOST_TEST(t.due(kStart));
}

BOOST_AUTO_TEST_CASE(frames_lost_before_the_first_that_arrived_are_missing) {
  ReceiveTracker t;
  t.OnFrame(kStart, 4, true);
  BOOST_TEST(t.Take(kStart).missing == 0b111);  // 3, 2 and 1; there is no 0
  t.OnFrame(kStart, 2, true);
  BOOST_TEST(t.Take(kStart).missing == 0b101);
  ReceiveTracker late;
  late.OnFrame(kStart, 1000, true);
  BOOST_TEST(late.Take(kStart).missing == ~std::uint64_t{0});
}

BOOST_AUTO_TEST_CASE(a_new_session_counts_from_anew) {
  ReceiveTracker t;
  t.OnFrame(kStart, 77, true);
  t.Reset();
  BOOST_TEST(!t.any());
  BOOST_TEST(!t.pending());
  t.OnFrame(kStart, 1, true);
  const Feedback f = t.Take(kStart);
  BOOST_TEST(f.highest == 1);
  BOOST_TEST(f.missing == 0);
}

BOOST_AUTO_TEST_CASE(any_order_and_any_gaps_are_reported_as_a_plain_set_would) {
  Random random(5);
  for (int round = 0; round < 500; ++round) {
    ReceiveTracker t;
    std::set<std::uint64_t> arrived;
    std::uint64_t at = 1 + random.Below(3);
    for (int i = 0; i < 100; ++i) {
      std::uint64_t counter = at;
      if (random.Below(3) == 0) {
        counter = at > 80 ? at - random.Below(80) : 1 + random.Below(at);
      } else {
        at += 1 + (random.Below(10) == 0 ? random.Below(130) : random.Below(3));
        counter = at;
      }
      t.OnFrame(kStart, counter, true);
      arrived.insert(counter);
      const Feedback f = t.Take(kStart);
      const std::uint64_t highest = *arrived.rbegin();
      BOOST_REQUIRE(f.highest == highest);
      for (std::uint64_t back = 1; back <= 64; ++back) {
        const bool missing = highest > back && arrived.count(highest - back) == 0;
        BOOST_REQUIRE(((f.missing >> (back - 1)) & 1) == missing);
      }
    }
  }
}

}  // namespace
}  // namespace selvage
