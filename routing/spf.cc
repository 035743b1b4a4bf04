#include "routing/spf.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <tuple>

namespace selvage {

void FailureSet::Add(EdgeId e) {
  const auto it = std::lower_bound(edges_.begin(), edges_.end(), e.Key());
  if (it != edges_.end() && *it == e.Key()) return;
  edges_.insert(it, e.Key());
  nodes_ += e.names_node();
}

bool FailureSet::Hits(const Topology::Edge& e) const {
  return !edges_.empty() && (std::binary_search(edges_.begin(), edges_.end(), e.id.Key()) ||
                             std::binary_search(edges_.begin(), edges_.end(), e.reverse.Key()));
}

bool FailureSet::Avoids(ShortId node) const {
  return nodes_ > 0 &&
         std::binary_search(edges_.begin(), edges_.end(), EdgeId::WholeNode(node).Key());
}

FailureSet FailureSet::WithoutNodes() const {
  FailureSet out;
  for (std::uint64_t key : edges_) {
    if ((key & 0xff) != 0) out.edges_.push_back(key);
  }
  return out;
}

std::vector<SpfEntry> ComputeSpf(const Topology& topology, int root, TrafficClass c,
                                 const FailureSet& failed) {
  if (root < 0) return {};
  std::vector<SpfEntry> out(static_cast<std::size_t>(topology.size()));
  using Item = std::tuple<PathCost, int, int>;  // cost, hops, node (= ShortId order)
  std::priority_queue<Item, std::vector<Item>, std::greater<>> queue;
  out[static_cast<std::size_t>(root)] = {0, 0, -1, AdjacencyIndex(0)};
  queue.emplace(0, 0, root);
  std::vector<bool> done(out.size(), false);
  while (!queue.empty()) {
    const auto [cost, hops, node] = queue.top();
    queue.pop();
    const auto u = static_cast<std::size_t>(node);
    if (done[u]) continue;
    done[u] = true;
    if (node != root && failed.Avoids(topology.IdOf(node))) continue;
    for (const Topology::Edge& e : topology.EdgesOf(node)) {
      const auto v = static_cast<std::size_t>(e.to);
      if (done[v] || failed.Hits(e)) continue;
      const PathCost step = EdgeCost(e.metric, c);
      if (step == kUnreachable) continue;
      const PathCost through = cost + step;
      SpfEntry& best = out[v];
      if (through < best.cost || (through == best.cost && hops + 1 < best.hops)) {
        best = {through, hops + 1, node, node == root ? e.index : out[u].first};
        queue.emplace(through, hops + 1, e.to);
      }
    }
  }
  return out;
}

std::vector<PathCost> ComputeDistancesTo(const Topology& topology, int target, TrafficClass c,
                                         const FailureSet& failed, int avoid) {
  std::vector<PathCost> out(static_cast<std::size_t>(topology.size()), kUnreachable);
  if (target < 0 || target == avoid) return out;
  using Item = std::pair<PathCost, int>;
  std::priority_queue<Item, std::vector<Item>, std::greater<>> queue;
  out[static_cast<std::size_t>(target)] = 0;
  queue.emplace(0, target);
  while (!queue.empty()) {
    const auto [cost, node] = queue.top();
    queue.pop();
    if (cost != out[static_cast<std::size_t>(node)]) continue;
    if (node != target && failed.Avoids(topology.IdOf(node))) {
      out[static_cast<std::size_t>(node)] = kUnreachable;  // dear enough to be tried last
      continue;
    }
    for (const Topology::Edge& e : topology.EdgesOf(node)) {
      if (e.to == avoid || failed.Hits(e)) continue;
      // The edge is walked against its direction: what counts is the cost of e.to -> node.
      const Topology::Edge* toward = topology.FindEdge(e.reverse);
      const PathCost step = toward == nullptr ? kUnreachable : EdgeCost(toward->metric, c);
      if (step == kUnreachable) continue;
      PathCost& best = out[static_cast<std::size_t>(e.to)];
      if (cost + step < best) {
        best = cost + step;
        queue.emplace(best, e.to);
      }
    }
  }
  return out;
}

}  // namespace selvage
