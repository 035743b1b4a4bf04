#include "agents/node/route_watch.h"

#include <algorithm>

namespace selvage {

std::optional<RouteWatch::Change> RouteWatch::Update(Time now, std::uint64_t key,
                                                     ShortId destination, TrafficClass c,
                                                     AdjacencyIndex out) {
  auto it = rows_.find(key);
  std::optional<Change> change;
  if (it == rows_.end()) {
    if (rows_.size() >= kRowsMax) {
      rows_.erase(std::min_element(rows_.begin(), rows_.end(), [](const auto& a, const auto& b) {
        return a.second.at < b.second.at;
      }));
    }
    it = rows_.emplace(key, Row{out, now}).first;
  } else {
    if (it->second.out != out && now - it->second.at < kInUse) {
      change = Change{destination, c, it->second.out, out};
    }
    it->second = {out, now};
  }
  last_key_ = key;
  last_ = &it->second;
  return change;
}

}  // namespace selvage
