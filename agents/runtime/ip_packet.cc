#include "agents/runtime/ip_packet.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace selvage {
namespace {

constexpr std::size_t kIpv4HeaderMin = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kIcmpHeader = 8;
constexpr std::uint8_t kProtocolIcmp = 1;
constexpr std::uint8_t kProtocolIcmpv6 = 58;
constexpr std::uint8_t kTtl = 64;
// An ICMPv6 error must fit the smallest MTU (RFC 4443, 2.4 c).
constexpr std::size_t kIcmpv6Max = 1280;

std::uint16_t U16(ByteSpan s, std::size_t at) {
  return static_cast<std::uint16_t>((s[at] << 8) | s[at + 1]);
}

// The sum of RFC 1071 before it is folded and inverted.
std::uint32_t Sum(ByteSpan s, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i + 1 < s.size(); i += 2) sum += U16(s, i);
  if (s.size() % 2 != 0) sum += static_cast<std::uint32_t>(s[s.size() - 1]) << 8;
  return sum;
}

std::uint16_t Fold(std::uint32_t sum) {
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void PutU16(Bytes* out, std::size_t at, std::uint16_t v) {
  (*out)[at] = static_cast<std::uint8_t>(v >> 8);
  (*out)[at + 1] = static_cast<std::uint8_t>(v);
}

Bytes UnreachableV4(ByteSpan packet, const IpHeader& header) {
  const std::size_t header_bytes = static_cast<std::size_t>(packet[0] & 0x0f) * 4;
  const bool later_fragment = (U16(packet, 6) & 0x1fff) != 0;
  // Errors about errors would never end: only echo requests and the like are answered.
  const bool icmp_error = header.protocol == kProtocolIcmp &&
                          (packet.size() <= header_bytes || (packet[header_bytes] != 8));
  if (later_fragment || icmp_error) return {};
  const ByteSpan quoted = packet.Sub(0, header_bytes + 8);
  Bytes out(kIpv4HeaderMin + kIcmpHeader);
  out[0] = 0x45;
  PutU16(&out, 2, static_cast<std::uint16_t>(out.size() + quoted.size()));
  out[8] = kTtl;
  out[9] = kProtocolIcmp;
  std::memcpy(&out[12], header.destination.bytes.data(), 4);
  std::memcpy(&out[16], header.source.bytes.data(), 4);
  PutU16(&out, 10, Fold(Sum({out.data(), kIpv4HeaderMin})));
  out[kIpv4HeaderMin] = 3;
  out[kIpv4HeaderMin + 1] = 1;
  out.insert(out.end(), quoted.begin(), quoted.end());
  PutU16(&out, kIpv4HeaderMin + 2,
         Fold(Sum({out.data() + kIpv4HeaderMin, out.size() - kIpv4HeaderMin})));
  return out;
}

Bytes UnreachableV6(ByteSpan packet, const IpHeader& header) {
  // Types below 128 are errors.
  if (header.protocol == kProtocolIcmpv6 &&
      (packet.size() <= kIpv6Header || packet[kIpv6Header] < 128)) {
    return {};
  }
  const ByteSpan quoted = packet.Sub(0, kIcmpv6Max - kIpv6Header - kIcmpHeader);
  Bytes out(kIpv6Header + kIcmpHeader + quoted.size());
  const auto length = static_cast<std::uint16_t>(out.size() - kIpv6Header);
  out[0] = 0x60;
  PutU16(&out, 4, length);
  out[6] = kProtocolIcmpv6;
  out[7] = kTtl;
  std::memcpy(&out[8], header.destination.bytes.data(), 16);
  std::memcpy(&out[24], header.source.bytes.data(), 16);
  out[kIpv6Header] = 1;
  out[kIpv6Header + 1] = 3;
  std::memcpy(&out[kIpv6Header + kIcmpHeader], quoted.data(), quoted.size());
  // Pseudo-header: both addresses, length, next header (RFC 8200, 8.1).
  const std::uint32_t pseudo = Sum({out.data() + 8, 32}, length + std::uint32_t{kProtocolIcmpv6});
  PutU16(&out, kIpv6Header + 2,
         Fold(Sum({out.data() + kIpv6Header, out.size() - kIpv6Header}, pseudo)));
  return out;
}

}  // namespace

bool IpAddress::IsMulticast() const {
  if (v6) return bytes[0] == 0xff;
  return (bytes[0] & 0xf0) == 0xe0 ||
         (bytes[0] == 255 && bytes[1] == 255 && bytes[2] == 255 && bytes[3] == 255);
}

std::string IpAddress::ToText() const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof(text));
  return text;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string terminated(text.substr(0, INET6_ADDRSTRLEN));
  IpAddress a;
  if (inet_pton(AF_INET, terminated.c_str(), a.bytes.data()) == 1) return a;
  a.v6 = true;
  if (inet_pton(AF_INET6, terminated.c_str(), a.bytes.data()) == 1) return a;
  return std::nullopt;
}

std::optional<IpHeader> ParseIpHeader(ByteSpan packet) {
  if (packet.empty()) return std::nullopt;
  IpHeader h;
  const int version = packet[0] >> 4;
  if (version == 4) {
    if (packet.size() < kIpv4HeaderMin) return std::nullopt;
    const std::size_t header_bytes = static_cast<std::size_t>(packet[0] & 0x0f) * 4;
    const std::size_t total = U16(packet, 2);
    if (header_bytes < kIpv4HeaderMin || total < header_bytes || total != packet.size()) {
      return std::nullopt;
    }
    h.protocol = packet[9];
    std::memcpy(h.source.bytes.data(), packet.data() + 12, 4);
    std::memcpy(h.destination.bytes.data(), packet.data() + 16, 4);
    return h;
  }
  if (version == 6) {
    if (packet.size() < kIpv6Header || packet.size() != kIpv6Header + U16(packet, 4)) {
      return std::nullopt;
    }
    h.protocol = packet[6];
    h.source.v6 = true;
    h.destination.v6 = true;
    std::memcpy(h.source.bytes.data(), packet.data() + 8, 16);
    std::memcpy(h.destination.bytes.data(), packet.data() + 24, 16);
    return h;
  }
  return std::nullopt;
}

Bytes MakeUnreachable(ByteSpan packet, const IpHeader& header) {
  if (header.source.IsMulticast()) return {};
  return header.source.v6 ? UnreachableV6(packet, header) : UnreachableV4(packet, header);
}

}  // namespace selvage
