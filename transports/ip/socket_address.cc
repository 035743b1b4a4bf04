#include "transports/ip/socket_address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>

#include <array>
#include <charconv>
#include <cstring>

#include "absl/status/status.h"

namespace selvage {

SocketAddress SocketAddress::Ipv4(const in_addr& address, std::uint16_t port) {
  SocketAddress a;
  a.v4 = sockaddr_in{};
  a.v4.sin_family = AF_INET;
  a.v4.sin_addr = address;
  a.v4.sin_port = htons(port);
  a.size = sizeof(sockaddr_in);
  return a;
}

SocketAddress SocketAddress::Ipv6(const in6_addr& address, std::uint16_t port,
                                  std::uint32_t scope) {
  SocketAddress a;
  a.v6.sin6_family = AF_INET6;
  a.v6.sin6_addr = address;
  a.v6.sin6_port = htons(port);
  a.v6.sin6_scope_id = scope;
  a.size = sizeof(sockaddr_in6);
  return a;
}

PeerAddress ToPeerAddress(const SocketAddress& address) {
  PeerAddress peer;
  ByteWriter writer(MutableByteSpan(peer.bytes.data(), peer.bytes.size()));
  const std::uint8_t* v6 = address.v6.sin6_addr.s6_addr;
  if (address.any.sa_family == AF_INET) {
    writer.U8(kPeerTagIpv4);
    writer.U32(ntohl(address.v4.sin_addr.s_addr));
    writer.U16(address.port());
  } else if (IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr)) {
    writer.U8(kPeerTagIpv4);
    writer.Put(ByteSpan(v6 + 12, 4));
    writer.U16(address.port());
  } else {
    writer.U8(kPeerTagIpv6);
    writer.Put(ByteSpan(v6, 16));
    writer.U16(address.port());
    writer.U32(address.v6.sin6_scope_id);
  }
  peer.size = static_cast<std::uint8_t>(writer.size());
  return peer;
}

bool ToSocketAddress(const PeerAddress& peer, int family, SocketAddress* out) {
  ByteReader reader(peer.Span());
  const std::uint8_t tag = reader.U8();
  if (tag == kPeerTagIpv4) {
    const std::array<std::uint8_t, 4> address = reader.Array<4>();
    const std::uint16_t port = reader.U16();
    if (!reader.ok() || reader.remaining() != 0) return false;
    if (family == AF_INET) {
      in_addr v4;
      std::memcpy(&v4, address.data(), sizeof(v4));
      *out = SocketAddress::Ipv4(v4, port);
    } else {
      in6_addr v6{};
      v6.s6_addr[10] = v6.s6_addr[11] = 0xff;
      std::memcpy(v6.s6_addr + 12, address.data(), 4);
      *out = SocketAddress::Ipv6(v6, port, 0);
    }
    return true;
  }
  if (tag == kPeerTagIpv6 && family == AF_INET6) {
    const std::array<std::uint8_t, 16> address = reader.Array<16>();
    const std::uint16_t port = reader.U16();
    const std::uint32_t scope = reader.U32();
    if (!reader.ok() || reader.remaining() != 0) return false;
    in6_addr v6;
    std::memcpy(&v6, address.data(), sizeof(v6));
    *out = SocketAddress::Ipv6(v6, port, scope);
    return true;
  }
  return false;
}

std::string ToText(const PeerAddress& peer) {
  if (peer.IsBroadcast()) return "broadcast";
  SocketAddress address;
  char text[INET6_ADDRSTRLEN];
  if (ToSocketAddress(peer, AF_INET, &address)) {
    inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof(text));
    return std::string(text) + ":" + std::to_string(address.port());
  }
  if (ToSocketAddress(peer, AF_INET6, &address)) {
    inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof(text));
    const std::uint32_t scope = address.v6.sin6_scope_id;
    return "[" + std::string(text) + (scope != 0 ? "%" + std::to_string(scope) : "") +
           "]:" + std::to_string(address.port());
  }
  const ByteSpan rest = peer.Span().Sub(1);
  if (peer.bytes[0] == kPeerTagAccepted) return "stream:" + ToHex(rest);
  if (peer.bytes[0] == kPeerTagDialled && rest.size() == 2) {
    return "dialled:" + std::to_string(rest[0] * 256 + rest[1]);
  }
  return "unknown:" + ToHex(peer.Span());
}

absl::StatusOr<HostPort> ParseHostPort(std::string_view text, std::uint16_t default_port) {
  const auto bad = [&](const char* what) {
    return absl::InvalidArgumentError("\"" + std::string(text) + "\": " + what +
                                      "; write \"192.0.2.7:7700\" or \"[2001:db8::7]:7700\"");
  };
  HostPort result;
  result.port = default_port;
  std::string_view port;
  if (!text.empty() && text[0] == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return bad("\"]\" is missing");
    result.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && port[0] != ':') return bad("only \":port\" may follow \"]\"");
  } else {
    const std::size_t colon = text.find(':');
    if (colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos) {
      return bad("an IPv6 address needs brackets");
    }
    result.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (result.host.empty()) return bad("the address is missing");
  if (port.empty()) {
    if (default_port == 0) return bad("the port is missing");
    return result;
  }
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (error != std::errc() || end != port.data() + port.size() || result.port == 0) {
    return bad("the port must be a number from 1 to 65535");
  }
  return result;
}

absl::StatusOr<SocketAddress> ParseNumeric(const HostPort& host_port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  // AI_NUMERICHOST keeps the resolver local and understands "%eth0" scopes.
  if (getaddrinfo(host_port.host.c_str(), nullptr, &hints, &found) != 0 || found == nullptr) {
    return absl::InvalidArgumentError(
        "\"" + host_port.host +
        "\" is no numeric address (or names an interface that is not there)");
  }
  SocketAddress result;
  if (found->ai_family == AF_INET) {
    result = SocketAddress::Ipv4(reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr,
                                 host_port.port);
  } else {
    const auto* v6 = reinterpret_cast<sockaddr_in6*>(found->ai_addr);
    result = SocketAddress::Ipv6(v6->sin6_addr, host_port.port, v6->sin6_scope_id);
  }
  freeaddrinfo(found);
  return result;
}

}  // namespace selvage
