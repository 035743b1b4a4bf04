#define BOOST_TEST_MODULE interval_set_test
#include "agents/delivery/interval_set.h"

#include <boost/test/unit_test.hpp>
#include <set>

#include "core/random.h"

namespace selvage {

BOOST_AUTO_TEST_CASE(it_is_the_set_of_what_was_inserted_and_survives_encoding) {
  Random random(1);
  for (int round = 0; round < 100; ++round) {
    IntervalSet set;
    std::set<std::uint64_t> naive;
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t first = random.Below(300);
      const std::uint64_t last = first + random.Below(4);
      bool any = false;
      for (std::uint64_t n = first; n <= last; ++n) any = any || naive.count(n) > 0;
      BOOST_REQUIRE(set.Insert(first, last) == !any);
      if (!any) {
        for (std::uint64_t n = first; n <= last; ++n) naive.insert(n);
      }
    }
    std::size_t runs = 0;
    for (std::uint64_t n : naive) runs += naive.count(n - 1) == 0;
    BOOST_REQUIRE(set.intervals() == runs);
    const auto back = IntervalSet::Decode(set.Encode());
    BOOST_REQUIRE(back.has_value());
    for (std::uint64_t n = 0; n < 310; ++n) {
      BOOST_REQUIRE(set.Contains(n) == (naive.count(n) > 0));
      BOOST_REQUIRE(back->Contains(n) == set.Contains(n));
    }
  }
}

BOOST_AUTO_TEST_CASE(closing_a_range_is_a_union_and_the_floor_follows) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    IntervalSet set;
    std::set<std::uint64_t> naive;
    for (int i = 0; i < 40; ++i) {
      const std::uint64_t first = random.Below(100);
      const std::uint64_t last = first + random.Below(12);
      if (random.Below(2) == 0) {
        BOOST_REQUIRE(set.Close(first, last));
        for (std::uint64_t n = first; n <= last; ++n) naive.insert(n);
      } else if (set.Insert(first, last)) {
        for (std::uint64_t n = first; n <= last; ++n) naive.insert(n);
      }
      std::uint64_t floor = 0;
      while (naive.count(floor) > 0) ++floor;
      BOOST_REQUIRE(set.Floor() == floor);
    }
    std::size_t runs = 0;
    for (std::uint64_t n : naive) runs += naive.count(n - 1) == 0;
    BOOST_REQUIRE(set.intervals() == runs);
    for (std::uint64_t n = 0; n < 120; ++n) {
      const auto around = set.Around(n);
      BOOST_REQUIRE(around.has_value() == (naive.count(n) > 0));
      if (!around) continue;
      BOOST_REQUIRE(around->first <= n);
      BOOST_REQUIRE(around->second >= n);
      BOOST_REQUIRE(naive.count(around->second + 1) == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_full_set_takes_only_what_closes_or_extends) {
  IntervalSet set;
  for (std::uint64_t i = 0; i < IntervalSet::kIntervalsMax; ++i) {
    BOOST_REQUIRE(set.Insert(10 * i, 10 * i));
  }
  BOOST_TEST(!set.Insert(5, 5));
  BOOST_TEST(!set.Contains(5));
  BOOST_TEST(set.Insert(1, 1));  // extends
  BOOST_TEST(set.Insert(2, 9));  // closes a gap
  BOOST_TEST(set.intervals() == IntervalSet::kIntervalsMax - 1);
  BOOST_TEST(set.Insert(15, 15));
  BOOST_TEST(!set.Insert(17, 17));
  BOOST_TEST(IntervalSet::Decode(set.Encode()).has_value());
}

BOOST_AUTO_TEST_CASE(a_range_that_is_no_range_is_refused) {
  IntervalSet set;
  BOOST_TEST(!set.Insert(2, 1));
  BOOST_TEST(set.intervals() == 0);
}

BOOST_AUTO_TEST_CASE(damaged_encodings_are_refused) {
  IntervalSet set;
  set.Insert(1, 5);
  set.Insert(9, 9);
  const std::string good = set.Encode();
  BOOST_TEST(good.size() == 24);
  BOOST_TEST(!IntervalSet::Decode(good.substr(1)).has_value());
  BOOST_TEST(!IntervalSet::Decode(good.substr(12) + good.substr(0, 12)).has_value());  // order
  BOOST_TEST(!IntervalSet::Decode(good + good.substr(12)).has_value());                // overlap
  std::string backwards = good.substr(0, 12);
  std::swap(backwards[5], backwards[11]);
  BOOST_TEST(!IntervalSet::Decode(backwards).has_value());
  BOOST_TEST(
      !IntervalSet::Decode(std::string(12 * (IntervalSet::kIntervalsMax + 1), '\0')).has_value());
  BOOST_TEST(IntervalSet::Decode("").has_value());
}

}  // namespace selvage
