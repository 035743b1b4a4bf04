#define BOOST_TEST_MODULE replay_window_test
#include "core/replay_window.h"

#include <rapidcheck.h>

#include <boost/test/unit_test.hpp>
#include <set>
#include <vector>

namespace selvage {
namespace {

// What the window means, without the ring of bits.
class NaiveWindow {
 public:
  bool Accept(std::uint64_t counter) {
    if (!seen_.empty()) {
      const std::uint64_t highest = *seen_.rbegin();
      if (counter <= highest && highest - counter >= ReplayWindow::kSize) return false;
    }
    return seen_.insert(counter).second;
  }

 private:
  std::set<std::uint64_t> seen_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(each_counter_is_accepted_once) {
  ReplayWindow w;
  for (std::uint64_t c : {0, 1, 5, 3, 2047, 2048, 100}) {
    BOOST_TEST(w.WouldAccept(c));
    BOOST_TEST(w.Accept(c));
    BOOST_TEST(!w.WouldAccept(c));
    BOOST_TEST(!w.Accept(c));
  }
  BOOST_TEST(w.highest() == 2048u);
}

BOOST_AUTO_TEST_CASE(the_window_is_exactly_2048_wide) {
  ReplayWindow w;
  BOOST_TEST(w.Accept(10'000));
  BOOST_TEST(w.WouldAccept(10'000 - 2047));
  BOOST_TEST(!w.WouldAccept(10'000 - 2048));
}

BOOST_AUTO_TEST_CASE(the_first_counter_sets_the_place) {
  ReplayWindow w;
  BOOST_TEST(w.empty());
  BOOST_TEST(w.Accept(1'000'000'000'000));
  BOOST_TEST(!w.empty());
  BOOST_TEST(!w.WouldAccept(5));
  BOOST_TEST(w.WouldAccept(1'000'000'000'001));
}

BOOST_AUTO_TEST_CASE(the_largest_counter_does_not_wrap) {
  ReplayWindow w;
  BOOST_TEST(w.Accept(UINT64_MAX - 1));
  BOOST_TEST(w.Accept(UINT64_MAX));
  BOOST_TEST(!w.Accept(UINT64_MAX));
  BOOST_TEST(!w.Accept(0));
}

BOOST_AUTO_TEST_CASE(agrees_with_a_plain_set_on_any_walk) {
  // Steps of every scale: inside a word, across words, across the whole window, far ahead.
  const bool ok = rc::check("window equals set", [] {
    const auto start = *rc::gen::arbitrary<std::uint32_t>();
    const auto steps = *rc::gen::container<std::vector<int>>(
        rc::gen::oneOf(rc::gen::inRange(-3, 4), rc::gen::inRange(-130, 131),
                       rc::gen::inRange(-2200, 2201), rc::gen::inRange(-100, 9000)));
    ReplayWindow window;
    NaiveWindow naive;
    std::int64_t at = std::int64_t{start} + 1'000'000;
    for (int step : steps) {
      at += step;
      const auto counter = static_cast<std::uint64_t>(at);
      const bool would = window.WouldAccept(counter);
      const bool did = window.Accept(counter);
      RC_ASSERT(would == did);
      RC_ASSERT(did == naive.Accept(counter));
    }
  });
  BOOST_TEST(ok);
}

BOOST_AUTO_TEST_CASE(agrees_with_a_plain_set_after_long_traffic_with_gaps_of_any_length) {
  // Long enough that the ring of words is reused many times at every offset.
  for (std::uint64_t gap = 1; gap < 200; gap += 7) {
    ReplayWindow window;
    NaiveWindow naive;
    for (std::uint64_t i = 0; i < 600; ++i) {
      const std::uint64_t forward = i * gap;
      BOOST_REQUIRE_EQUAL(window.Accept(forward), naive.Accept(forward));
      const std::uint64_t back = forward - std::min<std::uint64_t>(forward, (i * 37) % 2100);
      BOOST_REQUIRE_EQUAL(window.Accept(back), naive.Accept(back));
    }
  }
}

}  // namespace selvage
