#define BOOST_TEST_MODULE route_watch_test
#include "agents/node/route_watch.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

const Time kStart = TimeFromNanos(1'000'000'000);
constexpr TrafficClass kT = TrafficClass::kTelemetry;

AdjacencyIndex Out(int i) { return AdjacencyIndex(static_cast<std::uint8_t>(i)); }

BOOST_AUTO_TEST_CASE(a_change_of_way_is_told_once) {
  RouteWatch w;
  BOOST_TEST(!w.OnForwarded(kStart, ShortId(1), kT, Out(1)).has_value());
  BOOST_TEST(!w.OnForwarded(kStart, ShortId(1), kT, Out(1)).has_value());
  const auto c = w.OnForwarded(kStart + 1s, ShortId(1), kT, Out(2));
  BOOST_REQUIRE(c.has_value());
  BOOST_TEST((c->destination == ShortId(1)));
  BOOST_TEST((c->from == Out(1)));
  BOOST_TEST((c->to == Out(2)));
  BOOST_TEST(!w.OnForwarded(kStart + 1s, ShortId(1), kT, Out(2)).has_value());
}

BOOST_AUTO_TEST_CASE(destinations_and_classes_are_watched_apart) {
  RouteWatch w;
  w.OnForwarded(kStart, ShortId(1), kT, Out(1));
  BOOST_TEST(!w.OnForwarded(kStart, ShortId(2), kT, Out(2)).has_value());
  BOOST_TEST(!w.OnForwarded(kStart, ShortId(1), TrafficClass::kBulk, Out(3)).has_value());
  BOOST_TEST(!w.OnForwarded(kStart, ShortId(1), kT, Out(1)).has_value());
}

BOOST_AUTO_TEST_CASE(a_flow_that_paused_starts_anew) {
  for (const bool paused : {false, true}) {
    RouteWatch w;
    w.OnForwarded(kStart, ShortId(1), kT, Out(1));
    w.OnForwarded(kStart + 1s, ShortId(1), kT, Out(1));  // by the short cut
    const Time at = kStart + 1s + RouteWatch::kInUse - (paused ? Duration(0) : Duration(1));
    BOOST_TEST(w.OnForwarded(at, ShortId(1), kT, Out(2)).has_value() == !paused);
  }
}

BOOST_AUTO_TEST_CASE(at_the_bound_the_least_recently_used_row_goes) {
  RouteWatch w;
  for (std::uint32_t i = 1; i <= RouteWatch::kRowsMax; ++i) {
    w.OnForwarded(kStart + Duration(i), ShortId(i), kT, Out(1));
  }
  w.OnForwarded(kStart + 1ms, ShortId(1), kT, Out(1));     // used again: stays
  w.OnForwarded(kStart + 2ms, ShortId(5000), kT, Out(1));  // pushes out 2
  BOOST_TEST(w.OnForwarded(kStart + 3ms, ShortId(1), kT, Out(2)).has_value());
  BOOST_TEST(!w.OnForwarded(kStart + 3ms, ShortId(2), kT, Out(2)).has_value());
  BOOST_TEST(w.OnForwarded(kStart + 3ms, ShortId(900), kT, Out(2)).has_value());
}

}  // namespace
}  // namespace selvage
