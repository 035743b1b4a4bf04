#define BOOST_TEST_MODULE fault_table_test
#include "sim/fault_table.h"

#include <boost/test/unit_test.hpp>

namespace selvage::sim {
namespace {

Layout FourNodes() {
  Layout layout;
  layout.positions = {{0, 0}, {10, 0}, {40, 0}, {50, 0}};
  CompleteLayout(&layout);
  return layout;
}

struct Fixture {
  Layout layout = FourNodes();
  FaultTable table{&layout, 1};

  double Share(double now_s, std::uint32_t from, std::uint32_t to, std::uint32_t bytes = 100) {
    int lost = 0;
    for (int i = 0; i < 10000; ++i) lost += table.Loses(now_s, from, to, bytes);
    return lost / 10000.0;
  }
};

BOOST_FIXTURE_TEST_CASE(nothing_is_lost_while_nothing_is_broken, Fixture) {
  BOOST_TEST(Share(0, 0, 1) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_cut_takes_one_direction_and_can_be_undone, Fixture) {
  table.SetCut(0, 1, true);
  BOOST_TEST(table.Loses(0, 0, 1, 10));
  BOOST_TEST(!table.Loses(0, 1, 0, 10));
  table.SetCut(0, 1, false);
  BOOST_TEST(!table.Loses(0, 0, 1, 10));
}

BOOST_FIXTURE_TEST_CASE(a_share_is_lost_in_its_direction_only, Fixture) {
  table.SetLoss(0, 1, 0.3);
  BOOST_TEST(Share(0, 0, 1) == 0.3, boost::test_tools::tolerance(0.1));
  BOOST_TEST(Share(0, 1, 0) == 0);
}

BOOST_FIXTURE_TEST_CASE(a_ramp_grows_from_nothing_to_everything, Fixture) {
  table.SetRamp(0, 1, 100, 20);
  BOOST_TEST(Share(100, 0, 1) == 0);
  BOOST_TEST(Share(105, 0, 1) == 0.25, boost::test_tools::tolerance(0.1));
  BOOST_TEST(Share(120, 0, 1) == 1);
  BOOST_TEST(Share(500, 0, 1) == 1);
}

BOOST_FIXTURE_TEST_CASE(a_fade_deepens_and_stays_until_it_is_cleared, Fixture) {
  table.SetFade(0, 1, 100, 10, 30);
  BOOST_TEST(table.FadeDb(99, 0, 1) == 0);
  BOOST_TEST(table.FadeDb(105, 0, 1) == 15);
  BOOST_TEST(table.FadeDb(500, 0, 1) == 30);
  BOOST_TEST(table.FadeDb(500, 1, 0) == 0);
  BOOST_TEST(!table.Loses(500, 0, 1, 100));  // what a weak signal means is the link's to say
  table.ClearLink(0, 1);
  BOOST_TEST(table.FadeDb(500, 0, 1) == 0);
}

BOOST_FIXTURE_TEST_CASE(small_frames_pass_a_size_hole_and_large_ones_do_not, Fixture) {
  table.SetMtu(0, 1, 400);
  BOOST_TEST(!table.Loses(0, 0, 1, 400));
  BOOST_TEST(table.Loses(0, 0, 1, 401));
  BOOST_TEST(!table.Loses(0, 0, 1, 0));  // where the size is not known
  BOOST_TEST(!table.Loses(0, 1, 0, 1400));
}

BOOST_FIXTURE_TEST_CASE(a_silent_node_neither_speaks_nor_hears_and_halves_part, Fixture) {
  table.SetSilent(1, true);
  BOOST_TEST(table.Blocked(1, 0));
  BOOST_TEST(table.Blocked(0, 1));
  table.SetSilent(1, false);
  table.SetPartitioned(true);
  BOOST_TEST(!table.Blocked(0, 1));
  BOOST_TEST(table.Blocked(1, 2));
  table.SetPartitioned(false);
  BOOST_TEST(!table.Blocked(1, 2));
}

BOOST_FIXTURE_TEST_CASE(faults_of_one_link_add_up_and_end_together, Fixture) {
  table.SetLoss(0, 1, 0.5);
  table.SetRamp(0, 1, 0, 10);
  BOOST_TEST(Share(5, 0, 1) == 0.75, boost::test_tools::tolerance(0.05));
  table.ClearLink(0, 1);
  BOOST_TEST(Share(5, 0, 1) == 0);
}

}  // namespace
}  // namespace selvage::sim
