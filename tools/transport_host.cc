// selvage-transport-host: runs one plug-in for an agent, so that its faults are not the agent's.
//
//   selvage-transport-host PLUGIN SOCKET     listens there; agents name it: host_socket = "SOCKET"
//   selvage-transport-host PLUGIN --fd 3     serves the agent that started it (isolated = true)
//
// Exit status: 0 the agent is gone, 1 it could not serve, 2 usage.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "transports/plugin/loaded_plugin.h"
#include "transports/plugin/plugin_host.h"

int main(int argc, char** argv) {
  std::string plugin;
  std::string socket;
  int fd = -1;
  CLI::App app{"Runs a transport plug-in in a process of its own", "selvage-transport-host"};
  app.set_version_flag("--version", SELVAGE_VERSION);
  app.add_option("PLUGIN", plugin, "shared object of the plug-in")->required();
  auto* socket_option = app.add_option("SOCKET", socket, "socket to listen on");
  auto* fd_option = app.add_option("--fd", fd, "connected socket that was inherited");
  fd_option->excludes(socket_option)->check(CLI::Range(0, 1 << 20));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (socket.empty() && fd < 0) {
    std::fputs("selvage-transport-host: name a SOCKET to listen on\n", stderr);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  const auto api = selvage::LoadPlugin(plugin);
  absl::Status status = api.status();
  if (api.ok()) {
    status = fd >= 0 ? selvage::ServePlugin(fd, *api) : selvage::ListenAndServePlugin(socket, *api);
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "selvage-transport-host: %s\n", std::string(status.message()).c_str());
  return 1;
}
