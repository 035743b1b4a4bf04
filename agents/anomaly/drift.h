// Accumulates small evidence that a residual has shifted, up or down: a restarting CUSUM.
//
// The log-likelihood ratio of a shift by one deviation is z - 1/2 a sample (Page 1954; Lorden 1971:
// false alarms are at least exp(threshold) samples apart when noise is Gaussian and independent).
// Winsorised, as one wild sample is the business of the point test. Slow degradation of a few dB is
// seen here long before any single sample stands out.
#pragma once

#include <algorithm>

namespace selvage::anomaly {

class Drift {
 public:
  // Nats of evidence for a shift after this residual.
  float Update(float residual) {
    float z = std::clamp(residual, -kClip, kClip);
    up_ = std::clamp(up_ + z - kHalfShift, 0.0F, kMax);
    down_ = std::clamp(down_ - z - kHalfShift, 0.0F, kMax);
    return std::max(up_, down_);
  }
  void Restart() { up_ = down_ = 0; }
  bool downwards() const { return down_ > up_; }

  template <class Archive>
  void Visit(Archive& a) {
    a.Field(up_, 0, kMax);
    a.Field(down_, 0, kMax);
  }

 private:
  static constexpr float kHalfShift = 0.5F;
  static constexpr float kClip = 3;
  static constexpr float kMax = 60;  // so that the return of a long fault is seen in its time

  float up_ = 0;
  float down_ = 0;
};

// Notices a sensor that has stopped: values bit for bit equal for far longer than ever before.
class Freeze {
 public:
  // True while the present run of equal values is kFactor times the longest run before it.
  bool Update(float value) {
    if (value == last_) {
      run_ = std::min(run_ + 1, kRunMax);
      return changed_ > kChangesMin && run_ > kRunMin && run_ > kFactor * longest_;
    }
    // A run that was an alarm is not learnt at once, or the next freeze would need kFactor times
    // it.
    if (run_ <= kFactor * longest_ || run_ <= kRunMin)
      longest_ = std::max(longest_, run_);
    else
      longest_ *= 2;
    changed_ = std::min(changed_ + 1, kRunMax);
    run_ = 1;
    last_ = value;
    return false;
  }

  template <class Archive>
  void Visit(Archive& a) {
    a.Field(last_, -1e30, 1e30);
    a.Field(run_, 0, kRunMax);
    a.Field(longest_, 0, 2.0 * kRunMax);
    a.Field(changed_, 0, kRunMax);
  }

 private:
  static constexpr float kFactor = 8;
  static constexpr float kRunMin = 64;
  static constexpr float kChangesMin = 200;  // a value that hardly ever changes cannot freeze
  static constexpr float kRunMax = 1e6F;

  float last_ = 0;
  float run_ = 0;
  float longest_ = 1;
  float changed_ = 0;
};

}  // namespace selvage::anomaly
