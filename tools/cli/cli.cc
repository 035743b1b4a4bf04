#include "tools/cli/cli.h"

#include <cstdio>

#include "agents/control/control_client.h"

namespace selvage {
namespace cli {

int Main(int argc, char** argv) {
  CLI::App app("Steers and questions the Selvage agent on this machine.", "selvage");
  Options options;
  int exit = kFine;
  app.set_version_flag("--version", SELVAGE_VERSION);
  app.add_option("--control", options.control, "control socket of the agent")
      ->capture_default_str();
  app.add_flag("--json", options.json, "print JSON for programs");
  app.add_option("--timeout", options.timeout_ms, "how long to wait for the agent, in ms")
      ->check(CLI::Range(1, 600000))
      ->capture_default_str();
  // So that --control and --json may also stand behind the subcommand.
  app.fallthrough();
  app.require_subcommand(1);
  app.footer("Exit status: 0 fine, 1 the answer is no, 2 usage, 3 no agent there.");
  AddShow(&app, &options, &exit);
  AddTwin(&app, &options, &exit);
  AddQuarantine(&app, &options, &exit);
  AddLab(&app, &options, &exit);
  AddMessages(&app, &options, &exit);
  AddNetwork(&app, &options, &exit);
  AddDoctor(&app, &options, &exit);
  AddTransport(&app, &options, &exit);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kFine : kUsage;
  } catch (const std::exception& error) {
    return Fail(kNo, error.what());
  }
  return exit;
}

absl::StatusOr<Json> Ask(const Options& options, const Json& request) {
  auto client = ControlClient::Connect(options.control, options.timeout());
  if (!client.ok()) return client.status();
  return (*client)->Request(request, options.timeout());
}

int Fail(Exit exit, const std::string& text) {
  std::fprintf(stderr, "selvage: %s\n", text.c_str());
  return exit;
}

int Fail(const absl::Status& status) {
  Exit exit = kNo;
  if (absl::IsInvalidArgument(status)) exit = kUsage;
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) exit = kNoAgent;
  return Fail(exit, std::string(status.message()));
}

void PrintJson(const Json& json) {
  std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

std::string Text(const Json& object, const char* name) {
  auto member = object.is_object() ? object.find(name) : object.end();
  return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

double Number(const Json& object, const char* name) {
  auto member = object.is_object() ? object.find(name) : object.end();
  return member != object.end() && member->is_number() ? member->get<double>() : 0.0;
}

bool Flag(const Json& object, const char* name) {
  auto member = object.is_object() ? object.find(name) : object.end();
  return member != object.end() && member->is_boolean() && member->get<bool>();
}

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string Span(double seconds) {
  if (seconds < 1.0) return Format("%.0f ms", seconds * 1e3);
  if (seconds < 120.0) return Format("%.1f s", seconds);
  if (seconds < 7200.0) return Format("%.0f min", seconds / 60.0);
  return seconds < 172800.0 ? Format("%.1f h", seconds / 3600.0)
                            : Format("%.1f d", seconds / 86400.0);
}

}  // namespace cli
}  // namespace selvage
