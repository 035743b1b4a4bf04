#define BOOST_TEST_MODULE ring_queue_test
#include "core/ring_queue.h"

#include <boost/test/unit_test.hpp>
#include <deque>
#include <memory>
#include <string>

#include "core/random.h"

namespace selvage {
namespace {

BOOST_AUTO_TEST_CASE(behaves_like_a_deque_under_random_use) {
  Random random(7);
  RingQueue<std::string> ring;
  std::deque<std::string> model;
  for (int step = 0; step < 20'000; ++step) {
    // Phases of growth and of shrinking, so that the ring wraps at many sizes.
    const bool grow = random.Below(10) < (step / 500 % 2 == 0 ? 7u : 3u);
    if (grow || model.empty()) {
      model.push_back("element " + std::to_string(step));
      ring.push_back(model.back());
    } else {
      BOOST_TEST(ring.front() == model.front());
      ring.pop_front();
      model.pop_front();
    }
    BOOST_REQUIRE_EQUAL(ring.size(), model.size());
    if (!model.empty()) {
      const std::size_t i = random.Below(model.size());
      BOOST_REQUIRE_EQUAL(ring[i], model[i]);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_element_is_destroyed_when_it_leaves_and_with_the_queue) {
  const auto counted = std::make_shared<int>(0);
  {
    RingQueue<std::shared_ptr<int>> ring;
    for (int i = 0; i < 20; ++i) ring.push_back(counted);
    BOOST_TEST(counted.use_count() == 21);
    ring.pop_front();
    BOOST_TEST(counted.use_count() == 20);
  }
  BOOST_TEST(counted.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(takes_elements_that_can_only_be_moved) {
  RingQueue<std::unique_ptr<int>> ring;
  for (int i = 0; i < 100; ++i) ring.emplace_back(std::make_unique<int>(i));
  for (int i = 0; i < 100; ++i) {
    const std::unique_ptr<int> taken = std::move(ring.front());
    ring.pop_front();
    BOOST_TEST(*taken == i);
  }
  BOOST_TEST(ring.empty());
}

}  // namespace
}  // namespace selvage
