// Whole runs of the program: what it promises on its command line and in its files.
#define BOOST_TEST_MODULE run_test
#include <boost/test/unit_test.hpp>

#include "tests/sim/simulation.h"

namespace selvage::sim {
namespace {

BOOST_FIXTURE_TEST_CASE(every_protocol_delivers_when_nothing_breaks, Simulation) {
  for (const std::string protocol : {"aodv", "olsr", "dsdv"}) {
    BOOST_REQUIRE(Grid(protocol, "--protocol " + protocol + kShort + " --set fault=none") == 0);
    const Record r = Run(protocol);
    BOOST_TEST(r.at("protocol") == protocol);
    BOOST_TEST(Number(r, "pdr_fault") >= 0.99, protocol);
    BOOST_TEST(Number(r, "outage_max_ms") < 1500, protocol);
    BOOST_TEST(Number(r, "control_Bps_node") > 10, protocol);
    BOOST_TEST(ReadCsv(Path(protocol) + "/flows.csv").size() == 10u);
  }
}

BOOST_FIXTURE_TEST_CASE(a_crash_costs_olsr_seconds_and_the_counts_agree, Simulation) {
  BOOST_REQUIRE(Grid("run", std::string("--protocol olsr --set fault=crash") + kShort) == 0);
  const Record r = Run("run");
  BOOST_TEST(Number(r, "outage_med_ms") > 3000);
  BOOST_TEST(Number(r, "outage_med_ms") < 8000);
  int affected = 0;
  for (const Record& f : ReadCsv(Path("run") + "/flows.csv")) {
    BOOST_TEST(Number(f, "sent") == Number(f, "got") + Number(f, "lost"));
    affected += f.at("affected") == "1";
  }
  BOOST_TEST(affected == Number(r, "affected"));
}

BOOST_FIXTURE_TEST_CASE(a_replayed_scenario_repeats_the_run, Simulation) {
  BOOST_REQUIRE(Grid("run", std::string("--protocol aodv --seed 3 --set fault=oneway") + kShort) ==
                0);
  BOOST_REQUIRE(Execute("again", "replay " + Path("run") +
                                     "/scenario.json --protocol aodv "
                                     "--set drain_s=2") == 0);
  const Record first = Run("run");
  const Record second = Run("again");
  for (const char* column : {"seed", "fault", "target", "affected", "pdr_all", "pdr_fault",
                             "outage_med_ms", "heal_max_s", "delay_mean_ms", "effects_hash"}) {
    BOOST_TEST(first.at(column) == second.at(column), column);
  }
}

BOOST_FIXTURE_TEST_CASE(the_target_can_be_fixed, Simulation) {
  BOOST_REQUIRE(Grid("run", std::string("--protocol olsr --set fault=silent --set target=11-12") +
                                kShort) == 0);
  BOOST_TEST(Run("run").at("target") == "11-12");
}

BOOST_FIXTURE_TEST_CASE(the_manifest_tells_how_the_run_was_made, Simulation) {
  BOOST_REQUIRE(Grid("run", std::string("--protocol olsr --seed 9 --set fault=none") + kShort) ==
                0);
  const auto manifest = Manifest("run");
  BOOST_TEST(manifest.at("seed") == 9);
  BOOST_TEST(manifest.at("arguments").size() > 4u);
  BOOST_TEST(manifest.at("versions").contains("ns3"));
  BOOST_TEST(manifest.at("wall_s").get<double>() > 0);
}

BOOST_FIXTURE_TEST_CASE(wrong_usage_is_refused_with_status_2, Simulation) {
  BOOST_TEST(Grid("x", "--set nodes=26") == 2);
  BOOST_TEST(Grid("x", "--set nosuch=1") == 2);
  BOOST_TEST(Grid("x", "--protocol rip") == 2);
  BOOST_TEST(Grid("x", "--set fault=crash --set target=99") == 2);
  BOOST_TEST(Grid("x", "--set fault=crash --set target=1-2") == 2);
  BOOST_TEST(Execute("x", "run /nonexistent.toml") == 2);
  BOOST_TEST(Execute("x", "replay /nonexistent.json") == 2);
  BOOST_TEST(Execute("x", "fly") == 2);
  BOOST_TEST(!std::filesystem::exists(Path("x")));
}

}  // namespace
}  // namespace selvage::sim
