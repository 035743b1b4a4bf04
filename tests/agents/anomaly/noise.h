// Seeded noise for the tests of the anomaly model.
#pragma once

#include <cmath>
#include <random>

namespace selvage::anomaly::testing {

class Noise {
 public:
  explicit Noise(unsigned seed) : random_(seed) {}

  // Uniform in [0, 1).
  float Uniform() { return static_cast<float>(random_() >> 8) / 16777216.0F; }
  // Standard normal (Box and Muller): the same on every machine, unlike the library's.
  float Normal() {
    float u = 1 - Uniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(6.2831853F * Uniform());
  }

 private:
  std::mt19937 random_;
};

}  // namespace selvage::anomaly::testing
