// Shortest paths first (Dijkstra) over the map, minus a set of failed edges.
//
// A failed edge is out in both directions: what broke one way is not trusted the other way either
// until the map says so. Ties go to fewer hops, then to the lower short id, so equal maps give
// equal trees. A node to avoid may be an end of a path, not a step on it. Cost: O(E log V); see
// `selvage-bench spf`.
#pragma once

#include <cstdint>
#include <vector>

#include "core/frame.h"
#include "core/ids.h"
#include "routing/path_cost.h"
#include "routing/topology.h"

namespace selvage {

// Sorted set of failed edges, directions as named, and of nodes to avoid (EdgeId::WholeNode): these
// may begin or end a path but are not walked through.
class FailureSet {
 public:
  FailureSet() = default;
  void Add(EdgeId e);
  bool empty() const { return edges_.empty(); }
  std::size_t size() const { return edges_.size(); }
  // True when `e` or its other direction is in the set.
  bool Hits(const Topology::Edge& e) const;
  // True when paths must not lead through `node`.
  bool Avoids(ShortId node) const;
  bool avoids_nodes() const { return nodes_ > 0; }
  // The failed edges alone.
  FailureSet WithoutNodes() const;
  friend bool operator==(const FailureSet& a, const FailureSet& b) { return a.edges_ == b.edges_; }
  template <typename H>
  friend H AbslHashValue(H h, const FailureSet& f) {
    for (std::uint64_t k : f.edges_) h = H::combine(std::move(h), k);
    return H::combine(std::move(h), f.edges_.size());
  }

 private:
  std::vector<std::uint64_t> edges_;  // EdgeId::Key(), sorted
  std::size_t nodes_ = 0;             // how many of them name nodes
};

struct SpfEntry {
  PathCost cost = kUnreachable;
  int hops = 0;
  int parent = -1;       // previous node on the path from the root; -1: root or unreachable
  AdjacencyIndex first;  // the root's adjacency the path leaves by; 0: root or unreachable
};

// Forward: from `root` to every node. Entry i belongs to node i of the topology. An empty result
// when root < 0.
std::vector<SpfEntry> ComputeSpf(const Topology& topology, int root, TrafficClass c,
                                 const FailureSet& failed);

// Backward: the cost from every node to `target`, never passing through `avoid` (-1: anywhere).
std::vector<PathCost> ComputeDistancesTo(const Topology& topology, int target, TrafficClass c,
                                         const FailureSet& failed, int avoid);

}  // namespace selvage
