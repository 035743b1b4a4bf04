// Bytes that nodes hand to their links, split into data and control; one window before the fault
// and one after it.
//
// Data is the first copy of each packet at each node that sends it on, with its base header; all
// else is control: routing messages, address resolution, repeated copies above the MAC, and what a
// data frame carries beyond its base header. MAC headers and MAC retransmissions are not counted.
// Nodes that the fault silenced are not counted either.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace selvage::sim {

// Names a data packet, and how many of its bytes are not base header and payload.
struct PacketLabel {
  std::uint32_t flow = 0;
  std::uint32_t sequence = 0;
  std::uint32_t extra_bytes = 0;
  // Which walk of the packet: walk number, copy and attempt. Told by Selvage only.
  std::uint16_t walk = 0;
};

struct ByteCounts {
  std::uint64_t control_bytes = 0;
  std::uint64_t control_packets = 0;
  std::uint64_t data_bytes = 0;
  std::uint64_t data_packets = 0;
  std::uint64_t repeated_bytes = 0;  // further copies of data, part of control
};

class Ledger {
 public:
  // Window [0] is [begin_s, fault_s), window [1] is [fault_s, end_s).
  Ledger(std::uint32_t nodes, std::uint32_t flows, double begin_s, double fault_s, double end_s);

  // `bytes` from the IP header (or the ARP packet) on. label null: no application packet.
  void Count(double now_s, std::uint32_t node, std::uint32_t bytes, const PacketLabel* label);

  const ByteCounts& before() const { return counts_[0]; }
  const ByteCounts& after() const { return counts_[1]; }

 private:
  // True the first time this node sends this packet.
  bool MarkFirst(std::uint32_t node, const PacketLabel& label);

  std::uint32_t flows_;
  double begin_s_;
  double fault_s_;
  double end_s_;
  std::array<ByteCounts, 2> counts_;
  std::vector<std::vector<bool>> sent_;  // [node * flows + flow][sequence]
};

// FNV-1a over everything it is fed, in order: the fingerprint of a run.
class TraceHash {
 public:
  void Byte(std::uint8_t b) { hash_ = (hash_ ^ b) * 0x100000001b3ull; }
  void Int(std::uint64_t v) {
    for (int i = 0; i < 8; ++i) Byte(static_cast<std::uint8_t>(v >> (8 * i)));
  }
  void Span(const std::uint8_t* data, std::size_t size) {
    Int(size);
    for (std::size_t i = 0; i < size; ++i) Byte(data[i]);
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ull;
};

}  // namespace selvage::sim
