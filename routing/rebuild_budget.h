// How often routes are computed anew: the first changes of the map at once, a storm in batches.
//
// What a computation costs grows with the network, and so does the number of changes, so that a
// large network that starts, splits or merges would have its nodes do nothing else. As routers do
// (RFC 8405) one change after calm is acted upon at once, and so are the few that one fault causes;
// after these, at most one computation per kPerNode times the number of nodes. Local repair does
// not wait for any of this.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/time.h"

namespace selvage {

class RebuildBudget {
 public:
  static constexpr int kBurst = 8;  // a relay that dies changes what each of its neighbours tells
  static constexpr Duration kPerNode = 100us;
  static constexpr Duration kPauseMax = 1s;

  // True when routes may be computed now, which then counts. `nodes`: on the map.
  bool Take(Time now, std::size_t nodes) {
    if (now < ready_) return false;
    const Duration pause =
        std::min<Duration>(kPerNode * static_cast<std::int64_t>(nodes), kPauseMax);
    // Time not used adds up to a burst.
    spent_until_ = std::max(spent_until_, now) + pause;
    ready_ = spent_until_ - (kBurst - 1) * pause;
    return true;
  }
  // The earliest time at which Take() says yes.
  Time ready() const { return ready_; }

 private:
  Time spent_until_ = Time::min();
  Time ready_ = Time::min();
};

}  // namespace selvage
