// Destinations that the map offers no path to: a packet may look for one only now and then.
//
// A packet without a path tries every link (routing/forwarder.h), for maps can be wrong: right
// after a failure that is what saves it. In a partition that lasts, each packet to the other side
// would search all of this side: on a shared channel a handful of flows then takes all the air,
// and the merge finds a channel that is full. So once the map has said for kSettle that a
// destination is out of reach, this node lets one packet to it search per kLook and drops the
// others; what was promised stays in the outbox and leaves when the map changes.
//
// Bounded by the map. Sans-I/O. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/ids.h"
#include "core/time.h"

namespace selvage {

class CutOff {
 public:
  static constexpr Duration kSettle = 2s;
  static constexpr Duration kLook = 1s;

  // The map changed: these of its nodes are out of reach, and no others.
  void OnReach(Time now, const std::vector<ShortId>& unreached) {
    std::map<std::uint32_t, Row> rows;
    for (ShortId node : unreached) {
      const auto known = rows_.find(node.value);
      rows[node.value] = known != rows_.end() ? known->second : Row{now, now};
    }
    rows_ = std::move(rows);
  }

  bool Has(ShortId node) const { return rows_.count(node.value) > 0; }
  std::size_t size() const { return rows_.size(); }

  // Out of reach for so long that the map can be believed.
  bool IsSettled(Time now, ShortId to) const {
    if (rows_.empty()) return false;
    const auto it = rows_.find(to.value);
    return it != rows_.end() && now - it->second.since >= kSettle;
  }

  // Whether a packet to `to` may search now; that uses the chance up. REQUIRES: IsSettled.
  bool TakeLook(Time now, ShortId to) {
    Row& r = rows_.at(to.value);
    if (now - r.looked < kLook) return false;
    r.looked = now;
    return true;
  }

 private:
  struct Row {
    Time since{};
    Time looked{};
  };
  std::map<std::uint32_t, Row> rows_;
};

}  // namespace selvage
