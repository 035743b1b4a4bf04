#define BOOST_TEST_MODULE mobility_test
#include "sim/mobility.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

namespace selvage::sim {
namespace {

Scenario Moving() {
  Scenario s;
  s.topology = "rgg";
  s.nodes = 50;
  s.field_m = 1000;
  s.range_m = 250;
  s.min_hops = 1;
  BOOST_REQUIRE(FinishScenario(&s).ok());
  return s;
}

BOOST_AUTO_TEST_CASE(nobody_moves_further_than_the_step_or_out_of_the_field) {
  Layout layout = *DrawLayout(Moving());
  Mobility mobility(&layout, 60, 0, 1);
  for (int step = 1; step <= 50; ++step) {
    const std::vector<Position> before = layout.positions;
    mobility.Step(10.0 * step);
    bool moved = false;
    for (std::size_t i = 0; i < before.size(); ++i) {
      const Position& p = layout.positions[i];
      const double metres = std::hypot(p.x - before[i].x, p.y - before[i].y);
      BOOST_TEST(metres <= 60.0001);
      moved = moved || metres > 10;
      BOOST_TEST((p.x >= 0 && p.y >= 0 && p.x <= 1000 && p.y <= 1000));
    }
    BOOST_TEST(moved);
  }
  BOOST_TEST(mobility.steps() == 50u);
}

BOOST_AUTO_TEST_CASE(who_drives_away_goes_outward_and_loses_its_links_one_after_the_other) {
  Scenario s;
  s.nodes = 25;
  BOOST_REQUIRE(FinishScenario(&s).ok());
  Layout layout = *DrawLayout(s);
  const std::uint32_t node = 8;  // right of the middle and above it
  BOOST_TEST(layout.neighbours[node].size() == 8u);
  const Position before = layout.positions[node];
  std::size_t least = 8;
  for (int step = 0; step < 100; ++step) {
    MoveOutward(&layout, node, 2);
    least = std::min(least, layout.neighbours[node].size());
  }
  BOOST_TEST(std::hypot(layout.positions[node].x - before.x, layout.positions[node].y - before.y) >
             199);
  BOOST_TEST(layout.neighbours[node].empty());
  BOOST_TEST(layout.neighbours[7].size() == 7u);
  MoveOutward(&layout, 12, 3);  // in the very middle
  BOOST_TEST(std::hypot(layout.positions[12].x - 60, layout.positions[12].y - 60) > 2.9);
}

BOOST_AUTO_TEST_CASE(links_follow_from_the_new_places) {
  Layout layout = *DrawLayout(Moving());
  Mobility mobility(&layout, 60, 0, 1);
  const auto before = layout.neighbours;
  mobility.Step(10);
  BOOST_TEST((before != layout.neighbours));
  for (std::uint32_t i = 0; i < layout.size(); ++i) {
    for (const std::uint32_t j : layout.neighbours[i]) {
      BOOST_TEST(std::hypot(layout.positions[i].x - layout.positions[j].x,
                            layout.positions[i].y - layout.positions[j].y) <= 250.01);
    }
  }
}

BOOST_AUTO_TEST_CASE(whether_a_pair_had_a_path_is_remembered_for_every_moment) {
  Layout layout;
  layout.field_m = 1000;
  layout.range_m = 100;
  layout.positions = {{0, 500}, {90, 500}, {1000, 500}};
  CompleteLayout(&layout);
  Mobility mobility(&layout, 0, 5, 1);
  layout.positions[1] = {910, 500};
  mobility.Step(15);
  BOOST_TEST(mobility.Connected(5, 0, 1));
  BOOST_TEST(mobility.Connected(14.9, 0, 1));
  BOOST_TEST(!mobility.Connected(14.9, 1, 2));
  BOOST_TEST(!mobility.Connected(15, 0, 1));
  BOOST_TEST(mobility.Connected(99, 1, 2));
  BOOST_TEST(mobility.AgeAt(18) == 3);
  BOOST_TEST(mobility.AgeAt(9) == 4);
}

}  // namespace
}  // namespace selvage::sim
