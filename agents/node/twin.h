// The network as this node's map has it: a model of everybody, for questions and for export.
//
// A copy: it stays what it was when asked for. What the map does not know yet (a link that died a
// moment ago, what is suspected here alone) is not in it.
#pragma once

#include <string>
#include <vector>

#include "core/ids.h"
#include "routing/topology.h"

namespace selvage {

struct TwinNode {
  NodeId id;
  std::string name;  // hex of the id when its certificate is not here
  Epoch epoch;
  std::vector<std::string> addresses;  // claimed
};

struct Twin {
  std::vector<TwinNode> nodes;  // entry i is node i of the topology
  Topology topology;
};

}  // namespace selvage
