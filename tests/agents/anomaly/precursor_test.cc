#define BOOST_TEST_MODULE anomaly_precursor
#include "agents/anomaly/precursor.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "tests/agents/anomaly/noise.h"

namespace selvage::anomaly {
namespace {

using testing::Noise;

BOOST_AUTO_TEST_CASE(a_fading_link_is_foretold_seconds_before_it_fails) {
  int in_time = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    Noise noise(seed);
    Precursor precursor;
    float failed_at = 0;
    float raised_at = -1;
    for (int t = 0; failed_at == 0; ++t) {  // 20 dB of margin, 10 s steady, then 2 dB/s; 10 Hz
      float s = 0.1F * static_cast<float>(t);
      float margin = 20 - (s > 10 ? 2 * (s - 10) : 0);
      if (margin <= 0) failed_at = s;
      bool raised = precursor.OnMargin(margin + noise.Normal(), 0.1F).raised;
      if (raised && raised_at < 0) raised_at = s;
    }
    if (raised_at > 10 && failed_at - raised_at > 1) ++in_time;
  }
  BOOST_TEST(in_time >= 95);
}

BOOST_AUTO_TEST_CASE(noise_far_from_the_limit_raises_nothing) {
  Noise noise(1);
  Precursor precursor;
  int raised = 0;
  for (int t = 0; t < 100000; ++t) {
    if (precursor.OnMargin(15 + noise.Normal(), 0.1F).raised) ++raised;
  }
  BOOST_TEST(raised == 0);
}

// Whether 100 links raise: steady, then down by `depth` dB within `seconds`, and steady again.
int Raised(float from, float depth, float seconds, float deviation, float per_second) {
  int raised = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    Noise noise(seed);
    Precursor precursor;
    bool any = false;
    for (float s = 0; s < 90; s += 1 / per_second) {
      const float down = s < 60 ? 0 : s < 60 + seconds ? (s - 60) / seconds : 1;
      const float margin = from - depth * down + deviation * noise.Normal();
      any = precursor.OnMargin(margin, 1 / per_second).raised || any;
    }
    raised += any ? 1 : 0;
  }
  return raised;
}

BOOST_AUTO_TEST_CASE(a_dip_that_leaves_margin_enough_raises_nothing) {
  BOOST_TEST(Raised(20, 10, 3, 1, 10) <= 5);
  BOOST_TEST(Raised(20, 10, 10, 1, 10) <= 2);
  BOOST_TEST(Raised(20, 7, 3, 1, 10) <= 1);
  BOOST_TEST(Raised(20, 30, 3, 1, 10) == 100);
  BOOST_TEST(Raised(20, 30, 10, 1, 1) == 100);
}

BOOST_AUTO_TEST_CASE(a_radio_with_noisy_readings_is_learnt_and_raises_nothing) {
  BOOST_TEST(Raised(15, 0, 1, 3, 10) == 0);
  BOOST_TEST(Raised(15, 15, 10, 3, 10) == 100);
}

BOOST_AUTO_TEST_CASE(a_weak_link_that_stays_as_it_is_raises_nothing) {
  BOOST_TEST(Raised(6, 0, 1, 0.5F, 10) == 0);
  BOOST_TEST(Raised(3, 0, 1, 0.5F, 10) <= 3);
  BOOST_TEST(Raised(6, 12, 5, 0.5F, 10) == 100);
}

BOOST_AUTO_TEST_CASE(one_reading_far_too_low_raises_nothing) {
  Noise noise(3);
  Precursor precursor;
  int raised = 0;
  for (int t = 0; t < 10000; ++t) {
    const float spike = t % 50 == 49 ? 12.0F : 0.0F;
    if (precursor.OnMargin(15 + noise.Normal() - spike, 0.1F).raised) ++raised;
  }
  BOOST_TEST(raised == 0);
}

BOOST_AUTO_TEST_CASE(a_fall_within_a_second_is_foretold_before_nothing_is_left) {
  int in_time = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    Noise noise(seed);
    Precursor precursor;
    bool raised = false;
    for (int t = 0; t < 600; ++t) precursor.OnMargin(20 + noise.Normal(), 0.1F);
    for (int t = 1; t < 7; ++t) {  // 30 dB/s; nothing is left after 0.67 s
      const float margin = 20 - 3 * static_cast<float>(t) + noise.Normal();
      raised = precursor.OnMargin(margin, 0.1F).raised || raised;
    }
    in_time += raised ? 1 : 0;
  }
  BOOST_TEST(in_time >= 95);
}

BOOST_AUTO_TEST_CASE(time_to_failure_is_margin_over_slope_and_infinite_while_rising) {
  Precursor precursor;
  for (int t = 0; t < 300; ++t) precursor.OnMargin(100 - 0.1F * static_cast<float>(t), 0.1F);
  BOOST_TEST(precursor.forecast().seconds_to_failure == 70, boost::test_tools::tolerance(0.1F));
  for (int t = 0; t < 300; ++t) precursor.OnMargin(70 + 0.1F * static_cast<float>(t), 0.1F);
  BOOST_TEST(std::isinf(precursor.forecast().seconds_to_failure));
}

BOOST_AUTO_TEST_CASE(missing_measurements_make_the_forecast_less_certain_and_never_wild) {
  Precursor precursor;
  float nan = std::numeric_limits<float>::quiet_NaN();
  BOOST_TEST(!precursor.OnMargin(nan, 0.1F).raised);
  for (int t = 0; t < 100; ++t) precursor.OnMargin(10, 0.1F);
  for (int t = 0; t < 10000; ++t) {
    const Precursor::Forecast& f = precursor.OnMargin(nan, 1e9F);
    BOOST_REQUIRE(std::isfinite(f.probability));
    BOOST_REQUIRE(!f.raised);  // even odds at most: nothing says it falls
  }
}

}  // namespace
}  // namespace selvage::anomaly
