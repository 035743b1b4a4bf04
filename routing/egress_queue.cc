#include "routing/egress_queue.h"

#include <cassert>

namespace selvage {

std::vector<WaitingPacket> EgressQueue::Push(WaitingPacket packet) {
  bytes_ += packet.payload.size();
  ++packets_;
  classes_[static_cast<std::size_t>(packet.header.traffic_class)].push_back(std::move(packet));
  std::vector<WaitingPacket> out;
  for (std::size_t c = kTrafficClasses; packets_ > kPacketsMax || bytes_ > room_;) {
    if (classes_[c - 1].empty()) {
      --c;
    } else {
      out.push_back(PopOf(c - 1));
    }
  }
  return out;
}

TrafficClass EgressQueue::first_class() const {
  std::size_t c = 0;
  while (classes_[c].empty()) ++c;
  return static_cast<TrafficClass>(c);
}

bool EgressQueue::Before(const EgressQueue& other) const {
  const TrafficClass mine = first_class();
  const TrafficClass theirs = other.first_class();
  return mine != theirs ? mine < theirs : First().since < other.First().since;
}

WaitingPacket EgressQueue::Pop() { return PopOf(static_cast<std::size_t>(first_class())); }

WaitingPacket EgressQueue::PopOf(std::size_t traffic_class) {
  auto& queue = classes_[traffic_class];
  assert(!queue.empty());
  WaitingPacket packet = std::move(queue.front());
  queue.pop_front();
  --packets_;
  bytes_ -= packet.payload.size();
  return packet;
}

std::vector<WaitingPacket> EgressQueue::TakeAll() {
  std::vector<WaitingPacket> out;
  out.reserve(packets_);
  while (!empty()) out.push_back(Pop());
  return out;
}

}  // namespace selvage
