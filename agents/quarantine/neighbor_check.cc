#include "agents/quarantine/neighbor_check.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace selvage {
namespace {

// Fewer than this many probes around, or fewer than half of them answered: nothing is known of the
// target, so nothing of who passes packets to it.
constexpr int kAroundMin = 3;

// Logarithm of the likelihood of `lost` of `sent` under loss `p`.
double Likelihood(int sent, int lost, double p) {
  double sum = 0;
  if (lost > 0) sum += lost * std::log(p);
  if (lost < sent) sum += (sent - lost) * std::log(1 - p);
  return sum;
}

double LossOf(int sent, int answered) {
  return sent == 0 ? 0 : static_cast<double>(sent - answered) / sent;
}

}  // namespace

NeighborCheck::NeighborCheck(Time now, ShortId neighbor, std::vector<ShortId> targets, bool shared,
                             Duration wait, double allowance)
    : neighbor_(neighbor),
      targets_(std::move(targets)),
      shared_(shared),
      gap_(shared ? kGapShared : kGap),
      wait_(wait),
      allowance_(allowance),
      through_(targets_.size()),
      around_(targets_.size()),
      next_(now) {}

std::vector<NeighborCheck::Probe> NeighborCheck::TakeProbes(Time now, Random* random) {
  std::vector<Probe> out;
  if (done_ || now < next_) return out;
  next_ = blame_at_ == kNever ? now + gap_ : blame_at_;
  if (blame_at_ != kNever) return out;
  if (rounds_ >= kProbesMax) return out;
  const std::size_t n = targets_.size();
  const auto round = static_cast<std::size_t>(rounds_++);
  auto send = [&](std::size_t target, bool through) {
    const std::uint64_t nonce = random->U64();
    sent_.push_back({now, nonce, through, false, target});
    out.push_back({targets_[target], nonce, through});
  };
  send(round % n, true);
  send(round % n, false);
  return out;
}

bool NeighborCheck::OnAnswer(Time now, ShortId from, std::uint64_t nonce) {
  for (std::size_t i = 0; i < sent_.size(); ++i) {
    Sent& s = sent_[i];
    if (s.nonce != nonce || s.answered || targets_[s.target] != from) continue;
    s.answered = true;
    late_ = late_ || (s.through && i < settled_);
    Delays& d = s.through ? delay_through_ : delay_around_;
    ++d.count;
    d.sum += now - s.at;
    return true;
  }
  return false;
}

bool NeighborCheck::queued() const {
  return late_ || (delay_through_.count > 0 && delay_around_.count > 0 &&
                   delay_through_.mean() > delay_around_.mean() + kQueue);
}

void NeighborCheck::OnTimeout(Time now) {
  if (done_) return;
  // In the order of sending, and each only when its time is up: answers would else be counted
  // before losses.
  for (; settled_ < sent_.size() && now - sent_[settled_].at >= wait_; ++settled_) {
    const Sent& s = sent_[settled_];
    Tally& t = (s.through ? through_ : around_)[s.target];
    ++t.sent;
    t.answered += s.answered ? 1 : 0;
  }
  Judge(now);
}

double NeighborCheck::Step(double anyhow) const {
  const double step = kStep + 2 * anyhow + allowance_;
  return std::max(shared_ ? kStepShared : kStep,
                  std::min(step, (1 - kPassesNone) * (1 - anyhow)));
}

// How sure it is that more is lost through the neighbour than around it, beside the allowance; 0
// when not enough more.
double NeighborCheck::Evidence(const Tally& through, const Tally& around) const {
  const double lost = LossOf(through.sent, through.answered);
  const double anyhow = LossOf(around.sent, around.answered);
  const double step = Step(anyhow);
  if (lost - anyhow < step) return 0;
  // Where links lose much, the step has to be seen, not met once on the way.
  if (step > 2 * kStep && !shared_ && through.sent < kLossySent) return 0;
  const int through_lost = through.sent - through.answered;
  const int around_lost = around.sent - around.answered;
  // The likeliest loss around if nobody drops: pooled where nothing is allowed for, else on a grid.
  const int sent = through.sent + around.sent;
  const double pooled = LossOf(sent, through.answered + around.answered);
  double nobody = Likelihood(sent, through_lost + around_lost, pooled);
  if (allowance_ > 0) {
    constexpr int kGrid = 100;
    for (int i = 1; i < kGrid; ++i) {
      const double p = static_cast<double>(i) / kGrid;
      const double q = std::min(p + allowance_, 1 - kPassesNone * (1 - p));
      nobody = std::max(nobody, Likelihood(through.sent, through_lost, q) +
                                    Likelihood(around.sent, around_lost, p));
    }
  }
  return Likelihood(through.sent, through_lost, lost) +
         Likelihood(around.sent, around_lost, anyhow) - nobody;
}

void NeighborCheck::Judge(Time now) {
  Tally all;
  Tally beside;
  bool clear = true;
  Tally worst;  // the target that is reached least through the neighbour, and ...
  Tally worst_beside;
  int counted = 0;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const Tally& a = around_[i];
    // A target that is dead or out of reach says nothing.
    if (a.sent < kAroundMin || 2 * a.answered < a.sent) continue;
    const Tally& t = through_[i];
    all.sent += t.sent;
    all.answered += t.answered;
    beside.sent += a.sent;
    beside.answered += a.answered;
    if (t.answered < kClearEachMin) clear = false;
    if (counted++ == 0 || LossOf(t.sent, t.answered) > LossOf(worst.sent, worst.answered)) {
      worst = t;
      worst_beside = a;
    }
  }
  result_.sent = all.sent;
  result_.answered = all.answered;
  result_.around_sent = beside.sent;
  result_.around_answered = beside.answered;
  // ... what is left without it: one target alone in vain is a link that is full or bad.
  const Tally rest{all.sent - worst.sent, all.answered - worst.answered};
  const Tally rest_beside{beside.sent - worst_beside.sent,
                          beside.answered - worst_beside.answered};
  if (Evidence(all, beside) >= kBlameAt &&
      (counted < 2 || Evidence(rest, rest_beside) >= kBlameAt / 2)) {
    if (queued() && blame_at_ != kNever) return End(Verdict::kUndecided, ShortId(0));
    if (!queued()) {
      const bool mute = delay_through_.count < kClearEachMin;
      if (blame_at_ == kNever) blame_at_ = next_ = mute && !shared_ ? now + kGrace : now;
      if (now >= blame_at_) End(Verdict::kDrops, ShortId(0));
      return;
    }
  }
  blame_at_ = kNever;
  const double anyhow = LossOf(beside.sent, beside.answered);
  const double honest = std::clamp(1.5 * anyhow, kHonestLoss, 0.6);
  // Not Step(): a loss that is too small to blame anybody for clears nobody either, or those that
  // blame the relay on better evidence would be false witnesses.
  const double drops = std::min(honest + (shared_ ? kStepShared : kStep), 0.98);
  const int lost = all.sent - all.answered;
  const double total = Likelihood(all.sent, lost, drops) - Likelihood(all.sent, lost, honest);
  if (clear && all.sent > 0 && total <= kClearAt) return End(Verdict::kPasses, ShortId(0));
  if (rounds_ >= kProbesMax && settled_ == sent_.size()) End(Verdict::kUndecided, ShortId(0));
}

void NeighborCheck::End(Verdict verdict, ShortId destination) {
  result_.verdict = verdict;
  result_.destination = destination;
  done_ = true;
}

}  // namespace selvage
