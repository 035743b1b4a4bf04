// A mesh's twin, exported for the simulator, runs there as it is.
#define BOOST_TEST_MODULE twin_replay_test
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "agents/control/commands.h"
#include "agents/node/twin.h"
#include "tests/agents/fake_agent.h"
#include "tests/agents/node/mesh.h"
#include "tests/sim/simulation.h"
#include "tools/cli/twin_scenario.h"

namespace selvage::sim {
namespace {

// The map that real node cores made of a diamond, as the control socket tells it.
nlohmann::json TwinOfDiamond() {
  Mesh mesh(3);
  ChannelModel channel;
  channel.delay = 7ms;
  BuildDiamond(&mesh, channel);
  mesh.StartAll();
  mesh.Run(20s);
  FakeAgent agent;
  agent.twin = mesh.Find("s").core->GetTwin();
  return *control::Run(agent, {{"command", "twin"}});
}

BOOST_FIXTURE_TEST_CASE(the_twin_of_a_mesh_of_node_cores_runs_in_the_simulator, Simulation) {
  const auto scenario = cli::TwinScenario(TwinOfDiamond());
  BOOST_REQUIRE(scenario.ok());
  std::ofstream(Path("") + "twin.json") << scenario->dump(1);
  BOOST_REQUIRE(Execute("run", "replay " + Path("twin.json")) == 0);
  const Record r = Run("run");
  BOOST_TEST(r.at("topology") == "twin");
  BOOST_TEST(r.at("n") == "6");
  BOOST_TEST(Number(r, "pdr_all") == 1);
  // Three hops of the 7 ms that the agents measured, and not the 1 ms of other abstract links.
  BOOST_TEST(Number(r, "delay_mean_ms") > 2 * 6);
  BOOST_TEST(Number(r, "delay_mean_ms") < 4 * 9);
}

BOOST_FIXTURE_TEST_CASE(a_replayed_twin_exports_the_same_links_again, Simulation) {
  const auto scenario = cli::TwinScenario(TwinOfDiamond());
  BOOST_REQUIRE(scenario.ok());
  std::ofstream(Path("") + "twin.json") << scenario->dump(1);
  BOOST_REQUIRE(Execute("run", "replay " + Path("twin.json")) == 0);
  BOOST_REQUIRE(Execute("again", "replay " + Path("run") + "/scenario.json") == 0);
  BOOST_TEST(Manifest("run").at("effects_hash") == Manifest("again").at("effects_hash"));
}

BOOST_AUTO_TEST_CASE(of_two_links_between_two_nodes_the_faster_one_is_simulated) {
  const auto link = [](int there_us, int back_us, double loss) {
    return nlohmann::json{{"a", "y"},
                          {"b", "x"},
                          {"ab", {{"latency_us", there_us}, {"loss", loss}, {"rate_kbps", 0}}},
                          {"ba", {{"latency_us", back_us}, {"loss", 0}, {"rate_kbps", 500}}}};
  };
  const auto scenario =
      cli::TwinScenario({{"nodes", {{{"name", "x"}}, {{"name", "y"}}}},
                         {"links", {link(9000, 9000, 0), link(2000, 3000, 0.25)}}});
  BOOST_REQUIRE(scenario.ok());
  const auto& topology = scenario->at("topology");
  BOOST_REQUIRE(topology["links"].size() == 1u);
  BOOST_TEST(topology["links"][0] == nlohmann::ordered_json({0, 1}));
  const auto& quality = topology["link_qualities"][0];  // from x, which is node 0
  BOOST_TEST(quality["ab"]["latency_ms"] == 3.0);
  BOOST_TEST(quality["ab"]["rate_kbps"] == 500.0);
  BOOST_TEST(quality["ba"]["loss"] == 0.25);
  BOOST_TEST(quality["ba"]["rate_kbps"] == cli::kTwinRateKbps);
}

BOOST_AUTO_TEST_CASE(a_map_without_links_is_no_scenario) {
  BOOST_TEST(!cli::TwinScenario({{"nodes", {{{"name", "x"}}}}, {"links", nlohmann::json::array()}})
                  .ok());
  BOOST_TEST(!cli::TwinScenario(nlohmann::json::array()).ok());
}

BOOST_FIXTURE_TEST_CASE(a_quality_that_no_link_can_have_is_refused, Simulation) {
  auto scenario = cli::TwinScenario(TwinOfDiamond());
  BOOST_REQUIRE(scenario.ok());
  (*scenario)["topology"]["link_qualities"][0]["ab"]["loss"] = 1.5;
  std::ofstream(Path("") + "twin.json") << scenario->dump(1);
  BOOST_TEST(Execute("run", "replay " + Path("twin.json")) == 2);
}

}  // namespace
}  // namespace selvage::sim
