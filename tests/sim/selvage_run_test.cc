// The node core in ns-3: the same seed does the same in two processes, and a crash is healed.
#define BOOST_TEST_MODULE selvage_run_test
#include <boost/test/unit_test.hpp>

#include "tests/sim/simulation.h"

namespace selvage::sim {
namespace {

BOOST_FIXTURE_TEST_CASE(the_same_seed_has_the_same_effects_in_two_processes, Simulation) {
  const std::string options =
      "--protocol selvage --set fault=crash --set fault_s=22 --set pre_s=10 --set window_s=5 "
      "--set drain_s=1";
  BOOST_REQUIRE(Grid("a", options + " --seed 5") == 0);
  BOOST_REQUIRE(Grid("b", options + " --seed 5") == 0);
  BOOST_REQUIRE(Grid("c",
                     "--protocol selvage --seed 6 --set nodes=16 --set fault_s=11 --set pre_s=10 "
                     "--set window_s=1 --set drain_s=0") == 0);
  const auto hash = [&](const char* run) {
    return Manifest(run).at("effects_hash").get<std::string>();
  };
  BOOST_TEST(hash("a") == hash("b"));
  BOOST_TEST(hash("a") != hash("c"));
  // It was a mesh at work: traffic flowed, a relay died, and the flows over it went on.
  const Record run = Run("a");
  BOOST_TEST(Number(run, "pdr_pre") > 0.99);
  BOOST_TEST(Number(run, "affected") >= 1);
  BOOST_TEST(Number(run, "pdr_affected") > 0.98);
  BOOST_TEST(Number(run, "outage_max_ms") < 2000);
}

BOOST_FIXTURE_TEST_CASE(a_channel_at_its_limit_carries_what_it_can, Simulation) {
  // 500 packets a second over three hops and more: without a pace everything that is late is sent
  // again, and half arrives.
  BOOST_REQUIRE(Grid("full",
                     "--protocol selvage --set fault=none --set rate=50 --set fault_s=10 "
                     "--set pre_s=10 --set window_s=5 --set drain_s=2 --seed 1") == 0);
  BOOST_TEST(Number(Run("full"), "pdr_all") > 0.85);
  BOOST_TEST(Number(Run("full"), "pdr_fault") > 0.9);
}

BOOST_FIXTURE_TEST_CASE(finding_who_drops_packets_leaves_the_channel_to_the_packets, Simulation) {
  BOOST_REQUIRE(Grid("blackhole",
                     "--protocol selvage --set fault=blackhole --set rate=10 --set fault_s=12 "
                     "--set pre_s=10 --set window_s=10 --set drain_s=2 --seed 1") == 0);
  const Record run = Run("blackhole");
  BOOST_TEST(Number(run, "affected") >= 1);
  BOOST_TEST(Number(run, "pdr_affected") > 0.9);  // 0.8 s of 10 are gone when it is left
  BOOST_TEST(Number(run, "delay_p95_ms") < 20);
}

BOOST_FIXTURE_TEST_CASE(a_link_whose_mac_repeats_ever_more_is_left_without_a_loss, Simulation) {
  BOOST_REQUIRE(Grid("ramp",
                     "--protocol selvage --set fault=ramp --set rate=10 --set fault_s=12 "
                     "--set pre_s=10 --set window_s=25 --set drain_s=2 --seed 1") == 0);
  const Record run = Run("ramp");
  BOOST_TEST(Number(run, "affected") >= 1);
  BOOST_TEST(Number(run, "pdr_affected") > 0.995);  // 0.978 by what is lost alone
}

BOOST_FIXTURE_TEST_CASE(frames_and_an_animation_are_written_on_request, Simulation) {
  BOOST_REQUIRE(Grid("seen",
                     "--protocol selvage --set nodes=9 --set min_hops=2 --set flows=2 "
                     "--set fault=leave --set fault_s=11 --set pre_s=10 --set window_s=2 "
                     "--set drain_s=0 --pcap --netanim") == 0);
  const std::filesystem::path seen = Path("seen");
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(seen)) {
    if (entry.path().extension() != ".pcap") continue;
    ++files;
    BOOST_TEST(std::filesystem::file_size(entry.path()) > 10000u);
  }
  BOOST_TEST(files == 9u);
  std::ifstream animation(seen / "animation.xml");
  const std::string text(std::istreambuf_iterator<char>(animation), {});
  BOOST_TEST(text.find("<node id=\"8\"") != std::string::npos);
  BOOST_TEST(text.find("<nu p=\"p\"") != std::string::npos);  // somebody moved
}

}  // namespace
}  // namespace selvage::sim
