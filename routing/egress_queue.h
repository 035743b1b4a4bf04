// Packets that wait for their turn on one full link, by class: who goes first, who gives way.
//
// First the most precious class, oldest packet first. When there is no more room the least
// precious class gives way, its oldest packet first: what has waited longest is worth least to
// telemetry, and tells a bulk sender soonest. So classes are shed in the order bulk, telemetry,
// reliable, critical, and a class is shed only when none below it is left. Packets wait unsealed:
// sequence numbers are given when a frame leaves. Bounded in packets and bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/frame.h"
#include "core/ids.h"
#include "core/ring_queue.h"
#include "core/time.h"

namespace selvage {

struct WaitingPacket {
  DataHeader header;
  Bytes payload;
  AdjacencyIndex came_in;  // 0: from this node
  std::uint8_t attempts = 1;
  Time since{};
};

class EgressQueue {
 public:
  static constexpr std::size_t kPacketsMax = 1024;
  static constexpr std::size_t kBytesMax = 512 * 1024;
  static constexpr std::size_t kBytesMin = 32 * 1024;

  // Takes the packet in and returns what had to give way for it (it may be the packet itself).
  std::vector<WaitingPacket> Push(WaitingPacket packet);
  // Room from now on, kept within kBytesMin and kBytesMax: what a link carries in the time that
  // packets may wait. What is in it stays until the next Push.
  void SetRoom(std::size_t bytes) { room_ = std::clamp(bytes, kBytesMin, kBytesMax); }
  bool empty() const { return packets_ == 0; }
  std::size_t packets() const { return packets_; }
  std::size_t bytes() const { return bytes_; }
  // The class of the packet whose turn it is. REQUIRES !empty().
  TrafficClass first_class() const;
  // Whether its turn comes before that of the other's: more precious, or older. REQUIRES neither
  // is empty.
  bool Before(const EgressQueue& other) const;
  // REQUIRES !empty().
  WaitingPacket Pop();
  // Everything, in the order of turns; the queue is empty afterwards.
  std::vector<WaitingPacket> TakeAll();

 private:
  const WaitingPacket& First() const {
    return classes_[static_cast<std::size_t>(first_class())].front();
  }
  WaitingPacket PopOf(std::size_t traffic_class);

  std::array<RingQueue<WaitingPacket>, kTrafficClasses> classes_;
  std::size_t room_ = kBytesMax;
  std::size_t packets_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace selvage
