// What an edge costs a traffic class: one integer, in microseconds of equivalent delay.
//
// A hop costs its share of everybody's air time even when it is fast, hence kHopCost. Loss costs
// the expected number of transmissions squared (ETX, De Couto et al., MobiCom 2003: data one way,
// the acknowledgement back; each may be lost). Integers throughout: the same map gives the same
// route on every machine.
#pragma once

#include <cstdint>

#include "core/ids.h"
#include "core/link.h"

namespace selvage {

// As advertised. All fields are the origin's view of the direction it sends in.
struct EdgeMetric {
  std::uint32_t latency_us = 0;     // smoothed one-way delay
  std::uint32_t loss_permille = 0;  // 0..1000
  std::uint32_t rate_kbps = 0;      // 0 = unknown
  bool slow = false;                // duty-cycled: no bulk
  Tariff tariff = Tariff::kFree;    // what a byte costs
  friend bool operator==(const EdgeMetric& a, const EdgeMetric& b) {
    return a.latency_us == b.latency_us && a.loss_permille == b.loss_permille &&
           a.rate_kbps == b.rate_kbps && a.slow == b.slow && a.tariff == b.tariff;
  }
  friend bool operator!=(const EdgeMetric& a, const EdgeMetric& b) { return !(a == b); }
};

using PathCost = std::uint64_t;
inline constexpr PathCost kUnreachable = ~PathCost{0};
inline constexpr PathCost kHopCostUs = 1000;
// Edges that lose more than this are worth one that loses this much: keeps the division tame.
inline constexpr std::uint32_t kLossPermilleMax = 950;
// And those that take longer than a minute one that takes a minute.
inline constexpr std::uint32_t kLatencyUsMax = 60'000'000;
// Bytes of a typical packet, for its time on the wire; what slow radios carry is small.
inline constexpr std::uint64_t kTypicalPacketBytes = 1200;
inline constexpr std::uint64_t kTypicalPacketBytesSlow = 100;

// What a tariff is worth in delay, by class: so much later may a packet arrive to save the money.
// Steps of about three, so that two hops of one tariff are cheaper than one of the next; critical
// waits for nothing that a person notices, bulk for nearly everything. [tariff][class]
inline constexpr PathCost kTariffCostUs[kTariffs][kTrafficClasses] = {
    {0, 0, 0, 0},
    {20'000, 100'000, 1'000'000, 10'000'000},
    {60'000, 300'000, 3'000'000, 30'000'000},
    {2'000'000, 10'000'000, 60'000'000, kUnreachable},
};

// kUnreachable when the class never uses such an edge (bulk on slow radios, or dear bytes).
PathCost EdgeCost(const EdgeMetric& m, TrafficClass c);

}  // namespace selvage
