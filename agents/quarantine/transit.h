// Questions to the map that quarantine has to answer first: who would be cut off, and are two
// witnesses independent?
//
// Pure functions over a Topology. An edge is there when both ends list it; its class does not
// matter, for what bulk cannot use still connects. Cost: O(V + E) a question.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "routing/topology.h"

namespace selvage {

using NodeSet = std::set<std::uint32_t>;  // short ids

// The twin's consent: the pair of nodes that could reach each other without the transit of
// `without`, and could not any more without that of `also`. {0, 0}: there is none, nobody is cut
// off. Nodes without transit stay destinations, so they are not asked about themselves.
std::pair<ShortId, ShortId> FindCutOff(const Topology& topology, const NodeSet& without,
                                       ShortId also);

// Both have a link of their own to `accused` (listed by both ends), and `judge` reaches each on the
// map without the accused and without the other: neither exists for the judge through the other
// alone, and neither heard what it says from the other. REQUIRES: a != b.
bool AreDisjoint(const Topology& topology, ShortId judge, ShortId accused, ShortId a, ShortId b);

// `to` is in reach of `from` on the map without `around`.
bool IsReachableAround(const Topology& topology, ShortId from, ShortId to, ShortId around);

bool AreNeighbors(const Topology& topology, ShortId a, ShortId b);
// In the order of their ids, each once.
std::vector<ShortId> NeighborsOf(const Topology& topology, ShortId node);
// What `from` says it loses on its best link to `to`, of a thousand frames; 1000: there is none.
std::uint32_t LossBetween(const Topology& topology, ShortId from, ShortId to);

}  // namespace selvage
