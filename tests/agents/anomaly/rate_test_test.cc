#define BOOST_TEST_MODULE anomaly_rate_test
#include "agents/anomaly/rate_test.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/agents/anomaly/noise.h"

namespace selvage::anomaly {
namespace {

using testing::Noise;

constexpr double kPerFalseAlarm = 6.9e6;  // 8 links of 10 packets/s, one a day
constexpr int kLearn = 20000;             // outcomes before the step: half an hour at 10 packets/s

double KullbackLeibler(double p, double q) {
  double sum = p > 0 ? p * std::log(p / q) : 0;
  return sum + (p < 1 ? (1 - p) * std::log((1 - p) / (1 - q)) : 0);
}

// Mean outcomes from the step to the alarm, over worlds with a baseline of their own.
double MeanDelay(double before, double after, int worlds) {
  double sum = 0;
  for (int w = 0; w < worlds; ++w) {
    Noise noise(static_cast<unsigned>(w) + 1);
    RateTest test;
    for (int t = 0; t < kLearn; ++t) test.OnOutcome(noise.Uniform() < before);
    int delay = 1;
    while (!test.OnOutcome(noise.Uniform() < after)) ++delay;
    sum += delay;
  }
  return sum / worlds;
}

// ln(ARL) / KL (Lorden 1971): what no test with this false-alarm rate can beat by much.
BOOST_AUTO_TEST_CASE(loss_steps_from_one_percent_are_seen_within_one_and_a_half_times_the_bound) {
  for (double after : {0.05, 0.10, 0.20, 0.50, 1.0}) {
    double bound = std::log(kPerFalseAlarm) / KullbackLeibler(after, 0.01);
    double delay = MeanDelay(0.01, after, 200);
    BOOST_TEST_MESSAGE("1 % -> " << 100 * after << " %: " << delay << " outcomes, bound " << bound
                                 << ", ratio " << delay / bound);
    BOOST_TEST(delay <= 1.5 * bound, "1 % -> " << after << ": " << delay << " > 1.5 " << bound);
  }
}

BOOST_AUTO_TEST_CASE(false_alarms_keep_below_the_set_rate_on_independent_losses) {
  RateTest::Options options;
  options.outcomes_per_false_alarm = 1e4F;
  int alarms = 0;
  constexpr int kOutcomes = 4000000;
  RateTest test(options);
  Noise noise(5);
  for (int t = 0; t < kOutcomes; ++t) alarms += test.OnOutcome(noise.Uniform() < 0.01F) ? 1 : 0;
  BOOST_TEST_MESSAGE("alarms " << alarms << " allowed " << kOutcomes / 1e4);
  BOOST_TEST(alarms <= 1.5 * kOutcomes / 1e4);
  BOOST_TEST(alarms > 0);  // else the test tests nothing
}

// A chain of two states: after a delivery p01, after a loss p11.
struct Chain {
  double p01;
  double p11;
  bool lost = false;
  bool Next(Noise& noise) { return lost = noise.Uniform() < (lost ? p11 : p01); }
  double LossShare() const { return p01 / (1 - p11 + p01); }
};

BOOST_AUTO_TEST_CASE(bursty_losses_are_learnt_as_such_and_raise_no_alarm) {
  RateTest::Options options;
  options.outcomes_per_false_alarm = 1e5F;
  Chain chain{0.005, 0.6};
  Noise noise(6);
  RateTest test(options);
  int alarms = 0;
  for (int t = 0; t < 2000000; ++t) alarms += test.OnOutcome(chain.Next(noise)) ? 1 : 0;
  BOOST_TEST_MESSAGE("alarms " << alarms << " allowed " << 2000000 / 1e5);
  BOOST_TEST(alarms <= 30);  // 20 by the setting
  BOOST_TEST(test.usual_loss_after_loss() == 0.6F, boost::test_tools::tolerance(0.1F));
  BOOST_TEST(test.usual_loss() == 0.005F, boost::test_tools::tolerance(0.2F));
}

BOOST_AUTO_TEST_CASE(more_bursts_are_seen_near_the_bound_of_the_two_state_chain) {
  Chain before{0.005, 0.6};
  for (double factor : {5.0, 20.0}) {
    Chain after{0.005 * factor, 0.6};
    // Rate of evidence per outcome: KL in each state, weighted by how often the state is visited.
    double share = after.LossShare();
    double rate = (1 - share) * KullbackLeibler(after.p01, before.p01) +
                  share * KullbackLeibler(after.p11, before.p11);
    double bound = std::log(kPerFalseAlarm) / rate;
    double sum = 0;
    constexpr int kWorlds = 100;
    for (int w = 0; w < kWorlds; ++w) {
      Noise noise(static_cast<unsigned>(w) + 100);
      RateTest test;
      Chain chain = before;
      for (int t = 0; t < kLearn; ++t) test.OnOutcome(chain.Next(noise));
      chain.p01 = after.p01;
      int delay = 1;
      while (!test.OnOutcome(chain.Next(noise))) ++delay;
      sum += delay;
    }
    double delay = sum / kWorlds;
    BOOST_TEST_MESSAGE("bursts x" << factor << ": " << delay << ", bound " << bound << ", ratio "
                                  << delay / bound);
    BOOST_TEST(delay <= 1.7 * bound);
  }
}

BOOST_AUTO_TEST_CASE(losses_under_suspicion_are_not_learnt) {
  Noise noise(7);
  RateTest test;
  for (int t = 0; t < kLearn; ++t) test.OnOutcome(noise.Uniform() < 0.01F);
  float before = test.usual_loss();
  while (!test.OnOutcome(noise.Uniform() < 0.05F)) {
  }
  BOOST_TEST(test.usual_loss() < 1.3F * before);
}

BOOST_AUTO_TEST_CASE(a_loss_that_stays_is_adopted_after_the_set_time_and_alarms_no_more) {
  Noise noise(8);
  RateTest::Options options;
  options.adopt_after = 5000;
  RateTest test(options);
  for (int t = 0; t < kLearn; ++t) test.OnOutcome(noise.Uniform() < 0.01F);
  int alarms = 0;
  for (int t = 0; t < 6000; ++t) alarms += test.OnOutcome(noise.Uniform() < 0.2F) ? 1 : 0;
  BOOST_TEST(alarms > 0);
  alarms = 0;
  for (int t = 0; t < 50000; ++t) alarms += test.OnOutcome(noise.Uniform() < 0.2F) ? 1 : 0;
  BOOST_TEST(alarms == 0);
}

}  // namespace
}  // namespace selvage::anomaly
