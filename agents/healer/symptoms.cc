#include "agents/healer/symptoms.h"

#include <algorithm>

namespace selvage {

std::string_view ToString(Fault f) {
  constexpr std::string_view kNames[] = {
      "no fault",    "loses large frames", "fading",        "loses frames",
      "flapping",    "link one-way",       "neighbor gone", "partitioned",
      "link silent", "link congested",     "isolated",      "drops what it should forward"};
  return kNames[static_cast<std::size_t>(f)];
}

void Symptoms::OnState(Time now, LinkState state, bool confirmed) {
  const bool was_out = out();
  const bool was_sure = confirmed_;
  state_ = state;
  confirmed_ = confirmed && out();
  if (out() && !was_out) out_since_ = now;
  if (confirmed_ && !was_sure) {
    sure_since_ = now;
    if (back_from_sure_at_ != Time::min() && now - back_from_sure_at_ <= kFlapGap) flap_at_ = now;
  }
  if (out() || !was_out) return;
  back_at_ = now;
  if (was_sure) back_from_sure_at_ = now;
  if (now - out_since_ > kShort) return;
  turns_[next_turn_] = now;
  next_turn_ = (next_turn_ + 1) % turns_.size();
}

void Symptoms::OnQuality(Time now, bool degraded, bool large_lost) {
  degraded_ = degraded;
  if (degraded) degraded_at_ = now;
  if (large_lost) large_lost_at_ = now;
  if (!degraded) large_lost_at_ = Time::min();
}

bool Symptoms::LosesSome(Time now) const {
  const Time first = *std::min_element(turns_.begin(), turns_.end());
  const Time last = *std::max_element(turns_.begin(), turns_.end());
  const bool turns = first != Time::min() && last - first <= kTurnsWithin && Recently(now, last);
  return degraded_ || turns || Recently(now, degraded_at_) || Recently(now, loss_at_);
}

Fault Symptoms::Name(Time now, const Surroundings& s) const {
  // Found once it holds until the link is good again: what large frames are lost afterwards makes
  // the loss detector look for the size anew.
  if (large_lost_at_ != Time::min()) return Fault::kLosesLarge;
  const bool some = LosesSome(now);
  const bool unheard = s.last_heard == Time::min() || now - s.last_heard >= kUnheard;
  const bool gone = out() && now - out_since_ >= kOutMin;
  if (Recently(now, fading_at_)) return Fault::kFading;
  if (some && !gone) return Fault::kLosesFrames;
  if (some && gone) return unheard ? Fault::kFading : Fault::kLosesFrames;
  if (Recently(now, flap_at_) && (out() || now - back_at_ <= kFlapGap)) return Fault::kFlapping;
  if (gone && confirmed_) {
    if (state_ == LinkState::kOneway && !unheard) return Fault::kOneWay;
    if (s.all_out) return Fault::kIsolated;
    if (s.listed == 0 && !s.reachable) return Fault::kNeighborGone;
    if (!s.reachable && s.others_unreachable > 0) return Fault::kPartitioned;
    return s.listed < s.listed_before ? Fault::kNeighborGone : Fault::kLinkSilent;
  }
  if (s.link_full || Recently(now, congestion_at_)) return Fault::kCongested;
  return Fault::kNone;
}

}  // namespace selvage
