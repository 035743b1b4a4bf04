#define BOOST_TEST_MODULE layout_test
#include "sim/layout.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

namespace selvage::sim {
namespace {

Scenario Make(const char* topology, std::uint32_t nodes, std::uint64_t seed) {
  Scenario s;
  s.topology = topology;
  s.nodes = nodes;
  s.seed = seed;
  BOOST_REQUIRE(FinishScenario(&s).ok());
  return s;
}

BOOST_AUTO_TEST_CASE(grid_nodes_hear_their_eight_neighbours_and_nobody_else) {
  const auto layout = DrawLayout(Make("grid", 25, 1));
  BOOST_REQUIRE(layout.ok());
  const std::vector<std::uint32_t> middle = {6, 7, 8, 11, 13, 16, 17, 18};
  BOOST_TEST(layout->neighbours[12] == middle, boost::test_tools::per_element());
  BOOST_TEST(layout->neighbours[0].size() == 3u);
}

BOOST_AUTO_TEST_CASE(the_same_seed_draws_the_same_flows_everywhere) {
  // Fixed values: another program, and every later version, must draw the same.
  const auto layout = DrawLayout(Make("grid", 25, 1));
  BOOST_REQUIRE(layout.ok());
  BOOST_REQUIRE(layout->flows.size() == 10u);
  BOOST_TEST(layout->flows[0].src == 5u);
  BOOST_TEST(layout->flows[0].dst == 19u);
  BOOST_TEST(layout->flows[0].hops == 4u);
  BOOST_TEST(layout->flows[0].start_s == 50.01075, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(layout->flows[9].src == 8u);
  BOOST_TEST(layout->flows[9].dst == 10u);
}

BOOST_AUTO_TEST_CASE(flows_are_as_long_as_asked_and_leave_relays_that_end_none) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto layout = DrawLayout(Make("grid", 49, seed));
    BOOST_REQUIRE(layout.ok());
    for (const Flow& f : layout->flows) {
      BOOST_TEST(f.hops >= 3u);
      BOOST_TEST(layout->HopsFrom(f.src)[f.dst] == static_cast<int>(f.hops));
    }
    BOOST_TEST(std::count(layout->endpoint.begin(), layout->endpoint.end(), true) <= 20);
  }
}

BOOST_AUTO_TEST_CASE(random_geometric_graphs_are_connected) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto layout = DrawLayout(Make("rgg", 50, seed));
    BOOST_REQUIRE(layout.ok());
    const std::vector<int> hops = layout->HopsFrom(0);
    BOOST_TEST(std::count(hops.begin(), hops.end(), -1) == 0);
  }
}

BOOST_AUTO_TEST_CASE(too_sparse_a_field_and_too_many_flows_are_refused) {
  Scenario many = Make("grid", 25, 1);
  many.flows = 5000;
  BOOST_TEST(!DrawLayout(many).ok());
}

// 0 - 1 - 2, and 3 beside 1 so that 0 - 3 - 2 is a second way.
Layout Diamond() {
  Layout layout;
  layout.positions = {{0, 0}, {40, 25}, {80, 0}, {40, -25}};
  layout.flows = {{0, 2, 0, 2}};
  CompleteLayout(&layout);
  return layout;
}

BOOST_AUTO_TEST_CASE(a_flow_survives_one_relay_or_one_link_but_not_its_end) {
  const Layout d = Diamond();
  BOOST_TEST(d.HopsFrom(0)[2] == 2);
  BOOST_TEST(d.FlowsSurvive(1, -1, -1));
  BOOST_TEST(d.FlowsSurvive(-1, 0, 1));
  BOOST_TEST(!d.FlowsSurvive(0, -1, -1));
  BOOST_TEST(!d.FlowsSurvive(3, 0, 1));
}

BOOST_AUTO_TEST_CASE(betweenness_shares_equal_paths) {
  const std::vector<double> b = Diamond().Betweenness();
  // Pair (0, 2) has two shortest paths, each direction counts: half of 2 for each relay.
  BOOST_TEST(b[1] == 1);
  BOOST_TEST(b[3] == 1);
  BOOST_TEST(b[0] == b[2]);
}

}  // namespace
}  // namespace selvage::sim
