// Transport "ethernet": the IP carrier on a wired interface, or on a fixed address.
//
// With `interface` neighbours are found by IPv6 link-local multicast and nothing else needs to be
// configured. With `listen` and `peers` it is plain UDP from a fixed address: on loopback ports
// without rights, or across networks that carry no multicast.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "transports/registry.h"
#include "transports/transport.h"

namespace selvage {

// InvalidArgument when the section names no interface, no address and no peer, or a malformed one.
absl::StatusOr<std::unique_ptr<Transport>> CreateEthernet(const TransportContext& context);

}  // namespace selvage
