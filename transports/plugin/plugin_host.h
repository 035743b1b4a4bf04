// The other end of a RemoteDriver: a process that runs one plug-in for an agent.
//
// It has its own event loop, for there is nothing in it but the plug-in. A unit that the plug-in is
// too busy for waits here, so that the agent need not ask again. Whatever the agent says that does
// not parse ends the connection, as its end does.
#pragma once

#include "absl/status/status.h"
#include "transports/plugin/plugin_driver.h"

namespace selvage {

// Serves one agent on a connected SOCK_SEQPACKET socket until it goes away; closes the socket.
// The status says why a connection ended that should not have.
absl::Status ServePlugin(int socket, const selvage_transport_api& api);

// Listens on a socket of the file system (mode 0660) and serves one agent after the other, each
// with an instance of its own. Returns only when it cannot listen.
absl::Status ListenAndServePlugin(const std::string& path, const selvage_transport_api& api);

}  // namespace selvage
