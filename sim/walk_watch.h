// Counts the hops of every walk of every packet, and those that went beyond the bound.
//
// The forwarder promises that a walk (one copy of a packet under one attempt and walk number) ends
// within twice as many hops as there are links. What is counted here is frames handed to links, so
// a frame that was lost and sent again counts twice: the promise is held to more than it says.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>

#include "sim/ledger.h"

namespace selvage::sim {

class WalkWatch {
 public:
  // Packets of one moment are looked at together; nothing lives longer than two such moments.
  static constexpr double kMomentSeconds = 10;

  explicit WalkWatch(std::uint64_t links) : bound_(2 * links) {}

  void Count(double now_s, const PacketLabel& label) {
    if (now_s >= turn_s_ + kMomentSeconds) {
      before_ = std::move(now_);
      now_.clear();
      turn_s_ = now_s;
    }
    const Key key{(std::uint64_t{label.flow} << 32) | label.sequence, label.walk};
    auto it = now_.find(key);
    if (it == now_.end()) {
      const auto old = before_.find(key);
      it = now_.emplace(key, old == before_.end() ? 0 : old->second).first;
    }
    const std::uint64_t hops = ++it->second;
    longest_ = std::max(longest_, hops);
    violations_ += hops == bound_ + 1;
  }

  std::uint64_t bound() const { return bound_; }
  std::uint64_t longest() const { return longest_; }        // hops
  std::uint64_t violations() const { return violations_; }  // walks

 private:
  struct Key {
    std::uint64_t packet;
    std::uint16_t walk;
    bool operator==(const Key& o) const { return packet == o.packet && walk == o.walk; }
  };
  struct Hash {
    std::size_t operator()(const Key& k) const {
      return std::hash<std::uint64_t>()(k.packet * 0x9e3779b97f4a7c15ull + k.walk);
    }
  };
  using Hops = std::unordered_map<Key, std::uint64_t, Hash>;  // looked up only

  std::uint64_t bound_;
  std::uint64_t longest_ = 0;
  std::uint64_t violations_ = 0;
  double turn_s_ = 0;
  Hops now_;
  Hops before_;
};

}  // namespace selvage::sim
