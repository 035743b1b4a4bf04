#include "agents/anomaly/conditional.h"

#include <algorithm>
#include <cmath>

#include "agents/anomaly/log8.h"

namespace selvage::anomaly {
namespace {

constexpr float kRidge = 0.1F;
constexpr float kLearnClip = 3;   // deviations of a residual that the correlation learns from
constexpr float kJudgeClip = 20;  // deviations of a residual that is judged

}  // namespace

template <class Stored>
Conditional<Stored>::Conditional(std::size_t features)
    : features_(features),
      correlation_(features * (features + 1) / 2),
      inverse_(features * (features + 1) / 2),
      work_(features * features) {
  for (std::size_t i = 0; i < features; ++i) {
    correlation_[At(i, i)] = 1;
    inverse_[At(i, i)] = Stored(kScale);
  }
}

template <class Stored>
std::size_t Conditional<Stored>::bytes() const {
  return sizeof(*this) + (correlation_.size() + work_.size()) * sizeof(float) +
         inverse_.size() * sizeof(Stored);
}

template <class Stored>
void Conditional<Stored>::Update(const float* residuals, float rate, float gain, float* out) {
  bool warm = count_ >= kWarmUp;
  if (warm) {
    std::fill(out, out + features_, 0.0F);
    float* judged = work_.data();  // the scratch of Invert is free between inversions
    for (std::size_t i = 0; i < features_; ++i) {
      judged[i] = std::clamp(residuals[i], -kJudgeClip, kJudgeClip);
    }
    std::size_t at = 0;
    for (std::size_t i = 0; i < features_; ++i) {
      for (std::size_t j = 0; j < i; ++j, ++at) {
        float p = inverse_[at];
        out[i] += p * judged[j];
        out[j] += p * judged[i];
      }
      out[i] += static_cast<float>(inverse_[at++]) * judged[i];
    }
    for (std::size_t i = 0; i < features_; ++i) {
      float own = std::max<float>(inverse_[At(i, i)], 0.1F * kScale);
      out[i] = out[i] * out[i] / (own * kScale);
    }
  } else {
    std::fill(out, out + features_, 0.0F);
  }

  count_ = std::min(count_ + 1, 1e6F);
  float a = std::max(rate, 1 / count_) * gain;
  std::size_t at = 0;
  for (std::size_t i = 0; i < features_; ++i) {
    float zi = std::clamp(residuals[i], -kLearnClip, kLearnClip);
    for (std::size_t j = 0; j <= i; ++j, ++at) {
      float zj = std::clamp(residuals[j], -kLearnClip, kLearnClip);
      correlation_[at] += a * (zi * zj - correlation_[at]);
    }
  }
  if (static_cast<int>(count_) % kInvertEvery == 0) Invert();
}

template <class Stored>
float Conditional<Stored>::correlation(std::size_t one, std::size_t other) const {
  float scale =
      std::sqrt((correlation_[At(one, one)] + 0.01F) * (correlation_[At(other, other)] + 0.01F));
  return std::clamp(correlation_[At(one, other)] / scale, -1.0F, 1.0F);
}

template <class Stored>
void Conditional<Stored>::TakePrior(const float* correlations, float weight) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < features_; ++i) {
    for (std::size_t j = 0; j < i; ++j) correlation_[At(i, j)] = correlations[at++];
  }
  count_ = weight;
  Invert();
}

template <class Stored>
void Conditional<Stored>::Invert() {
  // Cholesky of the ridged correlation, then L^-1 in place, then P = L^-T L^-1. Positive definite
  // by the ridge, so no pivots.
  std::size_t n = features_;
  auto a = [this, n](std::size_t i, std::size_t j) -> float& { return work_[i * n + j]; };
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      float scale = std::sqrt((correlation_[At(i, i)] + 0.01F) * (correlation_[At(j, j)] + 0.01F));
      a(i, j) = i == j ? 1.0F : (1 - kRidge) * correlation_[At(i, j)] / scale;
    }
  }
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t k = 0; k < j; ++k) a(j, j) -= a(j, k) * a(j, k);
    a(j, j) = std::sqrt(std::max(a(j, j), 0.01F));
    for (std::size_t i = j + 1; i < n; ++i) {
      for (std::size_t k = 0; k < j; ++k) a(i, j) -= a(i, k) * a(j, k);
      a(i, j) /= a(j, j);
    }
  }
  for (std::size_t j = 0; j < n; ++j) {
    a(j, j) = 1 / a(j, j);
    for (std::size_t i = j + 1; i < n; ++i) {
      float sum = 0;
      for (std::size_t k = j; k < i; ++k) sum += a(i, k) * a(k, j);
      a(i, j) = -sum / a(i, i);
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      float sum = 0;
      for (std::size_t k = i; k < n; ++k) sum += a(k, i) * a(k, j);
      inverse_[At(i, j)] = Stored(kScale * sum);
    }
  }
}

template class Conditional<float>;
template class Conditional<Log8>;

}  // namespace selvage::anomaly
