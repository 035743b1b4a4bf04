#define BOOST_TEST_MODULE thrift_test
#include "routing/thrift.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

using Level = Thrift::Level;

const Time kStart = TimeFromNanos(1'000'000'000);

BOOST_AUTO_TEST_CASE(a_fresh_account_is_ample_and_earns_no_more_than_its_burst) {
  Thrift t;
  BOOST_TEST((t.Judge(kStart) == Level::kAmple));
  BOOST_TEST((t.Judge(kStart + std::chrono::hours(24)) == Level::kAmple));
  BOOST_TEST(t.left_bytes() == Thrift::kBurstBytes);
}

BOOST_AUTO_TEST_CASE(spending_makes_it_scarce_then_spent_and_time_makes_it_ample_again) {
  Thrift t;
  Time now = kStart;
  t.Judge(now);
  std::int64_t frames = 0;
  while (t.Judge(now) == Level::kAmple) t.Spend(152), ++frames;
  BOOST_TEST(frames * 200 > Thrift::kBurstBytes - Thrift::kScarceBytes);
  BOOST_TEST(frames * 200 <= Thrift::kBurstBytes - Thrift::kScarceBytes + 200);
  BOOST_TEST((t.level() == Level::kScarce));
  while (t.Judge(now) == Level::kScarce) t.Spend(152);
  BOOST_TEST((t.level() == Level::kSpent));
  int seconds = 0;
  for (; t.Judge(now) != Level::kScarce; ++seconds) now += 1s;
  BOOST_TEST(seconds * Thrift::kBytesPerSecond >= Thrift::kUnspentBytes);
  for (; t.Judge(now) != Level::kAmple; ++seconds) now += 1s;
  BOOST_TEST(seconds * Thrift::kBytesPerSecond >= Thrift::kAmpleBytes);
  BOOST_TEST(seconds * Thrift::kBytesPerSecond <= Thrift::kAmpleBytes + 400);
}

BOOST_AUTO_TEST_CASE(a_debt_is_bounded_and_fractions_of_seconds_are_not_lost) {
  Thrift t;
  t.Judge(kStart);
  for (int i = 0; i < 1000; ++i) t.Spend(1400);
  t.Judge(kStart);
  BOOST_TEST(t.left_bytes() == -Thrift::kBurstBytes);
  for (int i = 1; i <= 100; ++i) t.Judge(kStart + i * 700ms);
  BOOST_TEST(t.left_bytes() == -Thrift::kBurstBytes + 70 * Thrift::kBytesPerSecond);
}

BOOST_AUTO_TEST_CASE(the_less_is_left_the_rarer_are_news_and_probes) {
  BOOST_TEST((Thrift::NewsGap(Level::kAmple) == Duration(0)));
  BOOST_TEST((Thrift::NewsGap(Level::kScarce) < Thrift::NewsGap(Level::kSpent)));
  BOOST_TEST((Thrift::ProbeGap(Level::kAmple) == Duration(0)));
  BOOST_TEST((Thrift::ProbeGap(Level::kScarce) < Thrift::ProbeGap(Level::kSpent)));
}

}  // namespace
}  // namespace selvage
