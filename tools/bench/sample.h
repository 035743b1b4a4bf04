// Repeated measurements of one quantity and what is said of them: median, least, largest.
//
// The median, because whatever else runs on the machine makes some slices slower and none faster.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <vector>

namespace selvage::bench {

class Sample {
 public:
  void Add(double value) { values_.push_back(value); }
  std::size_t size() const { return values_.size(); }
  double Median() const { return Quantile(0.5); }
  double Min() const { return Quantile(0); }
  double Max() const { return Quantile(1); }
  // Nearest rank; 0 when empty. `share` is 0..1.
  double Quantile(double share) const {
    if (values_.empty()) return 0;
    std::vector<double> sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    const double rank = share * static_cast<double>(sorted.size() - 1);
    return sorted[static_cast<std::size_t>(std::lround(rank))];
  }
  nlohmann::json ToJson() const {
    return {{"median", Median()}, {"min", Min()}, {"max", Max()}, {"samples", size()}};
  }

 private:
  std::vector<double> values_;
};

}  // namespace selvage::bench
