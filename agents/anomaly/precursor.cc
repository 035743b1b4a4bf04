#include "agents/anomaly/precursor.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace selvage::anomaly {
namespace {

constexpr float kSamplesMin = 16;     // before that slope and noise are guesswork
constexpr float kElapsedMin = 1e-4F;  // seconds; less is the same measurement twice
constexpr float kElapsedMax = 3600;
constexpr float kFirstSlope = 10;  // standard deviation of the slope before anything is known
constexpr float kVarianceMax = 1e9F;
constexpr float kIntervalRate = 0.2F;
constexpr float kIntervalMax = 2;  // seconds: rarer measurements foresee no further
constexpr float kUsualSeconds = 300;
constexpr float kReserveShare = 0.25F;
constexpr float kNoiseRate = 0.01F;
constexpr float kNoiseClip = 9;  // of an innovation's variance: outliers teach no more
// One-sided CUSUM of innovations in their own deviations. For what is noise alone it fires once in
// some 10^5 measurements (Siegmund 1985), and then only makes the slope uncertain; one outlier,
// however large, does not fire it.
constexpr float kBelowDrift = 1;
constexpr float kBelowClip = 3;
constexpr float kBelowLimit = 5;
constexpr float kNewSlope = 10;  // standard deviation of the slope after it fired, unit/s

float Normal(float x) { return 0.5F * std::erfc(-x / 1.41421356F); }

}  // namespace

void Precursor::Predict(float dt) {
  // The slope walks at random: the exact covariance of its integral over dt.
  const float q = options_.slope_noise * options_.slope_noise;
  level_ += slope_ * dt;
  p00_ += 2 * dt * p01_ + dt * dt * p11_ + q * dt * dt * dt / 3 + options_.level_noise * dt;
  p00_ = std::min(p00_, kVarianceMax);
  p01_ = std::clamp(p01_ + dt * p11_ + q * dt * dt / 2, -kVarianceMax, kVarianceMax);
  p11_ = std::min(p11_ + q * dt, kVarianceMax);
}

void Precursor::Correct(float margin) {
  samples_ = std::min(samples_ + 1, 1e6F);
  const float error = margin - level_;
  float s = p00_ + noise_variance_;
  if (samples_ > kSamplesMin) {
    below_ += std::min(-error / std::sqrt(s), kBelowClip) - kBelowDrift;
    below_ = std::max(below_, 0.0F);
  }
  if (below_ > kBelowLimit) {
    below_ = 0;
    p00_ = std::max(p00_, noise_variance_);
    p11_ = std::max(p11_, kNewSlope * kNewSlope);
    s = p00_ + noise_variance_;
  }
  const float seen = std::min(error * error, kNoiseClip * s) - p00_;
  noise_variance_ += std::max(kNoiseRate, 1 / samples_) * (seen - noise_variance_);
  noise_variance_ = std::clamp(noise_variance_, options_.noise * options_.noise, kVarianceMax);
  const float k0 = p00_ / s;
  const float k1 = p01_ / s;
  level_ += k0 * error;
  slope_ += k1 * error;
  p11_ = std::max(p11_ - k1 * p01_, 1e-9F);
  p01_ *= 1 - k0;
  p00_ = std::max(p00_ * (1 - k0), 1e-9F);
}

void Precursor::Foresee() {
  const float h = options_.horizon_s + options_.horizon_intervals * interval_s_;
  const float reserve = std::clamp(kReserveShare * usual_, 0.0F, options_.reserve);
  const float ahead = level_ + slope_ * h - reserve;
  const float spread = std::sqrt(std::max(p00_ + 2 * h * p01_ + h * h * p11_, 1e-9F));
  forecast_.level = level_;
  forecast_.slope = slope_;
  forecast_.seconds_to_failure =
      slope_ < 0 ? std::max(0.0F, level_ / -slope_) : std::numeric_limits<float>::infinity();
  forecast_.probability = samples_ < kSamplesMin ? 0 : Normal(-ahead / spread);
  forecast_.raised = forecast_.probability > options_.probability;
}

const Precursor::Forecast& Precursor::OnMargin(float margin, float elapsed_s) {
  const float dt = std::clamp(elapsed_s, kElapsedMin, kElapsedMax);
  const bool measured = margin == margin;
  if (samples_ == 0) {
    if (!measured) return forecast_;
    level_ = usual_ = margin;
    slope_ = 0;
    noise_variance_ = options_.noise * options_.noise;
    p00_ = noise_variance_;
    p01_ = 0;
    p11_ = kFirstSlope * kFirstSlope;
    samples_ = 1;
    return forecast_;
  }
  Predict(dt);
  interval_s_ += kIntervalRate * (std::min(dt, kIntervalMax) - interval_s_);
  if (measured) {
    Correct(margin);
    usual_ += std::max(std::min(dt / kUsualSeconds, 1.0F), 1 / samples_) * (level_ - usual_);
  }
  Foresee();
  return forecast_;
}

}  // namespace selvage::anomaly
