#define BOOST_TEST_MODULE telemetry
#include "agents/telemetry/telemetry.h"

#include <boost/test/unit_test.hpp>
#include <string>

namespace selvage {
namespace {

std::size_t Column(const char* name) {
  return static_cast<std::size_t>(anomaly::FindFeature(anomaly::LinkSchema(), name));
}

BOOST_AUTO_TEST_CASE(rows_have_the_columns_of_the_schemas) {
  BOOST_TEST(LinkValues().size() == anomaly::LinkSchema().count);
  BOOST_TEST(MachineValues().size() == anomaly::NodeSchema().count);
  BOOST_TEST_REQUIRE(JudgedMachineSchema().count == anomaly::NodeSchema().count);
  for (std::size_t f = 0; f < JudgedMachineSchema().count; ++f) {
    BOOST_TEST(std::string(JudgedMachineSchema().features[f].name) ==
               anomaly::NodeSchema().features[f].name);
  }
}

BOOST_AUTO_TEST_CASE(what_was_not_measured_is_missing_and_not_zero) {
  LinkSampler s;
  BOOST_TEST(!s.any());
  const LinkValues row = s.Take(1s, 0, 0);
  for (const char* name :
       {"rssi", "snr", "loss", "rtt", "jitter", "rate", "airtime", "duty_left"}) {
    BOOST_TEST(IsMissing(row[Column(name)]), name);
  }
}

BOOST_AUTO_TEST_CASE(a_second_is_summed_up_and_then_forgotten) {
  LinkSampler s;
  s.OnOutcomes(18, 2);
  s.OnRtt(10ms);
  s.OnRtt(14ms);
  s.OnRtt(12ms);
  s.OnRadio({-60, 20, kMissing});
  s.OnRadio({-64, kMissing, kMissing});
  s.OnSent(1000);
  BOOST_TEST(s.any());
  const LinkValues row = s.Take(2s, 512, 6'000'000);
  BOOST_TEST(row[Column("loss")] == 0.1F);
  BOOST_TEST(row[Column("rtt")] == 12.0F, boost::test_tools::tolerance(1e-5F));
  BOOST_TEST(row[Column("jitter")] == 3.0F, boost::test_tools::tolerance(1e-5F));
  BOOST_TEST(row[Column("rssi")] == -62.0F);
  BOOST_TEST(row[Column("snr")] == 20.0F);
  BOOST_TEST(row[Column("queue")] == 512.0F);
  BOOST_TEST(row[Column("rate")] == 6e6F);
  BOOST_TEST(row[Column("throughput")] == 4000.0F);
  BOOST_TEST(!s.any());
  BOOST_TEST(IsMissing(s.Take(1s, 0, 0)[Column("rtt")]));
}

BOOST_AUTO_TEST_CASE(the_judged_columns_are_those_of_their_schema) {
  LinkSampler s;
  s.OnRtt(10ms);
  s.OnRtt(13ms);
  s.OnRadio({-60, 20, kMissing});
  const LinkValues row = s.Take(1s, 0, 0);
  for (const bool radio : {false, true}) {
    const anomaly::Schema& schema = JudgedLinkSchema(radio);
    float judged[4] = {};
    PickJudged(row, radio, judged);
    BOOST_TEST(schema.count == (radio ? 4u : 2u));
    for (std::size_t f = 0; f < schema.count; ++f) {
      BOOST_TEST(judged[f] == row[Column(schema.features[f].name)], schema.features[f].name);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_weaker_signal_and_a_longer_round_trip_are_worse) {
  BOOST_TEST(IsWorse("snr", -3));
  BOOST_TEST(!IsWorse("snr", 3));
  BOOST_TEST(IsWorse("rtt", 3));
  BOOST_TEST(!IsWorse("rtt", -3));
}

}  // namespace
}  // namespace selvage
