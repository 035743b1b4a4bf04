// Air time spent within a sliding window, and whether one more frame fits into its limit.
//
// Frames are summed in slots of 1/360 of the window, so memory is bounded whatever the rate. A
// frame stays counted until the whole slot in which it ended has left the window: at most one slot
// too long, never too short, so the limit holds in every window, wherever it starts. (Proof: take
// any window and the last frame admitted in it. When that one was admitted, the sum held all frames
// that ended later than one window before, which are at least those the window overlaps.)
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "core/bytes.h"
#include "core/time.h"

namespace selvage::lorawan {

class AirtimeWindow {
 public:
  static constexpr int kSlots =
      360;  // 10 s each for an hour: the price is at most 0.3 % of the limit
  // Distinct slots that can hold something: the window, the running one, and one frame ahead.
  static constexpr std::size_t kEntriesMax = kSlots + 3;

  // REQUIRES: window >= kSlots ms; limit >= 0.
  AirtimeWindow(Duration window, Duration limit);

  Duration limit() const { return limit_; }
  void SetLimit(Duration limit) { limit_ = limit; }
  // Air time that still counts at `now`.
  Duration Used(Time now) const;
  // True when a frame of `airtime` may start at `now` and `reserve` stays free beside it.
  bool Fits(Time now, Duration airtime, Duration reserve = Duration(0)) const;
  // First moment from `now` on at which it fits if nothing else is sent; kNever when it never does.
  Time NextFit(Time now, Duration airtime, Duration reserve = Duration(0)) const;
  // Counts a frame that starts at `now`. Does not refuse: what was sent must be counted.
  void Add(Time now, Duration airtime);

  // What Restore needs after a restart.
  std::string Encode(Time now) const;
  // Replaces the content by what Encode gave `elapsed` ago (at least; less is safe, more is not).
  // False, and unchanged, when the record is malformed.
  bool Restore(Time now, Duration elapsed, ByteSpan record);

 private:
  struct Entry {
    std::int64_t slot;  // end of the frame / slot_
    Duration airtime;
  };
  Time Expiry(const Entry& e) const {
    return TimeFromNanos((e.slot + 1) * slot_.count()) + window_;
  }

  Duration window_;
  Duration slot_;
  Duration limit_;
  std::deque<Entry> entries_;  // ascending slots, oldest first
};

}  // namespace selvage::lorawan
