// Whole runs of the program, each a process: what it promises on its command line and in its files.
#define BOOST_TEST_MODULE run_test
#include <stdlib.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Record = std::map<std::string, std::string>;

std::vector<std::string> Split(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, ',');) out.push_back(field);
  return out;
}

std::vector<Record> ReadCsv(const std::string& path) {
  std::vector<Record> records;
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  const auto names = Split(line);
  while (std::getline(in, line)) {
    const auto fields = Split(line);
    BOOST_REQUIRE(fields.size() == names.size());
    Record record;
    for (std::size_t i = 0; i < names.size(); ++i) record[names[i]] = fields[i];
    records.push_back(record);
  }
  return records;
}

// A directory for results, removed at the end, and the program.
class Simulation {
 public:
  Simulation() {
    char name[] = "/tmp/selvage-sim-test-XXXXXX";
    BOOST_REQUIRE(mkdtemp(name) != nullptr);
    root_ = name;
  }
  ~Simulation() { std::filesystem::remove_all(root_); }

  // Exit status of `selvage-sim ARGUMENTS --out ROOT/RUN`.
  int Execute(const std::string& run, const std::string& arguments) {
    const std::string command = std::string(SELVAGE_SIM_PROGRAM) + " " + arguments + " --out " +
                                Path(run) + " >" + root_ + "/stdout 2>" + root_ + "/stderr";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int Grid(const std::string& run, const std::string& arguments) {
    return Execute(run, "run " SELVAGE_SOURCE_DIR "/sim/scenarios/grid.toml " + arguments);
  }
  std::string Path(const std::string& run) const { return root_ + "/" + run; }
  Record Run(const std::string& run) const {
    const auto records = ReadCsv(Path(run) + "/runs.csv");
    BOOST_REQUIRE(!records.empty());
    return records.back();
  }
  nlohmann::json Manifest(const std::string& run) const {
    return nlohmann::json::parse(std::ifstream(Path(run) + "/manifest.json"));
  }

 private:
  std::string root_;
};

double Number(const Record& r, const std::string& column) { return std::stod(r.at(column)); }

constexpr char kShort[] = " --set fault_s=40 --set pre_s=15 --set window_s=10 --set drain_s=2";

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

BOOST_FIXTURE_TEST_CASE(every_protocol_delivers_when_nothing_breaks, Simulation) {
  for (const std::string protocol : {"aodv", "olsr", "dsdv", "selvage"}) {
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
