// Turns a statistic of unknown scale into decades of rarity: -log10 of how often it gets this high.
//
// A histogram of the statistic's logarithm, and beyond its 98 % quantile an exponential in the
// logarithm, that is a Pareto tail whose exponent is Hill's estimate (Hill 1975; the idea of
// fitting only the tail of a stream is SPOT, Siffer et al., KDD 2017). A histogram needs no lucky
// start, and forgets nothing a fault did not outweigh: what is rarer than 1 in 1000 counts a tenth,
// so that an episode raises its own bar slowly. It starts as the square of a standard normal
// variable, worth kPriorWeight samples: a cold node judges as if noise were Gaussian and then
// learns better.
#pragma once

#include <array>
#include <cstddef>

namespace selvage::anomaly {

class Tail {
 public:
  static constexpr int kBins = 64;
  static constexpr float kLowest = -5;  // natural logarithm at the lower end of the first bin
  static constexpr float kBinWidth = 0.25F;

  Tail();

  // Decades of rarity of `log_value` (natural logarithm of the statistic); then learns it.
  float Decades(float log_value);

  // Below which value, in bins, this share of all lies.
  float Quantile(float share) const;
  // Quantiles of another model's tail (Digest::kShares), worth `weight` samples. They replace what
  // a cold tail believes; beyond the last the tail goes on as between the last two.
  void TakePrior(const float* quantiles, float weight);

  template <class Archive>
  void Visit(Archive& a) {
    total_ = 0;
    for (float& bin : bins_) {
      a.Field(bin, 0, 1e9);
      total_ += bin;
    }
  }

 private:
  std::array<float, kBins> bins_;
  float total_ = 0;
};

}  // namespace selvage::anomaly
