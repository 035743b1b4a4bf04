// Predicts the next residual of a feature from its last four, so that a break of its own rhythm
// shows even where the value itself is not extreme.
//
// Normalised least mean squares (Widrow and Hoff 1960; step normalised by the input's energy). What
// it learns from is winsorised like the baseline, for the same reason.
#pragma once

#include <algorithm>
#include <cmath>

namespace selvage::anomaly {

template <class Stored>
class Predictor {
 public:
  static constexpr int kTaps = 4;

  // Squared prediction error in units of its usual size; learns afterwards.
  float Surprise(float residual, float rate, float gain, float count) {
    float x = std::clamp(residual, -kInputMax, kInputMax);
    float predicted = 0;
    float energy = 1;
    for (int i = 0; i < kTaps; ++i) {
      float h = history_[i];
      predicted += taps_[i] * h;
      energy += h * h;
    }
    float error = x - predicted;
    float power = power_ + kPowerFloor;
    float surprise = error * error / power;

    float limit = 3 * std::sqrt(power);
    float clipped = std::clamp(error, -limit, limit);
    for (int i = 0; i < kTaps; ++i) {
      taps_[i] += kStep * gain * clipped * static_cast<float>(history_[i]) / energy;
    }
    float a = std::max(2 * rate, 1 / (count + 10)) * gain;
    power_ += a * (clipped * clipped - power_);
    for (int i = kTaps - 1; i > 0; --i) history_[i] = history_[i - 1];
    history_[0] = Stored(x);
    return surprise;
  }

  const float* taps() const { return taps_; }
  float power() const { return power_; }
  // Learnt elsewhere.
  void TakePrior(const float* taps, float power) {
    std::copy(taps, taps + kTaps, taps_);
    power_ = power;
  }

  template <class Archive>
  void Visit(Archive& a) {
    for (float& tap : taps_) a.Field(tap, -100, 100);
    for (Stored& h : history_) a.Field(h, -200, 200);
    a.Field(power_, 0, 1e6);
  }

 private:
  static constexpr float kInputMax = 10;
  static constexpr float kStep = 0.01F;
  static constexpr float kPowerFloor = 0.01F;

  float taps_[kTaps] = {0.5F, 0, 0, 0};
  Stored history_[kTaps] = {};
  float power_ = 1;
};

}  // namespace selvage::anomaly
