// selvaged: the node agent. Exit status: 0 fine, 1 it could not run, 2 usage or wrong
// configuration.
#include <malloc.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "agents/membership/state_files.h"
#include "agents/runtime/config.h"
#include "agents/runtime/node_runtime.h"
#include "agents/runtime/scorer_loader.h"
#include "agents/runtime/servers.h"
#include "agents/runtime/stream_identity.h"

namespace selvage {
namespace {

constexpr int kFine = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

// One heap for all threads, given back early: three threads with heaps of their own cost megabytes.
void LimitMemory() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 128 * 1024);
}

NodeRuntime* g_running = nullptr;  // for the signal handler

void OnSignal(int) {
  if (g_running != nullptr) g_running->Stop();
}

void HandleSignals() {
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

bool IsTrouble(const std::string& kind) {
  for (const char* part : {"fail", "down", "suspect", "oneway", "refused", "lost", "overflow",
                           "damaged", "conflict", "lab"}) {
    if (kind.find(part) != std::string::npos) return true;
  }
  return false;
}

void LogEvent(const Event& event) {
  spdlog::log(IsTrouble(event.kind) ? spdlog::level::warn : spdlog::level::info, "{}: {}",
              event.kind, event.text);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "selvaged: %s\n", std::string(status.message()).c_str());
  return kFailed;
}

int PrintStreamKey(const AgentConfig& config) {
  auto files = LoadMembership(config.state_dir);
  if (!files.ok()) return Fail(files.status());
  const auto keys = MakeStreamKeys(*NewSodiumCrypto(), files->identity, {});
  std::printf("%s\n", StreamKeyText(keys->public_key).c_str());
  return kFine;
}

int RunAgent(const AgentConfig& config) {
  spdlog::set_default_logger(spdlog::stderr_logger_st("selvaged"));
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  spdlog::set_level(spdlog::level::from_str(config.log_level));

  auto created = NodeRuntime::Create(config);
  if (!created.ok()) return Fail(created.status());
  NodeRuntime& runtime = **created;
  for (const Event& event : runtime.Events(0, NodeRuntime::kEventsMax)) LogEvent(event);
  runtime.AddEventListener(LogEvent);
  if (absl::Status s = runtime.Start(); !s.ok()) return Fail(s);
  auto servers = OpenServers(runtime);
  if (!servers.ok()) return Fail(servers.status());

  g_running = &runtime;
  HandleSignals();
  const Certificate& certificate = runtime.core().identity().certificate;
  spdlog::info("selvaged {}: node {} ({}) of network {}, epoch {}, {} links",
               NodeRuntime::Version(), certificate.name, certificate.id.ToHex(),
               certificate.network, runtime.epoch().value, config.links.size());
  if (config.lab) spdlog::warn("laboratory faults are allowed: [lab] enabled = true");
  if (!config.healing) spdlog::warn("healing is off: nothing is routed around");
  if (!config.http_listen.empty()) {
    spdlog::warn(
        "[http] listen = \"{}\": this version has no HTTP interface, nothing listens there",
        config.http_listen);
  }
  runtime.Run();
  g_running = nullptr;
  spdlog::info("stopped");
  return kFine;
}

int Main(int argc, char** argv) {
  LimitMemory();
  std::string config_file;
  bool check = false;
  bool print_default = false;
  bool stream_key = false;
  CLI::App app{"Node agent of the Selvage mesh", "selvaged"};
  app.set_version_flag("--version", std::string("selvaged ") + NodeRuntime::Version());
  app.add_option("--config", config_file, "Configuration file (TOML)")->type_name("FILE");
  app.add_flag("--check-config", check, "Check the configuration and exit: 0 fine, 2 wrong");
  app.add_flag("--print-default-config", print_default, "Print a commented configuration and exit");
  app.add_flag("--stream-key", stream_key,
               "Print this node's key on stream lanes (for a hub's allow_keys) and exit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kFine : kUsage;
  }
  if (print_default) {
    std::fputs(PrintDefaultConfig().c_str(), stdout);
    return kFine;
  }
  if (config_file.empty()) {
    std::fputs(
        "selvaged: --config FILE is needed; `selvaged --print-default-config` prints one to "
        "start with\n",
        stderr);
    return kUsage;
  }
  const auto config = LoadConfig(config_file);
  if (!config.ok()) {
    std::fprintf(stderr, "%s\n", std::string(config.status().message()).c_str());
    return kUsage;
  }
  if (check) {
    if (config->model.wants_scorer()) {
      const auto scorer = LoadScorer(config->model, SteadyNanoseconds);
      if (!scorer.ok()) {
        std::fprintf(stderr, "%s: [model] %s: %s\n", config_file.c_str(),
                     config->model.onnx.empty() ? "scorer" : "onnx",
                     std::string(scorer.status().message()).c_str());
        return kUsage;
      }
      std::printf("%s\n", scorer->note.c_str());
    }
    std::printf("%s: fine\n", config_file.c_str());
    return kFine;
  }
  if (stream_key) return PrintStreamKey(*config);
  return RunAgent(*config);
}

}  // namespace
}  // namespace selvage

int main(int argc, char** argv) { return selvage::Main(argc, argv); }
