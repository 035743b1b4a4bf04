// Watches the short-term mean of a residual: a level that has moved a little for a while is news
// although no single sample is.
//
// The mean of about 40 samples is compared with two baselines of its own: a robust slow one, and a
// plain one that adapts within some hundred samples and so notices a new shift in a series whose
// level wanders anyway.
#pragma once

#include <algorithm>
#include <cmath>

namespace selvage::anomaly {

class Level {
 public:
  struct Deviations {
    float slow;  // squared, in units of the usual variance
    float fast;
  };

  Deviations Update(float residual, float rate, float gain, float count) {
    float r = std::clamp(residual, -4.0F, 4.0F);
    level_ += std::max(kRate, 1 / count) * (r - level_);

    float slow_spread = std::sqrt(slow_variance_ + kFloor);
    float slow_step = level_ - slow_mean_;
    float fast_step = level_ - fast_mean_;
    Deviations d = {slow_step * slow_step / (slow_variance_ + kFloor),
                    fast_step * fast_step / (fast_variance_ + kFloor)};

    float a = std::max(rate, 1 / count) * gain;
    slow_step = std::clamp(slow_step, -3 * slow_spread, 3 * slow_spread);
    slow_mean_ += a * slow_step;
    slow_variance_ += a * (slow_step * slow_step - slow_variance_);
    float b = std::max(kFastRate, 1 / count);
    fast_mean_ += b * fast_step;
    fast_variance_ += b * (fast_step * fast_step - fast_variance_);
    return d;
  }

  // Spread of the level in the long run, and one learnt elsewhere.
  float slow_variance() const { return slow_variance_; }
  void TakePrior(float variance) { slow_variance_ = fast_variance_ = variance; }

  template <class Archive>
  void Visit(Archive& a) {
    a.Field(level_, -10, 10);
    a.Field(slow_mean_, -10, 10);
    a.Field(slow_variance_, 0, 100);
    a.Field(fast_mean_, -10, 10);
    a.Field(fast_variance_, 0, 100);
  }

 private:
  static constexpr float kRate = 1.0F / 40;
  static constexpr float kFastRate = 0.004F;
  static constexpr float kFloor = 0.0025F;  // (0.05 deviations)^2: smaller shifts are rounding

  float level_ = 0;
  float slow_mean_ = 0;
  float slow_variance_ = 0.1F;
  float fast_mean_ = 0;
  float fast_variance_ = 0.1F;
};

}  // namespace selvage::anomaly
