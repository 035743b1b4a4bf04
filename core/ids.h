// Strong identifier types: who a node is, which link, which adjacency, which life of a node.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace selvage {

// An integer that does not mix with other integers. `Tag` is any incomplete type.
template <typename Tag, typename Rep>
struct StrongInt {
  Rep value{};
  constexpr StrongInt() = default;
  constexpr explicit StrongInt(Rep v) : value(v) {}
  friend constexpr bool operator==(StrongInt a, StrongInt b) { return a.value == b.value; }
  friend constexpr bool operator!=(StrongInt a, StrongInt b) { return a.value != b.value; }
  friend constexpr bool operator<(StrongInt a, StrongInt b) { return a.value < b.value; }
  template <typename H>
  friend H AbslHashValue(H h, StrongInt s) {
    return H::combine(std::move(h), s.value);
  }
};

// A node on the wire inside one network: the first four bytes of its NodeId, big endian.
// 0 is never used (admission refuses such a key). Two members with equal short ids are refused
// at session set-up; at 4,000 nodes the odds of any collision are 0.2 %.
using ShortId = StrongInt<struct ShortIdTag, std::uint32_t>;

// A local network interface ("link"): one radio or one carrier. Chosen by the driver.
using LinkId = StrongInt<struct LinkIdTag, std::uint16_t>;

// One direction of one neighbour relation as numbered by its owner, 1..255; 0 means none.
// (ShortId, AdjacencyIndex) names a directed edge of the network in five bytes: that is what a
// frame carries when it met a dead link.
using AdjacencyIndex = StrongInt<struct AdjacencyIndexTag, std::uint8_t>;

// Life of a node: moved on at every start and persisted before anything is sent under it.
using Epoch = StrongInt<struct EpochTag, std::uint32_t>;

// Identity of a node: the first 16 bytes of BLAKE2b-256 over its Ed25519 public key.
struct NodeId {
  std::array<std::uint8_t, 16> bytes{};

  ShortId Short() const {
    return ShortId((std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) |
                   (std::uint32_t{bytes[2]} << 8) | bytes[3]);
  }
  bool IsZero() const { return bytes == std::array<std::uint8_t, 16>{}; }
  // Lower-case hexadecimal, 32 characters.
  std::string ToHex() const;
  // False (and *out untouched) unless `hex` is exactly 32 hexadecimal digits.
  static bool FromHex(std::string_view hex, NodeId* out);

  friend bool operator==(const NodeId& a, const NodeId& b) { return a.bytes == b.bytes; }
  friend bool operator!=(const NodeId& a, const NodeId& b) { return !(a == b); }
  friend bool operator<(const NodeId& a, const NodeId& b) { return a.bytes < b.bytes; }
  template <typename H>
  friend H AbslHashValue(H h, const NodeId& n) {
    return H::combine(std::move(h), n.bytes);
  }
};

// What a packet asks of the network. The numeric values are on the wire (two bits).
enum class TrafficClass : std::uint8_t { kCritical = 0, kReliable = 1, kTelemetry = 2, kBulk = 3 };
inline constexpr int kTrafficClasses = 4;

// "critical", "reliable", "telemetry", "bulk".
std::string_view ToString(TrafficClass c);
bool ParseTrafficClass(std::string_view name, TrafficClass* out);

}  // namespace selvage
