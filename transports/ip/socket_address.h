// Socket addresses and how they travel inside a PeerAddress: family, address, port, scope.
//
// A PeerAddress of the IP carrier starts with a tag byte:
//   4: IPv4     tag, address (4), port (2, big endian)                               7 bytes
//   6: IPv6     tag, address (16), port (2, big endian), scope (4, big endian)      23 bytes
//   3: accepted stream peer: tag, routing id that our ROUTER chose                   6 bytes
//   2: dialled stream peer: tag, number of the endpoint in the configuration (2)     3 bytes
// An IPv4 address that a dual-stack socket reports as ::ffff:a.b.c.d is stored as IPv4, so that one
// peer has one address.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/link.h"

namespace selvage {

inline constexpr std::uint8_t kPeerTagDialled = 2;
inline constexpr std::uint8_t kPeerTagAccepted = 3;
inline constexpr std::uint8_t kPeerTagIpv4 = 4;
inline constexpr std::uint8_t kPeerTagIpv6 = 6;

// UDP port of every node unless configured otherwise, also that of the discovery group.
inline constexpr std::uint16_t kDefaultPort = 7700;

// Room for either family; `size` is what the kernel wants to be told.
struct SocketAddress {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t size = 0;

  SocketAddress() : v6{} {}
  static SocketAddress Ipv4(const in_addr& address, std::uint16_t port);
  static SocketAddress Ipv6(const in6_addr& address, std::uint16_t port, std::uint32_t scope);
  std::uint16_t port() const {
    return ntohs(any.sa_family == AF_INET ? v4.sin_port : v6.sin6_port);
  }
};

PeerAddress ToPeerAddress(const SocketAddress& address);
// For a socket of `family`: an IPv4 peer of an AF_INET6 socket is mapped (::ffff:a.b.c.d). False
// for tags that are no socket address, wrong sizes, and IPv6 peers of an AF_INET socket.
bool ToSocketAddress(const PeerAddress& peer, int family, SocketAddress* out);

// For people and logs: "192.0.2.7:7700", "[fe80::1%3]:7700", "stream:0083a1b2c3", "dialled:0",
// "broadcast".
std::string ToText(const PeerAddress& peer);

// "host:port", "[v6]:port", "[fe80::1%eth0]:port"; the port may be left out when `default_port` >
// 0.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
absl::StatusOr<HostPort> ParseHostPort(std::string_view text, std::uint16_t default_port);
// Numeric addresses only: never asks a name server. InvalidArgument when `host` is a name.
absl::StatusOr<SocketAddress> ParseNumeric(const HostPort& host_port);

}  // namespace selvage
