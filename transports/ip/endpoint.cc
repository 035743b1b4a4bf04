#include "transports/ip/endpoint.h"

#include <zmq.h>

#include "absl/status/status.h"

namespace selvage {
namespace {

constexpr std::string_view kUdp = "udp://";
constexpr std::string_view kStream = "zmq+tcp://";
constexpr std::string_view kKey = "?key=";
constexpr std::size_t kZ85KeyChars = 40;

bool Strip(std::string_view prefix, std::string_view* text) {
  if (text->substr(0, prefix.size()) != prefix) return false;
  text->remove_prefix(prefix.size());
  return true;
}

absl::StatusOr<Endpoint> Finish(Endpoint endpoint, std::string_view rest) {
  const std::uint16_t default_port = endpoint.stream ? 0 : kDefaultPort;
  absl::StatusOr<HostPort> address = ParseHostPort(rest, default_port);
  if (!address.ok()) return address.status();
  endpoint.address = *std::move(address);
  return endpoint;
}

}  // namespace

absl::StatusOr<Endpoint> ParseListen(std::string_view text) {
  Endpoint endpoint;
  std::string_view rest = text;
  endpoint.stream = Strip(kStream, &rest);
  if (!endpoint.stream) Strip(kUdp, &rest);
  return Finish(endpoint, rest);
}

absl::StatusOr<Endpoint> ParsePeer(std::string_view text) {
  Endpoint endpoint;
  std::string_view rest = text;
  endpoint.stream = Strip(kStream, &rest);
  if (!endpoint.stream && !Strip(kUdp, &rest)) {
    return absl::InvalidArgumentError("peer \"" + std::string(text) +
                                      "\": write \"udp://host:port\" or "
                                      "\"zmq+tcp://host:port?key=...\"");
  }
  if (endpoint.stream) {
    const std::size_t at = rest.find(kKey);
    const std::string key(at == std::string_view::npos ? "" : rest.substr(at + kKey.size()));
    CurveKey server_key{};
    if (key.size() != kZ85KeyChars || zmq_z85_decode(server_key.data(), key.c_str()) == nullptr) {
      return absl::InvalidArgumentError(
          "peer \"" + std::string(text) +
          "\": a stream peer needs its server's public key, 40 characters of Z85, after ?key=");
    }
    endpoint.server_key = server_key;
    rest = rest.substr(0, at);
  }
  return Finish(endpoint, rest);
}

}  // namespace selvage
