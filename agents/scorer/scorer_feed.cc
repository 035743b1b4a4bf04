#include "agents/scorer/scorer_feed.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace selvage {
namespace {

constexpr float kRate = 1e-3F;  // of levels and of the usual score, per sample
constexpr float kGated = 0.1F;  // share of it while the score is among the 2 % most unusual
constexpr float kGateDecades = 1.69897F;
constexpr float kSmallest = 1e-12F;  // a perfect reconstruction has a logarithm too
// The tail begins as that of a squared standard normal variable, whose logarithm has this mean.
constexpr float kMeanLog = -1.27F;
constexpr float kFewer = 0.1F;  // spread of a logarithm below which a change means nothing
// ... and it is about this wide. Scores summed over many values spread far less, too little for the
// tail's bins.
constexpr float kWidth = 1.5F;

}  // namespace

ScorerFeed::ScorerFeed(std::shared_ptr<Scorer> scorer, const anomaly::Schema& schema)
    : scorer_(std::move(scorer)),
      schema_(schema),
      levels_(schema.count),
      window_(scorer_->samples() * schema.count, 0.0F),
      scores_(schema.count, 0.0F) {}

// Its distance from its level; 0 where there is none. As in anomaly::Model.
float ScorerFeed::Read(std::size_t f, float value) {
  const anomaly::Feature& d = schema_.features[f];
  if (!std::isfinite(value) || value < d.low || value > d.high) return 0;
  const bool skewed = d.kind == anomaly::FeatureKind::kSkewed;
  const float y = skewed ? std::log1p(std::max(value, 0.0F) / std::max(d.noise, 1e-9F)) : value;
  // In the logarithm of a skewed feature, 0.05 is a change by 5 %.
  const float z = levels_[f].Residual(y, skewed ? 0.05F : d.noise);
  levels_[f].Learn(y, kRate, gain_);
  return std::clamp(z, -Scorer::kValueMax, Scorer::kValueMax);
}

const ScorerFeed::Outcome& ScorerFeed::OnSample(const float* row) {
  const auto width = static_cast<std::ptrdiff_t>(schema_.count);
  std::move(window_.begin() + width, window_.end(), window_.begin());
  const std::size_t last = window_.size() - schema_.count;
  for (std::size_t f = 0; f < schema_.count; ++f) window_[last + f] = Read(f, row[f]);
  ++samples_;
  outcome_ = {};
  if (samples_ < scorer_->samples()) return outcome_;
  if (!scorer_->Score(window_.data(), scores_.data())) {
    ++failures_;
    return outcome_;
  }
  float sum = 0;
  for (std::size_t f = 0; f < schema_.count; ++f) {
    sum += scores_[f];
    if (scores_[f] > scores_[outcome_.feature]) outcome_.feature = f;
  }
  const float log_score = std::log(std::clamp(sum, kSmallest, 1e30F));
  usual_.Residual(log_score, kFewer);
  const float off =
      usual_.count() > 0 ? kWidth * (log_score - usual_.mean()) / usual_.deviation() : 0;
  usual_.Learn(log_score, kRate, gain_);
  // While the usual score is being found out, the tail would learn what is no deviation.
  if (samples_ < kWarmUp / 2) return outcome_;
  const float decades = tail_.Decades(off + kMeanLog);
  gain_ = decades >= kGateDecades ? kGated : 1;
  if (samples_ >= kWarmUp) outcome_.decades = decades;
  return outcome_;
}

std::size_t ScorerFeed::bytes() const {
  return sizeof(*this) + levels_.size() * sizeof(anomaly::Baseline) +
         (window_.size() + scores_.size()) * sizeof(float);
}

float ScorerFeed::Fuse(float own, float scored, float limit) {
  if (own < (1 - kShareMax) * limit) return own;
  return own + std::min(scored, kShareMax * limit);
}

}  // namespace selvage
