// What `selvage doctor` finds out: one line a check, each with what to do about it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace selvage {
namespace cli {

enum class Level { kOk, kWarn, kFail };
const char* ToString(Level level);

struct Check {
  std::string name;
  Level level;
  std::string text;    // what was found
  std::string advice;  // what to do; empty when all is well
};

// ---- of the machine
Check CheckControlSocket(const std::string& path);
// Limits of socket buffers against what a link wants; `forced`: the agent may exceed them (root).
std::vector<Check> CheckSocketBuffers(bool forced);
Check CheckTunDevice(const std::string& tun_name);
Check CheckClock();
// A node's secret keys are in there.
Check CheckStateDir(const std::string& path);

// ---- of the agent, from what it answers to {"command":"doctor"}
Check CheckVersion(const nlohmann::json& answer, const std::string& own);
Check CheckCertificate(const nlohmann::json& answer, std::uint64_t wall);
std::vector<Check> CheckNeighbors(const nlohmann::json& answer);
std::vector<Check> CheckLinks(const nlohmann::json& answer);
Check CheckStore(const nlohmann::json& answer);
std::vector<Check> CheckModes(const nlohmann::json& answer);

}  // namespace cli
}  // namespace selvage
