#include "agents/runtime/scorer_plugin.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "transports/plugin/shared_object.h"

namespace selvage {
namespace {

class PluginScorer final : public Scorer {
 public:
  PluginScorer(const selvage_scorer_api& api, selvage_scorer* instance, std::string name,
               std::vector<const char*> features)
      : api_(api), instance_(instance), name_(std::move(name)), features_(std::move(features)) {}
  ~PluginScorer() override { api_.destroy(instance_); }
  PluginScorer(const PluginScorer&) = delete;
  PluginScorer& operator=(const PluginScorer&) = delete;

  // Empty when its windows can be given to it.
  std::string Problem() {
    samples_ = api_.window(instance_);
    if (samples_ >= 1 && samples_ <= kSamplesMax) return "";
    return "its window is " + std::to_string(samples_) + " samples long, 1 to " +
           std::to_string(kSamplesMax) + " are kept";
  }

  const std::string& name() const override { return name_; }
  std::size_t samples() const override { return samples_; }
  std::size_t features() const override { return features_.size(); }
  bool Score(const float* window, float* per_feature) override {
    std::fill(per_feature, per_feature + features(), 0.0F);
    return api_.score(instance_, window, per_feature) == 0 &&
           std::all_of(per_feature, per_feature + features(),
                       [](float s) { return std::isfinite(s) && s >= 0; });
  }

 private:
  const selvage_scorer_api api_;
  selvage_scorer* const instance_;
  const std::string name_;
  const std::vector<const char*> features_;  // the instance was promised that they stay
  std::size_t samples_ = 0;
};

}  // namespace

absl::StatusOr<selvage_scorer_api> CheckedScorerApi(const selvage_scorer_api* api,
                                                    const std::string& from) {
  if (api == nullptr) {
    return absl::InvalidArgumentError(from + " cannot work with version " +
                                      std::to_string(SELVAGE_SCORER_ABI) +
                                      " of selvage/scorer.h; build it against this one");
  }
  if (api->abi_version != SELVAGE_SCORER_ABI) {
    return absl::InvalidArgumentError(
        from + " was built for version " + std::to_string(api->abi_version) +
        " of selvage/scorer.h, this is " + std::to_string(SELVAGE_SCORER_ABI));
  }
  // All functions of this version are obligatory.
  if (api->struct_size < sizeof(selvage_scorer_api)) {
    return absl::InvalidArgumentError(from + " says that its table has " +
                                      std::to_string(api->struct_size) + " bytes; at least " +
                                      std::to_string(sizeof(selvage_scorer_api)) +
                                      " are obligatory");
  }
  selvage_scorer_api out{};
  std::memcpy(&out, api, sizeof(out));
  if (out.create == nullptr || out.destroy == nullptr || out.window == nullptr ||
      out.score == nullptr) {
    return absl::InvalidArgumentError(from + " lacks a function that is not optional");
  }
  if (out.name == nullptr || !IsPluginName(out.name)) {
    return absl::InvalidArgumentError(from +
                                      " has no name of 1 to 31 characters out of a-z, 0-9 and -");
  }
  return out;
}

absl::StatusOr<std::shared_ptr<Scorer>> LoadScorerPlugin(
    const std::string& path, const std::map<std::string, std::string>& settings,
    const anomaly::Schema& schema) {
  const auto symbol = LoadSharedObject(path, SELVAGE_SCORER_SYMBOL);
  if (!symbol.ok()) return symbol.status();
  const auto plugin = reinterpret_cast<selvage_scorer_plugin_fn>(*symbol);
  const auto api = CheckedScorerApi(plugin(SELVAGE_SCORER_ABI), path);
  if (!api.ok()) return api.status();

  std::vector<selvage_scorer_setting> list;
  for (const auto& [key, value] : settings) list.push_back({key.c_str(), value.c_str()});
  std::vector<const char*> features(schema.count);
  for (std::size_t f = 0; f < schema.count; ++f) features[f] = schema.features[f].name;
  selvage_scorer_config config{};
  config.struct_size = sizeof(config);
  config.setting_count = static_cast<std::uint32_t>(list.size());
  config.settings = list.data();
  config.feature_names = features.data();
  config.feature_count = static_cast<std::uint32_t>(features.size());
  selvage_scorer* instance = nullptr;
  std::array<char, 256> error{};
  if (api->create(&config, &instance, error.data(), error.size()) != 0 || instance == nullptr) {
    const std::string why(error.data(), strnlen(error.data(), error.size()));
    return absl::InvalidArgumentError(path + " is refused: " +
                                      (why.empty() ? "it does not say why" : why));
  }
  auto scorer = std::make_shared<PluginScorer>(*api, instance, api->name, std::move(features));
  if (const std::string problem = scorer->Problem(); !problem.empty()) {
    return absl::InvalidArgumentError(path + " is refused: " + problem);
  }
  return std::shared_ptr<Scorer>(std::move(scorer));
}

}  // namespace selvage
