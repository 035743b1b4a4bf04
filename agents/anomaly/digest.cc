#include "agents/anomaly/digest.h"

#include <algorithm>
#include <cmath>

namespace selvage::anomaly {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kFeatureBytes = 3 + Digest::kTaps;
constexpr std::size_t kTailBytes = Digest::kTails * Digest::kQuantiles;
constexpr float kOctaveSteps = 3;     // int8 reaches 42 octaves: deviations of 1e-6 to 2e6
constexpr float kTapSteps = 48;       // int8 reaches 2.6
constexpr float kBinSteps = 3.9843F;  // 255 / 64 bins
constexpr float kSampleSteps = 8;     // of log2
constexpr float kCorrelationSteps = 127;
constexpr std::int8_t kUnknown = -128;

static_assert(kHeaderBytes + Digest::kFeaturesMax * kFeatureBytes + kTailBytes <=
              Digest::kBytesMax);

std::size_t Pairs(std::size_t count) { return count * (count - 1) / 2; }

bool CorrelationsFit(std::size_t count) {
  return Pairs(count) <= Digest::kCorrelationsMax &&
         kHeaderBytes + count * kFeatureBytes + kTailBytes + Pairs(count) <= Digest::kBytesMax;
}

std::int8_t Signed(float value, float steps) {
  return static_cast<std::int8_t>(std::clamp(std::round(value * steps), -127.0F, 127.0F));
}

float Unsigned(std::uint8_t code) { return static_cast<float>(code) / kBinSteps; }

float Median(float* values, std::size_t n) {
  std::sort(values, values + n);
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

// Of one number of all digests of which `has` is true; `fallback` when there is none.
template <class Has, class Get>
float MedianOf(const Digest* const* digests, std::size_t n, float fallback, Has has, Get get) {
  std::array<float, Digest::kAggregateMax> values;
  std::size_t found = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (has(*digests[i])) values[found++] = get(*digests[i]);
  }
  return found == 0 ? fallback : Median(values.data(), found);
}

}  // namespace

std::size_t Digest::Encode(std::uint8_t* out) const {
  std::size_t at = 0;
  auto put = [&](std::uint8_t byte) { out[at++] = byte; };
  auto put_signed = [&](std::int8_t value) { put(static_cast<std::uint8_t>(value)); };
  put(kVersion);
  for (int shift = 24; shift >= 0; shift -= 8) put(static_cast<std::uint8_t>(kind >> shift));
  put(static_cast<std::uint8_t>(count));
  put(static_cast<std::uint8_t>(
      std::clamp(std::log2(std::max(samples, 1.0F)) * kSampleSteps, 0.0F, 255.0F)));
  const bool with = has_correlations && CorrelationsFit(count);
  put(with ? 1 : 0);
  for (std::size_t f = 0; f < count; ++f) {
    const Feature& feature = features[f];
    put_signed(feature.known ? Signed(feature.log_variance, kOctaveSteps) : kUnknown);
    put_signed(Signed(feature.log_rhythm, kOctaveSteps));
    for (float tap : feature.taps) put_signed(Signed(tap, kTapSteps));
    put_signed(Signed(feature.log_level, kOctaveSteps));
  }
  for (const auto& tail : quantiles) {
    for (float q : tail) {
      put(static_cast<std::uint8_t>(std::clamp(std::round(q * kBinSteps), 0.0F, 255.0F)));
    }
  }
  if (with) {
    for (std::size_t i = 0; i < Pairs(count); ++i) {
      put_signed(Signed(correlations[i], kCorrelationSteps));
    }
  }
  return at;
}

bool Digest::Decode(const std::uint8_t* in, std::size_t size, Digest* out) {
  if (size < kHeaderBytes || in[0] != kVersion) return false;
  *out = Digest();
  out->count = in[5];
  if (out->count < 1 || out->count > kFeaturesMax || in[7] > 1) return false;
  out->has_correlations = in[7] == 1;
  if (out->has_correlations && !CorrelationsFit(out->count)) return false;
  const std::size_t expected = kHeaderBytes + out->count * kFeatureBytes + kTailBytes +
                               (out->has_correlations ? Pairs(out->count) : 0);
  if (size != expected) return false;
  for (int i = 1; i <= 4; ++i) out->kind = (out->kind << 8) | in[i];
  out->samples = std::exp2(static_cast<float>(in[6]) / kSampleSteps);
  std::size_t at = kHeaderBytes;
  auto take = [&](float steps) {
    return static_cast<float>(std::max(static_cast<std::int8_t>(in[at++]), std::int8_t{-127})) /
           steps;
  };
  for (std::size_t f = 0; f < out->count; ++f) {
    Feature& feature = out->features[f];
    feature.known = static_cast<std::int8_t>(in[at]) != kUnknown;
    feature.log_variance = take(kOctaveSteps);
    feature.log_rhythm = take(kOctaveSteps);
    for (float& tap : feature.taps) tap = take(kTapSteps);
    feature.log_level = take(kOctaveSteps);
  }
  for (auto& tail : out->quantiles) {
    for (std::size_t q = 0; q < kQuantiles; ++q) {
      tail[q] = Unsigned(in[at++]);
      if (q > 0 && tail[q] < tail[q - 1]) return false;
    }
  }
  if (out->has_correlations) {
    for (std::size_t i = 0; i < Pairs(out->count); ++i) {
      out->correlations[i] = take(kCorrelationSteps);
    }
  }
  return true;
}

bool Digest::Aggregate(const Digest* const* digests, std::size_t n, Digest* out) {
  if (n == 0 || n > kAggregateMax) return false;
  *out = Digest();
  out->kind = digests[0]->kind;
  out->count = digests[0]->count;
  for (std::size_t i = 0; i < n; ++i) {
    if (digests[i]->kind != out->kind || digests[i]->count != out->count) return false;
  }
  auto all = [](const Digest&) { return true; };
  out->samples = MedianOf(digests, n, 0, all, [](const Digest& d) { return d.samples; });
  for (std::size_t f = 0; f < out->count; ++f) {
    Feature& feature = out->features[f];
    auto known = [f](const Digest& d) { return d.features[f].known; };
    auto median = [&](auto get) {
      return MedianOf(digests, n, 0, known, [&](const Digest& d) { return get(d.features[f]); });
    };
    // Known by most, or a few could speak for all.
    const auto knowing = static_cast<std::size_t>(
        std::count_if(digests, digests + n, [&](const Digest* d) { return known(*d); }));
    feature.known = 2 * knowing > n;
    feature.log_variance = median([](const Feature& x) { return x.log_variance; });
    feature.log_rhythm = median([](const Feature& x) { return x.log_rhythm; });
    feature.log_level = median([](const Feature& x) { return x.log_level; });
    for (std::size_t t = 0; t < kTaps; ++t) {
      feature.taps[t] = median([t](const Feature& x) { return x.taps[t]; });
    }
    const float apart =
        median([&](const Feature& x) { return std::fabs(x.log_variance - feature.log_variance); });
    feature.agreement = 1 / (1 + apart * apart);
  }
  for (std::size_t t = 0; t < kTails; ++t) {
    for (std::size_t q = 0; q < kQuantiles; ++q) {
      out->quantiles[t][q] =
          MedianOf(digests, n, 0, all, [&](const Digest& d) { return d.quantiles[t][q]; });
    }
  }
  auto correlated = [](const Digest& d) { return d.has_correlations; };
  const auto telling = static_cast<std::size_t>(
      std::count_if(digests, digests + n, [&](const Digest* d) { return correlated(*d); }));
  out->has_correlations = 2 * telling > n;
  for (std::size_t i = 0; out->has_correlations && i < Pairs(out->count); ++i) {
    out->correlations[i] =
        MedianOf(digests, n, 0, correlated, [&](const Digest& d) { return d.correlations[i]; });
  }
  return true;
}

}  // namespace selvage::anomaly
