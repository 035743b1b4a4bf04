#include "agents/anomaly/tail.h"

#include <algorithm>
#include <cmath>

#include "agents/anomaly/digest.h"

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

float Tail::Quantile(float share) const {
  float below = share * total_;
  for (int i = 0; i < kBins; ++i) {
    float in_bin = bins_[static_cast<std::size_t>(i)];
    if (below <= in_bin) return static_cast<float>(i) + below / std::max(in_bin, 1e-9F);
    below -= in_bin;
  }
  return kBins;
}

void Tail::TakePrior(const float* quantiles, float weight) {
  constexpr std::size_t kLast = Digest::kQuantiles - 1;
  // Share below `x`: a straight line between quantiles, the lower half over kBody bins, an
  // exponential beyond the last.
  constexpr float kBody = 12;
  const float decay = std::max((quantiles[kLast] - quantiles[kLast - 1]) / kLn10, 0.4F);
  auto share_below = [&](float x) {
    float from = std::max(quantiles[0] - kBody, 0.0F);
    float share_from = 0;
    if (x <= from) return 0.0F;
    for (std::size_t q = 0; q <= kLast; ++q) {
      if (x < quantiles[q]) {
        float part = (x - from) / std::max(quantiles[q] - from, 1e-3F);
        return share_from + part * (Digest::kShares[q] - share_from);
      }
      from = quantiles[q];
      share_from = Digest::kShares[q];
    }
    return 1 - (1 - share_from) * std::exp(-(x - from) / decay);
  };
  float below = 0;
  for (int i = 0; i < kBins; ++i) {
    float next = i + 1 == kBins ? 1 : share_below(static_cast<float>(i + 1));
    bins_[static_cast<std::size_t>(i)] = weight * std::max(next - below, 0.0F);
    below = std::max(below, next);
  }
  total_ = 0;
  for (float bin : bins_) total_ += bin;
}

}  // namespace selvage::anomaly
