// What one model tells others of its kind: how wide, how smooth, how rare; never where or what.
//
// A fresh model knows neither the natural spread of a feature nor how heavy the tails of its own
// evidence are, and cries wolf until it does. Models of the same class (same features over the same
// kind of radio) mostly agree in that, though not in their levels: the spread of a round trip is
// alike on many Wi-Fi links, its mean is not. So a digest holds per feature the variance, the
// rhythm (taps and power of the predictor) and the spread of its short-term level; the
// correlations; and four quantiles of each tail. It holds no mean and no sample.
//
//   version (1) | class (4) | features (1) | samples (1, log) | flags (1)
//   | per feature: variance, rhythm, 4 taps, level (7) | per tail: 4 quantiles | correlations
//
// At most 220 bytes, so that one LoRa frame (SF7) holds it; correlations are left out where they do
// not fit (more than 13 features).
//
// Aggregate is a median per number: with n digests fewer than n/2 liars cannot move any number
// beyond what honest ones say. Standard library only; nothing allocates. Thread-compatible.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace selvage::anomaly {

struct Digest {
  static constexpr std::size_t kBytesMax = 220;
  static constexpr std::size_t kFeaturesMax = 25;
  static constexpr std::size_t kTails = 7;
  static constexpr std::size_t kTaps = 4;
  // Shares below which the quantiles lie.
  static constexpr std::size_t kQuantiles = 4;
  static constexpr std::array<float, kQuantiles> kShares = {0.5F, 0.9F, 0.98F, 0.998F};
  static constexpr std::size_t kCorrelationsMax = 13 * 12 / 2;

  struct Feature {
    bool known = false;      // else nothing of it was ever seen
    float log_variance = 0;  // log2 of the baseline's variance, in the feature's unit squared
    float log_rhythm = 0;    // log2 of the predictor's usual squared error
    std::array<float, kTaps> taps{};
    float log_level = 0;  // log2 of the variance of the short-term level
    // Of an aggregate: 1 when all agree on the variance, falling with the square of the octaves
    // they are apart. Not on the wire.
    float agreement = 1;
  };

  std::uint32_t kind = 0;  // class: which features, over what
  std::size_t count = 0;   // features
  float samples = 0;       // that it was learnt from
  std::array<Feature, kFeaturesMax> features{};
  // In bins of Tail, ascending.
  std::array<std::array<float, kQuantiles>, kTails> quantiles{};
  bool has_correlations = false;
  std::array<float, kCorrelationsMax> correlations{};  // below the diagonal, row by row

  // Returns the size, at most kBytesMax.
  std::size_t Encode(std::uint8_t* out) const;
  // False, and *out unspecified: not a digest of this version, or not a sane one.
  static bool Decode(const std::uint8_t* in, std::size_t size, Digest* out);

  // The median of each number over `n` digests of the same kind and count. False when n is 0, too
  // large, or they differ in kind.
  static constexpr std::size_t kAggregateMax = 128;
  static bool Aggregate(const Digest* const* digests, std::size_t n, Digest* out);

  // A name for a class: FNV-1a over the kind of carrier and the names of the features.
  template <class FeatureList>
  static std::uint32_t Kind(const char* carrier, const FeatureList* features, std::size_t count) {
    std::uint32_t hash = 2166136261U;
    auto add = [&hash](const char* text) {
      do {
        hash = (hash ^ static_cast<std::uint8_t>(*text)) * 16777619U;
      } while (*text++ != '\0');
    };
    add(carrier);
    for (std::size_t f = 0; f < count; ++f) add(features[f].name);
    return hash;
  }
};

}  // namespace selvage::anomaly
