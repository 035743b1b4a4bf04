#include "agents/anomaly/tail.h"

#include <algorithm>
#include <cmath>

namespace selvage::anomaly {
namespace {

constexpr float kTailShare = 0.02F;
constexpr float kTailDecades = 1.69897F;  // -log10 kTailShare
constexpr float kLn10 = 2.302585F;
constexpr float kPriorWeight = 50;
constexpr float kLearnFully = 3;  // decades; rarer samples are learnt at kLearnRare
constexpr float kLearnRare = 0.1F;
// Mean excess of log chi-square over its 98 % quantile is about 0.35; heavier by default, as
// telemetry is. The estimate starts there with this many samples' weight and stays within bounds.
constexpr float kExcessPrior = 0.5F;
constexpr float kExcessPriorWeight = 60;
constexpr float kExcessMin = 0.1F;
constexpr float kExcessMax = 3;
// Samples remembered. A regime that stays is learnt at kLearnRare until it is kTailShare of this,
// so it is adopted after at most kTotalMax * kTailShare / kLearnRare = 20,000 samples.
constexpr float kTotalMax = 1e5F;

}  // namespace

Tail::Tail() {
  float below = 0;
  for (int i = 0; i < kBins; ++i) {
    float end = kLowest + kBinWidth * static_cast<float>(i + 1);
    float share = std::erf(std::sqrt(std::exp(end) / 2));
    bins_[static_cast<std::size_t>(i)] = kPriorWeight * (share - below);
    below = share;
  }
  for (float bin : bins_) total_ += bin;
}

float Tail::Decades(float log_value) {
  float x = (log_value - kLowest) / kBinWidth;
  x = x > 0 ? std::min(x, kBins - 0.001F) : 0;  // NaN counts as lowest
  int at = static_cast<int>(x);

  // From the top down to the quantile: the mean excess over it on the way.
  float limit = kTailShare * total_;
  float above = 0;
  float moment = 0;  // sum of count * bin centre
  int k = kBins - 1;
  while (k > 0 && above + bins_[static_cast<std::size_t>(k)] <= limit) {
    float count = bins_[static_cast<std::size_t>(k)];
    above += count;
    moment += count * (static_cast<float>(k) + 0.5F);
    --k;
  }
  float in_bin = std::max(bins_[static_cast<std::size_t>(k)], 1e-9F);
  float part = std::clamp(limit - above, 0.0F, in_bin);
  float quantile = static_cast<float>(k + 1) - part / in_bin;
  float excess = moment - above * quantile + part * (static_cast<float>(k + 1) - quantile) / 2;

  float decades;
  if (x > quantile) {
    float mean =
        (excess * kBinWidth + kExcessPriorWeight * kExcessPrior) / (limit + kExcessPriorWeight);
    mean = std::clamp(mean, kExcessMin, kExcessMax);
    decades = kTailDecades + (x - quantile) * kBinWidth / (mean * kLn10);
  } else {
    float rarer = bins_[static_cast<std::size_t>(at)] * (static_cast<float>(at + 1) - x);
    for (int i = at + 1; i < kBins; ++i) rarer += bins_[static_cast<std::size_t>(i)];
    decades = -std::log10(std::clamp(rarer / total_, kTailShare, 1.0F));
  }

  float weight = decades < kLearnFully ? 1 : kLearnRare;
  bins_[static_cast<std::size_t>(at)] += weight;
  total_ += weight;
  if (total_ > kTotalMax) {
    total_ = 0;
    for (float& bin : bins_) total_ += bin /= 2;
  }
  return decades;
}

void Tail::TakePrior(const std::array<float, kBins>& shares, float weight) {
  float sum = 0;
  for (float share : shares) sum += share;
  if (!(sum > 0)) return;
  total_ = 0;
  for (std::size_t i = 0; i < kBins; ++i) {
    bins_[i] += weight * shares[i] / sum;
    total_ += bins_[i];
  }
}

}  // namespace selvage::anomaly
