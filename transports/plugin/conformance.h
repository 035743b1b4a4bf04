// The suite that a plug-in has to pass: selvage/transport.h, tried out.
//
// Every check runs in a child process of its own, with two instances of the plug-in that share
// their settings and so their medium: one that crashes or hangs fails that check and no other.
// Nothing here is needed by an agent.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "transports/plugin/plugin_driver.h"

namespace selvage {

struct ConformanceResult {
  enum class Verdict { kPass, kFail, kSkip };
  std::string check;
  Verdict verdict = Verdict::kFail;
  std::string detail;  // what failed, why it was skipped, or what was seen
  double seconds = 0;
};

struct ConformanceOptions {
  std::string plugin;  // the shared object
  PluginSettings settings;
  std::vector<std::string> only;  // names of checks; empty: all
  Duration patience = 10s;        // for a link to come up, or back
};

// In the order of ConformanceChecks(). Errors: as LoadPlugin (tried in a child process too), and
// InvalidArgument for a check that does not exist.
absl::StatusOr<std::vector<ConformanceResult>> CheckPlugin(const ConformanceOptions& options);

struct ConformanceCheck {
  std::string name;
  std::string what;  // one line for people
};
std::vector<ConformanceCheck> ConformanceChecks();

}  // namespace selvage
