#define BOOST_TEST_MODULE digest
#include "agents/anomaly/digest.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <vector>

#include "agents/anomaly/model.h"
#include "tests/agents/anomaly/noise.h"

namespace selvage::anomaly {
namespace {

using testing::Noise;

constexpr std::size_t kFour = 4;

// Correlated features, each as wide as `scale` around `level`.
void Sample(Noise& noise, float level, float scale, float* x) {
  const float common = noise.Normal();
  for (std::size_t f = 0; f < kFour; ++f) {
    const float width = scale * static_cast<float>(f + 1);
    x[f] = level + width * (f < 2 ? 0.8F * common + 0.6F * noise.Normal() : noise.Normal());
  }
}

Model Trained(unsigned seed, float level, float scale, int samples = 4000) {
  Noise noise(seed);
  Model model({nullptr, kFour, {}});
  float x[kFour];
  for (int t = 0; t < samples; ++t) {
    Sample(noise, level, scale, x);
    model.OnSample(x);
  }
  return model;
}

Digest Told(unsigned seed, float level = 10, float scale = 1) {
  Digest d;
  BOOST_TEST_REQUIRE(Trained(seed, level, scale).GetDigest(&d));
  d.kind = 77;
  return d;
}

Digest OverTheAir(const Digest& d) {
  std::uint8_t bytes[Digest::kBytesMax];
  const std::size_t size = d.Encode(bytes);
  BOOST_TEST_REQUIRE(size <= Digest::kBytesMax);
  Digest out;
  BOOST_TEST_REQUIRE(Digest::Decode(bytes, size, &out));
  return out;
}

BOOST_AUTO_TEST_CASE(what_is_told_arrives_within_the_steps_of_the_format) {
  const Digest d = Told(1);
  const Digest r = OverTheAir(d);
  BOOST_TEST(r.kind == 77u);
  BOOST_TEST(r.count == kFour);
  BOOST_TEST(std::fabs(std::log2(r.samples / d.samples)) < 0.13);
  for (std::size_t f = 0; f < kFour; ++f) {
    BOOST_TEST(r.features[f].known);
    BOOST_TEST(std::fabs(r.features[f].log_variance - d.features[f].log_variance) < 0.17F);
    BOOST_TEST(std::fabs(r.features[f].log_level - d.features[f].log_level) < 0.17F);
    BOOST_TEST(std::fabs(r.features[f].taps[0] - d.features[f].taps[0]) < 0.011F);
    // The width of feature f is f + 1, and it was learnt.
    BOOST_TEST(std::fabs(r.features[f].log_variance - 2 * std::log2(static_cast<float>(f + 1))) <
               0.5F);
  }
  BOOST_TEST(r.has_correlations);
  BOOST_TEST(std::fabs(r.correlations[0] - 0.64F) < 0.15F);
  for (std::size_t t = 0; t < Digest::kTails; ++t) {
    for (std::size_t q = 0; q < Digest::kQuantiles; ++q) {
      BOOST_TEST(std::fabs(r.quantiles[t][q] - d.quantiles[t][q]) < 0.13F);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_digest_fits_one_lora_frame_whatever_the_number_of_features) {
  for (std::size_t count = 1; count <= Digest::kFeaturesMax; ++count) {
    Digest d;
    d.count = count;
    d.has_correlations = true;
    const Digest r = OverTheAir(d);
    BOOST_TEST(r.has_correlations == (count <= 13));
  }
  Model wide({nullptr, Digest::kFeaturesMax + 1, {}});
  std::vector<float> x(Digest::kFeaturesMax + 1, 1.0F);
  for (int t = 0; t < 2000; ++t) wide.OnSample(x.data());
  Digest d;
  BOOST_TEST(!wide.GetDigest(&d));
}

BOOST_AUTO_TEST_CASE(a_model_that_has_learnt_little_tells_nothing) {
  Digest d;
  BOOST_TEST(!Trained(2, 0, 1, 1700).GetDigest(&d));
  BOOST_TEST(Trained(2, 0, 1, 1900).GetDigest(&d));
}

BOOST_AUTO_TEST_CASE(no_level_leaves_the_node) {
  std::uint8_t one[Digest::kBytesMax];
  std::uint8_t other[Digest::kBytesMax];
  // Integers and a level that is one: the sums are exact, so all else is the same.
  const std::size_t size = Told(3, 0, 1024).Encode(one);
  BOOST_TEST_REQUIRE(Told(3, 4096, 1024).Encode(other) == size);
  int different = 0;
  for (std::size_t i = 0; i < size; ++i) different += one[i] != other[i] ? 1 : 0;
  BOOST_TEST(different <= 3);  // roundings
}

BOOST_AUTO_TEST_CASE(one_liar_of_three_stays_between_the_honest_ones) {
  const Digest a = Told(4);
  const Digest b = Told(5);
  for (const float octaves : {-40.0F, 40.0F}) {
    Digest liar = a;
    for (Digest::Feature& f : liar.features) {
      f.log_variance += octaves;
      f.taps.fill(octaves > 0 ? 2.6F : -2.6F);
    }
    for (auto& tail : liar.quantiles) tail.fill(octaves > 0 ? 64.0F : 0.0F);
    const Digest* all[] = {&a, &liar, &b};
    Digest median;
    BOOST_TEST_REQUIRE(Digest::Aggregate(all, 3, &median));
    auto between = [](float x, float p, float q) {
      return x >= std::min(p, q) && x <= std::max(p, q);
    };
    for (std::size_t f = 0; f < kFour; ++f) {
      BOOST_TEST(between(median.features[f].log_variance, a.features[f].log_variance,
                         b.features[f].log_variance));
      BOOST_TEST(between(median.features[f].taps[0], a.features[f].taps[0], b.features[f].taps[0]));
      BOOST_TEST(median.features[f].agreement > 0.5F);
    }
    for (std::size_t t = 0; t < Digest::kTails; ++t) {
      BOOST_TEST(between(median.quantiles[t][2], a.quantiles[t][2], b.quantiles[t][2]));
    }
  }
}

BOOST_AUTO_TEST_CASE(peers_that_do_not_agree_weigh_little) {
  const Digest a = Told(6, 10, 1);
  const Digest b = Told(7, 10, 16);
  const Digest c = Told(8, 10, 256);
  const Digest* all[] = {&a, &b, &c};
  Digest median;
  BOOST_TEST_REQUIRE(Digest::Aggregate(all, 3, &median));
  BOOST_TEST(median.features[0].agreement < 0.05F);
}

BOOST_AUTO_TEST_CASE(digests_of_different_kinds_are_not_mixed) {
  const Digest a = Told(9);
  Digest b = a;
  b.kind = 78;
  const Digest* all[] = {&a, &b};
  Digest median;
  BOOST_TEST(!Digest::Aggregate(all, 2, &median));
  BOOST_TEST(!Digest::Aggregate(all, 0, &median));
}

BOOST_AUTO_TEST_CASE(a_cold_model_with_a_prior_judges_like_one_with_a_history) {
  Model own = Trained(10, 50, 1);
  Model cold({nullptr, kFour, {}});
  Model taught({nullptr, kFour, {}});
  BOOST_TEST_REQUIRE(taught.TakePrior(OverTheAir(Told(11, -7, 1))));
  Noise noise(12);
  float x[kFour];
  double far_cold = 0;
  double far_taught = 0;
  for (int t = 0; t < 60; ++t) {
    Sample(noise, 50, 1, x);
    if (t >= 40) x[3] += 12;  // three of its deviations
    own.OnSample(x);
    cold.OnSample(x);
    taught.OnSample(x);
    far_cold += std::fabs(cold.residual(3) - own.residual(3));
    far_taught += std::fabs(taught.residual(3) - own.residual(3));
  }
  BOOST_TEST(far_taught < 0.5 * far_cold);
}

BOOST_AUTO_TEST_CASE(a_prior_of_another_size_is_refused) {
  Model three({nullptr, 3, {}});
  BOOST_TEST(!three.TakePrior(Told(13)));
}

BOOST_AUTO_TEST_CASE(no_bytes_however_wild_make_a_model_that_judges_by_nonsense) {
  std::uint8_t good[Digest::kBytesMax];
  const std::size_t size = Told(14).Encode(good);
  Noise noise(15);
  int taken = 0;
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::uint8_t> wild(good, good + size);
    const int changes = 1 + static_cast<int>(noise.Uniform() * 30);
    for (int n = 0; n < changes; ++n) {
      wild[static_cast<std::size_t>(noise.Uniform() * static_cast<float>(size))] =
          static_cast<std::uint8_t>(noise.Uniform() * 256);
    }
    if (i % 3 == 0)
      wild.resize(static_cast<std::size_t>(noise.Uniform() * static_cast<float>(size)));
    Digest d;
    if (!Digest::Decode(wild.data(), wild.size(), &d)) continue;
    for (const auto& tail : d.quantiles) {
      for (std::size_t q = 1; q < Digest::kQuantiles; ++q) {
        BOOST_TEST_REQUIRE(tail[q] >= tail[q - 1]);
      }
    }
    if (d.count != kFour) continue;
    ++taken;
    Model model({nullptr, kFour, {}});
    BOOST_TEST_REQUIRE(model.TakePrior(d));
    float x[kFour];
    for (int t = 0; t < 40; ++t) {
      Sample(noise, 10, 1, x);
      BOOST_TEST_REQUIRE(std::isfinite(model.OnSample(x).score));
    }
  }
  BOOST_TEST(taken > 100);
}

}  // namespace
}  // namespace selvage::anomaly
