// Does this neighbour pass packets on? Probes through it, beside probes around it.
//
// A probe is given to the neighbour itself, addressed to one of its other neighbours (a target),
// which answers around it; it looks like telemetry, so the neighbour cannot tell it from data. A
// second row of probes takes the way around there and back: it shows what the target and the
// network lose anyhow. The neighbour is to blame when the two rows differ too much for chance,
// over all targets and without the one reached least (one alone is a full or bad link): generalised
// likelihood ratio of "two loss rates" against "one" of at least exp(kBlameAt) (Wilks 1938:
// twice its logarithm is chi-squared with one degree of freedom, so 23 is passed by chance once
// in 1e6; looking after each probe costs a factor of about ten), and rates far enough apart:
// kStep, more than what an honest relay's own links lose after two tries and another way, and
// twice what is lost around, for its links may be worse than those. Where links lose much, that
// leaves only who passes next to nothing (kPassesNone of what the way around does): outages of
// single links come in stretches, which chance as above does not allow for.
//
// It is cleared by Wald's sequential test (Annals of Mathematical Statistics 16, 1945) of honest
// loss against kStep more: exp(kClearAt), 1 %, to clear one that drops that much.
//
// A full link loses and delays what an honest relay would pass on. So who delays is not blamed:
// when what is answered through it takes kQueue longer than around, or answers come after their
// time, a queue stands there. (A relay that drops some and delays the rest is left by whoever
// suffers.) Of who answers next to nothing no delay is known: where links have queues of their own,
// blame then waits for kGrace after the last probe. What a queue that has just filled holds still
// arrives in that time, what was dropped never does.
//
// On a shared channel loss is the load's as a rule: only who passes next to nothing is blamed.
//
// Pure: time in, probes out. One object is one check. Bounded: kProbesMax probes each way.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/ids.h"
#include "core/random.h"
#include "core/time.h"

namespace selvage {

class NeighborCheck {
 public:
  static constexpr std::size_t kTargetsMax = 3;
  static constexpr int kProbesMax = 160;  // each way
  static constexpr Duration kGap = 12ms;
  // Two probes and their answers over some three hops each take air from all: 2 % of what a channel
  // of 6 Mb/s carries, for the three seconds that it takes to blame who passes nothing.
  static constexpr Duration kGapShared = 200ms;
  static constexpr double kHonestLoss = 0.02;
  static constexpr double kStep = 0.1;
  static constexpr double kStepShared = 0.6;
  static constexpr double kPassesNone = 0.25;
  static constexpr int kLossySent = 48;  // by chance a rate is 7 % off then (one deviation)
  static constexpr Duration kQueue = 50ms;  // as the pacer's, routing/pacer.h
  static constexpr Duration kGrace = 1500ms;
  static constexpr double kBlameAt = 11.5;
  static constexpr double kClearAt = -4.6;
  static constexpr int kClearEachMin = 8;  // answers of each target

  // `wait`: an answer takes no longer. `allowance`: 0 to 1, what is known to be lost on the links
  // to the neighbour and from it to the targets. REQUIRES: 1 to kTargetsMax targets.
  NeighborCheck(Time now, ShortId neighbor, std::vector<ShortId> targets, bool shared,
                Duration wait, double allowance = 0);

  struct Probe {
    ShortId to;
    std::uint64_t nonce = 0;
    bool through = false;  // else around the neighbour
  };
  // The next round, if it is due.
  std::vector<Probe> TakeProbes(Time now, Random* random);
  // False: not an answer to this check.
  bool OnAnswer(Time now, ShortId from, std::uint64_t nonce);
  void OnTimeout(Time now);
  Time NextDeadline() const { return done_ ? kNever : next_; }
  ShortId neighbor() const { return neighbor_; }
  bool done() const { return done_; }
  // A queue stands at the neighbour, or behind it.
  bool queued() const;

  enum class Verdict : std::uint8_t { kUndecided, kDrops, kPasses };
  struct Result {
    Verdict verdict = Verdict::kUndecided;  // kUndecided: the targets do not answer, or too close
    ShortId destination;  // kDrops: whom nothing reaches through it, if that is one target alone
    int sent = 0;         // through it, with their fate known
    int answered = 0;
    int around_sent = 0;
    int around_answered = 0;
    int passed_permille() const { return sent == 0 ? 0 : 1000 * answered / sent; }
  };
  // REQUIRES: done().
  const Result& result() const { return result_; }

 private:
  struct Sent {
    Time at{};
    std::uint64_t nonce = 0;
    bool through = false;
    bool answered = false;
    std::size_t target = 0;
  };
  struct Tally {
    int sent = 0;
    int answered = 0;
  };
  struct Delays {
    int count = 0;
    Duration sum{0};
    Duration mean() const { return count == 0 ? Duration(0) : sum / count; }
  };
  // How much more has to be lost through the neighbour than the share `anyhow` around it.
  double Step(double anyhow) const;
  double Evidence(const Tally& through, const Tally& around) const;
  void Judge(Time now);
  void End(Verdict verdict, ShortId destination);

  ShortId neighbor_;
  std::vector<ShortId> targets_;
  bool shared_;
  Duration gap_;
  Duration wait_;
  double allowance_;
  std::vector<Sent> sent_;
  std::size_t settled_ = 0;  // those before it are in the tallies
  std::vector<Tally> through_;
  std::vector<Tally> around_;
  Delays delay_through_;
  Delays delay_around_;
  bool late_ = false;  // an answer through the neighbour came after its time
  int rounds_ = 0;
  Time blame_at_ = kNever;  // there is evidence; not before
  Time next_{};
  bool done_ = false;
  Result result_;
};

}  // namespace selvage
