// How fast to send over one link so that no queue stands in it: then priority among classes works.
//
// A kernel's or modem's queue is first come, first served and invisible to us; a critical packet
// behind a hundred bulk packets waits for all of them. So the queue has to be here (egress_queue.h)
// and the link fed just below what it carries. What it carries is measured: bytes acknowledged per
// time while a queue stands (delivery rate, as BBR: Cardwell et al., ACM Queue 2016).
//
//   state      what is done                                          leaves when
//   off        nothing is held back (nearly every link, always)      a queue of engage_queue stood
//                                                                    for engage_after, or one of
//                                                                    four times that at all
//   on, deep   nothing but critical leaves until the queue is gone   its time is over
//   on, high   0.9 of the measured rate                              queue under target_queue
//   on, low    1 % faster every adjust_every while packets wait,     queue over target_queue;
//              2 % after kCalm of them without a queue, 4 % ...      nothing waited for kOffAfter
//
// Time above the shortest round trip is the queue (queue_estimator.h), the neighbour's own waiting
// taken off. A neighbour that was held up for a moment looks the same, so a rate is believed only
// when enough arrived to measure it, and a wrong one is outgrown within a second. The queue then
// swings below target_queue and is empty a few times a second, which keeps the shortest round trip
// honest. Sans-I/O. Thread rule: one thread at a time.
#pragma once

#include <cstdint>

#include "core/time.h"
#include "routing/queue_estimator.h"

namespace selvage {

class Pacer {
 public:
  struct Options {
    Duration engage_queue = 5ms;
    Duration engage_after = 50ms;
    Duration target_queue = 2ms;
    Duration deep_queue = 10ms;
    Duration adjust_every = 20ms;
    Duration sample_every = 40ms;          // of the delivery rate
    std::uint64_t rate_min = 20'000;       // bytes a second; narrower links are not paced
    std::uint64_t sample_bytes_min = 4000;  // fewer tell no rate
    int grow_percent = 1;     // at first, of the rate while packets wait and no queue stands
    Duration feedback = 5ms;  // frames that arrived are reported within this: no queue
    // A channel that all take turns on (Wi-Fi): waiting is the others' traffic as much as ours, in
    // bursts of tens of milliseconds, and a node's share is small.
    static Options Shared() {
      return {60ms, 300ms, 40ms, 250ms, 50ms, 200ms, 4'000, 1500, 4, 30ms};
    }
  };
  static constexpr Duration kOffAfter = 10s;
  static constexpr Duration kBurst = 2ms;          // may be made up for when woken late
  static constexpr Duration kCriticalAhead = 20ms;  // critical may run ahead of the pace by this
  static constexpr int kCalm = 6;
  static constexpr int kGrowPercentMax = 16;
  // Ethernet, IPv6 and UDP headers, which take their time on the wire, too.
  static constexpr std::size_t kFrameOverhead = 62;

  struct Acknowledged {
    int frames = 0;
    std::size_t bytes = 0;
    std::size_t flight_bytes = 0;  // still unacknowledged
    bool waiting = false;          // packets wait for their turn here
  };
  explicit Pacer(Options options) : options_(options) {}
  Pacer() : Pacer(Options()) {}

  // Feedback came.
  void OnFeedback(Time now, const QueueEstimator& queue, const Acknowledged& a);
  // A frame was given to the link.
  void OnSent(Time now, std::size_t bytes);

  bool on() const { return on_; }
  // May a packet leave now? `critical`: it may run ahead.
  bool MaySend(Time now, bool critical) const {
    return !on_ || now + (critical ? kCriticalAhead : Duration(0)) >= next_;
  }
  // When the next packet may. REQUIRES on().
  Time next() const { return next_; }
  std::uint64_t bytes_per_second() const { return rate_; }
  // True once after on() changed.
  bool TakeChanged() {
    const bool changed = changed_;
    changed_ = false;
    return changed;
  }

 private:
  void Sample(Time now, Duration queue);
  void Adjust(Time now, Duration queue, bool waiting);
  Duration Deep(const QueueEstimator& queue, const Acknowledged& a) const;
  void SetRate(std::uint64_t rate);

  Options options_;
  bool on_ = false;
  bool changed_ = false;
  Time standing_since_ = kNever;
  std::uint64_t capacity_ = 0;  // measured while a queue stood; 0: not yet
  std::uint64_t rate_ = 0;
  Time next_{};
  Time next_adjust_{};
  int calm_ = 0;  // adjustments in a row without a queue
  std::uint64_t clear_ = 0;         // rate at the last of them, which the next may find too high
  std::uint64_t clear_before_ = 0;  // ... and at the one before
  Time drained_at_{};  // while deep: when the queue should be gone
  Time last_waiting_{};

  std::uint64_t sample_bytes_ = 0;
  Time sample_since_ = kNever;  // kNever: no queue stands, what arrives says nothing of capacity
};

}  // namespace selvage
