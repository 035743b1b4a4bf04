#define BOOST_TEST_MODULE scenario_test
#include "sim/scenario.h"

#include <stdlib.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "sim/field/field_scenario.h"

namespace selvage::sim {
namespace {

struct TemporaryFile {
  explicit TemporaryFile(const std::string& text) {
    char name[] = "/tmp/selvage-scenario-XXXXXX";
    const int fd = mkstemp(name);
    BOOST_REQUIRE(fd >= 0);
    close(fd);
    path = name;
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  std::string path;
};

std::string Message(const absl::Status& s) { return std::string(s.message()); }

BOOST_AUTO_TEST_CASE(every_shipped_scenario_loads) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(SELVAGE_SOURCE_DIR "/sim/scenarios")) {
    ++files;
    if (LoadField(entry.path().string()).ok()) continue;  // another format, for `field`
    const auto scenario = LoadScenario(entry.path().string(), {});
    BOOST_TEST(scenario.ok(), entry.path().string() << ": " << scenario.status());
  }
  BOOST_TEST(files >= 2);
}

BOOST_AUTO_TEST_CASE(settings_override_the_file) {
  const TemporaryFile file("nodes = 36\nfault = \"crash\"\nrate = 10\n");
  const auto s = LoadScenario(file.path, {{"nodes", "49"}, {"rate", "50"}, {"target", "3-7"}});
  BOOST_REQUIRE(s.ok());
  BOOST_TEST(s->nodes == 49u);
  BOOST_TEST(s->rate == 50);
  BOOST_TEST(s->fault == "crash");
  BOOST_TEST(s->target == "3-7");
}

BOOST_AUTO_TEST_CASE(the_fault_moves_with_the_seed_between_60_and_75_seconds) {
  const TemporaryFile file("");
  const auto one = LoadScenario(file.path, {{"seed", "1"}});
  const auto two = LoadScenario(file.path, {{"seed", "2"}});
  BOOST_REQUIRE(one.ok() && two.ok());
  BOOST_TEST(one->fault_s == 69.27, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(two->fault_s == 63.541, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(mistakes_are_named_with_their_place_and_the_remedy) {
  const TemporaryFile unknown("rate = 10\nnode = 3\n");
  auto s = LoadScenario(unknown.path, {});
  BOOST_TEST(Message(s.status()).find(":2:1: unknown key \"node\"") != std::string::npos);

  const TemporaryFile word("fault = \"meteor\"\n");
  s = LoadScenario(word.path, {});
  BOOST_TEST(Message(s.status()).find("must be one of") != std::string::npos);
  BOOST_TEST(Message(s.status()).find("crash") != std::string::npos);

  const TemporaryFile broken("rate = = 3\n");
  s = LoadScenario(broken.path, {});
  BOOST_TEST(Message(s.status()).find(":1:") != std::string::npos);

  const TemporaryFile good("");
  s = LoadScenario(good.path, {{"nodes", "26"}});
  BOOST_TEST(Message(s.status()).find("25 or 36") != std::string::npos);
  for (const auto& [key, value] : Settings{{"rate", "0"},
                                           {"rate", "ten"},
                                           {"rate", "nan"},
                                           {"nodes", "-1"},
                                           {"nodes", "5000"},
                                           {"payload_bytes", "8"},
                                           {"target", "a"},
                                           {"target", "3-"},
                                           {"healing", "yes"},
                                           {"colour", "red"}}) {
    BOOST_TEST(!LoadScenario(good.path, {{key, value}}).ok(), key << "=" << value);
  }
  BOOST_TEST(
      (LoadScenario("/nonexistent.toml", {}).status().code() == absl::StatusCode::kNotFound));
}

BOOST_AUTO_TEST_CASE(a_setting_needs_an_equals_sign) {
  BOOST_TEST(!ParseSetting("nodes").ok());
  BOOST_TEST(!ParseSetting("=3").ok());
  const auto pair = ParseSetting("target=1=2");
  BOOST_REQUIRE(pair.ok());
  BOOST_TEST(pair->first == "target");
  BOOST_TEST(pair->second == "1=2");
}

}  // namespace
}  // namespace selvage::sim
