// As much of IPv4 and IPv6 as TUN needs: addresses of a packet, and an ICMP "unreachable" for it.
//
// Bounded parsing: nothing outside the given bytes is read, and a packet that says it is longer
// than it is, is no packet. Formats: RFC 791 and 792, RFC 8200 and 4443.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"

namespace selvage {

struct IpAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // IPv4: the first four, the others zero

  // 224.0.0.0/4, 255.255.255.255, ff00::/8.
  bool IsMulticast() const;
  // Canonical text (RFC 5952 for IPv6).
  std::string ToText() const;
  // nullopt unless `text` is a numeric address without prefix length.
  static std::optional<IpAddress> Parse(std::string_view text);
  friend bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.v6 == b.v6 && a.bytes == b.bytes;
  }
  friend bool operator!=(const IpAddress& a, const IpAddress& b) { return !(a == b); }
};

struct IpHeader {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;  // IPv6: of the first extension or the content
};

// nullopt unless `packet` begins with a whole IPv4 or IPv6 header and is as long as that says.
std::optional<IpHeader> ParseIpHeader(ByteSpan packet);

// "Host unreachable" (IPv4: type 3 code 1; IPv6: type 1 code 3) to the packet's source, with as
// much of the packet as the RFCs ask for. It comes in the name of the destination, not of this
// node: the kernel drops what enters through TUN with an address of its own. Empty when none may be
// sent: about an ICMP error, a fragment other than the first, or to a multicast source.
Bytes MakeUnreachable(ByteSpan packet, const IpHeader& header);

}  // namespace selvage
