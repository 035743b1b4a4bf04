// Who attacks: nodes drawn from the seed that end no flow and can be spared together.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sim/layout.h"
#include "sim/scenario.h"

namespace selvage::sim {

// `attackers` of the scenario as a share of all nodes, rounded, and what each does (`attack`;
// "mixed": one kind after the other), ascending by node. All honest nodes still reach each other
// without them. Nodes that carry a flow (`carries`) come first: who forwards nothing attacks
// nobody. Fewer when no more can be spared.
std::vector<std::pair<std::uint32_t, std::string>> DrawAttackers(
    const Scenario& scenario, const Layout& layout,
    const std::function<bool(std::uint32_t)>& carries);

// "blackhole", "drop20" (a fifth of what it forwards), "accuse" (all its neighbours), "lie" (its
// links cost a hundredth).
const std::vector<std::string>& AttackKinds();

}  // namespace selvage::sim
