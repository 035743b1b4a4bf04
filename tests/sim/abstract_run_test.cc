// The node core on abstract links: same seed, same run; faults of every kind bite and are healed.
#define BOOST_TEST_MODULE abstract_run_test
#include <boost/test/unit_test.hpp>

#include "tests/sim/simulation.h"

namespace selvage::sim {
namespace {

constexpr char kMesh[] =
    " --set nodes=25 --set flows=6 --set rate=50 --set payload_bytes=600 --set fault_s=25"
    " --set pre_s=12 --set window_s=12 --set drain_s=1";

struct AbstractSimulation : Simulation {
  int Graph(const std::string& run, const std::string& arguments) {
    return Execute(run, "run " SELVAGE_SOURCE_DIR "/sim/scenarios/abstract.toml" +
                            std::string(kMesh) + " " + arguments);
  }
  std::string Hash(const std::string& run) {
    return Manifest(run).at("effects_hash").get<std::string>();
  }
  double Counter(const std::string& run, const std::string& name) {
    return Manifest(run).at("counters").at(name).get<double>();
  }
};

BOOST_FIXTURE_TEST_CASE(the_same_seed_has_the_same_effects_in_two_processes, AbstractSimulation) {
  const std::string options =
      "--set fault=gray --set abstract_loss=0.01 --set abstract_jitter_ms=2";
  BOOST_REQUIRE(Graph("a", options + " --seed 5") == 0);
  BOOST_REQUIRE(Graph("b", options + " --seed 5") == 0);
  BOOST_REQUIRE(Graph("c", options + " --seed 6") == 0);
  BOOST_TEST(Hash("a") == Hash("b"));
  BOOST_TEST(Hash("a") != Hash("c"));
  BOOST_TEST(Counter("a", "abstract_lost_at_random") > 100);
}

BOOST_FIXTURE_TEST_CASE(a_replayed_graph_repeats_the_run, AbstractSimulation) {
  BOOST_REQUIRE(Graph("run", "--set fault=oneway") == 0);
  BOOST_REQUIRE(Execute("again", "replay " + Path("run") + "/scenario.json --set drain_s=1") == 0);
  BOOST_TEST(Run("run").at("target") == Run("again").at("target"));
  BOOST_TEST(Hash("run") == Hash("again"));
}

BOOST_FIXTURE_TEST_CASE(every_kind_of_fault_bites_and_is_routed_around, AbstractSimulation) {
  for (const std::string kind : {"crash", "silent", "oneway", "gray", "mtu", "flap", "loss"}) {
    BOOST_REQUIRE(Graph(kind, "--set fault=" + kind) == 0);
    const Record r = Run(kind);
    BOOST_TEST(Number(r, "affected") >= 1, kind);
    BOOST_TEST(Counter(kind, "abstract_lost_to_faults") > 0, kind);
    BOOST_TEST(Number(r, "pdr_pre") == 1, kind);
    BOOST_TEST(Number(r, "pdr_affected") > 0.97, kind);
  }
}

BOOST_FIXTURE_TEST_CASE(what_a_merge_costs_is_counted_from_the_merge_on, AbstractSimulation) {
  BOOST_REQUIRE(Graph("parted", "--set fault=partition --set partition_s=6") == 0);
  const auto manifest = Manifest("parted");
  const auto bytes = [&](const char* since) {
    return manifest.at(since).at("control_bytes_map_total").get<double>();
  };
  BOOST_TEST(bytes("counters_merge") > 0);
  BOOST_TEST(bytes("counters_merge") < bytes("counters_after"));
  BOOST_REQUIRE(Graph("whole", "--set fault=oneway") == 0);
  BOOST_TEST(Manifest("whole").at("counters_merge").empty());
}

BOOST_FIXTURE_TEST_CASE(without_healing_the_same_fault_stays, AbstractSimulation) {
  BOOST_REQUIRE(Graph("off", "--set fault=silent --set healing=false") == 0);
  BOOST_TEST(Number(Run("off"), "pdr_affected") < 0.5);
}

BOOST_FIXTURE_TEST_CASE(a_fault_that_ends_gives_the_link_back, AbstractSimulation) {
  BOOST_REQUIRE(Graph("stays", "--set fault=silent") == 0);
  BOOST_REQUIRE(Graph("ends", "--set fault=silent --set heal_s=1") == 0);
  BOOST_TEST(Counter("ends", "abstract_lost_to_faults") <
             Counter("stays", "abstract_lost_to_faults"));
}

BOOST_FIXTURE_TEST_CASE(a_fading_link_is_left_before_it_loses_a_frame_and_without_the_model_after,
                        AbstractSimulation) {
  const std::string fade = "--set fault=fade --set ramp_s=5 --set pre_s=20 --set model=";
  std::map<std::string, int> left_in_time;
  for (const std::string model : {"on", "off"}) {
    BOOST_REQUIRE(Graph(model, fade + model) == 0);
    for (const Record& flow : ReadCsv(Path(model) + "/flows.csv")) {
      if (flow.at("affected") == "1") left_in_time[model] += flow.at("frame_lost_s").empty();
    }
    BOOST_TEST(Number(Run(model), "pdr_affected") > 0.97, model);
  }
  BOOST_TEST(left_in_time["on"] > left_in_time["off"]);
  BOOST_TEST(Counter("on", "detours_total") >= 1);
  BOOST_TEST(Counter("off", "model_samples_total") == 0);
}

BOOST_FIXTURE_TEST_CASE(rate_and_queue_bound_what_a_link_carries, AbstractSimulation) {
  // 6 flows of 50 packets/s and 5,700 bits are 1.7 Mb/s in all; a link of 100 kb/s fills its queue.
  BOOST_REQUIRE(Graph("thin",
                      "--set fault=none --set abstract_rate_kbps=100 "
                      "--set abstract_queue_packets=10") == 0);
  BOOST_TEST(Counter("thin", "abstract_lost_to_queues") > 100);
  BOOST_TEST(Number(Run("thin"), "delay_mean_ms") > 50);
}

BOOST_FIXTURE_TEST_CASE(what_has_no_meaning_without_a_radio_is_refused, AbstractSimulation) {
  BOOST_TEST(Graph("x", "--protocol olsr") == 2);
  BOOST_TEST(Grid("x", "--set topology=random") == 2);
  BOOST_TEST(Graph("x", "--set link=string") == 2);
  BOOST_TEST(Graph("x", "--set fault=leave") == 2);
  BOOST_TEST(Graph("x", "--pcap") == 2);
}

}  // namespace
}  // namespace selvage::sim
