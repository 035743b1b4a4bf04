// Random graphs that stay connected when any one node or link is taken away.
//
// Built as an open ear decomposition: a random cycle, then random paths ("ears") between two nodes
// that are there already until all nodes are, then random chords until the mean degree is reached.
// A graph is 2-connected exactly if it can be built that way (H. Whitney, "Non-separable and planar
// graphs", 1932), so every such graph can come up, though not all equally often.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/scenario_random.h"

namespace selvage::sim {

using Neighbours = std::vector<std::vector<std::uint32_t>>;

// REQUIRES: nodes >= 3, degree >= 2. The mean degree is at least that of the ears (2 to 2.7).
Neighbours DrawBiconnected(std::uint32_t nodes, double degree, ScenarioRandom* random);

// Connected, and still so without any one node.
bool IsBiconnected(const Neighbours& neighbours);

}  // namespace selvage::sim
