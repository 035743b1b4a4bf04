// Seeded random numbers of a fixed algorithm: the same seed gives the same run on every platform.
//
// xoshiro256** by Blackman and Vigna (public domain reference at prng.di.unimi.it), seeded through
// splitmix64. Not for keys: those come from the crypto provider.
#pragma once

#include <cstdint>

namespace selvage {

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (auto& s : state_) {
      seed += 0x9e3779b97f4a7c15ull;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
      s = z ^ (z >> 31);
    }
  }
  std::uint64_t U64() {
    const std::uint64_t result = Rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = Rotl(state_[3], 45);
    return result;
  }
  // Uniform in [0, n); n must be > 0. The modulo bias (< n / 2^64) does not matter here.
  std::uint64_t Below(std::uint64_t n) { return U64() % n; }
  // Uniform in [0, 1).
  double Uniform() { return static_cast<double>(U64() >> 11) * 0x1.0p-53; }

 private:
  static std::uint64_t Rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  std::uint64_t state_[4];
};

}  // namespace selvage
