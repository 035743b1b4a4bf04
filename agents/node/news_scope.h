// How far news of a node has to travel at once: near news fast, far news slowly.
//
// A link that changes concerns those who route through its surroundings. Everybody else may learn
// of it late: packets carry the failures that they meet (routing/forwarder.h), and whoever is near
// the place has the right map. (Santivanez, Ramanathan, Stavrakakis, "Making Link-State Routing
// Scale for Ad Hoc Networks", MobiHoc 2001: limited dissemination by distance.)
//
// In a network of up to kSmallNetwork nodes all news is urgent. In a larger one urgent is news of:
// the kNearNodes nearest nodes; a node whose present life began less than kYoung ago here, for its
// list is still growing; a node that this map cannot reach, or that has a link to one: that mends a
// partition. All else is far news. It is late but true: it travels at the pace of a budget
// (MapSync::kFarBytesPerSecond), newest version only.
#pragma once

#include <cstdint>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/ids.h"
#include "core/time.h"
#include "routing/link_state_database.h"
#include "routing/topology.h"

namespace selvage {

class NewsScope {
 public:
  static constexpr std::size_t kSmallNetwork = 64;
  // On a grid with four neighbours: within three hops, and some of the fourth.
  static constexpr std::size_t kNearNodes = 32;
  static constexpr Duration kYoung = 30s;

  explicit NewsScope(ShortId self) : self_(self) {}

  // The map as it is now; by breadth, so that ties go to the lower short id.
  void SetTopology(const Topology& topology);
  // An advertisement of this life of `origin` entered the map; noted the first time.
  void OnEntered(Time now, ShortId origin, Epoch epoch);
  void Forget(const LinkStateDatabase& database);  // who is on the map no more

  // Whether what `record` says must be told at once; asked before the map has it.
  bool Urgent(Time now, const LinkStateRecord& record) const;
  // The same of what the map has already.
  bool Near(Time now, ShortId origin) const;
  bool Reaches(ShortId node) const {
    return node == self_ || reached_.count(node.value) > 0;
  }

 private:
  struct Life {
    Epoch epoch;
    Time since{};
  };
  bool small() const { return reached_.size() <= kSmallNetwork; }

  ShortId self_;
  absl::flat_hash_set<std::uint32_t> reached_;  // looked up only
  absl::flat_hash_set<std::uint32_t> near_;
  absl::btree_map<std::uint32_t, Life> lives_;
};

}  // namespace selvage
