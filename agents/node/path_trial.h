// Finds which node on a path is to blame when a flow over it makes no or too little progress.
//
// As in ODSBR (Awerbuch, Curtmola, Holmer, Nita-Rotaru, Rubens, ACM TISSEC 10(4), 2008), the nodes
// of the path are asked end to end, here all at once because a small mesh can afford it. Probes are
// sealed and travel in the flow's class with about its packets' size, so a relay cannot tell them
// from data; each node answers those addressed to it, around the nodes in question. For the path
// n1 .. nk to the destination d:
//
//   first   main     to each n_j and to d, the way the flow went
//           around   to d around those of n1 .. nk that can be avoided together
//           mirror   to d as main, answered around the relays of that other path: if this alone is
//                    answered, the path is good and the way that reports take is not
//   then    beside   to the first silent relay, around the one before it: is it willing at all?
//           without  to d around a suspect alone: does its absence help? All relays are suspects
//                    when only d is silent, for one may drop what is addressed to d alone.
//
// The last node that answers took the packets and did not pass them on: it is to blame, unless the
// one after it answers nobody. Nobody is blamed while d answers over no path, for then it may be d
// itself or the way back; nor when everything answers.
//
// Kind::kStalled asks each thrice; kLossy 24 times (fewer on long paths) and looks for the most
// likely place of one step down in the share of answers. A phase takes its rounds and the wait for
// the last answer.
//
// Pure: time in, probes out. One object is one trial.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/ids.h"
#include "core/random.h"
#include "core/time.h"

namespace selvage {

class PathTrial {
 public:
  enum class Kind : std::uint8_t { kStalled, kLossy };
  static constexpr std::size_t kRelaysMax = 16;  // of a longer path only the first are asked
  static constexpr int kRoundsStalled = 3;
  static constexpr int kRoundsLossy = 24;
  static constexpr int kRoundsLossyMin = 12;
  static constexpr int kProbesLossyMax = 160;  // of a phase, if that leaves enough rounds
  static constexpr Duration kRoundGap = 25ms;

  // `path`: the nodes after this one, the destination last; at least one relay. `avoided`: what
  // the flow avoided on it. `around`: those of its relays that can be avoided together, not empty.
  // `mirror`: relays of the way around that are not on the path. `wait`: an answer takes no longer.
  PathTrial(Time now, Kind kind, std::vector<ShortId> path, std::vector<ShortId> avoided,
            std::vector<ShortId> around, std::vector<ShortId> mirror, Duration wait);

  struct Probe {
    ShortId to;
    std::uint64_t nonce = 0;
    std::vector<ShortId> avoid;         // on the way there
    std::vector<ShortId> answer_avoid;  // on the way back
  };
  // The next round, if it is due.
  std::vector<Probe> TakeProbes(Time now, Random* random);
  // False: not an answer to this trial.
  bool OnAnswer(ShortId from, std::uint64_t nonce);
  // The flow itself makes progress around the path.
  void OnProgressAround() { progress_ = true; }
  // From the first phase to the second, from there to the end.
  void OnTimeout(Time now);
  Time NextDeadline() const;
  bool done() const { return done_; }

  struct Verdict {
    enum class What {
      kBlame,         // `node`
      kFine,          // all answered over the path itself
      kDestination,   // all relays answered, the destination only around all of them
      kWayBack,       // the path is good; answers and reports get lost elsewhere
      kInconclusive,  // nothing answered around either
    };
    What what = What::kInconclusive;
    ShortId node;   // kBlame
    ShortId after;  // the node behind it, whose answers did not come through it
    bool beside = false;    // it was `after` that answered around `node`; else the destination
    int through_sent = 0;  // probes to `after` through `node`, and answers
    int through_answered = 0;
    int around_sent = 0;  // ... and around it
    int around_answered = 0;
  };
  // REQUIRES: done().
  const Verdict& verdict() const { return verdict_; }

 private:
  struct Target {
    ShortId to;
    std::vector<ShortId> avoid;
    std::vector<ShortId> answer_avoid;
    int sent = 0;
    int answered = 0;
    double share() const { return sent == 0 ? 0 : static_cast<double>(answered) / sent; }
  };
  std::size_t AddTarget(ShortId to, std::vector<ShortId> avoid, std::vector<ShortId> answer_avoid);
  void BeginPhase(Time now, std::size_t first_target);
  std::size_t FindSuspect() const;
  // False when the first phase has told all there is.
  bool Deepen(Time now);
  void Judge();
  void JudgeThere();
  void Blame(std::size_t relay, const Target& around, bool beside);
  const Target& Main(std::size_t place) const { return targets_[main_[place]]; }

  Kind kind_;
  std::vector<ShortId> path_;
  std::vector<ShortId> avoided_;
  std::vector<ShortId> around_;
  Duration wait_;
  std::vector<Target> targets_;
  std::size_t phase_first_ = 0;    // targets from here on are asked in this phase
  std::vector<std::size_t> main_;  // by place on the path; the last is the destination
  std::size_t around_target_ = 0;
  std::size_t mirror_target_ = 0;
  bool deep_ = false;
  std::size_t suspect_ = 0;  // place; the destination's: any relay
  std::size_t beside_target_ = 0;
  std::map<std::size_t, std::size_t> without_;  // place -> target
  std::map<std::uint64_t, std::size_t> nonces_;
  int rounds_ = 0;
  Time next_round_ = kNever;
  Time ends_ = kNever;
  bool progress_ = false;
  bool done_ = false;
  Verdict verdict_;
};

}  // namespace selvage
