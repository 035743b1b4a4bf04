#include "agents/anomaly/episode.h"

namespace selvage::anomaly {

const char* StateName(State state) {
  switch (state) {
    case State::kOk:
      return "ok";
    case State::kSuspect:
      return "suspect";
    case State::kDegraded:
      return "degraded";
    case State::kFailed:
      return "failed";
    case State::kRecovering:
      return "recovering";
  }
  return "unknown";
}

Episode::Outcome Episode::Update(float news, float ongoing, float rarity, bool failed) {
  peak_ *= kPeakDecay;
  bool is_news = news > kNewsMin && news > kNewsMargin * peak_;
  held_ = std::max(ongoing, held_ * kHeldDecay);
  Outcome out;
  out.score = kHeldShare * held_;
  if (is_news) out.score = std::max(out.score, news);
  peak_ = std::max(peak_, news);

  bool strong = failed || rarity >= options_.alarm_decades;
  bool suspicious = strong || rarity >= options_.suspect_decades;
  out.onset = strong && alarm_ == 0;
  if (strong) alarm_ = 1;
  quiet_ = suspicious ? 0 : std::min(quiet_ + 1, 1e6F);
  if (alarm_ != 0 && quiet_ > options_.recover_samples) alarm_ = 0;
  out.alarm = alarm_ != 0;
  if (failed) {
    out.state = State::kFailed;
  } else if (alarm_ != 0) {
    out.state = suspicious ? State::kDegraded : State::kRecovering;
  } else {
    out.state = suspicious ? State::kSuspect : State::kOk;
  }
  return out;
}

}  // namespace selvage::anomaly
