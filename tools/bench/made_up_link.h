// Samples of a made-up radio link, once a second, with faults and labels.
//
// Each link has levels of its own (signal, noise floor, round trip); spreads, slow fading, bursts
// of delay and their heavy tails are those of its kind, and differ by up to a fifth.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <random>

namespace selvage::bench {

class MadeUpLink {
 public:
  static constexpr std::size_t kFeatures = 4;  // rssi, snr, rtt, jitter
  using Row = std::array<float, kFeatures>;

  explicit MadeUpLink(std::uint32_t seed) : random_(seed) {
    rssi_ = -80 + 35 * Uniform();
    floor_ = -96 + 4 * Uniform();
    rtt_ = 4 * std::pow(8.0F, Uniform());
    fading_ = 1.5F * Near();
    fast_ = 1.2F * Near();
    delay_ = 0.25F * Near();
    bursts_ = 0.01F * Near();
  }

  // `fault`: 0 none, 1 the signal drops, 2 round trips grow, 3 they become restless.
  Row Next(int fault) {
    slow_ = 0.98F * slow_ + 0.199F * Normal();
    // A twentieth of the samples strays three times as far: reflections, people, doors.
    float stray = Uniform() < 0.05F ? 3.0F : 1.0F;
    float rssi = rssi_ + fading_ * slow_ + fast_ * stray * Normal() - (fault == 1 ? 7.0F : 0.0F);
    float floor = floor_ + 0.5F * Normal();
    busy_ = Uniform() < bursts_ ? std::min(std::pow(1 - Uniform(), -0.7F), 20.0F) : 0.7F * busy_;
    float rtt = rtt_ * std::exp(delay_ * Normal()) + 3 * busy_;
    float jitter = 0.3F * rtt_ * std::exp(1.5F * delay_ * Normal()) + busy_;
    if (fault == 2) rtt += 0.8F * rtt_ + 6;
    if (fault == 3) jitter = 2 * jitter + 4;
    return {std::round(rssi), std::round(rssi - floor), rtt, jitter};
  }

  float Uniform() { return static_cast<float>(random_() >> 8) / 16777216.0F; }

 private:
  float Near() { return 0.8F + 0.4F * Uniform(); }
  float Normal() {  // Box and Muller: the same on every machine, unlike the library's
    float u = 1 - Uniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(6.2831853F * Uniform());
  }

  std::mt19937 random_;
  float rssi_, floor_, rtt_, fading_, fast_, delay_, bursts_;
  float slow_ = 0;
  float busy_ = 0;
};

}  // namespace selvage::bench
