#include "routing/topology.h"

#include <algorithm>
#include <utility>

namespace selvage {

namespace {

std::vector<AdvertisedNodeView> ViewsOf(const std::vector<AdvertisedNode>& nodes) {
  std::vector<AdvertisedNodeView> out;
  out.reserve(nodes.size());
  for (const AdvertisedNode& n : nodes) out.push_back({n.node, n.adjacencies});
  return out;
}

}  // namespace

Topology::Topology(const std::vector<AdvertisedNode>& nodes)
    : graph_(std::make_shared<Graph>(Build(ViewsOf(nodes)))) {}

Topology Topology::Of(std::vector<AdvertisedNodeView> nodes) {
  Topology out;
  *out.graph_ = Build(std::move(nodes));
  return out;
}

Topology::Graph Topology::Build(std::vector<AdvertisedNodeView> nodes) {
  Graph out;
  const auto before = [](const AdvertisedNodeView& a, const AdvertisedNodeView& b) {
    return a.node < b.node;
  };
  if (!std::is_sorted(nodes.begin(), nodes.end(), before)) {
    std::stable_sort(nodes.begin(), nodes.end(), before);
  }
  std::size_t kept = 0;
  std::size_t listed = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i + 1 < nodes.size() && nodes[i + 1].node == nodes[i].node) continue;  // the last counts
    listed += nodes[i].adjacencies.size();
    nodes[kept++] = nodes[i];
  }
  nodes.resize(kept);
  out.ids.reserve(nodes.size());
  for (const AdvertisedNodeView& n : nodes) out.ids.push_back(n.node);
  out.parts.reserve(nodes.size());
  out.edges.reserve(listed);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::size_t first = out.edges.size();
    for (const AdvertisedAdjacency& a : nodes[i].adjacencies) {
      const int to = out.Find(a.neighbor);
      if (to < 0 || to == static_cast<int>(i) || a.index.value == 0) continue;
      const auto& back = nodes[static_cast<std::size_t>(to)].adjacencies;
      const bool mutual = std::any_of(back.begin(), back.end(), [&](const AdvertisedAdjacency& b) {
        return b.neighbor == nodes[i].node && b.index == a.neighbor_index &&
               b.neighbor_index == a.index;
      });
      if (!mutual) continue;
      out.has_slow = out.has_slow || a.metric.slow;
      out.edges.push_back(Edge{to, a.index, EdgeId{nodes[i].node, a.index},
                               EdgeId{a.neighbor, a.neighbor_index}, a.metric});
    }
    std::sort(out.edges.begin() + static_cast<std::ptrdiff_t>(first), out.edges.end(),
              [](const Edge& a, const Edge& b) { return a.index < b.index; });
    out.parts.push_back({static_cast<std::uint32_t>(first),
                         static_cast<std::uint32_t>(out.edges.size() - first)});
  }
  return out;
}

Topology::Graph* Topology::Own() {
  if (graph_.use_count() > 1) graph_ = std::make_shared<Graph>(*graph_);
  return graph_.get();
}

int Topology::Graph::Find(ShortId id) const {
  const auto it = std::lower_bound(ids.begin(), ids.end(), id);
  return it != ids.end() && *it == id ? static_cast<int>(it - ids.begin()) : -1;
}

int Topology::Find(ShortId id) const { return graph_->Find(id); }

const Topology::Edge* Topology::FindEdge(EdgeId id) const {
  const int node = Find(id.node);
  if (node < 0) return nullptr;
  for (const Edge& e : EdgesOf(node)) {
    if (e.index == id.index) return &e;
  }
  return nullptr;
}

void Topology::Deter(ShortId id) {
  const int node = Find(id);
  if (node < 0) return;
  Graph* graph = Own();
  const Part& part = graph->parts[static_cast<std::size_t>(node)];
  for (std::uint32_t i = 0; i < part.count; ++i) {
    EdgeMetric& metric = graph->edges[part.first + i].metric;
    metric.latency_us = kLatencyUsMax;
    metric.loss_permille = kLossPermilleMax;
  }
}

void Topology::Bar(ShortId id) {
  const int node = Find(id);
  if (node >= 0) Own()->parts[static_cast<std::size_t>(node)].count = 0;
}

}  // namespace selvage
