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
// One frame of `bytes` with `factor`, `bandwidth_hz`, `coding_rate`: how long it is heard.
ValidationRow ValidateLoraAirtime(const ValidationParameters& p);
// A packet every `every_ms` for `seconds` from a terminal to a host and back; LEO at `latitude`.
// Gives quantiles of the round trip in ms, and of gaps over 0.5 s.
ValidationRow ValidateLeoTrips(const ValidationParameters& p);
// ... of a cellular terminal; `network` 0: att, 1: verizon.
ValidationRow ValidateCellTrips(const ValidationParameters& p);
// One look at one satellite of a shell: its position, and what the model makes of it.
ValidationRow ValidateLeoGeometry(const ValidationParameters& p);

// `stations` of 802.11g, 6 Mb/s, on a circle of 2 m, that always have `bytes` for one more in the
// middle, for `seconds`. Gives the throughput and the times that theory needs.
ValidationRow ValidateWifiSaturation(const ValidationParameters& p);

}  // namespace selvage::sim
