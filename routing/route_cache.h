// Next hops for every failure that matters, ready before it happens.
//
// A table is one SPF run: (class, failed edges) -> for every destination the adjacency to leave by.
// SetTopology computes the table of the whole map and, for each own adjacency in use, the table of
// the map without it: the precomputed alternates. Other failure sets (what packets carry) are
// computed when first met and kept, at most kTablesMax of them, least recently used out first.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "routing/spf.h"
#include "routing/topology.h"

namespace selvage {

class RouteCache {
 public:
  static constexpr std::size_t kTablesMax = 128;
  static constexpr std::size_t kRankingsMax = 64;

  explicit RouteCache(ShortId self) : self_(self) {}

  // Replaces the map; everything computed from the old one is forgotten. Classes that were asked
  // for before get their tables and alternates at once, others when first asked for.
  void SetTopology(Topology topology);
  const Topology& topology() const { return topology_; }
  ShortId self() const { return self_; }
  int self_node() const { return self_node_; }

  // The table of (class, failed); the pointer holds until the next non-const call. Never null;
  // empty when this node is not on its own map.
  const std::vector<SpfEntry>* Table(TrafficClass c, const FailureSet& failed);
  // The entry of one destination; an unreachable entry when the map does not know it.
  SpfEntry Route(TrafficClass c, const FailureSet& failed, ShortId destination);

  // Cost from each node to `destination` avoiding this node: what ranks the adjacencies when the
  // tree's own choice is used up (see forwarder.h). Holds until the next non-const call.
  const std::vector<PathCost>* DistancesTo(TrafficClass c, const FailureSet& failed,
                                           ShortId destination);

  std::uint64_t tables_computed() const { return tables_computed_; }

 private:
  struct Key {
    TrafficClass traffic_class;
    FailureSet failed;
    std::uint32_t destination;  // 0: a table; else a ranking
    friend bool operator==(const Key& a, const Key& b) {
      return a.traffic_class == b.traffic_class && a.destination == b.destination &&
             a.failed == b.failed;
    }
    template <typename H>
    friend H AbslHashValue(H h, const Key& k) {
      return H::combine(std::move(h), static_cast<int>(k.traffic_class), k.failed, k.destination);
    }
  };
  template <typename Value>
  struct Lru {
    struct Item {
      Value value;
      std::uint64_t used = 0;
    };
    absl::flat_hash_map<Key, std::unique_ptr<Item>> items;
  };

  template <typename Value>
  void Evict(Lru<Value>* cache, std::size_t keep);
  void Precompute(TrafficClass c);

  ShortId self_;
  int self_node_ = -1;
  Topology topology_;
  // The table without failures, per class: what nearly every packet asks for.
  std::vector<SpfEntry> clean_[kTrafficClasses];
  bool clean_ready_[kTrafficClasses] = {};
  Lru<std::vector<SpfEntry>> tables_;
  Lru<std::vector<PathCost>> rankings_;
  std::uint64_t uses_ = 0;
  std::uint64_t tables_computed_ = 0;
};

}  // namespace selvage
