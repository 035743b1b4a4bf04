#define BOOST_TEST_MODULE rebuild_budget_test
#include "routing/rebuild_budget.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

constexpr std::size_t kNodes = 1000;  // 100 ms a computation

int Taken(RebuildBudget* budget, Time from, Duration during) {
  int taken = 0;
  for (Time t = from; t < from + during; t += 1ms) taken += budget->Take(t, kNodes) ? 1 : 0;
  return taken;
}

BOOST_AUTO_TEST_CASE(what_one_fault_changes_is_acted_upon_at_once) {
  RebuildBudget budget;
  const Time now = TimeFromNanos(5'000'000'000);
  for (int i = 0; i < RebuildBudget::kBurst; ++i) {
    BOOST_TEST((budget.ready() <= now));
    BOOST_TEST(budget.Take(now, kNodes));
  }
  BOOST_TEST(!budget.Take(now, kNodes));
}

BOOST_AUTO_TEST_CASE(a_storm_costs_one_computation_per_pause_and_the_time_of_the_next_is_known) {
  RebuildBudget budget;
  const Time begin = TimeFromNanos(5'000'000'000);
  const int taken = Taken(&budget, begin, 10s);
  BOOST_TEST(taken >= 100);
  BOOST_TEST(taken <= 100 + RebuildBudget::kBurst);
  const Time ready = budget.ready();
  BOOST_TEST(!budget.Take(ready - 1ns, kNodes));
  BOOST_TEST(budget.Take(ready, kNodes));
}

BOOST_AUTO_TEST_CASE(calm_gives_the_burst_back_and_no_more) {
  RebuildBudget budget;
  const Time begin = TimeFromNanos(5'000'000'000);
  Taken(&budget, begin, 10s);
  BOOST_TEST(Taken(&budget, begin + 100s, 50ms) == RebuildBudget::kBurst);
}

BOOST_AUTO_TEST_CASE(a_huge_network_is_computed_anew_once_a_second_at_least) {
  RebuildBudget budget;
  const Time begin = TimeFromNanos(5'000'000'000);
  for (int i = 0; i < RebuildBudget::kBurst; ++i) budget.Take(begin, 1'000'000);
  BOOST_TEST((budget.ready() <= begin + RebuildBudget::kPauseMax));
}

}  // namespace
}  // namespace selvage
