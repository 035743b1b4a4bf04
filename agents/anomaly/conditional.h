// Judges each feature given all the others: a value normal in itself but wrong beside its company.
//
// Keeps the correlation of winsorised residuals and now and then inverts it. With P the inverse and
// z the residuals, (P z)_f^2 / P_ff is the squared error of predicting feature f linearly from the
// rest, in units of its variance. Ridge 0.1 (R <- 0.9 R + 0.1 I) keeps the inverse tame.
#pragma once

#include <cstddef>
#include <vector>

namespace selvage::anomaly {

template <class Stored>
class Conditional {
 public:
  explicit Conditional(std::size_t features);

  // Writes the squared conditional residual of each feature to `out`, then learns.
  void Update(const float* residuals, float rate, float gain, float* out);

  // Correlation of two different features.
  float correlation(std::size_t one, std::size_t other) const;
  // Correlations learnt elsewhere (below the diagonal, row by row), worth `weight` samples. Only
  // before the first sample.
  void TakePrior(const float* correlations, float weight);

  std::size_t bytes() const;

  template <class Archive>
  void Visit(Archive& a) {
    a.Field(count_, 0, 1e9);
    for (float& r : correlation_) a.Field(r, -100, 100);
    for (Stored& p : inverse_) a.Field(p, -1e6, 1e6);
  }

 private:
  // The inverse is kept times this, where steps of Log8 are fine.
  static constexpr float kScale = 8;
  static constexpr int kInvertEvery = 64;
  static constexpr int kWarmUp = 100;

  void Invert();
  std::size_t At(std::size_t row, std::size_t column) const {  // lower triangle
    return row >= column ? row * (row + 1) / 2 + column : column * (column + 1) / 2 + row;
  }

  std::size_t features_;
  float count_ = 0;
  std::vector<float> correlation_;  // second moments, lower triangle
  std::vector<Stored> inverse_;     // lower triangle, times kScale
  std::vector<float> work_;         // features x features, for Invert
};

}  // namespace selvage::anomaly
