#include "agents/scorer/onnx_scorer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace selvage {
namespace {

// The batch and whatever else is open becomes 1. False: the rest is no window of such samples.
bool ReadWindow(const OnnxPort& port, std::size_t features, Dims* dims, std::size_t* samples,
                std::string* error) {
  *dims = port.dims;
  std::size_t from = 0;
  while (from < dims->size() && ((*dims)[from] == 1 || (*dims)[from] == -1)) {
    (*dims)[from++] = 1;
  }
  const Dims window(dims->begin() + static_cast<std::ptrdiff_t>(from), dims->end());
  const std::int64_t elements = ElementsOf(window);
  const auto f = static_cast<std::int64_t>(features);
  // One feature: a window of one sample is nothing but ones.
  const bool last_fits = features == 1 || (!window.empty() && window.back() % f == 0);
  if (!port.has_shape || elements < 1 || elements % f != 0 || window.size() > 2 || !last_fits ||
      (window.size() == 2 && window.back() != f)) {
    *error = "its input has the shape " + (port.has_shape ? ToString(port.dims) : "[]") +
             "; a window of W samples is [1,W," + std::to_string(features) + "] or [1,W*" +
             std::to_string(features) + "]";
    return false;
  }
  *samples = static_cast<std::size_t>(elements / f);
  if (*samples > Scorer::kSamplesMax) {
    *error = "its window is " + std::to_string(*samples) + " samples long, at most " +
             std::to_string(Scorer::kSamplesMax) + " are kept";
    return false;
  }
  return true;
}

}  // namespace

std::unique_ptr<OnnxScorer> OnnxScorer::Create(ByteSpan file, const std::string& name,
                                               std::size_t features, Output output,
                                               std::string* error) {
  OnnxFile model;
  if (!ParseOnnx(file, &model, error)) return nullptr;
  if (model.inputs.size() != 1 || model.outputs.size() != 1) {
    *error = "it has " + std::to_string(model.inputs.size()) + " inputs and " +
             std::to_string(model.outputs.size()) + " outputs; one of each is wanted";
    return nullptr;
  }
  const OnnxPort& input = model.inputs[0];
  std::unique_ptr<OnnxScorer> scorer(new OnnxScorer());
  scorer->name_ = name;
  scorer->features_ = features;
  Dims dims;
  if (!ReadWindow(input, features, &dims, &scorer->samples_, error)) return nullptr;
  scorer->program_ = Program::Create(model, {}, {{input.name, dims}}, error);
  if (scorer->program_ == nullptr) return nullptr;
  const Slot& in = scorer->program_->inputs()[0];
  const Slot& out = scorer->program_->outputs()[0];
  if (in.type != ElementType::kFloat || out.type != ElementType::kFloat) {
    *error = std::string("its input is ") + ToString(in.type) + " and its output " +
             ToString(out.type) + "; both must be float";
    return nullptr;
  }
  scorer->reconstructs_ =
      output == Output::kByShape ? out.count == in.count : output == Output::kReconstruction;
  const bool fits =
      scorer->reconstructs_ ? out.count == in.count : out.count == features || out.count == 1;
  if (!fits) {
    *error = "its output has the shape " + ToString(out.dims) + "; " +
             (scorer->reconstructs_ ? "a reconstruction has that of the input, " + ToString(in.dims)
                                    : "scores are 1 or " + std::to_string(features) + " values");
    return nullptr;
  }
  return scorer;
}

bool OnnxScorer::Score(const float* window, float* per_feature) {
  const std::size_t values = samples_ * features_;
  const Slot& out = program_->outputs()[0];
  std::memcpy(program_->data(program_->inputs()[0]), window, values * sizeof(float));
  program_->Run();
  // Slots of floats are aligned for them.
  const auto* result = reinterpret_cast<const float*>(program_->data(out));
  bool fine = true;
  for (std::size_t f = 0; f < features_; ++f) {
    float score = 0;
    if (reconstructs_) {
      for (std::size_t i = f; i < values; i += features_) {
        const float off = window[i] - result[i];
        score += off * off;
      }
      score /= static_cast<float>(samples_);
    } else {
      score = out.count == 1 ? result[0] / static_cast<float>(features_) : result[f];
    }
    fine = fine && std::isfinite(score) && score >= 0;
    per_feature[f] = score;
  }
  return fine;
}

}  // namespace selvage
