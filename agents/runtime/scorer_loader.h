// Loads a model of the user's own and refuses what is broken, unknown or too slow.
//
// Time is measured here and nowhere else: the scorer itself is pure, and what it may take is a
// promise to the protocol thread, which waits for it once a second for each link in use.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agents/runtime/config.h"
#include "agents/scorer/scorer.h"

namespace selvage {

struct LoadedScorer {
  std::shared_ptr<Scorer> scorer;
  std::string note;  // one line: what was loaded and how long it takes
};

// Nanoseconds of a clock that never goes back.
using NanosecondClock = std::function<std::int64_t()>;
std::int64_t SteadyNanoseconds();

// Median nanoseconds of a call over windows of changing values; gives up repeating after two
// seconds. Calls that are interrupted by the system do not spoil a median.
std::int64_t MeasureScorer(Scorer* scorer, const NanosecondClock& clock);

// Reads model.onnx or loads model.scorer, checks it against the features of a link, runs and times
// it. Errors: NotFound, PermissionDenied, Unavailable (reading failed); InvalidArgument (no model
// that can be run here: the operator or the tensor is named, or what the plug-in says);
// ResourceExhausted (slower than model.scorer_budget_us: the message has both times).
absl::StatusOr<LoadedScorer> LoadScorer(const ModelSection& model, const NanosecondClock& clock);

}  // namespace selvage
