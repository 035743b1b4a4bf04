// selvage-sim: runs a scenario in ns-3 with Selvage or one of ns-3's own routing protocols.
#include <spawn.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "sim/field/field_run.h"
#include "sim/report.h"
#include "sim/runner.h"
#include "sim/scenario_json.h"
#include "sim/validate/validate.h"

extern char** environ;

namespace selvage::sim {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct Options {
  std::string scenario;
  std::string protocol;
  std::string seed;
  std::vector<std::string> settings;
  std::string out;
  bool pcap = false;
  bool netanim = false;
  bool plot = false;
};

int Complain(const absl::Status& status, int code) {
  std::fprintf(stderr, "selvage-sim: %s\n", std::string(status.message()).c_str());
  return code;
}

// --set first, then the options with a name of their own: they are the more explicit.
absl::StatusOr<Settings> SettingsOf(const Options& options) {
  Settings settings;
  for (const std::string& text : options.settings) {
    auto setting = ParseSetting(text);
    if (!setting.ok()) return setting.status();
    settings.push_back(*setting);
  }
  if (!options.protocol.empty()) settings.emplace_back("protocol", options.protocol);
  if (!options.seed.empty()) settings.emplace_back("seed", options.seed);
  return settings;
}

absl::StatusOr<RunInput> PrepareRun(const Options& options, const Settings& settings) {
  RunInput input;
  auto scenario = LoadScenario(options.scenario, settings);
  if (!scenario.ok()) return scenario.status();
  input.scenario = *scenario;
  auto layout = DrawLayout(input.scenario);
  if (!layout.ok()) return layout.status();
  input.layout = *std::move(layout);
  return input;
}

absl::StatusOr<RunInput> PrepareReplay(const Options& options, const Settings& settings) {
  // What the file fixes may not be changed; the rest may.
  static const std::set<std::string> kFree = {"protocol", "seed",          "rate",  "window_s",
                                              "drain_s",  "payload_bytes", "class", "crypto",
                                              "healing",  "start_jitter_s"};
  auto input = ImportScenario(options.scenario);
  if (!input.ok()) return input.status();
  for (const auto& [key, value] : settings) {
    if (kFree.count(key) == 0) {
      return absl::InvalidArgumentError("--set " + key +
                                        ": the replayed scenario fixes this; can be set: protocol "
                                        "seed rate window_s drain_s payload_bytes class crypto "
                                        "healing start_jitter_s");
    }
    const absl::Status status = ApplySetting(key, value, &input->scenario);
    if (!status.ok()) return status;
  }
  return input;
}

// False: this interpreter is not there, has no matplotlib, or failed.
bool PlotWith(std::string interpreter, std::string directory) {
  std::string script = SELVAGE_SIM_SCRIPTS "/plot.py";
  char* arguments[] = {interpreter.data(), script.data(), directory.data(), nullptr};
  pid_t child = 0;
  int status = 0;
  return posix_spawnp(&child, interpreter.c_str(), nullptr, nullptr, arguments, environ) == 0 &&
         waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int Plot(const std::string& directory) {
  // A python3 of the user's own ahead of the system's need not have the system's packages.
  for (const char* interpreter : {"python3", "/usr/bin/python3"}) {
    if (PlotWith(interpreter, directory)) return 0;
  }
  std::fprintf(stderr,
               "selvage-sim: no plots: python3 with matplotlib is needed "
               "(apt install python3-matplotlib)\n");
  return kFailed;
}

int Execute(const Options& options, bool replay, const std::vector<std::string>& arguments) {
  const auto settings = SettingsOf(options);
  if (!settings.ok()) return Complain(settings.status(), kUsage);
  auto input = replay ? PrepareReplay(options, *settings) : PrepareRun(options, *settings);
  if (!input.ok()) return Complain(input.status(), kUsage);
  if (options.pcap || options.netanim) {
    std::error_code failed;
    std::filesystem::create_directories(options.out, failed);
    if (failed) return Complain(absl::UnavailableError("cannot write to " + options.out), kFailed);
    if (options.pcap) input->pcap = options.out + "/frames";
    if (options.netanim) input->animation = options.out + "/animation.xml";
  }
  const auto output = Run(*input);
  if (!output.ok()) return Complain(output.status(), kUsage);
  const absl::Status written = WriteReport(options.out, arguments, *input, *output);
  if (!written.ok()) return Complain(written, kFailed);
  std::fputs(Summary(*input, *output).c_str(), stdout);
  return options.plot ? Plot(options.out) : 0;
}

// One row of numbers, with a header, to standard output.
int ExecuteValidation(const std::string& name, const std::vector<std::string>& texts) {
  ValidationParameters parameters;
  for (const std::string& text : texts) {
    const auto setting = ParseSetting(text);
    if (!setting.ok()) return Complain(setting.status(), kUsage);
    char* end = nullptr;
    parameters[setting->first] = std::strtod(setting->second.c_str(), &end);
    if (setting->second.empty() || *end != '\0') {
      return Complain(absl::InvalidArgumentError("--set " + text + ": must be a number"), kUsage);
    }
  }
  const auto row = RunValidation(name, parameters);
  if (!row.ok()) return Complain(row.status(), kUsage);
  std::string header;
  std::string values;
  for (const auto& [key, value] : *row) {
    header += (header.empty() ? "" : ",") + key;
    char text[32];
    std::snprintf(text, sizeof(text), "%.12g", value);
    values += (values.empty() ? "" : ",") + std::string(text);
  }
  std::printf("%s\n%s\n", header.c_str(), values.c_str());
  return 0;
}

int ExecuteField(const std::string& path, const std::string& seed, const std::string& only,
                 bool quick, const std::string& out) {
  auto field = LoadField(path);
  if (!field.ok()) return Complain(field.status(), kUsage);
  if (!seed.empty()) field->seed = std::strtoull(seed.c_str(), nullptr, 10);
  RadioKind kind;
  if (!only.empty() && !ParseRadioKind(only, &kind)) {
    return Complain(absl::InvalidArgumentError("--only is wifi, lora, redcap, satellite or sbd"),
                    kUsage);
  }
  if (!only.empty()) KeepOnly(kind, &*field);
  if (quick) Shrink(&*field);
  const FieldOutput output = RunField(*field);
  std::fputs(FieldSummary(*field, output).c_str(), stdout);
  if (WriteField(out, *field, output)) return 0;
  return Complain(absl::UnavailableError("cannot write to " + out), kFailed);
}

void AddOptions(CLI::App* command, Options* options) {
  command->add_option("scenario", options->scenario, "scenario file")->required();
  command->add_option("--protocol", options->protocol, "selvage, aodv, olsr or dsdv");
  command->add_option("--seed", options->seed, "seed of topology, flows, faults and keys");
  command->add_option("--set", options->settings, "KEY=VALUE: overrides a key of the scenario")
      ->allow_extra_args(false);
  command->add_option("--out", options->out, "directory for the results")->required();
  command->add_flag("--pcap", options->pcap, "a file per node with its Wi-Fi frames");
  command->add_flag("--netanim", options->netanim, "a file for NetAnim: places and packets");
  command->add_flag("--plot", options->plot, "plots too (needs python3 with matplotlib)");
}

int Main(int argc, char** argv) {
  CLI::App app("Runs mesh scenarios in ns-3: Selvage beside AODV, OLSR and DSDV", "selvage-sim");
  app.require_subcommand(1);
  Options options;
  CLI::App* run = app.add_subcommand("run", "run a scenario (TOML)");
  CLI::App* replay = app.add_subcommand("replay", "run an exported scenario (JSON) again");
  AddOptions(run, &options);
  AddOptions(replay, &options);
  std::string experiment;
  std::vector<std::string> parameters;
  CLI::App* validate = app.add_subcommand(
      "validate", "run one experiment with a known result (sim/validate.py runs them all)");
  validate->add_option("experiment", experiment, ValidationNames())->required();
  validate->add_option("--set", parameters, "KEY=NUMBER")->allow_extra_args(false);
  std::string field_path, field_seed, only, field_out;
  CLI::App* field = app.add_subcommand("field", "run a field: nodes with several kinds of radios");
  field->add_option("scenario", field_path, "field file (TOML)")->required();
  field->add_option("--seed", field_seed, "instead of the file's")->check(CLI::NonNegativeNumber);
  field->add_option("--only", only, "every node has this kind of radio and no other");
  bool quick = false;
  field->add_flag("--quick", quick, "a ninth of the nodes of large groups on a third of the width");
  field->add_option("--out", field_out, "directory for the results")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsage;
  }
  if (field->parsed()) return ExecuteField(field_path, field_seed, only, quick, field_out);
  if (validate->parsed()) return ExecuteValidation(experiment, parameters);
  return Execute(options, replay->parsed(), std::vector<std::string>(argv, argv + argc));
}

}  // namespace
}  // namespace selvage::sim

int main(int argc, char** argv) { return selvage::sim::Main(argc, argv); }
