#include "routing/path_cost.h"

#include <algorithm>

namespace selvage {

PathCost EdgeCost(const EdgeMetric& m, TrafficClass c) {
  if (m.slow && c == TrafficClass::kBulk) return kUnreachable;
  const PathCost money =
      kTariffCostUs[static_cast<std::size_t>(m.tariff)][static_cast<std::size_t>(c)];
  if (money == kUnreachable) return kUnreachable;
  const std::uint64_t arrive = 1000 - std::min(m.loss_permille, kLossPermilleMax);
  std::uint64_t base = kHopCostUs + std::min(m.latency_us, kLatencyUsMax);
  if (m.rate_kbps > 0) {
    // bits * 1000 / (kbit/s) = microseconds on the wire; throughput is all that bulk asks for.
    const std::uint64_t bytes = m.slow ? kTypicalPacketBytesSlow : kTypicalPacketBytes;
    const std::uint64_t wire_us = bytes * 8 * 1000 / m.rate_kbps;
    base += c == TrafficClass::kBulk ? 4 * wire_us : wire_us;
  }
  std::uint64_t cost = base * 1000 / arrive * 1000 / arrive;
  // A protected class would rather walk further than be repaired on the way.
  if (c == TrafficClass::kCritical || c == TrafficClass::kReliable) cost = cost * 1000 / arrive;
  return cost + money;
}

}  // namespace selvage
