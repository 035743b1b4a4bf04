#include "agents/node/path_trial.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace selvage {
namespace {

// Of probes that pass nobody bad nearly all are answered: hops send again what got lost.
constexpr double kAnswers = 0.5;
// The least step down that is not chance: with 24 probes, two standard deviations at 90 % delivery.
constexpr double kStepLossy = 0.12;
// By how much two shares must explain the answers better than one: e^2 : 1, some 5 % by chance.
constexpr double kEvidenceLossy = 2;

std::vector<ShortId> Without(std::vector<ShortId> nodes, ShortId node) {
  nodes.erase(std::remove(nodes.begin(), nodes.end(), node), nodes.end());
  return nodes;
}

std::vector<ShortId> Plus(std::vector<ShortId> nodes, ShortId node) {
  if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
  return nodes;
}

// Of `answered` out of `sent` at the share that makes it most likely.
double LogLikelihood(int sent, int answered) {
  if (answered == 0 || answered == sent) return 0;
  const double p = static_cast<double>(answered) / sent;
  return answered * std::log(p) + (sent - answered) * std::log(1 - p);
}

// What is gained by taking two groups of probes for different.
double Evidence(int sent, int answered, int other_sent, int other_answered) {
  return LogLikelihood(sent, answered) + LogLikelihood(other_sent, other_answered) -
         LogLikelihood(sent + other_sent, answered + other_answered);
}

}  // namespace

PathTrial::PathTrial(Time now, Kind kind, std::vector<ShortId> path, std::vector<ShortId> avoided,
                     std::vector<ShortId> around, std::vector<ShortId> mirror,
                     Duration wait)
    : kind_(kind),
      path_(std::move(path)),
      avoided_(std::move(avoided)),
      around_(std::move(around)),
      wait_(wait) {
  const ShortId to = path_.back();
  if (path_.size() > kRelaysMax + 1) {
    path_.resize(kRelaysMax);
    path_.push_back(to);
  }
  for (ShortId node : path_) main_.push_back(AddTarget(node, avoided_, around_));
  std::vector<ShortId> all = avoided_;
  for (ShortId node : around_) all = Plus(std::move(all), node);
  around_target_ = AddTarget(to, all, all);
  mirror_target_ = AddTarget(to, avoided_, std::move(mirror));
  BeginPhase(now, 0);
}

std::size_t PathTrial::AddTarget(ShortId to, std::vector<ShortId> avoid,
                                 std::vector<ShortId> answer_avoid) {
  targets_.push_back({to, Without(std::move(avoid), to), Without(std::move(answer_avoid), to)});
  return targets_.size() - 1;
}

void PathTrial::BeginPhase(Time now, std::size_t first_target) {
  phase_first_ = first_target;
  const int targets = static_cast<int>(targets_.size() - first_target);
  rounds_ = kind_ == Kind::kStalled
                ? kRoundsStalled
                : std::clamp(kProbesLossyMax / targets, kRoundsLossyMin, kRoundsLossy);
  next_round_ = now;
  ends_ = now + kRoundGap * (rounds_ - 1) + wait_;
}

std::vector<PathTrial::Probe> PathTrial::TakeProbes(Time now, Random* random) {
  std::vector<Probe> out;
  if (rounds_ == 0 || now < next_round_) return out;
  --rounds_;
  next_round_ = rounds_ == 0 ? kNever : now + kRoundGap;
  for (std::size_t i = phase_first_; i < targets_.size(); ++i) {
    Target& t = targets_[i];
    const std::uint64_t nonce = random->U64();
    if (!nonces_.emplace(nonce, i).second) continue;
    ++t.sent;
    out.push_back({t.to, nonce, t.avoid, t.answer_avoid});
  }
  return out;
}

bool PathTrial::OnAnswer(ShortId from, std::uint64_t nonce) {
  const auto it = nonces_.find(nonce);
  if (it == nonces_.end() || targets_[it->second].to != from) return false;
  ++targets_[it->second].answered;
  nonces_.erase(it);  // an answer counts once
  return true;
}

void PathTrial::OnTimeout(Time now) {
  if (done_ || now < ends_) return;
  if (!deep_ && Deepen(now)) return;
  done_ = true;
  ends_ = kNever;
  Judge();
}

Time PathTrial::NextDeadline() const { return std::min(next_round_, ends_); }

// The relay that the main answers point at; the destination's place when only it is silent; one
// beyond when nobody is.
std::size_t PathTrial::FindSuspect() const {
  const std::size_t last = path_.size() - 1;
  if (kind_ == Kind::kLossy) {
    // The most likely place of one step: all before it answer alike, all behind it too.
    std::size_t worst = last + 1;
    double best = 0;
    for (std::size_t i = 0; i <= last; ++i) {
      Target before, behind;
      for (std::size_t j = 0; j <= last; ++j) {
        Target& group = j < i ? before : behind;
        group.sent += Main(j).sent;
        group.answered += Main(j).answered;
      }
      const double share = i == 0 ? 1 : before.share();
      if (share - behind.share() < kStepLossy) continue;
      if (i > 0 && Evidence(before.sent, before.answered, behind.sent, behind.answered) <
                       kEvidenceLossy) {
        continue;
      }
      const double likelihood = LogLikelihood(before.sent, before.answered) +
                                LogLikelihood(behind.sent, behind.answered);
      if (worst > last || likelihood > best) {
        best = likelihood;
        worst = i;
      }
    }
    return worst > last ? last + 1 : worst == 0 ? 0 : worst - 1;
  }
  std::size_t silent = 0;
  while (silent <= last && Main(silent).share() > kAnswers) ++silent;
  return silent >= last ? silent : silent == 0 ? 0 : silent - 1;
}

bool PathTrial::Deepen(Time now) {
  const std::size_t last = path_.size() - 1;
  suspect_ = FindSuspect();
  if (suspect_ > last) return false;
  deep_ = true;
  const std::size_t first = targets_.size();
  auto without = [&](std::size_t place) {
    const std::vector<ShortId> avoid = Plus(avoided_, path_[place]);
    without_[place] = AddTarget(path_[last], avoid, avoid);
  };
  if (suspect_ == last) {
    for (std::size_t i = 0; i < last; ++i) without(i);
  } else {
    without(suspect_);
    // A silent relay in the middle: it, or the one before it?
    if (kind_ == Kind::kStalled && suspect_ + 1 < last && Main(suspect_).share() > kAnswers) {
      without(suspect_ + 1);
      const std::vector<ShortId> avoid = Plus(avoided_, path_[suspect_]);
      beside_target_ = AddTarget(path_[suspect_ + 1], avoid, avoid);
    }
  }
  BeginPhase(now, first);
  return true;
}

void PathTrial::Blame(std::size_t relay, const Target& around, bool beside) {
  verdict_.what = Verdict::What::kBlame;
  verdict_.node = path_[relay];
  verdict_.after = path_[relay + 1];
  verdict_.beside = beside;
  verdict_.through_sent = Main(relay + 1).sent;
  verdict_.through_answered = Main(relay + 1).answered;
  verdict_.around_sent = around.sent;
  verdict_.around_answered = around.answered;
}

void PathTrial::Judge() {
  JudgeThere();
  if (verdict_.what == Verdict::What::kInconclusive &&
      targets_[mirror_target_].share() > kAnswers) {
    verdict_.what = Verdict::What::kWayBack;
  }
}

void PathTrial::JudgeThere() {
  const std::size_t last = path_.size() - 1;
  // Does the destination answer there, and better than on the path?
  auto better = [&](const Target& t) {
    if (kind_ == Kind::kStalled) return t.share() > kAnswers;
    return t.share() > Main(last).share() + kStepLossy &&
           Evidence(t.sent, t.answered, Main(last).sent, Main(last).answered) > kEvidenceLossy;
  };
  const bool around = better(targets_[around_target_]);
  if (suspect_ > last) {
    verdict_.what = Verdict::What::kFine;
    return;
  }
  auto helps = [&](std::size_t place) {
    const auto it = without_.find(place);
    return it != without_.end() && better(targets_[it->second]);
  };
  auto blame = [&](std::size_t place, bool beside) {
    const std::size_t by = beside         ? beside_target_
                           : helps(place) ? without_[place]
                                          : around_target_;
    Blame(place, targets_[by], beside);
  };
  if (suspect_ == last) {
    for (std::size_t i = last; i-- > 0;) {
      if (helps(i)) return blame(i, false);
    }
    if (around || progress_) verdict_.what = Verdict::What::kDestination;
    return;
  }
  const bool two = beside_target_ != 0;
  if (two && targets_[beside_target_].share() <= kAnswers) {
    // The silent one answers nobody. Only if its absence helps, or nothing else can be said.
    if (helps(suspect_ + 1) || around || progress_) return blame(suspect_ + 1, false);
    return;
  }
  if (!helps(suspect_) && !around && !(progress_ && kind_ == Kind::kStalled)) {
    // Nowhere does it go better: congestion, or the destination.
    if (kind_ == Kind::kLossy && targets_[around_target_].answered > 0) {
      verdict_.what = Verdict::What::kFine;
    }
    return;
  }
  blame(suspect_, two);
}

}  // namespace selvage
