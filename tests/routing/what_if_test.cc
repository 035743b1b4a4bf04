#define BOOST_TEST_MODULE what_if_test
#include "routing/what_if.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/routing/random_network.h"

namespace selvage {
namespace {

using Pair = std::pair<int, int>;

// Links between nodes 0, 1, 2 ... (short ids one more); the k-th link has index k + 1 at both ends.
Topology Net(int nodes, const std::vector<Pair>& links, EdgeMetric metric = {}) {
  std::vector<AdvertisedNode> map(static_cast<std::size_t>(nodes));
  for (int i = 0; i < nodes; ++i)
    map[static_cast<std::size_t>(i)].node = ShortId(static_cast<std::uint32_t>(i) + 1);
  for (std::size_t k = 0; k < links.size(); ++k) {
    const AdjacencyIndex index(static_cast<std::uint8_t>(k + 1));
    const auto [a, b] = links[k];
    map[static_cast<std::size_t>(a)].adjacencies.push_back(
        {index, ShortId(static_cast<std::uint32_t>(b) + 1), index, metric});
    map[static_cast<std::size_t>(b)].adjacencies.push_back(
        {index, ShortId(static_cast<std::uint32_t>(a) + 1), index, metric});
  }
  return Topology(std::move(map));
}

WhatIfQuestion Without(std::vector<int> nodes, std::vector<Pair> links = {}) {
  WhatIfQuestion q;
  q.nodes = std::move(nodes);
  q.links = std::move(links);
  return q;
}

// Pairs that can reach each other, straight from the definition.
std::vector<Pair> Connected(const Topology& t, const std::vector<int>& dead, const Pair& cut) {
  std::vector<Pair> out;
  for (int from = 0; from < t.size(); ++from) {
    if (std::count(dead.begin(), dead.end(), from) > 0) continue;
    std::vector<bool> seen(static_cast<std::size_t>(t.size()), false);
    std::vector<int> stack{from};
    seen[static_cast<std::size_t>(from)] = true;
    while (!stack.empty()) {
      const int u = stack.back();
      stack.pop_back();
      for (const Topology::Edge& e : t.EdgesOf(u)) {
        const Pair link{std::min(u, e.to), std::max(u, e.to)};
        if (link == cut || std::count(dead.begin(), dead.end(), e.to) > 0) continue;
        if (seen[static_cast<std::size_t>(e.to)]) continue;
        seen[static_cast<std::size_t>(e.to)] = true;
        stack.push_back(e.to);
      }
    }
    for (int to = from + 1; to < t.size(); ++to) {
      if (seen[static_cast<std::size_t>(to)]) out.push_back({from, to});
    }
  }
  return out;
}

BOOST_AUTO_TEST_CASE(in_a_ring_nothing_breaks_and_some_pairs_take_longer) {
  const Topology ring = Net(6, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 0}});
  const WhatIfAnswer a = AskWhatIf(ring, Without({2}));
  BOOST_TEST(a.pairs_lost == 0u);
  BOOST_TEST(a.islands.empty());
  BOOST_REQUIRE(a.detours.has_value());
  // Only 1 and 3 had their shortest path through 2 alone; 0-3 and 1-4 had another of equal cost.
  BOOST_TEST(a.detours->pairs == 2u);
  BOOST_TEST(a.detours->worst_factor == 2.0);
  BOOST_TEST((a.detours->worst == Pair{1, 3}));
  // What is left is a chain 3-4-5-0-1.
  BOOST_TEST((a.after.nodes == std::vector<int>{0, 4, 5}));
  BOOST_TEST((a.added.nodes == a.after.nodes));
  BOOST_TEST((a.added.links == std::vector<Pair>{{0, 1}, {0, 5}, {3, 4}, {4, 5}}));
}

BOOST_AUTO_TEST_CASE(a_node_between_two_islands_tears_them_apart) {
  const Topology t = Net(5, {{0, 1}, {1, 2}, {0, 2}, {2, 3}, {3, 4}, {2, 4}});
  BOOST_TEST((FindSinglePoints(t, TrafficClass::kTelemetry).nodes == std::vector<int>{2}));
  const WhatIfAnswer a = AskWhatIf(t, Without({2}));
  BOOST_TEST(a.pairs_lost == 4u);
  BOOST_TEST((a.islands == std::vector<std::vector<int>>{{0, 1}, {3, 4}}));
  BOOST_TEST((a.lost == std::vector<Pair>{{0, 3}, {0, 4}, {1, 3}, {1, 4}}));
}

BOOST_AUTO_TEST_CASE(two_links_between_the_same_nodes_are_no_bridge) {
  const Topology one = Net(3, {{0, 1}, {1, 2}});
  const Topology two = Net(3, {{0, 1}, {1, 2}, {1, 2}});
  const TrafficClass c = TrafficClass::kTelemetry;
  BOOST_TEST((FindSinglePoints(one, c).links == std::vector<Pair>{{0, 1}, {1, 2}}));
  BOOST_TEST((FindSinglePoints(two, c).links == std::vector<Pair>{{0, 1}}));
  // A link that fails is all radios between the two.
  BOOST_TEST(AskWhatIf(two, Without({}, {{2, 1}})).pairs_lost == 2u);
}

BOOST_AUTO_TEST_CASE(a_class_sees_only_links_that_it_may_use) {
  EdgeMetric slow;
  slow.slow = true;
  slow.rate_kbps = 5;
  const Topology t = Net(3, {{0, 1}, {1, 2}}, slow);
  WhatIfQuestion q = Without({1});
  BOOST_TEST(AskWhatIf(t, q).pairs_lost == 1u);
  q.traffic_class = TrafficClass::kBulk;  // had no path before either
  BOOST_TEST(AskWhatIf(t, q).pairs_lost == 0u);
}

BOOST_AUTO_TEST_CASE(the_list_of_lost_pairs_ends_and_their_number_does_not) {
  std::vector<Pair> star;
  for (int i = 1; i < 60; ++i) star.push_back({0, i});
  const WhatIfAnswer a = AskWhatIf(Net(60, star), Without({0}));
  BOOST_TEST(a.pairs_lost == 59u * 58u / 2u);
  BOOST_TEST(a.lost.size() == WhatIfAnswer::kPairsListed);
}

BOOST_AUTO_TEST_CASE(a_very_long_chain_is_no_problem) {
  // An index is a byte: each node numbers its own two links.
  std::vector<AdvertisedNode> map;
  constexpr int kNodes = 8192;
  for (int i = 0; i < kNodes; ++i) {
    AdvertisedNode n;
    n.node = ShortId(static_cast<std::uint32_t>(i) + 1);
    if (i > 0)
      n.adjacencies.push_back(
          {AdjacencyIndex(1), ShortId(static_cast<std::uint32_t>(i)), AdjacencyIndex(2), {}});
    if (i + 1 < kNodes)
      n.adjacencies.push_back(
          {AdjacencyIndex(2), ShortId(static_cast<std::uint32_t>(i) + 2), AdjacencyIndex(1), {}});
    map.push_back(std::move(n));
  }
  const WhatIfAnswer a = AskWhatIf(Topology(std::move(map)), Without({kNodes / 2}));
  BOOST_TEST(a.pairs_lost == std::uint64_t{kNodes / 2} * (kNodes / 2 - 1));
  BOOST_TEST(!a.detours.has_value());
  BOOST_TEST(a.after.nodes.size() == std::size_t{kNodes - 5});
}

BOOST_AUTO_TEST_CASE(random_networks_agree_with_trying_every_node_and_link) {
  const TrafficClass c = TrafficClass::kTelemetry;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    RandomNetwork net(seed);
    const Topology t(net.RightMap());
    const SinglePoints points = FindSinglePoints(t, c);
    const std::vector<Pair> whole = Connected(t, {}, {-1, -1});
    for (int node = 0; node < t.size(); ++node) {
      std::vector<Pair> lost;
      const std::vector<Pair> left = Connected(t, {node}, {-1, -1});
      for (const Pair& p : whole) {
        if (p.first == node || p.second == node) continue;
        if (!std::binary_search(left.begin(), left.end(), p)) lost.push_back(p);
      }
      WhatIfAnswer a = AskWhatIf(t, Without({node}));
      BOOST_TEST(a.pairs_lost == lost.size(), "seed " << seed << " node " << node);
      if (lost.size() <= WhatIfAnswer::kPairsListed) {
        std::sort(a.lost.begin(), a.lost.end());
        BOOST_TEST((a.lost == lost), "seed " << seed << " node " << node);
      }
      const bool single = std::binary_search(points.nodes.begin(), points.nodes.end(), node);
      BOOST_TEST(single == !lost.empty(), "seed " << seed << " node " << node);
    }
    for (int u = 0; u < t.size(); ++u) {
      for (const Topology::Edge& e : t.EdgesOf(u)) {
        if (u > e.to) continue;
        const Pair link{u, e.to};
        const bool apart = Connected(t, {}, link).size() < whole.size();
        BOOST_TEST((AskWhatIf(t, Without({}, {link})).pairs_lost > 0) == apart);
        // Parallel links: together they matter, one of them does not.
        const auto& own = t.EdgesOf(u);
        if (std::count_if(own.begin(), own.end(),
                          [&](const Topology::Edge& x) { return x.to == e.to; }) > 1)
          continue;
        BOOST_TEST(std::binary_search(points.links.begin(), points.links.end(), link) == apart);
      }
    }
  }
}

}  // namespace
}  // namespace selvage
