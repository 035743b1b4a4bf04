#include "sim/validate/validate.h"

#include "absl/strings/str_cat.h"

namespace selvage::sim {
namespace {

struct Experiment {
  ValidationParameters defaults;
  ValidationRow (*run)(const ValidationParameters&);
};

const std::map<std::string, Experiment>& Experiments() {
  static const std::map<std::string, Experiment> kAll = {
      {"cell-trips",
       {{{"network", 0}, {"seconds", 90000}, {"every_ms", 50}, {"seed", 1}}, ValidateCellTrips}},
      {"leo-geometry",
       {{{"latitude", 50}, {"longitude", 4}, {"second", 7}, {"seed", 1}}, ValidateLeoGeometry}},
      {"leo-trips",
       {{{"latitude", 50},
         {"longitude", 4},
         {"seconds", 36500},
         {"every_ms", 50},
         {"spikes", 1},
         {"seed", 1}},
        ValidateLeoTrips}},
      {"lora-airtime",
       {{{"factor", 7}, {"bytes", 23}, {"bandwidth_hz", 125000}, {"coding_rate", 1}},
        ValidateLoraAirtime}},
      {"lora-aloha",
       {{{"load", 0.5}, {"successes", 30000}, {"factor", 9}, {"bytes", 33}, {"seed", 1}},
        ValidateLoraAloha}},
      {"lora-capture",
       {{{"nodes", 100},
         {"channels", 1},
         {"factors", 1},
         {"demodulators", 8},
         {"frames", 20000},
         {"bytes", 33},
         {"seed", 1}},
        ValidateLoraCapture}},
      {"wifi-saturation",
       {{{"stations", 10}, {"bytes", 1000}, {"seconds", 10}, {"seed", 1}},
        ValidateWifiSaturation}},
  };
  return kAll;
}

}  // namespace

std::string ValidationNames() {
  std::string text;
  for (const auto& [name, experiment] : Experiments()) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", name);
    for (const auto& [key, value] : experiment.defaults) {
      absl::StrAppend(&text, " ", key, "=", value);
    }
  }
  return text;
}

absl::StatusOr<ValidationRow> RunValidation(const std::string& name,
                                            const ValidationParameters& given) {
  const auto it = Experiments().find(name);
  if (it == Experiments().end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no experiment \"", name, "\"; there are: ", ValidationNames()));
  }
  ValidationParameters parameters = it->second.defaults;
  for (const auto& [key, value] : given) {
    const auto found = parameters.find(key);
    if (found == parameters.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " has no \"", key, "\"; there are: ", ValidationNames()));
    }
    found->second = value;
  }
  return it->second.run(parameters);
}

}  // namespace selvage::sim
