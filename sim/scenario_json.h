// The scenario as JSON: nodes, links, flows and the fault as it happened; enough to replay it.
//
// Layout of the file: docs in sim/README.md. Written after a run, so that a measured target is
// fixed in the file; reading it back gives the same world for any protocol.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "sim/runner.h"

namespace selvage::sim {

// The text of the file.
std::string ExportScenario(const RunInput& input, const RunOutput& output);

// Reads a file that ExportScenario wrote (or one of the same form). Errors: NotFound,
// InvalidArgument with what is missing or cannot be replayed.
absl::StatusOr<RunInput> ImportScenario(const std::string& path);

}  // namespace selvage::sim
