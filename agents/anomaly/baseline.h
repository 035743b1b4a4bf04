// Where a feature usually lies and how far it usually strays, learnt without learning the fault.
//
// How a baseline learns decides more than which detector stands on it. A plain running mean follows
// the fault and calls it normal within an hour. This one moves at most three of its own deviations
// per sample (winsorised) and at a tenth of its pace while the whole sample looks unusual (`gain`,
// set by the model), so a fault drags it slowly while real drift is still followed.
#pragma once

#include <algorithm>
#include <cmath>

namespace selvage::anomaly {

class Baseline {
 public:
  static constexpr float kClip = 3;            // deviations a single sample may move it
  static constexpr float kRangeShare = 0.02F;  // spread below this share of the range is no news
  static constexpr float kResidualMax = 100;

  // The residual of `y` in deviations, before it is learnt. `noise` is the spread below which a
  // change means nothing (0 when unknown: then the range seen so far decides).
  float Residual(float y, float noise) {
    if (count_ == 0) {
      mean_ = low_ = high_ = y;
      if (prior_ == 0) variance_ = 0;
    }
    low_ = std::min(low_, y);
    high_ = std::max(high_, y);
    floor_ = noise > 0 ? noise : kRangeShare * (high_ - low_);
    floor_ = std::max(floor_, 1e-6F * (std::fabs(y) + 1e-6F));
    deviation_ = std::sqrt(variance_ + floor_ * floor_);
    return std::clamp((y - mean_) / deviation_, -kResidualMax, kResidualMax);
  }

  // Learns the value Residual was just asked about. The first samples are averaged evenly.
  void Learn(float y, float rate, float gain) {
    count_ = std::min(count_ + 1, kCountMax);
    float a = std::max(rate, 1 / count_) * gain;
    float limit = kClip * deviation_;
    float step = count_ < 3 ? y - mean_ : std::clamp(y - mean_, -limit, limit);
    mean_ += a * step;
    if (prior_ == 0) {
      variance_ = (1 - a) * (variance_ + a * step * step);
    } else {
      // (1 - a) step is what is left between the value and the new mean: Welford's update.
      float b = std::max(rate, 1 / (count_ + prior_)) * gain;
      variance_ = (1 - b) * variance_ + b * (1 - a) * step * step;
    }
  }

  // A spread learnt elsewhere, worth `weight` samples of our own. The level stays ours.
  void TakePrior(float variance, float weight) {
    variance_ = (count_ * variance_ + weight * variance) / (count_ + weight);
    prior_ = weight;
  }

  float count() const { return count_; }
  float mean() const { return mean_; }
  float variance() const { return variance_; }
  float deviation() const { return deviation_; }
  float floor() const { return floor_; }  // spread below which a change means nothing

  template <class Archive>
  void Visit(Archive& a) {
    a.Field(count_, 0, kCountMax);
    a.Field(mean_, -kHuge, kHuge);
    a.Field(variance_, 0, kHuge);
    a.Field(low_, -kHuge, kHuge);
    a.Field(high_, -kHuge, kHuge);
    a.Field(prior_, 0, kCountMax);
  }

  static constexpr float kHuge = 1e30F;

 private:
  static constexpr float kCountMax = 1e6F;

  float count_ = 0;
  float prior_ = 0;  // samples that the spread learnt elsewhere is worth
  float mean_ = 0;
  float variance_ = 0;
  float low_ = 0;
  float high_ = 0;
  float deviation_ = 1;
  float floor_ = 0;
};

// How far a value is from the last few: whom to blame is who has just moved, also when he came back
// to a level that is normal in the long run. Plain and quick, as nothing else is judged by it.
class RecentChange {
 public:
  // Squared change in units of the recent spread; learns afterwards. `count` samples came before.
  float Update(float y, float floor, float count) {
    if (count < 1) mean_ = y;
    float wide = kFloorFactor * floor;
    float step = std::clamp(y - mean_, -Baseline::kHuge, Baseline::kHuge);
    float change = step * step / (variance_ + wide * wide);
    float a = std::max(kRate, 1 / (count + 1));
    mean_ += a * step;
    variance_ = std::min((1 - a) * (variance_ + a * step * step), Baseline::kHuge);
    return std::min(change, kChangeMax);
  }

  template <class Archive>
  void Visit(Archive& a) {
    a.Field(mean_, -Baseline::kHuge, Baseline::kHuge);
    a.Field(variance_, 0, Baseline::kHuge);
  }

 private:
  static constexpr float kRate = 0.06F;     // about 17 samples
  static constexpr float kFloorFactor = 4;  // small features must not take the blame for noise
  static constexpr float kChangeMax = 1e4F;

  float mean_ = 0;
  float variance_ = 0;
};

}  // namespace selvage::anomaly
