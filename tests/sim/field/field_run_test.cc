// Whole runs of small fields: several radios on a node carry each other's traffic when one is gone.
#define BOOST_TEST_MODULE field_run_test
#include <boost/test/unit_test.hpp>

#include "tests/sim/simulation.h"

namespace selvage::sim {
namespace {

const char kField[] = R"(
warm_s = 3600
duration_s = 2400
drain_s = 300
[lora]
spreading_factor = 7
[[group]]
name = "sensor"
area = [0, 0, 0, 0]
radios = ["lora"]
[[group]]
name = "tower"
area = [300, 0, 300, 0]
radios = ["lora", "redcap", "satellite"]
[[group]]
name = "centre"
wired = true
radios = ["redcap", "satellite"]
[[traffic]]
from = "tower"
to = "centre"
class = "critical"
bytes = 24
every_s = 10
deadline_s = 60
[[traffic]]
from = "sensor"
to = "centre"
class = "critical"
bytes = 24
every_s = 300
deadline_s = 120
[[fault]]
kind = "radio-off"
node = "tower0"
radio = "redcap"
at_s = 600
for_s = 900
)";

double Share(const nlohmann::json& counts) {
  return counts.at("arrived").get<double>() / counts.at("sent").get<double>();
}

struct FieldSimulation : Simulation {
  FieldSimulation() { std::ofstream(Path("field.toml")) << kField; }
  int Field(const std::string& run, const std::string& options) {
    return Execute(run, "field " + Path("field.toml") + " " + options);
  }
  nlohmann::json Result(const std::string& run) {
    return nlohmann::json::parse(std::ifstream(Path(run) + "/field.json"));
  }
};

BOOST_FIXTURE_TEST_CASE(alarms_go_from_radio_to_radio_and_all_arrive, FieldSimulation) {
  BOOST_TEST_REQUIRE(Field("all", "--seed 3") == 0);
  const nlohmann::json all = Result("all");
  BOOST_TEST(Share(all.at("classes").at("critical")) >= 0.97);
  BOOST_TEST(Share(all.at("faults")[0].at("classes").at("critical")) >= 0.97);
  BOOST_TEST(all.at("radios").at("lora").at("airtime_s").get<double>() > 1);
  BOOST_TEST(all.at("radios").at("lora").at("legal_hour_share_max").get<double>() <= 1.0);
  const nlohmann::json& redcap = all.at("radios").at("redcap");
  const double most = redcap.at("control_bytes_max"), sum = redcap.at("control_bytes_sent");
  BOOST_TEST(most < sum);
  BOOST_TEST(most >= sum / redcap.at("nodes").get<double>());
  BOOST_TEST(all.at("radios").at("satellite").at("joules").get<double>() == 30 * 6300);
  BOOST_TEST(all.at("radios").at("redcap").at("cents").get<double>() > 0);
  // The same seed, another process; another seed.
  BOOST_TEST_REQUIRE(Field("again", "--seed 3") == 0);
  BOOST_TEST_REQUIRE(Field("other", "--seed 4") == 0);
  BOOST_TEST(all.at("effects_hash") == Result("again").at("effects_hash"));
  BOOST_TEST(all.at("effects_hash") != Result("other").at("effects_hash"));
}

BOOST_FIXTURE_TEST_CASE(one_kind_of_radio_alone_fails_with_it, FieldSimulation) {
  BOOST_TEST_REQUIRE(Field("cell", "--only redcap --seed 3") == 0);
  const nlohmann::json alone = Result("cell");
  BOOST_TEST(alone.at("radios").size() == 1u);
  // The sensor has its own modem now, and is heard; the tower is not.
  BOOST_TEST(Share(alone.at("faults")[0].at("classes").at("critical")) < 0.3);
  BOOST_TEST(Share(alone.at("classes").at("critical")) > 0.5);
  BOOST_TEST(Field("nothing", "--only smoke") == 2);
}

// Two districts of street lights without PHY, each with its cabinet; one district is jammed.
const char kTown[] = R"(
warm_s = 20
duration_s = 40
drain_s = 5
[wifi]
abstract = true
range_m = 65
[[group]]
name = "east"
count = 18
place = "grid"
area = [0, 0, 150, 360]
radios = ["wifi"]
[[group]]
name = "west"
count = 18
place = "grid"
area = [600, 0, 750, 360]
radios = ["wifi"]
[[group]]
name = "cabinet"
count = 2
place = "line"
area = [60, 90, 660, 90]
radios = ["wifi"]
[[traffic]]
from = "east"
to = "cabinet"
nearest = true
every_s = 1
[[traffic]]
from = "west"
to = "cabinet"
nearest = true
every_s = 1
[[fault]]
kind = "jam"
node = "east"
radio = "wifi"
at_s = 10
for_s = 15
)";

BOOST_FIXTURE_TEST_CASE(a_district_that_is_jammed_is_silent_and_no_other, FieldSimulation) {
  std::ofstream(Path("town.toml")) << kTown;
  BOOST_TEST_REQUIRE(Execute("town", "field " + Path("town.toml") + " --quick") == 0);
  const nlohmann::json all = Result("town");
  BOOST_TEST(all.at("radios").at("wifi").at("nodes").get<int>() == 6);  // --quick: 2, 2 and 2
  int sent[2] = {0, 0}, arrived[2] = {0, 0};
  std::ifstream csv(Path("town") + "/messages.csv");
  for (std::string line; std::getline(csv, line);) {
    const auto fields = Split(line);
    if (fields[0] != "telemetry") continue;
    const bool east = fields[1].rfind("east", 0) == 0;
    BOOST_TEST(fields[2] == (east ? "cabinet0" : "cabinet1"));  // the nearest
    const double sent_s = std::stod(fields[3]);
    if (sent_s < 20 + 10.5 || sent_s > 20 + 23) continue;
    ++sent[east];
    arrived[east] += std::stod(fields[4]) >= 0;
  }
  BOOST_TEST(sent[0] > 10);
  BOOST_TEST(sent[1] > 10);
  BOOST_TEST(arrived[0] == sent[0]);
  BOOST_TEST(2 * arrived[1] < sent[1]);  // the last ones may wait for its end
}

}  // namespace
}  // namespace selvage::sim
