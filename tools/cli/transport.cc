// transport check: does a plug-in keep to selvage/transport.h?
#include <cstdio>
#include <memory>
#include <utility>

#include "tools/cli/cli.h"
#include "tools/cli/table.h"
#include "transports/plugin/conformance.h"

namespace selvage {
namespace cli {
namespace {

struct Arguments {
  std::string plugin;
  std::vector<std::string> settings;
  std::vector<std::string> only;
  std::string interface;
  int patience_s = 10;
};

const char* Name(ConformanceResult::Verdict verdict) {
  switch (verdict) {
    case ConformanceResult::Verdict::kPass:
      return "pass";
    case ConformanceResult::Verdict::kFail:
      return "FAIL";
    case ConformanceResult::Verdict::kSkip:
      return "skip";
  }
  return "?";
}

Json ToJson(const std::vector<ConformanceResult>& results, const std::string& plugin, int failed) {
  Json checks = Json::array();
  for (const ConformanceResult& r : results) {
    const char* verdict = r.verdict == ConformanceResult::Verdict::kFail ? "fail" : Name(r.verdict);
    checks.push_back(Json{{"check", r.check},
                          {"verdict", verdict},
                          {"detail", r.detail},
                          {"seconds", r.seconds}});
  }
  return Json{{"plugin", plugin}, {"failed", failed}, {"checks", std::move(checks)}};
}

int Check(const Options& options, const Arguments& arguments) {
  ConformanceOptions check;
  check.plugin = arguments.plugin;
  check.only = arguments.only;
  check.patience = std::chrono::seconds(arguments.patience_s);
  check.settings.interface = arguments.interface;
  check.settings.seed = 1;
  for (const std::string& setting : arguments.settings) {
    const std::size_t at = setting.find('=');
    if (at == std::string::npos || at == 0) {
      return Fail(kUsage, "a setting is KEY=VALUE, not \"" + setting + "\"");
    }
    check.settings.settings.emplace_back(setting.substr(0, at), setting.substr(at + 1));
  }
  const auto results = CheckPlugin(check);
  if (!results.ok()) return Fail(results.status());
  int failed = 0;
  Table table({"check", "verdict", "> s", "seen"});
  for (const ConformanceResult& r : *results) {
    if (r.verdict == ConformanceResult::Verdict::kFail) ++failed;
    table.Add({r.check, Name(r.verdict), Format("%.1f", r.seconds), r.detail});
  }
  if (options.json) {
    PrintJson(ToJson(*results, arguments.plugin, failed));
  } else {
    std::printf("%s%s: %s\n", table.ToString().c_str(), arguments.plugin.c_str(),
                failed == 0 ? "keeps to the contract"
                            : (std::to_string(failed) + " of " + std::to_string(results->size()) +
                               " checks failed")
                                  .c_str());
  }
  return failed == 0 ? kFine : kNo;
}

}  // namespace

void AddTransport(CLI::App* app, const Options* options, int* exit) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* transport = app->add_subcommand("transport", "plug-ins that carry frames");
  transport->require_subcommand(1);
  CLI::App* check = transport->add_subcommand(
      "check", "try a plug-in against the contract; needs no agent");
  check->add_option("PLUGIN", arguments->plugin, "shared object of the plug-in")->required();
  check->add_option("--set", arguments->settings, "KEY=VALUE, as in `settings` of a [[link]]")
      ->allow_extra_args(false);
  check->add_option("--interface", arguments->interface, "as `interface` of a [[link]]");
  check->add_option("--only", arguments->only, "this check alone; may be repeated")
      ->allow_extra_args(false);
  check->add_option("--patience", arguments->patience_s, "how long a link may take to come up, s")
      ->check(CLI::Range(1, 50))
      ->capture_default_str();
  check->callback([=] { *exit = Check(*options, *arguments); });
}

}  // namespace cli
}  // namespace selvage
