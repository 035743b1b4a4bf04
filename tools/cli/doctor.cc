// doctor: is this machine fit for an agent, and is the agent well?
#include <time.h>
#include <unistd.h>

#include <cstdio>

#include "tools/cli/checks.h"
#include "tools/cli/cli.h"

namespace selvage {
namespace cli {
namespace {

void Append(std::vector<Check>* to, std::vector<Check> more) {
  for (Check& check : more) to->push_back(std::move(check));
}

std::vector<Check> Examine(const Options& options) {
  std::vector<Check> out;
  out.push_back(CheckControlSocket(options.control));
  auto answer = Ask(options, Json{{"command", "doctor"}});
  if (!answer.ok()) {
    out.push_back({"agent", Level::kFail, std::string(answer.status().message()),
                   "start selvaged; if it runs, see its log"});
    Append(&out, CheckSocketBuffers(geteuid() == 0));
    out.push_back(CheckTunDevice(""));
    out.push_back(CheckClock());
    return out;
  }
  const Json status = answer->value("status", Json::object());
  out.push_back(
      {"agent", Level::kOk,
       Text(status, "node") + " answers, process " + Format("%.0f", Number(status, "pid")), ""});
  out.push_back(CheckVersion(*answer, SELVAGE_VERSION));
  Append(&out, CheckSocketBuffers(Number(*answer, "uid") == 0));
  out.push_back(CheckTunDevice(Text(*answer, "tun_name")));
  out.push_back(CheckClock());
  out.push_back(CheckCertificate(*answer, static_cast<std::uint64_t>(time(nullptr))));
  out.push_back(CheckStateDir(Text(*answer, "state_dir")));
  out.push_back(CheckStore(*answer));
  Append(&out, CheckNeighbors(*answer));
  Append(&out, CheckLinks(*answer));
  Append(&out, CheckModes(*answer));
  return out;
}

int Doctor(const Options& options) {
  std::vector<Check> checks = Examine(options);
  int exit = kFine;
  Json list = Json::array();
  for (const Check& check : checks) {
    if (check.level == Level::kFail) exit = kNo;
    list.push_back(Json{{"check", check.name},
                        {"level", ToString(check.level)},
                        {"text", check.text},
                        {"advice", check.advice}});
    if (options.json) continue;
    std::printf("%-5s %-16s %s\n", ToString(check.level), check.name.c_str(), check.text.c_str());
    if (!check.advice.empty()) std::printf("%-22s -> %s\n", "", check.advice.c_str());
  }
  if (options.json) PrintJson(Json{{"checks", std::move(list)}, {"healthy", exit == kFine}});
  return exit;
}

}  // namespace

void AddDoctor(CLI::App* app, const Options* options, int* exit) {
  app->add_subcommand("doctor", "is this machine fit, is the agent well, and what to do if not")
      ->callback([=] { *exit = Doctor(*options); });
}

}  // namespace cli
}  // namespace selvage
