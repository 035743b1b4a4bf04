// `selvage-bench store`: synced writes a second and the latency of group commit.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace selvage::bench {

struct StoreOptions {
  std::string directory;  // on the disk to be measured; empty: the system's temporary directory
  int value_bytes = 256;
  int in_flight = 64;  // group commit: batches waiting at a time
  double seconds = 6;  // measured: a third each for store, bare file and group commit
};

// The shipped store beside a file that is appended to and synced, in turns.
// Errors: Unavailable (file or store refused; says why).
absl::StatusOr<nlohmann::json> RunStoreBench(const StoreOptions& options);

}  // namespace selvage::bench
