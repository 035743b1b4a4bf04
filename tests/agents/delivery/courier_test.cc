#define BOOST_TEST_MODULE courier_test
#include "agents/delivery/courier.h"

#include <boost/test/unit_test.hpp>

#include "tests/agents/delivery/carried.h"

namespace selvage {
namespace {

constexpr Time kStart = TimeFromNanos(1'000'000'000);
MessageId Id(std::uint64_t n) { return MakeCarried(1, 2, n).id; }
const ShortId kMule(5);

BOOST_AUTO_TEST_CASE(a_window_is_under_way_and_confirmations_let_the_next_go_in_order) {
  Courier courier;
  for (std::uint64_t n = 100; n-- > 0;) BOOST_TEST(courier.Add(kStart, kMule, Id(n)));
  // The first to be added fill the window; from then on it goes by their order.
  auto due = courier.TakeDue();
  BOOST_TEST(due.size() == Courier::kWindow);
  std::vector<std::uint64_t> later;
  while (!due.empty()) {
    for (const auto& d : due) {
      BOOST_TEST((d.to == kMule));
      courier.OnConfirmed(kStart, kMule, d.what);
    }
    due = courier.TakeDue();
    BOOST_TEST(due.size() <= Courier::kWindow);
    for (const auto& d : due) later.push_back(d.what.sequence);
  }
  BOOST_TEST(later.size() == 100 - Courier::kWindow);
  BOOST_TEST(std::is_sorted(later.begin(), later.end()));
  BOOST_TEST(courier.Waiting(kMule) == 0u);
  BOOST_TEST((courier.NextDeadline() == kNever));
}

BOOST_AUTO_TEST_CASE(what_is_not_confirmed_is_given_again_ever_more_slowly_and_then_left) {
  Courier courier;
  courier.Add(kStart, kMule, Id(1));
  Duration pause = Courier::kPauseFirst;
  Time now = kStart;
  for (int i = 0; i < Courier::kTriesMax; ++i) {
    BOOST_TEST(courier.TakeDue().size() == 1u);
    BOOST_TEST((courier.NextDeadline() == now + pause));
    now += pause;
    pause *= 2;
    courier.OnTimeout(now);
  }
  BOOST_TEST(courier.TakeDue().empty());
  BOOST_TEST(courier.Waiting(kMule) == 0u);
}

BOOST_AUTO_TEST_CASE(over_a_slow_radio_it_is_given_again_in_minutes) {
  Courier courier;
  courier.Add(kStart, kMule, Id(1), Courier::kPauseSlow);
  BOOST_TEST(courier.TakeDue().size() == 1u);
  BOOST_TEST((courier.NextDeadline() == kStart + Courier::kPauseSlow));
  courier.OnTimeout(kStart + Courier::kPauseSlow);
  BOOST_TEST(courier.TakeDue().size() == 1u);
  BOOST_TEST((courier.NextDeadline() == kStart + 3 * Courier::kPauseSlow));
}

BOOST_AUTO_TEST_CASE(one_who_wants_nothing_of_a_window_is_not_offered_the_rest) {
  Courier courier;
  for (std::uint64_t n = 0; n < 1000; ++n) courier.Add(kStart, kMule, Id(n));
  std::size_t given = courier.TakeDue().size();
  while (courier.NextDeadline() != kNever) {
    courier.OnTimeout(courier.NextDeadline());
    given += courier.TakeDue().size();
  }
  BOOST_TEST(given == Courier::kWindow * Courier::kTriesMax);
  BOOST_TEST(courier.Waiting(kMule) == 0u);
}

BOOST_AUTO_TEST_CASE(who_leaves_and_what_is_forgotten_is_not_given) {
  Courier courier;
  for (std::uint64_t n = 0; n < 40; ++n) courier.Add(kStart, kMule, Id(n));
  courier.TakeDue();
  courier.Forget(Id(0));
  courier.Forget(Id(39));
  courier.OnTimeout(kStart);
  const auto due = courier.TakeDue();
  BOOST_REQUIRE(due.size() == 1u);  // the place of the one forgotten
  BOOST_TEST(due[0].what.sequence == 32u);
  courier.Leave(kMule);
  BOOST_TEST((courier.NextDeadline() == kNever));
  courier.OnConfirmed(kStart, kMule, Id(3));
  BOOST_TEST(courier.TakeDue().empty());
}

BOOST_AUTO_TEST_CASE(meetings_are_bounded) {
  Courier courier;
  for (std::uint32_t i = 0; i < Courier::kMeetingsMax; ++i) {
    BOOST_TEST(courier.Add(kStart, ShortId(100 + i), Id(1)));
  }
  BOOST_TEST(!courier.Add(kStart, kMule, Id(1)));
  courier.Leave(ShortId(100));
  BOOST_TEST(courier.Add(kStart, kMule, Id(1)));
}

}  // namespace
}  // namespace selvage
