#include "routing/loss_detector.h"

#include <algorithm>
#include <cmath>

namespace selvage {
namespace {

constexpr std::uint32_t kLevelMax = 950;
constexpr std::size_t kSmallestFrame = 64;
// A range of sizes that loses this share of its frames has a hole rather than noise.
constexpr int kHoleShare = 900;
constexpr int kSearchTries = 2;

int MilliNats(double ratio) { return static_cast<int>(std::lround(1000 * std::log(ratio))); }

std::string Share(int lost, int frames) {
  return std::to_string(lost) + " of " + std::to_string(frames) + " frames lost";
}

}  // namespace

LossOptions LossOptions::Shared() {
  LossOptions o;
  o.healthy_permille = 80;
  o.design_permille = {250, 400, 600, 900};
  o.probe_slow = 2s;
  o.probe_quick = 200ms;
  return o;
}

LossOptions LossOptions::Slow() {
  LossOptions o = Shared();
  o.probing = false;
  o.search_size = false;
  return o;
}

LossDetector::LossDetector(const LossOptions& options)
    : options_(options), slow_gap_(options.probe_slow) {
  const double healthy = options_.healthy_permille / 1000.0;
  for (int d = 0; d < kDesigns; ++d) {
    const double design = options_.design_permille[static_cast<std::size_t>(d)] / 1000.0;
    gain_[static_cast<std::size_t>(d)] = MilliNats(design / healthy);
    cost_[static_cast<std::size_t>(d)] = MilliNats((1 - design) / (1 - healthy));
  }
}

Duration LossDetector::hold() const {
  Duration h = options_.hold_first;
  for (int i = 1; i < relapses_ && h < options_.hold_max; ++i) h *= 2;
  return std::min(h, options_.hold_max);
}

bool LossDetector::TakeChanged() {
  const bool changed = changed_;
  changed_ = false;
  return changed;
}

void LossDetector::OnArrived(Time now, int size, int count) {
  if (count <= 0) return;
  auto& sums = sums_[static_cast<std::size_t>(size)];
  for (std::size_t d = 0; d < kDesigns; ++d) {
    Sum& sum = sums[d];
    if (sum.value == 0) continue;
    sum.value += cost_[d] * count;
    sum.frames += count;
    if (sum.value <= 0) sum = {};
  }
  if (degraded_) Prove(now, size, count, 0);
}

void LossDetector::OnLost(Time now, std::size_t bytes) {
  const int size = SizeOf(bytes);
  auto& longest = lost_bytes_[static_cast<std::size_t>(size)];
  longest = std::max(longest, bytes);
  auto& sums = sums_[static_cast<std::size_t>(size)];
  const Sum* alarm = nullptr;
  for (std::size_t d = 0; d < kDesigns; ++d) {
    Sum& sum = sums[d];
    sum.value += gain_[d];
    ++sum.frames;
    ++sum.lost;
    if (sum.value >= kAlarmMilliNats && alarm == nullptr) alarm = &sum;
  }
  if (degraded_) Prove(now, size, 0, 1);
  if (alarm == nullptr) return;
  const Sum sum = *alarm;
  sums = {};
  Alarm(now, size, sum);
}

void LossDetector::Alarm(Time now, int size, const Sum& sum) {
  // What is known to be degraded may only turn out worse: for shorter frames, too.
  if (degraded_ && size >= worst_size_) return;
  const bool fresh = !degraded_;
  if (fresh) {
    const auto forgiven =
        std::min<std::int64_t>((now - recovered_) / options_.hold_relax, relapses_);
    relapses_ = std::min(relapses_ - static_cast<int>(forgiven) + 1, 16);
    degraded_ = true;
    since_ = now;
    slow_gap_ = options_.probe_slow;
    quick_ = false;
    clean_probes_ = 0;
    level_ = 0;
  }
  worst_size_ = size;
  const auto measured = static_cast<std::uint32_t>(1000 * sum.lost / std::max(1, sum.frames));
  if (fresh || measured > level_ + level_ / 2 || size_limit_ > 0) {
    evidence_ = Share(sum.lost, sum.frames);
    SetLevel(std::max(measured, level_));
  }
  size_limit_ = 0;
  searching_ = false;
  clean_since_ = level_since_ = now;
  level_frames_ = level_lost_ = 0;
  next_probe_ = options_.probing ? now + slow_gap_ : kNever;
  if (options_.search_size && size > 0 && measured >= kHoleShare) {
    BeginSearch();
    next_probe_ = now;
  }
}

void LossDetector::SetLevel(std::uint32_t level) {
  level_ = std::clamp(level, kLossPermilleMin, kLevelMax);
  changed_ = true;
  const double healthy = options_.healthy_permille / 1000.0;
  // What is told may be near what is healthy: the return must still come to an end.
  const double told = std::max(level_ / 1000.0, 6 * healthy);
  proof_ = proof_frames_ = 0;
  proof_gain_ = MilliNats((1 - healthy) / (1 - std::min(told, 0.95)));
  proof_cost_ = MilliNats(healthy / std::min(told, 0.95));
}

void LossDetector::Prove(Time now, int size, int arrived, int lost) {
  if (size < worst_size_) return;
  level_frames_ += arrived + lost;
  level_lost_ += lost;
  if (proof_ == 0) clean_since_ = now;
  proof_ = std::min(proof_ + proof_gain_ * arrived, kReturnMilliNats);
  proof_ = std::max(proof_ + proof_cost_ * lost, 0);
  proof_frames_ = proof_ == 0 ? 0 : proof_frames_ + arrived;
  if (proof_ >= kReturnMilliNats && proof_frames_ >= kReturnFramesMin &&
      now - clean_since_ >= hold()) {
    Recover(now);
  } else {
    Relevel(now);
  }
}

void LossDetector::Relevel(Time now) {
  if (now - level_since_ < kRelevelAfter || level_frames_ < kRelevelFrames) return;
  const auto measured = static_cast<std::uint32_t>(1000 * level_lost_ / level_frames_);
  const std::string share = Share(level_lost_, level_frames_);
  level_since_ = now;
  level_frames_ = level_lost_ = 0;
  if (size_limit_ > 0 || searching_) return;
  const bool worse = measured > level_ + level_ / 2 + kLossPermilleMin;
  const bool better = measured < level_ / 2 && level_ > kLossPermilleMin && proof_ == 0;
  if (!worse && !better) return;
  evidence_ = share;
  SetLevel(measured);
}

void LossDetector::Recover(Time now) {
  evidence_ = std::to_string(proof_frames_) + " frames arrived without loss to speak of in " +
              std::to_string(ToMillis(now - clean_since_) / 1000).substr(0, 4) + " s";
  degraded_ = false;
  changed_ = true;
  searching_ = false;
  size_limit_ = 0;
  recovered_ = now;
  next_probe_ = kNever;
  sums_ = {};
  lost_bytes_ = {};
}

void LossDetector::BeginSearch() {
  searching_ = true;
  search_low_ = kSmallestFrame;
  search_high_ = 0;  // not yet known not to pass
  search_at_ = lost_bytes_[static_cast<std::size_t>(worst_size_)];
  search_small_ = false;
  search_lost_ = search_probes_ = 0;
}

// 0: long frames pass like short ones.
void LossDetector::EndSearch(std::size_t limit) {
  searching_ = false;
  next_probe_ = std::max(next_probe_, clean_since_ + options_.probe_slow);
  if (limit == 0) return;
  size_limit_ = limit;
  evidence_ = "frames over " + std::to_string(limit) + " bytes are lost, shorter ones pass";
  SetLevel(kHolePermille);
}

void LossDetector::OnProbe(Time now, std::size_t bytes, bool arrived) {
  if (!degraded_) return;
  if (!searching_) {
    if (bytes > 0 && SizeOf(bytes) < worst_size_) return;
    if (!arrived) {
      if (quick_) slow_gap_ = std::min(slow_gap_ * 2, options_.probe_slow_max);
      quick_ = false;
      clean_probes_ = 0;
    } else if (++clean_probes_ >= kCleanProbes && !quick_ && next_probe_ != kNever) {
      quick_ = true;
      next_probe_ = std::min(next_probe_, now + options_.probe_quick);
    }
    return;
  }
  if (bytes != search_at_) return;
  if (arrived) {
    search_low_ = bytes;
  } else if (++search_lost_ >= kSearchTries) {
    search_high_ = bytes;
  } else {
    return;
  }
  search_lost_ = 0;
  if (search_high_ == 0) {
    EndSearch(0);  // the longest one passed
  } else if (search_high_ - search_low_ <= kSearchStepBytes) {
    EndSearch(search_low_);
  } else {
    search_at_ = (search_low_ + search_high_) / 2;
  }
}

bool LossDetector::TakeProbe(Time now, std::size_t* bytes) {
  if (!degraded_ || now < next_probe_) return false;
  if (searching_) {
    if (++search_probes_ > kSearchProbesMax) {
      EndSearch(search_high_ == 0 ? 0 : search_low_);
    } else {
      *bytes = search_small_ ? 0 : search_at_;
      search_small_ = !search_small_;
      next_probe_ = now + kSearchGap;
      return true;
    }
  }
  *bytes = worst_size_ > 0 ? lost_bytes_[static_cast<std::size_t>(worst_size_)] : 0;
  // Proved already, waiting for hold(): no need to hurry.
  const bool hurry = quick_ && proof_ < kReturnMilliNats;
  next_probe_ = now + (hurry ? options_.probe_quick : slow_gap_);
  return true;
}

void LossDetector::OnTraffic(Time now, std::size_t bytes) {
  if (!degraded_ || searching_ || next_probe_ == kNever || SizeOf(bytes) < worst_size_) return;
  next_probe_ = std::max(next_probe_, now + options_.probe_slow);
}

}  // namespace selvage
