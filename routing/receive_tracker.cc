#include "routing/receive_tracker.h"

namespace selvage {

void ReceiveTracker::OnFrame(Time now, std::uint64_t counter, bool eliciting) {
  if (!any_) {
    any_ = true;
    highest_ = counter;
    highest_at_ = now;
    // A session counts from 1: what came before its first frame to arrive was lost or is late.
    const std::uint64_t before = counter > 0 ? counter - 1 : 0;
    existing_ = before >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << before) - 1;
  } else if (counter > highest_) {
    const std::uint64_t step = counter - highest_;
    // The old highest becomes bit step-1 of the history; counters between are missing until seen.
    arrived_ = step >= 64 ? 0 : arrived_ << step;
    existing_ =
        step >= 64 ? ~std::uint64_t{0} : (existing_ << step) | ((std::uint64_t{1} << step) - 1);
    if (step <= 64) arrived_ |= std::uint64_t{1} << (step - 1);
    highest_ = counter;
    highest_at_ = now;
  } else if (const std::uint64_t behind = highest_ - counter; behind >= 1 && behind <= 64) {
    arrived_ |= std::uint64_t{1} << (behind - 1);
    existing_ |= std::uint64_t{1} << (behind - 1);
  }
  if (!eliciting) return;
  if (pending_ == 0) first_pending_ = now;
  ++pending_;
}

Feedback ReceiveTracker::Take(Time now) {
  pending_ = 0;
  Feedback f;
  f.highest = static_cast<std::uint32_t>(highest_);
  f.missing = existing_ & ~arrived_;
  f.held = now - highest_at_;
  return f;
}

}  // namespace selvage
