#define BOOST_TEST_MODULE anomaly_parts
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "agents/anomaly/drift.h"
#include "agents/anomaly/episode.h"
#include "agents/anomaly/log8.h"
#include "agents/anomaly/schema.h"
#include "agents/anomaly/tail.h"
#include "tests/agents/anomaly/noise.h"

namespace selvage::anomaly {
namespace {

using testing::Noise;

BOOST_AUTO_TEST_CASE(a_log8_is_within_its_stated_error_and_saturates) {
  for (int i = -10190; i <= 10190; ++i) {
    float x = static_cast<float>(i) / 100;
    BOOST_REQUIRE(std::fabs(static_cast<float>(Log8(x)) - x) <=
                  Log8::kRelativeError * (1 + std::fabs(x)) + 1e-4F);
  }
  BOOST_TEST(static_cast<float>(Log8(1e9F)) == Log8::kMax, boost::test_tools::tolerance(0.01F));
  BOOST_TEST(static_cast<float>(Log8(-1e9F)) == -Log8::kMax, boost::test_tools::tolerance(0.01F));
  BOOST_TEST(static_cast<float>(Log8(std::nanf(""))) == 0);
  BOOST_TEST(sizeof(Log8) == 1U);
}

BOOST_AUTO_TEST_CASE(a_tail_says_how_rare_a_value_is_inside_and_beyond_what_it_has_seen) {
  for (int kind = 0; kind < 2; ++kind) {
    Noise noise(3);
    Tail tail;
    int tenth = 0;
    int thousandth = 0;
    constexpr int kSamples = 200000;
    for (int t = 0; t < kSamples; ++t) {
      float g = noise.Normal();
      float value = kind == 0 ? std::log(g * g) : 3 * g;  // log chi-square; log-normal cubed
      float decades = tail.Decades(value);
      if (t < 10000) continue;
      if (decades >= 1) ++tenth;
      if (decades >= 3) ++thousandth;
    }
    BOOST_TEST(tenth / 190000.0 == 0.1, boost::test_tools::tolerance(0.1));
    BOOST_TEST(thousandth / 190000.0 < 0.003);
    BOOST_TEST(thousandth / 190000.0 > 0.0001);
  }
}

BOOST_AUTO_TEST_CASE(a_long_fault_raises_its_own_bar_only_slowly) {
  Noise noise(4);
  Tail tail;
  for (int t = 0; t < 20000; ++t) {
    float g = noise.Normal();
    tail.Decades(std::log(g * g));
  }
  float first = tail.Decades(5);
  for (int t = 0; t < 200; ++t) tail.Decades(5);
  BOOST_TEST(first > 3);
  BOOST_TEST(tail.Decades(5) > 0.7F * first);
}

BOOST_AUTO_TEST_CASE(a_small_shift_that_stays_adds_up_and_one_wild_sample_does_not) {
  Drift drift;
  drift.Update(50);
  BOOST_TEST(drift.Update(0) < 3);
  drift.Restart();
  float nats = 0;
  for (int t = 0; t < 40; ++t) nats = drift.Update(-1);
  BOOST_TEST(nats == 20, boost::test_tools::tolerance(1e-3F));
  BOOST_TEST(drift.downwards());
}

BOOST_AUTO_TEST_CASE(a_fault_is_news_once_and_goes_on_at_a_lower_score) {
  Episode episode;
  for (int t = 0; t < 500; ++t) episode.Update(0.3F, 0.3F, 0.3F, false);
  Episode::Outcome first = episode.Update(6, 6, 6, false);
  BOOST_TEST(first.onset);
  BOOST_TEST(first.score == 6);
  BOOST_TEST(static_cast<int>(first.state) == static_cast<int>(State::kDegraded));
  for (int t = 0; t < 20; ++t) {
    Episode::Outcome next = episode.Update(6, 6, 6, false);
    BOOST_TEST(!next.onset);
    BOOST_TEST(next.alarm);
    BOOST_TEST(next.score < 3);
    BOOST_TEST(next.score > 1);
  }
}

BOOST_AUTO_TEST_CASE(an_alarm_ends_only_after_a_quiet_time) {
  Episode episode;
  episode.Update(6, 6, 6, false);
  for (int t = 0; t < 25; ++t) BOOST_TEST(episode.Update(0, 0, 0, false).alarm);
  BOOST_TEST(!episode.Update(3, 3, 3, false).onset);  // suspicious again: the quiet time restarts
  Episode::Outcome out;
  for (int t = 0; t < 30; ++t) out = episode.Update(0, 0, 0, false);
  BOOST_TEST(static_cast<int>(out.state) == static_cast<int>(State::kRecovering));
  out = episode.Update(0, 0, 0, false);
  BOOST_TEST(!out.alarm);
  BOOST_TEST(static_cast<int>(out.state) == static_cast<int>(State::kOk));
}

BOOST_AUTO_TEST_CASE(every_feature_of_a_schema_has_a_name_of_its_own_and_a_sane_range) {
  for (const Schema* schema : {&LinkSchema(), &NodeSchema()}) {
    for (std::size_t i = 0; i < schema->count; ++i) {
      const Feature& f = schema->features[i];
      BOOST_TEST(FindFeature(*schema, f.name) == static_cast<int>(i));
      BOOST_TEST(f.low < f.high);
      BOOST_TEST(f.noise > 0);
    }
    BOOST_TEST(FindFeature(*schema, "no such feature") == -1);
  }
}

}  // namespace
}  // namespace selvage::anomaly
