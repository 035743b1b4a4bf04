// Experiments whose result is known from theory or from published measurements: `selvage-sim
// validate NAME`. sim/validate.py runs them, judges and plots.
//
// Each experiment makes one run in this process and gives one row of named numbers.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace selvage::sim {

using ValidationParameters = std::map<std::string, double>;
using ValidationRow = std::vector<std::pair<std::string, double>>;

// Names that RunValidation knows, with their parameters and defaults, for people.
std::string ValidationNames();
// InvalidArgument: no such experiment, or no such parameter of it.
absl::StatusOr<ValidationRow> RunValidation(const std::string& name,
                                            const ValidationParameters& given);

// ---- the experiments; parameters are complete
// Poisson traffic of equal frames at one receiver without capture: `load` (Erlang), `successes`
// wanted, `factor`, `bytes`, `seed`. Gives load, throughput, expected, successes, frames.
ValidationRow ValidateLoraAloha(const ValidationParameters& p);
// `nodes` of equal power, each on air 1 % of the time, on `channels` (1 or 3) and `factors` (1 or
// 6), one gateway with `demodulators`; `frames` in all, `bytes`, `seed`. Gives loss in per cent.
ValidationRow ValidateLoraCapture(const ValidationParameters& p);
// One frame of `bytes` with `factor`, `bandwidth_hz`, `coding_rate`: how long the receiver hears it.
ValidationRow ValidateLoraAirtime(const ValidationParameters& p);

}  // namespace selvage::sim
