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
