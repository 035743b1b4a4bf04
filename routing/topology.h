// The map as a graph: built from link-state advertisements, immutable afterwards.
//
// Copies share what they hold until Deter or Bar changes one of them. Thread rule: a map and its
// copies on one thread at a time.
//
// An edge exists only if both ends list each other with matching indices: a link counts only if it
// is up both ways and neither end can invent it alone. Nodes are dense integers in ShortId order,
// so that every machine with the same map breaks ties alike.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "core/frame.h"
#include "core/ids.h"
#include "routing/path_cost.h"

namespace selvage {

// One line of an advertisement.
struct AdvertisedAdjacency {
  AdjacencyIndex index;  // numbered by the origin
  ShortId neighbor;
  AdjacencyIndex neighbor_index;  // the same link as numbered by the neighbour
  EdgeMetric metric;
  friend bool operator==(const AdvertisedAdjacency& a, const AdvertisedAdjacency& b) {
    return a.index == b.index && a.neighbor == b.neighbor && a.neighbor_index == b.neighbor_index &&
           a.metric == b.metric;
  }
};

struct AdvertisedNode {
  ShortId node;
  std::vector<AdvertisedAdjacency> adjacencies;
};

// The same, owned by somebody else.
struct AdvertisedNodeView {
  ShortId node;
  absl::Span<const AdvertisedAdjacency> adjacencies;
};

class Topology {
 public:
  struct Edge {
    int to = 0;
    AdjacencyIndex index;  // as numbered by the node it leaves
    EdgeId id;             // of this direction
    EdgeId reverse;        // of the other direction
    EdgeMetric metric;
  };

  Topology() = default;
  // No moves: what is moved from would have no graph; copies are as cheap.
  Topology(const Topology&) = default;
  Topology& operator=(const Topology&) = default;
  // `nodes` in any order; a node listed twice counts once (the last).
  explicit Topology(const std::vector<AdvertisedNode>& nodes);
  static Topology Of(std::vector<AdvertisedNodeView> nodes);

  int size() const { return static_cast<int>(graph_->ids.size()); }
  // Dense number of a node, -1 when it is not on the map.
  int Find(ShortId id) const;
  ShortId IdOf(int node) const { return graph_->ids[static_cast<std::size_t>(node)]; }
  // Edges that leave `node`, by index.
  absl::Span<const Edge> EdgesOf(int node) const {
    const Part& part = graph_->parts[static_cast<std::size_t>(node)];
    return {graph_->edges.data() + part.first, part.count};
  }
  // Some edge is a slow radio's.
  bool has_slow() const { return graph_->has_slow; }
  // nullptr when there is no such edge.
  const Edge* FindEdge(EdgeId id) const;

  // Makes `node` the last way on (a stub router, RFC 6987): each edge that leaves it costs as much
  // as an edge can. It stays as near as ever as a destination, and still leads on where nothing
  // else does.
  void Deter(ShortId node);
  // Nothing leads on through `node` any more; it stays a destination.
  void Bar(ShortId node);

 private:
  struct Part {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  struct Graph {
    std::vector<ShortId> ids;  // sorted
    std::vector<Part> parts;   // of `edges`, by node
    std::vector<Edge> edges;
    bool has_slow = false;
    int Find(ShortId id) const;
  };
  static Graph Build(std::vector<AdvertisedNodeView> nodes);
  Graph* Own();  // this map's alone from now on

  std::shared_ptr<Graph> graph_ = std::make_shared<Graph>();  // never null
};

}  // namespace selvage
