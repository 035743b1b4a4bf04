#include "agents/anomaly/rate_test.h"

#include <algorithm>
#include <cmath>

namespace selvage::anomaly {
namespace {

// Odds of a loss under the alternative over the usual odds: after a delivery, after a loss. At 1 %
// these mean 2.2, 5, 10, 20, 50 and 99 %; the last three, more bursts that are no longer.
struct Alternative {
  float odds;
  float odds_after_loss;
  float weight;  // they sum to 1
};
constexpr Alternative kAlternative[RateTest::kAlternatives] = {
    {2.25F, 2.25F, 0.10F}, {5.2F, 5.2F, 0.10F}, {11, 11, 0.12F}, {25, 25, 0.12F}, {99, 99, 0.12F},
    {9801, 9801, 0.26F},   {2.5F, 1, 0.06F},    {6, 1, 0.06F},   {20, 1, 0.06F},
};
constexpr float kUsualMin = 1e-4F;
constexpr float kUsualMax = 0.9F;
constexpr float kProbabilityMax = 0.995F;
constexpr float kRecentRate = 1.0F / 256;
constexpr float kStatisticMax = 1e25F;
// Evidence below this is ordinary: what was seen may be learnt. The statistic of pure noise is of
// the order of the outcomes seen since it was last small, hence not 0.
constexpr float kCalmDecades = 3;

}  // namespace

RateTest::RateTest(const Options& options) : options_(options) { Prepare(); }

float RateTest::Usual(std::size_t after) const {
  float weight = after == 0 ? kPriorWeight : kPriorWeightAfterLoss;
  float prior = after == 0 ? options_.usual_loss : std::max(options_.usual_loss, kBurstPrior);
  float p = (losses_[after] + weight * prior) / (trials_[after] + weight);
  return std::clamp(p, kUsualMin, kUsualMax);
}

float RateTest::Overall() const {
  float after_delivery = Usual(0);
  return after_delivery / (1 - Usual(1) + after_delivery);  // stationary share of the chain
}

void RateTest::Prepare() {
  for (std::size_t after = 0; after < 2; ++after) {
    float p0 = Usual(after);
    for (std::size_t i = 0; i < RateTest::kAlternatives; ++i) {
      float r = after == 0 ? kAlternative[i].odds : kAlternative[i].odds_after_loss;
      float odds = r * p0 / (1 - p0);
      float p1 = std::max(p0, std::min(odds / (1 + odds), kProbabilityMax));
      ratios_[i][after][1] = p1 / p0;
      ratios_[i][after][0] = (1 - p1) / (1 - p0);
    }
  }
}

void RateTest::Commit() {
  for (std::size_t after = 0; after < 2; ++after) {
    trials_[after] += waiting_trials_[after];
    losses_[after] += waiting_losses_[after];
    waiting_trials_[after] = waiting_losses_[after] = 0;
    if (trials_[after] > kTrialsMax) {
      losses_[after] *= kTrialsMax / trials_[after];
      trials_[after] = kTrialsMax;
    }
  }
  Prepare();
}

void RateTest::Adopt() {
  options_.usual_loss = std::clamp(recent_loss_, kUsualMin, kUsualMax);
  trials_ = losses_ = waiting_trials_ = waiting_losses_ = {};
  statistics_ = {};
  decades_ = 0;
  restless_ = 0;
  Prepare();
}

void RateTest::ForgetEvidence() {
  statistics_ = {};
  waiting_trials_ = waiting_losses_ = {};
  recent_loss_ = Overall();
  restless_ = 0;
  after_loss_ = 0;
  decades_ = 0;
}

bool RateTest::OnOutcome(bool lost) {
  std::size_t after = after_loss_;
  float sum = 0;
  for (std::size_t i = 0; i < RateTest::kAlternatives; ++i) {
    float r = (1 + statistics_[i]) * ratios_[i][after][lost ? 1 : 0];
    statistics_[i] = std::min(r, kStatisticMax);
    sum += kAlternative[i].weight * statistics_[i];
  }
  decades_ = std::log10(std::max(sum, 1.0F));
  waiting_trials_[after] += 1;
  if (lost) waiting_losses_[after] += 1;
  after_loss_ = lost ? 1 : 0;
  recent_loss_ += kRecentRate * ((lost ? 1.0F : 0.0F) - recent_loss_);
  restless_ = decades_ < kCalmDecades && recent_loss_ < 2 * Overall() ? 0 : restless_ + 1;
  if (restless_ > options_.adopt_after) Adopt();

  if (sum >= options_.outcomes_per_false_alarm) {
    waiting_trials_ = waiting_losses_ = {};
    statistics_ = {};
    return true;
  }
  float waiting = waiting_trials_[0] + waiting_trials_[1];
  bool calm = decades_ < kCalmDecades;
  if (waiting >= kCommitEvery && calm) {
    Commit();
  } else if (waiting > kTrialsMax) {
    waiting_trials_ = waiting_losses_ = {};  // neither alarm nor calm for an hour: learn none of it
  }
  return false;
}

}  // namespace selvage::anomaly
