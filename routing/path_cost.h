// What an edge costs a traffic class: one integer, in microseconds of equivalent delay.
//
// A hop costs its share of everybody's air time even when it is fast, hence kHopCost. Loss costs
// the expected number of transmissions squared (ETX, De Couto et al., MobiCom 2003: data one way,
// the acknowledgement back; each may be lost). Integers throughout: the same map gives the same
// route on every machine.
#pragma once

#include <cstdint>

#include "core/ids.h"

namespace selvage {

// As advertised. All fields are the origin's view of the direction it sends in.
struct EdgeMetric {
  std::uint32_t latency_us = 0;     // smoothed one-way delay
  std::uint32_t loss_permille = 0;  // 0..1000
  std::uint32_t rate_kbps = 0;      // 0 = unknown
  bool slow = false;                // duty-cycled or paid by the byte
  friend bool operator==(const EdgeMetric& a, const EdgeMetric& b) {
    return a.latency_us == b.latency_us && a.loss_permille == b.loss_permille &&
           a.rate_kbps == b.rate_kbps && a.slow == b.slow;
  }
  friend bool operator!=(const EdgeMetric& a, const EdgeMetric& b) { return !(a == b); }
};

using PathCost = std::uint64_t;
inline constexpr PathCost kUnreachable = ~PathCost{0};
inline constexpr PathCost kHopCostUs = 1000;
// Edges that lose more than this are worth one that loses this much: keeps the division tame.
inline constexpr std::uint32_t kLossPermilleMax = 950;
// Bytes of a typical packet, for the time on the wire of bulk.
inline constexpr std::uint64_t kTypicalPacketBytes = 1200;

// kUnreachable when the class never uses such an edge (bulk on slow radios).
PathCost EdgeCost(const EdgeMetric& m, TrafficClass c);

}  // namespace selvage
