// Says how soon a falling margin will be used up, so that traffic moves before its first loss.
//
// A local linear trend (level and slope, a two-state Kalman filter; Harvey 1989) follows the margin
// of a feature over the value at which the link fails, e.g. SNR over what its mode needs. The time
// to failure is margin / -slope; the probability that the margin is down to its reserve within the
// horizon takes the uncertainty of both into account, so a noisy signal far from its limit raises
// nothing. How noisy single measurements are is learnt.
//
// The horizon is short on purpose: what it takes to move traffic, and two measurements. Who looks
// further ahead sees every dip as a failure, as a signal that falls for two seconds need not fall
// for three. The filter is slow as most falls are; measurements that are below it again and again
// (a one-sided CUSUM of its innovations) make it doubt its slope and learn a new one at once.
#pragma once

namespace selvage::anomaly {

class Precursor {
 public:
  struct Options {
    // What counts as soon: the time to move traffic with some to spare, and two measurements.
    float horizon_s = 1;
    float horizon_intervals = 2;
    // So much is as good as used up: below 3 dB over what is needed frames begin to get lost. Of a
    // margin that has always been small a quarter, as a weak link that works is no failing one.
    float reserve = 4;
    float probability = 0.9F;  // certainty asked for
    float noise = 1;           // least standard deviation of a single measurement, in its unit
    // Wandering of the level without a trend, unit^2/s: shadowing of 1.5 dB that lasts some seconds
    // (Gudmundson 1991).
    float level_noise = 0.5F;
    // Change of the slope, unit/s per square root of a second: how restless the trend may be.
    float slope_noise = 0.5F;
  };
  struct Forecast {
    float level = 0;               // margin now, smoothed; unit of the feature
    float slope = 0;               // unit/s
    float seconds_to_failure = 0;  // infinity while the margin does not fall
    float probability = 0;         // that only the reserve is left within the horizon
    bool raised = false;
  };

  Precursor() = default;
  explicit Precursor(const Options& options) : options_(options) {}

  // The margin (0 or less: failed) measured `elapsed_s` after the one before. NaN: nothing was
  // measured, the forecast moves on and becomes less certain.
  const Forecast& OnMargin(float margin, float elapsed_s);
  const Forecast& forecast() const { return forecast_; }

  template <class Archive>
  void Visit(Archive& a) {
    a.Field(level_, -1e9, 1e9);
    a.Field(slope_, -1e9, 1e9);
    a.Field(p00_, 0, 1e12);
    a.Field(p01_, -1e12, 1e12);
    a.Field(p11_, 0, 1e12);
    a.Field(noise_variance_, 0, 1e9);
    a.Field(interval_s_, 0, 1e4);
    a.Field(usual_, -1e9, 1e9);
    a.Field(below_, 0, 1e3);
    a.Field(samples_, 0, 1e6);
  }

 private:
  void Predict(float dt);
  void Correct(float margin);
  void Foresee();

  Options options_;
  Forecast forecast_;
  float level_ = 0;
  float slope_ = 0;
  float p00_ = 0;  // covariance of level and slope
  float p01_ = 0;
  float p11_ = 0;
  float noise_variance_ = 0;
  float interval_s_ = 0;  // usual time between measurements
  float usual_ = 0;       // margin over the last minutes
  float below_ = 0;       // CUSUM of innovations that are too low
  float samples_ = 0;
};

}  // namespace selvage::anomaly
