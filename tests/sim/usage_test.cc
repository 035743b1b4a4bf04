#define BOOST_TEST_MODULE usage_test
#include "sim/usage.h"

#include <boost/test/unit_test.hpp>

namespace selvage::sim {
namespace {

// Two ways from 0 to 4: 0-1-4 and 0-2-4; 3 hangs on 0 alone and is the only way to 5.
Layout TwoWays() {
  Layout layout;
  layout.positions = {{0, 0}, {40, 25}, {40, -25}, {-45, 0}, {80, 0}, {-90, 0}};
  layout.flows = {{0, 4, 0, 2}, {5, 0, 0, 2}};
  CompleteLayout(&layout);
  return layout;
}

void Carry(Usage* usage, std::uint32_t from, std::uint32_t at, std::uint32_t flow, bool relayed,
           int packets) {
  for (int i = 0; i < packets; ++i) usage->Count(from, at, flow, relayed);
}

BOOST_AUTO_TEST_CASE(the_relay_is_the_one_that_carries_most_flows_then_most_packets) {
  const Layout layout = TwoWays();
  Usage usage(layout.size());
  Carry(&usage, 0, 1, 0, true, 60);
  Carry(&usage, 0, 2, 0, true, 20);
  Carry(&usage, 0, 2, 1, true, 20);
  bool measured = false;
  BOOST_TEST(usage.SelectRelay(layout, 10, &measured) == 2);
  BOOST_TEST(measured);
  BOOST_TEST(usage.SelectRelay(layout, 30, &measured) == 1);
}

BOOST_AUTO_TEST_CASE(a_relay_whose_loss_cuts_a_flow_is_never_chosen) {
  const Layout layout = TwoWays();
  Usage usage(layout.size());
  Carry(&usage, 5, 3, 1, true, 100);
  Carry(&usage, 0, 2, 0, true, 20);
  bool measured = false;
  BOOST_TEST(usage.SelectRelay(layout, 10, &measured) == 2);
}

BOOST_AUTO_TEST_CASE(with_nothing_measured_the_choice_falls_back_on_shortest_paths) {
  const Layout layout = TwoWays();
  const Usage usage(layout.size());
  bool measured = true;
  const int relay = usage.SelectRelay(layout, 10, &measured);
  BOOST_TEST((relay == 1 || relay == 2));
  BOOST_TEST(!measured);
}

BOOST_AUTO_TEST_CASE(the_link_is_directed_and_must_be_spared_when_a_flow_depends_on_it) {
  const Layout layout = TwoWays();
  Usage usage(layout.size());
  Carry(&usage, 5, 3, 1, true, 100);
  Carry(&usage, 1, 4, 0, false, 50);
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  BOOST_REQUIRE(usage.SelectLink(layout, &from, &to));
  BOOST_TEST(from == 1u);
  BOOST_TEST(to == 4u);
  BOOST_TEST((usage.FlowsOver(1, 4, 10) == std::set<std::uint32_t>{0}));
  BOOST_TEST(usage.FlowsOver(4, 1, 10).empty());
  usage.Clear();
  BOOST_TEST(!usage.SelectLink(layout, &from, &to));
}

BOOST_AUTO_TEST_CASE(a_flow_counts_from_the_least_number_of_packets) {
  Usage usage(3);
  Carry(&usage, 0, 1, 7, true, 9);
  BOOST_TEST(usage.FlowsOver(1, 10).empty());
  Carry(&usage, 0, 1, 7, true, 1);
  BOOST_TEST((usage.FlowsOver(1, 10) == std::set<std::uint32_t>{7}));
}

}  // namespace
}  // namespace selvage::sim
