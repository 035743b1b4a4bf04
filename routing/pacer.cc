#include "routing/pacer.h"

#include <algorithm>

namespace selvage {
namespace {
// A queue this short may be empty in between: the delivery rate then is the sending rate.
constexpr Duration kBusy = 1ms;
}  // namespace

// The round trip just measured began before what is in the queue now was put there.
Duration Pacer::Deep(const QueueEstimator& queue, const Acknowledged& a) const {
  if (capacity_ == 0) return queue.recent();
  const Duration flight(static_cast<std::int64_t>(a.flight_bytes * 1'000'000 / capacity_) * 1000);
  return std::max(queue.recent(), flight - queue.base() - options_.feedback);
}

void Pacer::OnFeedback(Time now, const QueueEstimator& queue, const Acknowledged& a) {
  if (!queue.any()) return;
  sample_bytes_ += a.bytes + static_cast<std::size_t>(a.frames) * kFrameOverhead;
  Sample(now, queue.recent());
  if (on_) {
    Adjust(now, Deep(queue, a), a.waiting);
    return;
  }
  if (queue.standing() < options_.engage_queue) {
    standing_since_ = kNever;
    return;
  }
  if (standing_since_ == kNever) standing_since_ = now;
  const bool surely = queue.standing() >= 4 * options_.engage_queue ||
                      now - standing_since_ >= options_.engage_after;
  if (!surely || capacity_ == 0) return;
  on_ = changed_ = true;
  last_waiting_ = now;
  next_ = now;
  next_adjust_ = drained_at_ = now;
  Adjust(now, Deep(queue, a), true);
}

void Pacer::Sample(Time now, Duration queue) {
  if (queue < kBusy || now < drained_at_) {
    sample_since_ = kNever;
    return;
  }
  if (sample_since_ == kNever) {
    sample_since_ = now;
    sample_bytes_ = 0;
    return;
  }
  const Duration span = now - sample_since_;
  if (span < options_.sample_every) return;
  if (sample_bytes_ < options_.sample_bytes_min) {
    if (span > 5 * options_.sample_every) sample_since_ = kNever;
    return;
  }
  const std::uint64_t rate = sample_bytes_ * 1'000'000 / static_cast<std::uint64_t>(ToMicros(span));
  // What has arrived the link carries: up at once (as BBR's filter), down with patience.
  capacity_ = std::max(rate, (3 * capacity_ + rate) / 4);
  sample_since_ = now;
  sample_bytes_ = 0;
}

void Pacer::SetRate(std::uint64_t rate) { rate_ = std::max(rate, options_.rate_min); }

void Pacer::Adjust(Time now, Duration queue, bool waiting) {
  if (waiting) last_waiting_ = now;
  if (now - last_waiting_ >= kOffAfter) {
    on_ = false;
    changed_ = true;
    standing_since_ = kNever;
    capacity_ = 0;
    return;
  }
  if (now < next_adjust_ || now < drained_at_) return;
  next_adjust_ = now + options_.adjust_every;
  calm_ = waiting && queue <= options_.target_queue ? calm_ + 1 : 0;
  if (queue > options_.target_queue) {
    // What left without a queue the link carries, too: it may have become faster than measured.
    SetRate(std::max(capacity_, clear_before_) * 9 / 10);
    clear_ = clear_before_ = 0;
    if (queue > options_.deep_queue) {
      drained_at_ = now + queue;
      next_ = std::max(next_, drained_at_);
    }
  } else if (waiting) {
    clear_before_ = clear_;
    clear_ = rate_;
    const int doublings = std::min(calm_ / kCalm, 4);
    const auto percent = static_cast<std::uint64_t>(
        std::min(options_.grow_percent << doublings, kGrowPercentMax));
    SetRate(rate_ + rate_ * percent / 100 + 1);
  }
}

void Pacer::OnSent(Time now, std::size_t bytes) {
  if (!on_) return;
  const std::uint64_t wire = bytes + kFrameOverhead;
  next_ = std::max(next_, now - kBurst) +
          Duration(static_cast<std::int64_t>(wire * 1'000'000'000 / rate_));
  // However much critical traffic there is: others do not wait for its past for ever.
  next_ = std::min(next_, std::max(now, drained_at_) + 5 * kCriticalAhead);
}

}  // namespace selvage
