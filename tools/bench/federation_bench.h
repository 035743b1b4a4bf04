// `selvage-bench federation`: what a cold model gains from its peers' digests, some of them lies.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "agents/anomaly/digest.h"

namespace selvage::bench {

struct FederationOptions {
  // Empty: made-up radio links. Else a folder with NAME_train.csv and NAME_test.csv (the last
  // column of test is the label); each is once the cold one, the others are its peers.
  std::string servers;
  int links = 30;         // made-up: how many are once the cold one
  int peers = 10;         // made-up: of each
  double poisoned = 0.2;  // share of the peers that lie, rounded up
  int seed = 1;
  double alarm_decades = 4;
};

// The same rows with faults, first samples included, seen by a model that knows nothing ("cold"),
// one after its own history ("own"), a cold one with peers ("peers") and one with the same peers of
// which some lie ("poisoned"): area under the precision-recall curve of the score, mean over the
// targets, and alarms in a first hour (3,600 samples without a fault; servers: of the part for
// training, started at each 600th row, with the rest of it as the past of "own").
// Errors: NotFound, InvalidArgument (files).
absl::StatusOr<nlohmann::json> RunFederationBench(const FederationOptions& options);

}  // namespace selvage::bench
