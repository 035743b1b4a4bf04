#define BOOST_TEST_MODULE selvage_application_test
#include "sim/selvage_application.h"

#include <boost/test/unit_test.hpp>

namespace selvage::sim {

// "Now" as a difference would overflow: a node then slept until a frame happened to wake it.
BOOST_AUTO_TEST_CASE(what_is_due_now_is_served_at_once_and_not_in_three_centuries) {
  const Time now = TimeFromNanos(12'000'000'000'000);
  BOOST_TEST((TimerWait(now, Time::min()) == 1us));
  BOOST_TEST((TimerWait(now, now - 5s) == 1us));
  BOOST_TEST((TimerWait(now, now) == 1us));
  BOOST_TEST((TimerWait(now, now + 1us) == 1us));
  BOOST_TEST((TimerWait(now, now + 3s) == 3s));
}

}  // namespace selvage::sim
