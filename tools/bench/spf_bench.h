// `selvage-bench spf`: what routes cost to compute on a map of a given size.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"

namespace selvage::bench {

struct SpfOptions {
  static constexpr int kNodesMax = 8192;

  int nodes = 1000;
  double degree = 8;       // mean number of neighbours
  double seconds = 2;      // measured for each figure
  std::uint64_t seed = 1;  // of the map
};

// A random geometric map: nodes in a square, links between those within reach.
// Errors: InvalidArgument (no such map: fewer than two nodes reach each other).
absl::StatusOr<nlohmann::json> RunSpfBench(const SpfOptions& options);

}  // namespace selvage::bench
