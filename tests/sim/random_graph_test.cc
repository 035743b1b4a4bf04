#define BOOST_TEST_MODULE random_graph_test
#include "sim/random_graph.h"

#include <boost/test/unit_test.hpp>

namespace selvage::sim {
namespace {

std::size_t Ends(const Neighbours& graph) {
  std::size_t ends = 0;
  for (const auto& n : graph) ends += n.size();
  return ends;
}

BOOST_AUTO_TEST_CASE(every_drawn_graph_survives_the_loss_of_any_node) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    ScenarioRandom random(seed);
    const auto nodes = static_cast<std::uint32_t>(3 + seed % 60);
    const Neighbours graph = DrawBiconnected(nodes, 2.0 + static_cast<double>(seed % 4), &random);
    BOOST_TEST(IsBiconnected(graph), "seed " << seed);
  }
}

BOOST_AUTO_TEST_CASE(the_mean_degree_is_the_one_asked_for) {
  ScenarioRandom random(7);
  BOOST_TEST(Ends(DrawBiconnected(49, 4, &random)) == 196u);
  // More than there are pairs: all are joined.
  BOOST_TEST(Ends(DrawBiconnected(5, 50, &random)) == 20u);
}

BOOST_AUTO_TEST_CASE(the_same_seed_draws_the_same_graph_and_another_one_another) {
  ScenarioRandom a(3);
  ScenarioRandom b(3);
  ScenarioRandom c(4);
  const Neighbours first = DrawBiconnected(49, 4, &a);
  BOOST_TEST((first == DrawBiconnected(49, 4, &b)));
  BOOST_TEST((first != DrawBiconnected(49, 4, &c)));
}

BOOST_AUTO_TEST_CASE(chains_bow_ties_and_broken_graphs_are_told_apart_from_2_connected_ones) {
  BOOST_TEST(IsBiconnected({{1, 2}, {0, 2}, {0, 1}}));
  BOOST_TEST(!IsBiconnected({{1}, {0, 2}, {1}}));                                // chain
  BOOST_TEST(!IsBiconnected({{1, 2}, {0, 2}, {0, 1, 3, 4}, {2, 4}, {2, 3}}));    // bow tie
  BOOST_TEST(!IsBiconnected({{1, 2}, {0, 2}, {0, 1}, {4, 5}, {3, 5}, {3, 4}}));  // two parts
}

}  // namespace
}  // namespace selvage::sim
