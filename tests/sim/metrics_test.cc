#define BOOST_TEST_MODULE metrics_test
#include "sim/metrics.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <set>

namespace selvage::sim {
namespace {

// 10 packets a second from 50 s to 90 s, each arriving 10 ms later, except those in `lost`.
std::vector<PacketRecord> Flow(const std::set<int>& lost) {
  std::vector<PacketRecord> packets;
  for (int i = 0; i < 400; ++i) {
    const double sent = 50 + 0.1 * i + 0.001;
    packets.push_back({sent, lost.count(i) > 0 ? -1 : sent + 0.01});
  }
  return packets;
}

std::set<int> Range(int from, int to) {
  std::set<int> out;
  for (int i = from; i < to; ++i) out.insert(i);
  return out;
}

FlowWindow Window() {
  FlowWindow w;
  w.fault_s = 70;
  w.reference_s = 70;
  w.end_s = 90;
  w.rate = 10;
  return w;
}

BOOST_AUTO_TEST_CASE(an_undisturbed_flow_has_the_packet_interval_as_outage_and_heals_at_once) {
  const FlowResult r = MeasureFlow(Flow({}), Window());
  BOOST_TEST(r.sent == 200u);
  BOOST_TEST(r.got == 200u);
  BOOST_TEST(r.lost == 0u);
  BOOST_TEST(r.pre_sent == 100u);
  BOOST_TEST(r.outage_s == 0.1, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(r.heal_s == 0);
  BOOST_TEST(r.heal5_s == 0);
  BOOST_TEST(r.bad_s == 0);
}

BOOST_AUTO_TEST_CASE(a_gap_of_two_seconds_is_outage_and_heals_when_its_window_is_full_again) {
  const FlowResult r = MeasureFlow(Flow(Range(200, 220)), Window());
  BOOST_TEST(r.lost == 20u);
  BOOST_TEST(r.outage_s == 2.1, boost::test_tools::tolerance(1e-6));
  // The first window at 90 % that begins with an arrival begins with packet 220.
  BOOST_TEST(r.heal_s == 2.011, boost::test_tools::tolerance(1e-3));
  // Windows that begin at packets 200 to 218 lack more than one of their ten.
  BOOST_TEST(r.bad_s == 1.9, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(one_lost_packet_is_no_dip) {
  const FlowResult r = MeasureFlow(Flow({200}), Window());
  BOOST_TEST(r.lost == 1u);
  BOOST_TEST(r.heal_s == 0);
  BOOST_TEST(r.outage_s == 0.2, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(a_flow_that_stays_cut_never_heals_and_its_outage_ends_with_the_traffic) {
  const FlowResult r = MeasureFlow(Flow(Range(200, 400)), Window());
  BOOST_TEST(std::isinf(r.heal_s));
  BOOST_TEST(std::isinf(r.heal5_s));
  BOOST_TEST(r.outage_s == 90 - 69.911, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(r.bad_s == 19.1, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(a_dip_long_after_the_fault_is_not_put_down_to_it) {
  const FlowResult r = MeasureFlow(Flow(Range(320, 330)), Window());
  BOOST_TEST(r.heal_s == 0);
  BOOST_TEST(r.bad_s > 0);
  BOOST_TEST(r.outage_s == 1.1, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(losses_before_the_fault_do_not_count) {
  const FlowResult r = MeasureFlow(Flow(Range(100, 110)), Window());
  BOOST_TEST(r.lost == 0u);
  BOOST_TEST(r.pre_got == 90u);
  BOOST_TEST(r.outage_s == 0.1, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(medians_average_the_middle_pair_but_not_with_infinity) {
  BOOST_TEST(Median({3, 1, 2}) == 2);
  BOOST_TEST(Median({4, 1, 2, 3}) == 2.5);
  BOOST_TEST(std::isinf(Median({1, INFINITY})));
  BOOST_TEST(std::isnan(Median({})));
  BOOST_TEST(Largest({1, 5, 2}) == 5);
  BOOST_TEST(std::isnan(Largest({})));
}

}  // namespace
}  // namespace selvage::sim
