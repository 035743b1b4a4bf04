#define BOOST_TEST_MODULE walk_watch_test
#include "sim/walk_watch.h"

#include <boost/test/unit_test.hpp>

namespace selvage::sim {
namespace {

PacketLabel Walk(std::uint32_t sequence, std::uint8_t walk) {
  PacketLabel label;
  label.sequence = sequence;
  label.walk = walk;
  return label;
}

BOOST_AUTO_TEST_CASE(a_walk_of_twice_the_links_is_within_the_bound_and_one_more_hop_is_not) {
  WalkWatch watch(3);
  for (int hop = 0; hop < 6; ++hop) watch.Count(1, Walk(1, 0));
  BOOST_TEST(watch.longest() == 6u);
  BOOST_TEST(watch.violations() == 0u);
  for (int hop = 0; hop < 4; ++hop) watch.Count(1, Walk(1, 0));
  BOOST_TEST(watch.violations() == 1u);  // one walk, however far it went
}

BOOST_AUTO_TEST_CASE(each_walk_of_each_packet_is_counted_for_itself) {
  WalkWatch watch(3);
  for (int hop = 0; hop < 6; ++hop) {
    watch.Count(1, Walk(1, 0));
    watch.Count(1, Walk(1, 1));
    watch.Count(1, Walk(2, 0));
  }
  BOOST_TEST(watch.violations() == 0u);
}

BOOST_AUTO_TEST_CASE(a_walk_is_remembered_across_one_turn_of_the_watch) {
  WalkWatch watch(3);
  for (int hop = 0; hop < 6; ++hop) watch.Count(9.9, Walk(1, 0));
  watch.Count(10.1, Walk(1, 0));
  BOOST_TEST(watch.violations() == 1u);
}

}  // namespace
}  // namespace selvage::sim
