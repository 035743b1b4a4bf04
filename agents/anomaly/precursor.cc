#include "agents/anomaly/precursor.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace selvage::anomaly {
namespace {

constexpr float kSamplesMin = 8;      // before that the slope is guesswork
constexpr float kElapsedMin = 1e-4F;  // seconds; less is the same measurement twice
constexpr float kElapsedMax = 3600;
constexpr float kFirstSlope = 10;  // standard deviation of the slope before anything is known
constexpr float kVarianceMax = 1e9F;

float Normal(float x) { return 0.5F * std::erfc(-x / 1.41421356F); }

}  // namespace

const Precursor::Forecast& Precursor::OnMargin(float margin, float elapsed_s) {
  float dt = std::clamp(elapsed_s, kElapsedMin, kElapsedMax);
  bool measured = margin == margin;
  if (samples_ == 0) {
    if (!measured) return forecast_;
    level_ = margin;
    slope_ = 0;
    p00_ = options_.noise * options_.noise;
    p01_ = 0;
    p11_ = kFirstSlope * kFirstSlope;
    samples_ = 1;
    return forecast_;
  }
  // The slope walks at random: the exact covariance of its integral over dt.
  float q = options_.slope_noise * options_.slope_noise;
  level_ += slope_ * dt;
  p00_ = std::min(p00_ + 2 * dt * p01_ + dt * dt * p11_ + q * dt * dt * dt / 3, kVarianceMax);
  p01_ = std::clamp(p01_ + dt * p11_ + q * dt * dt / 2, -kVarianceMax, kVarianceMax);
  p11_ = std::min(p11_ + q * dt, kVarianceMax);
  if (measured) {
    samples_ = std::min(samples_ + 1, 1e6F);
    float s = p00_ + options_.noise * options_.noise;
    float k0 = p00_ / s;
    float k1 = p01_ / s;
    float error = margin - level_;
    level_ += k0 * error;
    slope_ += k1 * error;
    p11_ = std::max(p11_ - k1 * p01_, 1e-9F);
    p01_ *= 1 - k0;
    p00_ = std::max(p00_ * (1 - k0), 1e-9F);
  }

  float h = options_.horizon_s;
  float ahead = level_ + slope_ * h;
  float spread = std::sqrt(std::max(p00_ + 2 * h * p01_ + h * h * p11_, 1e-9F));
  forecast_.level = level_;
  forecast_.slope = slope_;
  forecast_.seconds_to_failure =
      slope_ < 0 ? std::max(0.0F, level_ / -slope_) : std::numeric_limits<float>::infinity();
  forecast_.probability = samples_ < kSamplesMin ? 0 : Normal(-ahead / spread);
  forecast_.raised = forecast_.probability > options_.probability;
  return forecast_;
}

}  // namespace selvage::anomaly
