// `selvage-bench anomaly` and `selvage-bench model`: the shipped anomaly model on a file, and its
// cost.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace selvage::bench {

struct AnomalyOptions {
  std::string input;               // CSV: rows in time order, a column per feature, empty = missing
  std::string output;              // CSV: score, alarm, a blame share per feature
  std::string schema = "generic";  // generic | link | node
  std::string detector = "model";  // model | int8 | robust-z | cusum
};

// Streams the file through the model, cold, and writes a line for each row.
// Gives rows, features, nanoseconds per sample (model alone, without reading and writing), state
// bytes and alarms. Errors: NotFound, InvalidArgument (with the line), Internal (cannot write).
absl::StatusOr<nlohmann::json> RunAnomalyBench(const AnomalyOptions& options);

struct ModelOptions {
  static constexpr int kFeaturesMax = 64;

  int features = 16;
  int links = 8;       // whose state is summed up
  double seconds = 1;  // measured for each figure
};

// Nanoseconds per sample and bytes of both forms of the model, beside a plain robust z-score.
absl::StatusOr<nlohmann::json> RunModelBench(const ModelOptions& options);

}  // namespace selvage::bench
