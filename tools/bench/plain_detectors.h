// The two plain detectors the anomaly model is measured beside: a robust z-score and a CUSUM.
//
// Both stand on the same robust baseline as the model, so that what is compared is what the model
// adds: channels, calibrated tails, fusion and the separation of news from what goes on.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "agents/anomaly/baseline.h"
#include "agents/anomaly/drift.h"

namespace selvage::bench {

class PlainDetector {
 public:
  enum class Kind { kRobustZ, kCusum };

  PlainDetector(Kind kind, std::size_t features)
      : kind_(kind), baselines_(features), drifts_(features), blame_(features) {}

  // Root mean square of the residuals, or the highest CUSUM in nats.
  float OnSample(const float* values) {
    float sum = 0;
    float highest = 0;
    for (std::size_t f = 0; f < baselines_.size(); ++f) {
      blame_[f] = 0;
      if (!std::isfinite(values[f])) continue;
      float z = baselines_[f].Residual(values[f], 0);
      baselines_[f].Learn(values[f], kRate, 1);
      float nats = drifts_[f].Update(z);
      if (nats > kRestartNats) drifts_[f].Restart();
      if (baselines_[f].count() < kWarmUp) continue;
      blame_[f] = kind_ == Kind::kRobustZ ? z * z : nats;
      sum += z * z;
      highest = std::max(highest, nats);
    }
    auto count = static_cast<float>(baselines_.size());
    float score = kind_ == Kind::kRobustZ ? std::sqrt(sum / count) : highest;
    float total = 0;
    for (float b : blame_) total += b;
    for (float& b : blame_) b = total > 0 ? b / total : 1 / count;
    return score;
  }
  // Four deviations, or once in exp(9.2) = 10^4 samples of Gaussian noise: the model's own rate.
  bool Alarm(float score) const { return score >= (kind_ == Kind::kRobustZ ? 4 : 9.2F); }
  const float* blame() const { return blame_.data(); }
  std::size_t bytes() const {
    return sizeof(*this) +
           baselines_.size() * (sizeof(anomaly::Baseline) + sizeof(anomaly::Drift) + sizeof(float));
  }

 private:
  static constexpr float kRate = 5e-4F;
  static constexpr float kWarmUp = 20;
  static constexpr float kRestartNats = 30;

  Kind kind_;
  std::vector<anomaly::Baseline> baselines_;
  std::vector<anomaly::Drift> drifts_;
  std::vector<float> blame_;
};

}  // namespace selvage::bench
