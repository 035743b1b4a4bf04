// What the subcommands of `selvage` share: options, exit status, asking the agent.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace selvage {
namespace cli {

using Json = nlohmann::json;

// Exit status of every subcommand; scripts rely on it.
enum Exit { kFine = 0, kNo = 1, kUsage = 2, kNoAgent = 3 };

struct Options {
  std::string control = "/run/selvage/control.sock";
  bool json = false;
  int timeout_ms = 2000;
  std::chrono::milliseconds timeout() const { return std::chrono::milliseconds(timeout_ms); }
};

// Runs the program; returns its exit status. No exception leaves it.
int Main(int argc, char** argv);

// Each adds its subcommands to `app`. A subcommand that ran leaves its exit status in *exit.
// `app`, `options` and `exit` must outlive parsing.
void AddShow(CLI::App* app, const Options* options, int* exit);  // status ... events
void AddLab(CLI::App* app, const Options* options, int* exit);
void AddQuarantine(CLI::App* app, const Options* options, int* exit);
void AddTwin(CLI::App* app, const Options* options, int* exit);  // twin, whatif
void AddMessages(CLI::App* app, const Options* options, int* exit);  // send, recv
void AddNetwork(CLI::App* app, const Options* options, int* exit);
void AddDoctor(CLI::App* app, const Options* options, int* exit);
void AddTransport(CLI::App* app, const Options* options, int* exit);  // transport check

// One question to the agent over a connection of its own.
absl::StatusOr<Json> Ask(const Options& options, const Json& request);
// Says on stderr what is wrong and returns the exit status that goes with it.
int Fail(const absl::Status& status);
int Fail(Exit exit, const std::string& text);

// The result as JSON, one line on stdout.
void PrintJson(const Json& json);
// Members of an answer; "" and 0 when it lacks them, for an agent may be of another version.
std::string Text(const Json& object, const char* name);
double Number(const Json& object, const char* name);
bool Flag(const Json& object, const char* name);
// printf with one number.
std::string Format(const char* format, double value);
// "42 ms", "3.1 s", "5 min", "2.0 h", "3.0 d".
std::string Span(double seconds);

}  // namespace cli
}  // namespace selvage
