// An anomaly model in a shared object (selvage/scorer.h), made into a Scorer.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agents/anomaly/schema.h"
#include "agents/include/selvage/scorer.h"
#include "agents/scorer/scorer.h"

namespace selvage {

// A copy of the table, as long as ours. InvalidArgument when a function is missing, the version is
// another, or the name is none. `from` is for the message.
absl::StatusOr<selvage_scorer_api> CheckedScorerApi(const selvage_scorer_api* api,
                                                    const std::string& from);

// Loads `path` and makes an instance for samples of `schema`, which must outlive it. Errors: those
// of LoadSharedObject (transports/plugin/shared_object.h); InvalidArgument with the plug-in's own
// words when it refuses, or when its window has no or too many samples.
absl::StatusOr<std::shared_ptr<Scorer>> LoadScorerPlugin(
    const std::string& path, const std::map<std::string, std::string>& settings,
    const anomaly::Schema& schema);

}  // namespace selvage
