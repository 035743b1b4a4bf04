// What a run leaves behind: runs.csv, flows.csv, timeline.csv, manifest.json, scenario.json.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "sim/runner.h"

namespace selvage::sim {

// Writes all files into `directory`, which is made when it is not there. runs.csv and flows.csv are
// appended to (one line per run, one per flow and run); the others describe the last run.
// `arguments` is the command line as given. Errors: what could not be written, and why.
absl::Status WriteReport(const std::string& directory, const std::vector<std::string>& arguments,
                         const RunInput& input, const RunOutput& output);

// The closing lines for people.
std::string Summary(const RunInput& input, const RunOutput& output);

}  // namespace selvage::sim
