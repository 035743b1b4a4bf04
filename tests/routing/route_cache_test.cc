#define BOOST_TEST_MODULE route_cache_test
#include "routing/route_cache.h"

#include <boost/test/unit_test.hpp>

#include "tests/routing/random_network.h"

namespace selvage {
namespace {

FailureSet Only(EdgeId e) {
  FailureSet f;
  f.Add(e);
  return f;
}

BOOST_AUTO_TEST_CASE(entries_are_those_of_spf_and_are_computed_once) {
  RandomNetwork net(7);
  const Topology t(net.RightMap());
  RouteCache cache(net.id(0));
  cache.SetTopology(t);
  const FailureSet failed = Only({net.id(1), AdjacencyIndex(1)});
  const auto want = ComputeSpf(t, 0, TrafficClass::kReliable, failed);
  for (int round = 0; round < 3; ++round) {
    for (int v = 0; v < net.size(); ++v) {
      const SpfEntry got = cache.Route(TrafficClass::kReliable, failed, net.id(v));
      BOOST_TEST(got.cost == want[static_cast<std::size_t>(v)].cost);
      BOOST_TEST((got.first == want[static_cast<std::size_t>(v)].first));
    }
  }
  BOOST_TEST(cache.tables_computed() == 1);
}

BOOST_AUTO_TEST_CASE(alternates_are_ready_before_an_own_link_fails) {
  RandomNetwork net(11);
  RouteCache cache(net.id(0));
  cache.SetTopology(Topology(net.RightMap()));
  cache.Table(TrafficClass::kTelemetry, FailureSet());
  const auto before = cache.tables_computed();
  for (const Topology::Edge& e : cache.topology().EdgesOf(0)) {
    bool used = false;
    for (const SpfEntry& entry : *cache.Table(TrafficClass::kTelemetry, FailureSet())) {
      used = used || entry.first == e.index;
    }
    if (used) cache.Table(TrafficClass::kTelemetry, Only(e.id));
  }
  BOOST_TEST(cache.tables_computed() == before);
}

BOOST_AUTO_TEST_CASE(a_new_map_makes_everything_old_forgotten) {
  RandomNetwork net(3);
  RouteCache cache(net.id(0));
  cache.SetTopology(Topology(net.RightMap()));
  const FailureSet failed = Only({net.id(1), AdjacencyIndex(1)});
  int reached = 0;
  for (const SpfEntry& e : *cache.Table(TrafficClass::kTelemetry, failed)) reached += e.hops > 0;
  BOOST_REQUIRE(reached > 0);
  cache.SetTopology(Topology({{net.id(0), {}}, {net.id(1), {}}}));
  BOOST_TEST(cache.Table(TrafficClass::kTelemetry, failed)->size() == 2);
  BOOST_TEST(cache.Route(TrafficClass::kTelemetry, failed, net.id(1)).cost == kUnreachable);
  BOOST_TEST(cache.Route(TrafficClass::kTelemetry, {}, net.id(1)).cost == kUnreachable);
}

BOOST_AUTO_TEST_CASE(a_node_that_is_not_on_its_own_map_has_no_routes) {
  RouteCache cache(ShortId(99));
  BOOST_TEST(cache.Route(TrafficClass::kBulk, {}, ShortId(1)).first.value == 0);
  cache.SetTopology(Topology({{ShortId(1), {}}}));
  BOOST_TEST(cache.Route(TrafficClass::kBulk, {}, ShortId(1)).cost == kUnreachable);
  BOOST_TEST(cache.Table(TrafficClass::kBulk, {})->empty());
}

BOOST_AUTO_TEST_CASE(tables_are_bounded_and_the_least_recently_used_goes_first) {
  RandomNetwork net(5);
  RouteCache cache(net.id(0));
  cache.SetTopology(Topology(net.RightMap()));
  auto ask = [&](std::uint32_t n) {
    cache.Table(TrafficClass::kTelemetry, Only({ShortId(n), AdjacencyIndex(1)}));
  };
  ask(1'000'000);  // used again and again: stays
  for (std::uint32_t i = 0; i < 2 * RouteCache::kTablesMax; ++i) {
    ask(i + 1);
    ask(1'000'000);
  }
  auto computed = cache.tables_computed();
  ask(1'000'000);
  ask(2 * RouteCache::kTablesMax);
  BOOST_TEST(cache.tables_computed() == computed);
  // Exactly kTablesMax are kept: the favourite and the newest others.
  ask(RouteCache::kTablesMax + 2);
  BOOST_TEST(cache.tables_computed() == computed);
  ask(RouteCache::kTablesMax + 1);
  BOOST_TEST(cache.tables_computed() == computed + 1);
}

BOOST_AUTO_TEST_CASE(rankings_avoid_this_node_and_are_bounded) {
  RandomNetwork net(13);
  const Topology t(net.RightMap());
  RouteCache cache(net.id(0));
  cache.SetTopology(t);
  for (int round = 0; round < 3; ++round) {
    for (int v = 1; v < net.size(); ++v) {
      const auto want = ComputeDistancesTo(t, v, TrafficClass::kTelemetry, {}, 0);
      BOOST_TEST(*cache.DistancesTo(TrafficClass::kTelemetry, {}, net.id(v)) == want);
    }
  }
}

}  // namespace
}  // namespace selvage
