#define BOOST_TEST_MODULE round_trip_test
#include "agents/delivery/round_trip.h"

#include <boost/test/unit_test.hpp>

namespace selvage {

BOOST_AUTO_TEST_CASE(before_the_first_sample_it_is_patient) {
  RoundTrip r;
  BOOST_TEST(!r.known());
  BOOST_TEST((r.Timeout() == RoundTrip::kTimeoutFirst));
}

BOOST_AUTO_TEST_CASE(overdue_comes_before_the_timeout_and_both_keep_their_floors) {
  RoundTrip r;
  for (int i = 0; i < 100; ++i) r.OnSample(1ms);
  BOOST_TEST((r.Overdue() == RoundTrip::kOverdueMin));
  BOOST_TEST((r.Timeout() == RoundTrip::kTimeoutMin));
  for (const auto rtt : {20ms, 200ms, 2000ms}) {
    RoundTrip s;
    for (int i = 0; i < 100; ++i) s.OnSample(i % 2 == 0 ? rtt : rtt * 3 / 2);
    BOOST_TEST((s.Overdue() > rtt * 3 / 2));
    BOOST_TEST((s.Timeout() > s.Overdue()));
  }
}

BOOST_AUTO_TEST_CASE(it_is_bounded_above) {
  RoundTrip r;
  for (int i = 0; i < 10; ++i) r.OnSample(60s);
  BOOST_TEST((r.Timeout() == RoundTrip::kTimeoutMax));
}

}  // namespace selvage
