#include "routing/topology.h"

#include <algorithm>

namespace selvage {

Topology::Topology(std::vector<AdvertisedNode> nodes) {
  std::stable_sort(
      nodes.begin(), nodes.end(),
      [](const AdvertisedNode& a, const AdvertisedNode& b) { return a.node < b.node; });
  for (std::size_t i = 0; i < nodes.size();) {
    std::size_t last = i;
    while (last + 1 < nodes.size() && nodes[last + 1].node == nodes[i].node) ++last;
    if (i != last)
      nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(i),
                  nodes.begin() + static_cast<std::ptrdiff_t>(last));
    ++i;
  }
  ids_.reserve(nodes.size());
  for (const AdvertisedNode& n : nodes) ids_.push_back(n.node);
  edges_.resize(ids_.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    edges_[i].reserve(nodes[i].adjacencies.size());
    for (const AdvertisedAdjacency& a : nodes[i].adjacencies) {
      const int to = Find(a.neighbor);
      if (to < 0 || to == static_cast<int>(i) || a.index.value == 0) continue;
      const auto& back = nodes[static_cast<std::size_t>(to)].adjacencies;
      const bool listed = std::any_of(back.begin(), back.end(), [&](const AdvertisedAdjacency& b) {
        return b.neighbor == nodes[i].node && b.index == a.neighbor_index &&
               b.neighbor_index == a.index;
      });
      if (!listed) continue;
      has_slow_ = has_slow_ || a.metric.slow;
      edges_[i].push_back(Edge{to, a.index, EdgeId{nodes[i].node, a.index},
                               EdgeId{a.neighbor, a.neighbor_index}, a.metric});
    }
    std::sort(edges_[i].begin(), edges_[i].end(),
              [](const Edge& a, const Edge& b) { return a.index < b.index; });
  }
}

int Topology::Find(ShortId id) const {
  const auto it = std::lower_bound(ids_.begin(), ids_.end(), id);
  return it != ids_.end() && *it == id ? static_cast<int>(it - ids_.begin()) : -1;
}

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
  for (Edge& e : edges_[static_cast<std::size_t>(node)]) {
    e.metric.latency_us = kLatencyUsMax;
    e.metric.loss_permille = kLossPermilleMax;
  }
}

void Topology::Bar(ShortId id) {
  const int node = Find(id);
  if (node >= 0) edges_[static_cast<std::size_t>(node)].clear();
}

}  // namespace selvage
