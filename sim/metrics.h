// What a flow suffered: outage, heal time, loss. Pure arithmetic over send and receive times.
//
// Definitions (all relative to the reference time, which is the fault, or the merge of a
// partition):
//   outage  longest gap between two receptions from the last one before the fault (at most 1 s
//   before)
//           to the end of the traffic; without a fault it is the packet interval.
//   heal    a window of one second of packets, slid by one packet, first falls below 90 %
//   delivered;
//           heal is when a window is at 90 % again, taken when its first packet arrives, minus the
//           reference. 0: never below. Infinite: never again. Only a dip that begins within
//           `attribution_s` is put down to the fault.
//   heal5   the same with five seconds of packets.
//   bad     seconds during which that one-second window is below 90 %.
//   lost    packets sent in the fault window and never delivered, not even in the drain time.
#pragma once

#include <cstdint>
#include <vector>

namespace selvage::sim {

struct PacketRecord {
  double sent_s = 0;
  double received_s = -1;  // < 0: never; the first copy counts
};

struct FlowWindow {
  double fault_s = 0;
  double reference_s = 0;
  double end_s = 0;
  double rate = 10;  // packets per second
  double attribution_s = 10;
};

struct FlowResult {
  std::uint32_t sent = 0;  // in the fault window
  std::uint32_t got = 0;
  std::uint32_t lost = 0;
  std::uint32_t pre_sent = 0;  // in the 10 s before the fault
  std::uint32_t pre_got = 0;
  double outage_s = 0;
  double heal_s = 0;
  double heal5_s = 0;
  double bad_s = 0;
};

// `packets` in order of sending.
FlowResult MeasureFlow(const std::vector<PacketRecord>& packets, const FlowWindow& window);

// NaN when empty; infinities sort last and are not averaged.
double Median(std::vector<double> values);
double Largest(const std::vector<double>& values);

}  // namespace selvage::sim
