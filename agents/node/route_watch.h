// Notices when traffic changes its way, so that every reroute can be told and counted.
//
// Keeps, per destination and class in use, the adjacency its packets leave by. Bounded; the least
// recently used row goes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/time.h"

namespace selvage {

class RouteWatch {
 public:
  static constexpr std::size_t kRowsMax = 1024;
  // A flow that paused longer than this starts anew: no reroute to tell of.
  static constexpr Duration kInUse = 5s;

  struct Change {
    ShortId destination;
    TrafficClass traffic_class;
    AdjacencyIndex from;
    AdjacencyIndex to;
  };

  // A packet for `destination` left by `out`. The change, if it is one.
  std::optional<Change> OnForwarded(Time now, ShortId destination, TrafficClass c,
                                    AdjacencyIndex out) {
    const std::uint64_t key = (std::uint64_t{destination.value} << 2) | static_cast<unsigned>(c);
    if (key == last_key_ && last_ != nullptr && last_->out == out) {  // nearly every packet
      last_->at = now;
      return std::nullopt;
    }
    return Update(now, key, destination, c, out);
  }

 private:
  struct Row {
    AdjacencyIndex out;
    Time at{};
  };
  std::optional<Change> Update(Time now, std::uint64_t key, ShortId destination, TrafficClass c,
                               AdjacencyIndex out);

  std::map<std::uint64_t, Row> rows_;
  std::uint64_t last_key_ = 0;
  Row* last_ = nullptr;
};

}  // namespace selvage
