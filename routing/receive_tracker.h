// What has arrived from one neighbour, and when to tell it.
//
// Feedback rides on whatever is sent; a frame of its own goes out when kFramesPerFeedback frames
// that ask for feedback are waiting or the oldest of them has waited about 4 ms. About: when
// another frame arrives a little before that time, feedback leaves in its turn, and the timer is
// set a little after it. At 1,000 packets a second every fifth packet takes feedback along and the
// timer never rings (a wake-up of its own costs a relay as much as forwarding a packet).
#pragma once

#include <cstdint>

#include "core/frame.h"
#include "core/time.h"

namespace selvage {

class ReceiveTracker {
 public:
  static constexpr Duration kFeedbackAlong = 3600us;  // with whatever happens on the link
  static constexpr Duration kFeedbackDelay = 4400us;  // at the latest, by the timer
  // Where all take turns on one channel: a frame of its own costs nearly the air time of a packet.
  static constexpr Duration kFeedbackDelayShared = 25ms;
  static constexpr int kFramesPerFeedback = 32;  // half of what one feedback can report on

  explicit ReceiveTracker(bool shared = false)
      : along_(shared ? kFeedbackDelayShared * 3 / 4 : kFeedbackAlong),
        delay_(shared ? kFeedbackDelayShared : kFeedbackDelay) {}

  // One authentic frame; a session counts its frames from 1. `eliciting`: the neighbour wants to
  // know that it arrived.
  void OnFrame(Time now, std::uint64_t counter, bool eliciting);
  // True when something was received that could be reported.
  bool any() const { return any_; }
  bool due(Time now) const {
    return pending_ >= kFramesPerFeedback || (pending_ > 0 && now - first_pending_ >= along_);
  }
  // When feedback must leave at the latest; kNever when none is owed.
  Time deadline() const { return pending_ > 0 ? first_pending_ + delay_ : kNever; }
  bool pending() const { return pending_ > 0; }
  // What to send now. REQUIRES any(). Nothing is owed afterwards.
  Feedback Take(Time now);
  // A neighbour that restarted counts from anew.
  void Reset() {
    const ReceiveTracker old = *this;
    *this = ReceiveTracker();
    along_ = old.along_;
    delay_ = old.delay_;
  }

 private:
  Duration along_;
  Duration delay_;
  bool any_ = false;
  std::uint64_t highest_ = 0;
  std::uint64_t arrived_ = 0;   // bit i: highest - 1 - i has arrived
  std::uint64_t existing_ = 0;  // bit i: highest - 1 - i was ever sent, as far as is known
  Time highest_at_{};
  int pending_ = 0;
  Time first_pending_{};
};

}  // namespace selvage
