// A link: one local interface over which frames reach one or several neighbours.
//
// Transports implement `Link`; the node core knows only `LinkInfo` and opaque peer addresses, so
// the same core runs over sockets, over memory in tests and over ns-3 devices.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/ids.h"
#include "core/time.h"

namespace selvage {

// What a byte costs. Decides which link a class of traffic takes, and how rarely an idle link is
// tried.
enum class Tariff : std::uint8_t {
  kFree = 0,
  kMetered = 1,  // dollars a gigabyte: cellular
  kCostly = 2,   // more of that, or tens of watts: broadband satellites
  kDear = 3,     // dollars a kilobyte: message modems; or seconds of legal air time
};
inline constexpr int kTariffs = 4;
// LinkInfo::idle_gap where each frame is a bill: an idle link sends nothing, and whether it works
// is found out when it is used.
inline constexpr Duration kNoHellos = std::chrono::hours(24 * 365);
inline constexpr std::string_view ToString(Tariff t) {
  return t == Tariff::kFree      ? "free"
         : t == Tariff::kMetered ? "metered"
         : t == Tariff::kCostly  ? "costly"
                                 : "dear";
}

// Where a frame goes to or came from on a link, in the transport's own terms (for UDP: IPv6
// address, port, scope). The core compares and copies it, nothing else. Empty means "everybody in
// reach".
struct PeerAddress {
  static constexpr std::size_t kBytesMax = 31;
  std::uint8_t size = 0;
  std::array<std::uint8_t, kBytesMax> bytes{};

  static PeerAddress Broadcast() { return {}; }
  // REQUIRES: in.size() <= kBytesMax.
  static PeerAddress From(ByteSpan in) {
    PeerAddress a;
    a.size = static_cast<std::uint8_t>(in.size() < kBytesMax ? in.size() : kBytesMax);
    if (a.size > 0) std::memcpy(a.bytes.data(), in.data(), a.size);
    return a;
  }
  bool IsBroadcast() const { return size == 0; }
  ByteSpan Span() const { return {bytes.data(), size}; }
  friend bool operator==(const PeerAddress& a, const PeerAddress& b) {
    return a.size == b.size && std::memcmp(a.bytes.data(), b.bytes.data(), a.size) == 0;
  }
  friend bool operator!=(const PeerAddress& a, const PeerAddress& b) { return !(a == b); }
  friend bool operator<(const PeerAddress& a, const PeerAddress& b) {
    return a.size != b.size ? a.size < b.size
                            : std::memcmp(a.bytes.data(), b.bytes.data(), a.size) < 0;
  }
  template <typename H>
  friend H AbslHashValue(H h, const PeerAddress& a) {
    return H::combine_contiguous(std::move(h), a.bytes.data(), a.size);
  }
};

// What the core must know of a link to use it well. May change at run time: the transport then
// reports the link up again with new values.
struct LinkInfo {
  std::string name;       // as in the configuration: interface or address; shown to people
  std::string transport;  // "ethernet", "wifi", "memory", ...
  // Largest frame the link carries, in bytes of our frame (headers of the carrier not included).
  // At least 51 (LoRaWAN DR0), for Ethernet 1452 (1500 - 40 IPv6 - 8 UDP).
  std::uint32_t mtu_bytes = 1452;
  // Nominal rate in bit/s; 0 = unknown. Weighs paths by class until measured.
  std::uint64_t rate_bps = 0;
  // Peers hear a broadcast frame (discovery by beacon). Otherwise only configured peers exist.
  bool broadcast = true;
  // All in reach take turns on one channel, as on a Wi-Fi mesh: air time is scarce, waiting for it
  // takes tens of milliseconds, and a frame to a dead neighbour holds up those behind it.
  bool shared = false;
  // Few bytes a minute: 8-byte tags, hellos in minutes, rekey by count only, no bulk.
  bool slow = false;
  Tariff tariff = Tariff::kFree;
  // How far apart hellos are on the idle link, where its budget asks for more than is usual; 0: as
  // usual. Each end promises its own. What else repeats (beacons, new keys) becomes as rare.
  Duration idle_gap{0};
  // How long an answer may take although all is well: waits for satellites, or for the moments in
  // which a neighbour listens. 0: as is usual for links of this kind.
  Duration patience{0};
};

}  // namespace selvage
