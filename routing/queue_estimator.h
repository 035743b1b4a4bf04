// How long frames wait in a queue that nobody shows us: round trips above the shortest one.
//
// A full link and a lossy one look alike to whoever counts losses. They differ in time: a queue
// makes every round trip longer, chance does not. Two sliding minima: over kBase the way itself
// (min filter, as BBR: Cardwell et al., ACM Queue 2016), over kStanding the queue that does not go
// away (as CoDel, RFC 8289: a burst is no standing queue, its minimum is near zero).
#pragma once

#include <algorithm>

#include "core/time.h"

namespace selvage {

class QueueEstimator {
 public:
  static constexpr Duration kBase = 10s;
  static constexpr Duration kStanding = 60ms;
  static constexpr Duration kRecent = 20ms;

  void OnRtt(Time now, Duration rtt) {
    base_.Add(now, rtt, kBase / 2);
    standing_.Add(now, rtt, kStanding / 2);
    recent_.Add(now, rtt, kRecent / 2);
    last_ = rtt;
    any_ = true;
  }
  bool any() const { return any_; }
  // The way without a queue. REQUIRES any(), as all below.
  Duration base() const { return base_.Min(); }
  // What every frame of late has waited at least.
  Duration standing() const { return standing_.Min() - base(); }
  // The same over a shorter time.
  Duration recent() const { return recent_.Min() - base(); }
  // What the newest frame waited.
  Duration latest() const { return last_ - base(); }

 private:
  // The minimum of the present and the last bucket.
  struct Window {
    Time begun{};
    Duration now = Duration::max();
    Duration before = Duration::max();
    void Add(Time at, Duration rtt, Duration bucket) {
      if (at - begun >= bucket) {
        before = at - begun >= 2 * bucket ? Duration::max() : now;
        now = Duration::max();
        begun = at;
      }
      now = std::min(now, rtt);
    }
    Duration Min() const { return std::min(now, before); }
  };
  Window base_;
  Window standing_;
  Window recent_;
  Duration last_{0};
  bool any_ = false;
};

}  // namespace selvage
