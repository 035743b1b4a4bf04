// Runs of the simulator as processes, and what they leave behind; shared by the tests of whole
// runs.
#pragma once

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

namespace selvage::sim {

using Record = std::map<std::string, std::string>;

inline std::vector<std::string> Split(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, ',');) out.push_back(field);
  return out;
}

inline std::vector<Record> ReadCsv(const std::string& path) {
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

inline double Number(const Record& r, const std::string& column) { return std::stod(r.at(column)); }

inline constexpr char kShort[] =
    " --set fault_s=40 --set pre_s=15 --set window_s=10 --set drain_s=2";

}  // namespace selvage::sim
