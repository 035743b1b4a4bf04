// `selvage-bench relay`: CPU time per forwarded packet, beside a bare relay with the same cipher.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/status/statusor.h"

namespace selvage::bench {

struct RelayOptions {
  static constexpr int kSizeMin = 96;    // headers and tags of a data frame, and a little payload
  static constexpr int kSizeMax = 1300;  // one fragment; fits an Ethernet frame

  int size = 256;                      // of a frame on the link (UDP payload), bytes
  double rate = 1000;                  // packets a second
  double seconds = 10;                 // measured, for each batch size: half real, half bare
  std::vector<int> batches = {1, 32};  // packets a burst and, at most, a system call
  double slice_seconds = 0.25;
};

// Three nodes A - R - B on loopback; A sends to B, R is measured. The real and the bare relay take
// turns in slices, so that whatever else the machine does meets both.
// Errors: Unavailable (sockets), DeadlineExceeded (the three nodes did not become a network).
absl::StatusOr<nlohmann::json> RunRelayBench(const RelayOptions& options);

}  // namespace selvage::bench
