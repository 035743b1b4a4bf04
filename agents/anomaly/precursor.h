// Says how soon a falling margin will be used up, so that traffic moves before its first loss.
//
// A local linear trend (level and slope, a two-state Kalman filter; Harvey 1989) follows the margin
// of a feature over the value at which the link fails, e.g. SNR over what its mode needs. The time
// to failure is margin / -slope; the probability that it falls within the horizon takes the
// uncertainty of both into account, so a noisy signal far from its limit raises nothing.
#pragma once

namespace selvage::anomaly {

class Precursor {
 public:
  struct Options {
    float horizon_s = 5;       // what counts as soon: the time to move traffic, with some to spare
    float probability = 0.9F;  // certainty asked for
    float noise = 1;           // standard deviation of a single measurement, in its unit
    // Change of the slope, unit/s per square root of a second: how restless the trend may be.
    float slope_noise = 0.5F;
  };
  struct Forecast {
    float level = 0;               // margin now, smoothed; unit of the feature
    float slope = 0;               // unit/s
    float seconds_to_failure = 0;  // infinity while the margin does not fall
    float probability = 0;         // that the margin is used up within the horizon
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
    a.Field(samples_, 0, 1e6);
  }

 private:
  Options options_;
  Forecast forecast_;
  float level_ = 0;
  float slope_ = 0;
  float p00_ = 0;  // covariance of level and slope
  float p01_ = 0;
  float p11_ = 0;
  float samples_ = 0;
};

}  // namespace selvage::anomaly
