// Random choices of a scenario: placement, flows, fault targets. Fixed algorithm, integers first.
//
// mt19937_64 is specified bit for bit by the C++ standard; its distributions are not, so only
// raw integers and 53-bit fractions are used. Another program can redraw every scenario from that.
#pragma once

#include <cstdint>
#include <random>

namespace selvage::sim {

class ScenarioRandom {
 public:
  explicit ScenarioRandom(std::uint64_t seed) : engine_(seed) {}
  // Uniform in [0, 1), a multiple of 2^-53.
  double Uniform() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  // In [0, n); n > 0. The modulo bias (< n / 2^64) does not matter here.
  std::uint64_t Below(std::uint64_t n) { return engine_() % n; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace selvage::sim
