#define BOOST_TEST_MODULE spf_test
#include "routing/spf.h"

#include <boost/test/unit_test.hpp>

#include "tests/routing/random_network.h"

namespace selvage {
namespace {

// Bellman and Ford, straight from the definition: relax every edge until nothing changes.
std::vector<PathCost> Naive(const Topology& t, int root, TrafficClass c, const FailureSet& failed,
                            int avoid = -1) {
  std::vector<PathCost> cost(static_cast<std::size_t>(t.size()), kUnreachable);
  cost[static_cast<std::size_t>(root)] = 0;
  for (bool changed = true; changed;) {
    changed = false;
    for (int u = 0; u < t.size(); ++u) {
      const PathCost here = cost[static_cast<std::size_t>(u)];
      if (here == kUnreachable || u == avoid) continue;
      if (u != root && failed.Avoids(t.IdOf(u))) continue;
      for (const Topology::Edge& e : t.EdgesOf(u)) {
        const PathCost step = EdgeCost(e.metric, c);
        if (step == kUnreachable || failed.Hits(e) || e.to == avoid) continue;
        PathCost& there = cost[static_cast<std::size_t>(e.to)];
        if (here + step < there) {
          there = here + step;
          changed = true;
        }
      }
    }
  }
  return cost;
}

// Every other set has nodes to avoid as well.
FailureSet SomeFailures(RandomNetwork* net) {
  FailureSet failed;
  for (int n = 0; net->random().Below(2) == 0 && n < 3; ++n) {
    const int node = static_cast<int>(net->random().Below(net->size()));
    failed.Add(EdgeId::WholeNode(net->id(node)));
  }
  for (const TrueLink& l : net->links()) {
    if (net->random().Below(8) == 0) {
      const auto end = net->random().Below(2);
      failed.Add({net->id(l.node[end]), l.index[end]});
    }
  }
  return failed;
}

BOOST_AUTO_TEST_CASE(costs_equal_those_of_a_naive_search_on_random_networks) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    RandomNetwork net(seed);
    const Topology t(seed % 2 == 0 ? net.RightMap() : net.WrongMap());
    const FailureSet failed = SomeFailures(&net);
    const auto c = static_cast<TrafficClass>(seed % kTrafficClasses);
    const int root = static_cast<int>(net.random().Below(net.size()));
    const std::vector<SpfEntry> got = ComputeSpf(t, root, c, failed);
    const std::vector<PathCost> want = Naive(t, root, c, failed);
    for (int v = 0; v < t.size(); ++v) {
      BOOST_REQUIRE_MESSAGE(
          got[static_cast<std::size_t>(v)].cost == want[static_cast<std::size_t>(v)],
          "seed " << seed << " node " << v);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_tree_adds_up_and_leaves_by_the_first_edge_of_its_paths) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    RandomNetwork net(seed);
    const Topology t(net.RightMap());
    const int root = static_cast<int>(net.random().Below(net.size()));
    const auto tree = ComputeSpf(t, root, TrafficClass::kTelemetry, {});
    for (int v = 0; v < t.size(); ++v) {
      const SpfEntry& e = tree[static_cast<std::size_t>(v)];
      if (v == root || e.cost == kUnreachable) {
        BOOST_REQUIRE(e.first.value == 0);
        BOOST_REQUIRE(e.parent == -1);
        continue;
      }
      const SpfEntry& p = tree[static_cast<std::size_t>(e.parent)];
      BOOST_REQUIRE(e.hops == p.hops + 1);
      bool found = false;
      for (const Topology::Edge& edge : t.EdgesOf(e.parent)) {
        found = found || (edge.to == v &&
                          p.cost + EdgeCost(edge.metric, TrafficClass::kTelemetry) == e.cost &&
                          (e.parent != root || edge.index == e.first));
      }
      BOOST_REQUIRE(found);
      if (e.parent != root) BOOST_REQUIRE((e.first == p.first));
    }
  }
}

BOOST_AUTO_TEST_CASE(backward_distances_equal_forward_ones_and_avoid_a_node) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    RandomNetwork net(seed);
    const Topology t(net.RightMap());
    const FailureSet failed = SomeFailures(&net);
    const int target = static_cast<int>(net.random().Below(net.size()));
    const int avoid = static_cast<int>(net.random().Below(net.size()));
    const auto back = ComputeDistancesTo(t, target, TrafficClass::kReliable, failed, avoid);
    for (int v = 0; v < t.size(); ++v) {
      const PathCost want = v == avoid || target == avoid ||
                                    (v != target && failed.Avoids(t.IdOf(v)))
                                ? kUnreachable
                                : Naive(t, v, TrafficClass::kReliable, failed,
                                        avoid)[static_cast<std::size_t>(target)];
      BOOST_REQUIRE(back[static_cast<std::size_t>(v)] == want);
    }
  }
}

// a(1) - b(2) - d(4) and a - c(3) - d, all equal.
std::vector<AdvertisedNode> Square() {
  auto line = [](int index, int to, int back) {
    return AdvertisedAdjacency{AdjacencyIndex(static_cast<std::uint8_t>(index)),
                               ShortId(static_cast<std::uint32_t>(to)),
                               AdjacencyIndex(static_cast<std::uint8_t>(back)),
                               {}};
  };
  return {{ShortId(1), {line(1, 3, 1), line(2, 2, 1)}},
          {ShortId(2), {line(1, 1, 2), line(2, 4, 1)}},
          {ShortId(3), {line(1, 1, 1), line(2, 4, 2)}},
          {ShortId(4), {line(1, 2, 2), line(2, 3, 2)}}};
}

BOOST_AUTO_TEST_CASE(ties_go_to_the_lower_short_id) {
  const Topology t(Square());
  const auto tree = ComputeSpf(t, 0, TrafficClass::kTelemetry, {});
  BOOST_TEST(tree[3].parent == 1);       // over b, whose id is lower than c's,
  BOOST_TEST(tree[3].first.value == 2);  // although c's adjacency has the lower index
}

BOOST_AUTO_TEST_CASE(ties_in_cost_go_to_fewer_hops) {
  auto nodes = Square();
  // A direct edge a - d that costs what two hops cost.
  EdgeMetric two;
  two.latency_us = static_cast<std::uint32_t>(kHopCostUs);
  nodes[0].adjacencies.push_back({AdjacencyIndex(9), ShortId(4), AdjacencyIndex(9), two});
  nodes[3].adjacencies.push_back({AdjacencyIndex(9), ShortId(1), AdjacencyIndex(9), two});
  const auto tree = ComputeSpf(Topology(nodes), 0, TrafficClass::kTelemetry, {});
  BOOST_TEST(tree[3].cost == 2 * kHopCostUs);
  BOOST_TEST(tree[3].hops == 1);
  BOOST_TEST(tree[3].first.value == 9);
}

BOOST_AUTO_TEST_CASE(a_failed_edge_is_out_in_both_directions) {
  const Topology t(Square());
  for (const EdgeId e :
       {EdgeId{ShortId(1), AdjacencyIndex(2)}, EdgeId{ShortId(2), AdjacencyIndex(1)}}) {
    FailureSet failed;
    failed.Add(e);
    failed.Add(e);
    BOOST_TEST(failed.size() == 1);
    BOOST_TEST(ComputeSpf(t, 0, TrafficClass::kTelemetry, failed)[3].parent == 2);
    BOOST_TEST(ComputeSpf(t, 0, TrafficClass::kTelemetry, failed)[1].hops == 3);
  }
}

BOOST_AUTO_TEST_CASE(a_root_that_is_not_on_the_map_reaches_nothing) {
  BOOST_TEST(ComputeSpf(Topology(Square()), -1, TrafficClass::kBulk, {}).empty());
  const auto d = ComputeDistancesTo(Topology(Square()), -1, TrafficClass::kBulk, {}, -1);
  for (PathCost c : d) BOOST_TEST(c == kUnreachable);
}

}  // namespace
}  // namespace selvage
