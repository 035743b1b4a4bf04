// The twin as a scenario of the simulator: what `selvage-sim replay` reads (sim/README.md).
//
// Nodes are numbered in the order of the twin. Each link becomes an abstract link with the rate,
// latency and loss that its two ends advertised, each direction for itself; of several links
// between the same two nodes the one with the lowest latency counts, for the simulator has one per
// pair. A map knows neither places nor traffic: nodes stand on a circle, and up to kTwinFlows flows
// run between nodes that are far apart.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"

namespace selvage {
namespace cli {

inline constexpr std::size_t kTwinFlows = 10;
// Of links that do not say: abstract links' own defaults in the simulator.
inline constexpr double kTwinRateKbps = 10000;

// `twin`: the answer of the agent to "twin". FailedPrecondition when no two nodes are connected:
// there is nothing to simulate. InvalidArgument when it is no such answer.
absl::StatusOr<nlohmann::ordered_json> TwinScenario(const nlohmann::json& twin);

}  // namespace cli
}  // namespace selvage
