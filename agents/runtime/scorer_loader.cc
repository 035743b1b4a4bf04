#include "agents/runtime/scorer_loader.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <vector>

#include "absl/status/status.h"
#include "agents/anomaly/schema.h"
#include "agents/runtime/scorer_plugin.h"

namespace selvage {
namespace {

constexpr int kRuns = 31;
constexpr int kWarmUpRuns = 3;
constexpr std::int64_t kMeasureMax = 2'000'000'000;

absl::StatusOr<Bytes> ReadModelFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) {
    const std::string what = path + " cannot be opened";
    if (errno == ENOENT) return absl::NotFoundError(what + ": there is no such file");
    if (errno == EACCES) return absl::PermissionDeniedError(what + ": permission denied");
    return absl::UnavailableError(what);
  }
  Bytes bytes(OnnxLimits::kFileBytesMax + 1);
  const std::size_t size = std::fread(bytes.data(), 1, bytes.size(), file);
  const bool failed = std::ferror(file) != 0;
  std::fclose(file);
  if (failed) return absl::UnavailableError(path + " cannot be read");
  bytes.resize(size);
  return bytes;
}

absl::StatusOr<std::shared_ptr<OnnxScorer>> LoadOnnx(const ModelSection& model) {
  auto file = ReadModelFile(model.onnx);
  if (!file.ok()) return file.status();
  const std::string::size_type slash = model.onnx.rfind('/');
  const std::string name = slash == std::string::npos ? model.onnx : model.onnx.substr(slash + 1);
  std::string error;
  std::shared_ptr<OnnxScorer> scorer =
      OnnxScorer::Create(*file, name, anomaly::LinkSchema().count, model.onnx_output, &error);
  if (scorer == nullptr) return absl::InvalidArgumentError(model.onnx + " is refused: " + error);
  return scorer;
}

std::string Microseconds(std::int64_t nanoseconds) {
  char text[32];
  std::snprintf(text, sizeof(text), nanoseconds < 10'000 ? "%.1f us" : "%.0f us",
                static_cast<double>(nanoseconds) / 1e3);
  return text;
}

}  // namespace

std::int64_t SteadyNanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::int64_t MeasureScorer(Scorer* scorer, const NanosecondClock& clock) {
  std::vector<float> window(scorer->samples() * scorer->features());
  std::vector<float> scores(scorer->features());
  std::vector<std::int64_t> took;
  const std::int64_t begin = clock();
  for (int run = 0; run < kWarmUpRuns + kRuns; ++run) {
    for (std::size_t i = 0; i < window.size(); ++i) {
      window[i] = 3 * std::sin(static_cast<float>(i + window.size() * static_cast<unsigned>(run)));
    }
    const std::int64_t before = clock();
    scorer->Score(window.data(), scores.data());
    const std::int64_t after = clock();
    if (run >= kWarmUpRuns || after - before > kMeasureMax / kRuns) took.push_back(after - before);
    if (after - begin > kMeasureMax && !took.empty()) break;
  }
  const auto middle = took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2);
  std::nth_element(took.begin(), middle, took.end());
  return *middle;
}

absl::StatusOr<LoadedScorer> LoadScorer(const ModelSection& model, const NanosecondClock& clock) {
  const std::string& path = model.onnx.empty() ? model.scorer : model.onnx;
  LoadedScorer loaded;
  std::string size;
  if (model.onnx.empty()) {
    auto plugin = LoadScorerPlugin(path, model.scorer_settings, anomaly::LinkSchema());
    if (!plugin.ok()) return plugin.status();
    loaded.scorer = *std::move(plugin);
  } else {
    auto onnx = LoadOnnx(model);
    if (!onnx.ok()) return onnx.status();
    size = ", with " + std::to_string((*onnx)->bytes()) + " bytes";
    loaded.scorer = *std::move(onnx);
  }
  const std::int64_t took = MeasureScorer(loaded.scorer.get(), clock);
  if (took > model.scorer_budget_us * 1000) {
    return absl::ResourceExhaustedError(path + " is refused: one window takes it " +
                                        Microseconds(took) +
                                        ", the budget ([model] scorer_budget_us) is " +
                                        std::to_string(model.scorer_budget_us) + " us");
  }
  const std::size_t samples = loaded.scorer->samples();
  loaded.note = path + " scores windows of " + std::to_string(samples) +
                (samples == 1 ? " sample in " : " samples in ") + Microseconds(took) + " each" +
                size;
  return loaded;
}

}  // namespace selvage
