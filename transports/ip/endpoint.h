// Endpoints as the configuration writes them: `listen` and `peers` of a [[link]] section.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "transports/ip/socket_address.h"
#include "transports/stream_keys.h"

namespace selvage {

struct Endpoint {
  bool stream = false;               // zmq+tcp://; otherwise UDP
  HostPort address;
  std::optional<CurveKey> server_key;  // of a stream peer: ?key=<40 characters of Z85>
};

// "192.0.2.7:7700" or "udp://192.0.2.7:7700" (numeric: this machine's own address), or
// "zmq+tcp://192.0.2.7:7701".
absl::StatusOr<Endpoint> ParseListen(std::string_view text);
// "udp://host[:port]" or "zmq+tcp://host:port?key=Z85". Stream peers must name the server's key.
absl::StatusOr<Endpoint> ParsePeer(std::string_view text);

}  // namespace selvage
