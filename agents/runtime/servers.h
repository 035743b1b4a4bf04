// The doors of an agent: control socket and application API, as far as the configuration has them.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "agents/api/api_server.h"
#include "agents/control/control_server.h"
#include "agents/runtime/node_runtime.h"

namespace selvage {

struct Servers {
  std::unique_ptr<ControlServer> control;  // null: off
  std::unique_ptr<ApiServer> api;          // null: off
};

// Errors are those of the two servers, with the section of the configuration in front.
absl::StatusOr<Servers> OpenServers(NodeRuntime& runtime);

}  // namespace selvage
