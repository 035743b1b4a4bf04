// Asks the map "what if": what breaks when these nodes and links fail, and what hangs by a thread.
//
// A pure question to a Topology: nothing is changed and nothing learnt. Per class, because a class
// that never uses some links (bulk on slow radios) sees another network. An edge is there when it
// is listed by both ends and the class may use it in both directions.
//
// Single points of failure are the cut vertices and bridges of that graph (Hopcroft and Tarjan,
// "Algorithm 447", CACM 1973); two links between the same two nodes are no bridge. Cost: O(V + E)
// for what breaks, one shortest path tree per node, before and after, for what gets longer (left
// out above kDetourNodesMax nodes).
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "routing/spf.h"
#include "routing/topology.h"

namespace selvage {

struct WhatIfQuestion {
  TrafficClass traffic_class = TrafficClass::kTelemetry;
  std::vector<int> nodes;                  // fail altogether; dense numbers of the topology
  std::vector<std::pair<int, int>> links;  // all links between the two
};

struct SinglePoints {
  std::vector<int> nodes;                  // ascending: without it others could not reach others
  std::vector<std::pair<int, int>> links;  // ascending, lower node first
};

struct WhatIfAnswer {
  static constexpr std::size_t kPairsListed = 200;
  static constexpr int kDetourNodesMax = 512;

  // Unordered pairs of nodes that survive, were connected and would not be any more.
  std::uint64_t pairs_lost = 0;
  std::vector<std::pair<int, int>> lost;  // the first kPairsListed of them
  // The groups into which a connected part of the network would fall, largest first, nodes
  // ascending. Empty when nothing is torn apart.
  std::vector<std::vector<int>> islands;
  // Ordered pairs that stay connected at a higher cost, and the worst factor; nullopt when the map
  // is too large to try all.
  struct Detours {
    std::uint64_t pairs = 0;
    double worst_factor = 1;
    std::pair<int, int> worst{-1, -1};
  };
  std::optional<Detours> detours;
  SinglePoints after;  // of what is left
  SinglePoints added;  // those that were none before
};

// REQUIRES: numbers in the question are nodes of the topology. Links that do not exist are ignored.
WhatIfAnswer AskWhatIf(const Topology& topology, const WhatIfQuestion& question);

// Of the network as the map has it.
SinglePoints FindSinglePoints(const Topology& topology, TrafficClass c);

}  // namespace selvage
