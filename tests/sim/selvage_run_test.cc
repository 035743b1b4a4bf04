// The node core in ns-3: the same seed does the same in two processes, and faults are healed.
#define BOOST_TEST_MODULE selvage_run_test
#include <boost/test/unit_test.hpp>

#include "tests/sim/simulation.h"

namespace selvage::sim {
namespace {

BOOST_FIXTURE_TEST_CASE(selvage_does_the_same_twice_and_something_else_with_another_seed,
                        Simulation) {
  const std::string options = std::string("--protocol selvage --set fault=crash") + kShort;
  BOOST_REQUIRE(Grid("a", options + " --seed 5") == 0);
  BOOST_REQUIRE(Grid("b", options + " --seed 5") == 0);
  BOOST_REQUIRE(Grid("c", options + " --seed 6") == 0);
  const auto hash = [&](const char* run) {
    return Manifest(run).at("effects_hash").get<std::string>();
  };
  BOOST_TEST(hash("a") == hash("b"));
  BOOST_TEST(hash("a") != hash("c"));
  // And it was a mesh at work: traffic flowed, somebody was hit.
  BOOST_TEST(Number(Run("a"), "pdr_pre") > 0.9);
  BOOST_TEST(Number(Run("a"), "affected") >= 1);
}

BOOST_FIXTURE_TEST_CASE(selvage_heals_every_kind_of_cut_and_without_healing_does_not, Simulation) {
  for (const std::string fault : {"crash", "silent", "oneway"}) {
    const std::string options = "--protocol selvage --seed 2 --set fault=" + fault + kShort;
    BOOST_REQUIRE(Grid(fault, options) == 0);
    BOOST_REQUIRE(Grid(fault + "-off", options + " --set healing=false") == 0);
    const Record on = Run(fault);
    BOOST_TEST(Number(on, "never_healed") == 0, fault);
    BOOST_TEST(Number(on, "outage_max_ms") < 2000, fault);
    const Record off = Run(fault + "-off");
    BOOST_TEST(Number(off, "pdr_affected") < Number(on, "pdr_affected"), fault);
  }
}

}  // namespace
}  // namespace selvage::sim
