#include "tools/bench/spf_bench.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "agents/node/link_state_codec.h"
#include "core/crypto.h"
#include "core/random.h"
#include "routing/path_cost.h"
#include "routing/route_cache.h"
#include "routing/spf.h"
#include "routing/topology.h"
#include "tools/bench/sample.h"
#include "tools/bench/stopwatch.h"

namespace selvage::bench {
namespace {

constexpr TrafficClass kClass = TrafficClass::kReliable;
constexpr double kPi = 3.14159265358979;

std::vector<AdvertisedNode> MakeMap(const SpfOptions& options) {
  Random random(options.seed);
  const auto n = static_cast<std::size_t>(options.nodes);
  std::vector<std::pair<double, double>> place(n);
  for (auto& p : place) p = {random.Uniform(), random.Uniform()};
  // n * pi * r^2 = degree, edges of the square left aside.
  const double reach2 = options.degree / (kPi * static_cast<double>(n));
  std::vector<AdvertisedNode> map(n);
  for (std::size_t i = 0; i < n; ++i) map[i].node = ShortId(static_cast<std::uint32_t>(i + 1));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) {
      const double dx = place[i].first - place[j].first;
      const double dy = place[i].second - place[j].second;
      auto& a = map[i].adjacencies;
      auto& b = map[j].adjacencies;
      if (dx * dx + dy * dy > reach2 || a.size() >= 255 || b.size() >= 255) continue;
      const AdjacencyIndex at_a(static_cast<std::uint8_t>(a.size() + 1));
      const AdjacencyIndex at_b(static_cast<std::uint8_t>(b.size() + 1));
      EdgeMetric metric;
      metric.latency_us = static_cast<std::uint32_t>(random.Below(4)) * 2000;
      a.push_back({at_a, map[j].node, at_b, metric});
      b.push_back({at_b, map[i].node, at_a, metric});
    }
  }
  return map;
}

// A plain Dijkstra on the same costs that yields the same: next hop and cost for each node.
class PlainGraph {
 public:
  explicit PlainGraph(const Topology& t) : edges_(static_cast<std::size_t>(t.size())) {
    for (int i = 0; i < t.size(); ++i) {
      for (const Topology::Edge& e : t.EdgesOf(i)) {
        edges_[static_cast<std::size_t>(i)].push_back({e.to, EdgeCost(e.metric, kClass)});
      }
    }
  }
  std::vector<std::pair<PathCost, int>> Run(int root) const {
    std::vector<std::pair<PathCost, int>> out(edges_.size(), {kUnreachable, -1});
    using Item = std::pair<PathCost, int>;
    std::priority_queue<Item, std::vector<Item>, std::greater<>> queue;
    out[static_cast<std::size_t>(root)].first = 0;
    queue.emplace(0, root);
    while (!queue.empty()) {
      const auto [cost, node] = queue.top();
      queue.pop();
      const auto& from = out[static_cast<std::size_t>(node)];
      if (cost != from.first) continue;
      for (const auto& [to, step] : edges_[static_cast<std::size_t>(node)]) {
        auto& best = out[static_cast<std::size_t>(to)];
        if (cost + step >= best.first) continue;
        best = {cost + step, node == root ? to : from.second};
        queue.emplace(best.first, to);
      }
    }
    return out;
  }

 private:
  std::vector<std::vector<std::pair<int, PathCost>>> edges_;
};

// Microseconds a call; at least three calls.
template <typename Function>
Sample Measure(double seconds, Function function) {
  Sample sample;
  const Stopwatch all;
  do {
    const Stopwatch one;
    function();
    sample.Add(one.microseconds());
  } while (all.seconds() < seconds || sample.size() < 3);
  return sample;
}

// Bytes that the whole map takes on the wire and on disk: every node's signed advertisement.
std::size_t AdvertisedBytes(const std::vector<AdvertisedNode>& map) {
  const std::shared_ptr<Crypto> crypto = NewStandInCrypto(1);  // lengths are the real ones
  SigningKey key{};
  VerifyKey verify{};
  crypto->GenerateSigningKey(&key, &verify);
  std::size_t bytes = 0;
  for (const AdvertisedNode& n : map) {
    LinkStateRecord record;
    record.version = {Epoch(1'000'000), 100};
    record.adjacencies = n.adjacencies;
    SignLinkState(*crypto, key, &record);
    bytes += record.encoded.size();
  }
  return bytes;
}

}  // namespace

absl::StatusOr<nlohmann::json> RunSpfBench(const SpfOptions& options) {
  const std::vector<AdvertisedNode> map = MakeMap(options);
  const Topology topology(map);
  // The node with most neighbours: it has most alternates to compute.
  int root = 0;
  std::size_t edges = 0;
  for (int i = 0; i < topology.size(); ++i) {
    const std::size_t degree = topology.EdgesOf(i).size();
    edges += degree;
    if (degree > topology.EdgesOf(root).size()) root = i;
  }
  if (edges == 0) {
    return absl::InvalidArgumentError("no two nodes reach each other: raise --nodes or --degree");
  }
  const ShortId self = map[static_cast<std::size_t>(root)].node;
  const PlainGraph plain(topology);
  const auto plain_table = plain.Run(root);
  const auto table = ComputeSpf(topology, root, kClass, FailureSet());
  bool agree = true;
  std::size_t reached = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    agree = agree && table[i].cost == plain_table[i].first;
    if (table[i].cost != kUnreachable) ++reached;
  }
  std::uint64_t used = 0;
  const Sample table_us = Measure(
      options.seconds, [&] { used += ComputeSpf(topology, root, kClass, FailureSet()).size(); });
  const Sample plain_us = Measure(options.seconds, [&] { used += plain.Run(root).size(); });
  const Sample build_us =
      Measure(options.seconds, [&] { used += static_cast<std::size_t>(Topology(map).size()); });
  RouteCache cache(self);
  cache.SetTopology(Topology(map));
  cache.Route(kClass, FailureSet(), map.front().node);  // the class is in use from here on
  const std::uint64_t before = cache.tables_computed();
  const Sample change_us = Measure(options.seconds, [&] { cache.SetTopology(Topology(map)); });
  const double tables =
      static_cast<double>(cache.tables_computed() - before) / static_cast<double>(change_us.size());
  return nlohmann::json{
      {"nodes", topology.size()},
      {"directed_edges", edges},
      {"reached", reached},
      {"root_degree", topology.EdgesOf(root).size()},
      {"table_us", table_us.ToJson()},
      {"bare_table_us", plain_us.ToJson()},
      {"ratio", table_us.Median() / plain_us.Median()},
      {"same_costs", agree},
      {"topology_us", build_us.ToJson()},
      {"change_us", change_us.ToJson()},
      {"tables_per_change", tables},
      {"table_bytes", table.size() * sizeof(SpfEntry)},
      {"topology_bytes",
       edges * sizeof(Topology::Edge) + map.size() * (sizeof(ShortId) + sizeof(std::vector<int>))},
      {"advertised_bytes", AdvertisedBytes(map)},
      {"checked", used > 0}};
}

}  // namespace selvage::bench
