#define BOOST_TEST_MODULE path_cost_test
#include "routing/path_cost.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

constexpr TrafficClass kAll[] = {TrafficClass::kCritical, TrafficClass::kReliable,
                                 TrafficClass::kTelemetry, TrafficClass::kBulk};

BOOST_AUTO_TEST_CASE(a_hop_costs_something_even_when_it_is_perfect) {
  for (TrafficClass c : kAll) BOOST_TEST(EdgeCost({}, c) == kHopCostUs);
}

BOOST_AUTO_TEST_CASE(worse_never_costs_less) {
  for (TrafficClass c : kAll) {
    PathCost before = 0;
    for (std::uint32_t loss = 0; loss <= 1000; loss += 10) {
      const PathCost cost = EdgeCost({500, loss, 0, false}, c);
      BOOST_TEST(cost >= before);
      before = cost;
    }
    BOOST_TEST(EdgeCost({100, 0, 0, false}, c) < EdgeCost({200, 0, 0, false}, c));
    BOOST_TEST(EdgeCost({0, 0, 1000, false}, c) > EdgeCost({0, 0, 100'000, false}, c));
  }
}

BOOST_AUTO_TEST_CASE(loss_costs_the_expected_transmissions_squared_and_cubed_when_protected) {
  const EdgeMetric half{1000, 500, 0, false};  // 2,000 us, every other frame lost
  BOOST_TEST(EdgeCost(half, TrafficClass::kTelemetry) == 4 * 2000);
  BOOST_TEST(EdgeCost(half, TrafficClass::kCritical) == 8 * 2000);
  BOOST_TEST(EdgeCost(half, TrafficClass::kReliable) == 8 * 2000);
}

BOOST_AUTO_TEST_CASE(bulk_asks_for_rate_and_never_uses_slow_links) {
  const EdgeMetric m{0, 0, 9600, false};  // 1,200 bytes in 1,000 us
  BOOST_TEST(EdgeCost(m, TrafficClass::kTelemetry) == kHopCostUs + 1000);
  BOOST_TEST(EdgeCost(m, TrafficClass::kBulk) == kHopCostUs + 4000);
  EdgeMetric slow;
  slow.slow = true;
  for (TrafficClass c : kAll) {
    BOOST_TEST((EdgeCost(slow, c) == kUnreachable) == (c == TrafficClass::kBulk));
  }
}

BOOST_AUTO_TEST_CASE(a_radio_of_a_kilobit_comes_before_messages_that_take_seconds_to_leave) {
  const EdgeMetric radio{250'000, 0, 1, true, Tariff::kDear};
  const EdgeMetric messages{4'096'000, 0, 0, true, Tariff::kDear};
  for (TrafficClass c : kAll) {
    if (c == TrafficClass::kBulk) continue;
    BOOST_TEST(EdgeCost(radio, c) < EdgeCost(messages, c));
  }
}

BOOST_AUTO_TEST_CASE(two_hops_that_cost_nothing_beat_one_of_the_next_tariff_and_so_on) {
  for (TrafficClass c : kAll) {
    for (int t = 1; t < kTariffs; ++t) {
      EdgeMetric cheap{5000, 0, 0, false, static_cast<Tariff>(t - 1)};
      EdgeMetric dear{5000, 0, 0, false, static_cast<Tariff>(t)};
      const PathCost cost = EdgeCost(dear, c);
      BOOST_TEST((cost == kUnreachable) ==
                 (c == TrafficClass::kBulk && dear.tariff == Tariff::kDear));
      BOOST_TEST(2 * EdgeCost(cheap, c) < cost);
    }
  }
  // Critical would rather pay than lose: better a metered link than one that drops a third.
  BOOST_TEST(EdgeCost({20'000, 340, 0, false}, TrafficClass::kCritical) >
             EdgeCost({20'000, 0, 0, false, Tariff::kMetered}, TrafficClass::kCritical));
  BOOST_TEST(EdgeCost({20'000, 340, 0, false}, TrafficClass::kTelemetry) <
             EdgeCost({20'000, 0, 0, false, Tariff::kMetered}, TrafficClass::kTelemetry));
}

BOOST_AUTO_TEST_CASE(the_worst_metrics_a_stranger_may_advertise_do_not_overflow_a_long_path) {
  const EdgeMetric worst{0xffffffff, 1000, 1, false};
  for (TrafficClass c : kAll) {
    const PathCost cost = EdgeCost(worst, c);
    BOOST_TEST(cost < kUnreachable / 65'536);  // 64K such hops still add up
    BOOST_TEST(cost == EdgeCost({60'000'000, kLossPermilleMax, 1, false}, c));
  }
}

}  // namespace
}  // namespace selvage
