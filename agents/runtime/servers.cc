#include "agents/runtime/servers.h"

#include <string>
#include <utility>

namespace selvage {

absl::StatusOr<Servers> OpenServers(NodeRuntime& runtime) {
  Servers servers;
  const AgentConfig& config = runtime.config();
  if (!config.control_socket.empty()) {
    auto control = ControlServer::Create(runtime, config.control_socket);
    if (!control.ok()) {
      return absl::Status(control.status().code(),
                          "[control] " + std::string(control.status().message()));
    }
    servers.control = std::move(*control);
  }
  if (!config.api_endpoint.empty()) {
    auto api = ApiServer::Create(runtime, config.api_endpoint);
    if (!api.ok()) {
      return absl::Status(api.status().code(), "[api] " + std::string(api.status().message()));
    }
    servers.api = std::move(*api);
  }
  return servers;
}

}  // namespace selvage
