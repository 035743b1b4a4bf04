// A scorer made from an ONNX file: an autoencoder, or what else turns a window into scores.
//
// The model has one float input, whose shape says how long a window it wants: [F] or [1,F] for one
// sample of F features, [W,F] or [1,W,F] for W samples, or those flat, [1,W*F]. Dimensions in front
// that are 1, open or named are the batch, which is 1 here. Its one float output is either as large
// as the input: then it is a reconstruction, and a feature's score is its mean squared error over
// the window; or it has F values, which are scores; or one, a score that blames all alike. Where
// one sample goes in, F values are a reconstruction unless `output` says otherwise.
// Pure but for memory. Thread rule: one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "agents/scorer/program.h"
#include "agents/scorer/scorer.h"
#include "core/bytes.h"

namespace selvage {

class OnnxScorer : public Scorer {
 public:
  enum class Output : std::uint8_t { kByShape, kReconstruction, kScores };

  // `file`: the bytes of an ONNX file. `features`: of a sample. Null: `error` says why.
  static std::unique_ptr<OnnxScorer> Create(ByteSpan file, const std::string& name,
                                            std::size_t features, Output output,
                                            std::string* error);

  const std::string& name() const override { return name_; }
  std::size_t samples() const override { return samples_; }
  std::size_t features() const override { return features_; }
  bool Score(const float* window, float* per_feature) override;

  bool reconstructs() const { return reconstructs_; }
  std::size_t bytes() const { return program_->bytes(); }  // fixed from now on
  const Program& program() const { return *program_; }

 private:
  OnnxScorer() = default;

  std::string name_;
  std::size_t samples_ = 1;
  std::size_t features_ = 1;
  bool reconstructs_ = true;
  std::unique_ptr<Program> program_;
};

}  // namespace selvage
