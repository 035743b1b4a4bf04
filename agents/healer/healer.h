// From a diagnosis to what is done about it: one table, and limits on how often.
//
// What may be done without asking anybody is cheap and undone in one flood: traffic prefers other
// links (a detour), a critical packet goes twice for a moment. A detour never cuts: the link stays
// on the map at a higher cost, so whoever has no other way still takes it. An alarm alone, however
// bad the model behind it, can therefore cost a longer path and nothing else. What cuts a node off
// is not in this table.
//
// Limits: a detour is held at least kHoldFirst, longer with each relapse (hysteresis); one that
// turned out to be for nothing makes the next alarms on that link wait, longer each time
// (back-off); a node has a budget of actions (token bucket); and when most of its links look bad at
// once, it is the node itself, and moving traffic from one to the other helps nobody.
// Sans-I/O. Thread rule: one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/time.h"

namespace selvage {

enum class Diagnosis : std::uint8_t {
  kNone,
  kFading,      // the signal falls and will be too weak soon
  kWeakening,   // the signal fell unusually, and is still strong enough
  kLoss,        // frames get lost more often than usual, the signal is as ever
  kCongestion,  // round trips longer or restless, nothing is lost
  kOwnNode,     // all links at once: this node's own radio or processor
  kNeighbor,    // several links to one neighbour
  kMachine,     // processor, memory, temperature, battery, disk
  kRule,        // no finding: a rule of the operator asks for it
};
inline constexpr std::size_t kDiagnoses = 9;
std::string_view ToString(Diagnosis d);

enum class Action : std::uint8_t {
  kNone,
  kDetour,     // the link's cost rises: traffic takes other ways where there are any
  kDuplicate,  // critical packets of this node go twice for a moment
  kAnnounce,   // an event that says: it is me
};
inline constexpr std::size_t kActions = 4;
std::string_view ToString(Action a);
bool ParseAction(std::string_view name, Action* out);

struct HealerOptions {
  // By action: act, or only say what would be done.
  std::array<bool, kActions> advise_only{};
  int actions_per_hour = 60;
};

class Healer {
 public:
  static constexpr Duration kHoldFirst = 10s;
  static constexpr Duration kHoldMax = 320s;
  // A relapse is a new alarm within this time of the last return.
  static constexpr Duration kRelapse = 60s;
  static constexpr Duration kMuteFirst = 30s;
  static constexpr Duration kMuteMax = 3600s;
  static constexpr int kBurst = 8;  // actions at once
  // Cost of a link under a detour, as a loss of so many per thousand (routing/path_cost.h): worth
  // four hops, eight for protected classes.
  static constexpr std::uint32_t kDetourPermille = 500;

  // What the table asks for, most effective first; kNone ends it.
  struct Treatment {
    std::array<Action, 2> actions;
  };
  static Treatment TreatmentOf(Diagnosis d);

  // The history of one link.
  struct Patient {
    Diagnosis diagnosis = Diagnosis::kNone;
    bool detour = false;
    bool proved = false;  // what was foreseen came true during this detour
    Time since{};
    Time hold_until{};
    Time returned = Time::min();
    Time mute_until = Time::min();
    int relapses = 0;
    int in_vain = 0;
  };

  enum class Verdict : std::uint8_t {
    kAct,
    kAdvise,   // the operator wants to decide
    kAlready,  // done before and still in force
    kMuted,    // the last ones were for nothing
    kNoBudget,
    kNoOtherWay,
    kWholeNode,  // most links of the node look bad
  };
  static std::string_view Reason(Verdict v);  // why nothing was done, for people

  struct Case {
    Diagnosis diagnosis = Diagnosis::kNone;
    bool other_way = true;  // the map, asked before, has a path around the link
    int links = 0;          // in use
    int detours = 0;        // ... of which are under a detour already
  };

  explicit Healer(const HealerOptions& options) : options_(options) {}

  // Whether `action` is taken now; if so it is counted and the patient's history goes on.
  Verdict Consider(Time now, Action action, const Case& c, Patient* patient);
  // The link proved to be as bad as was foreseen.
  void OnProof(Patient* patient) { patient->proved = patient->proved || patient->detour; }
  // Something that knows better looks after the link from now on.
  void HandOver(Time now, Patient* patient);
  // True when the detour ends now. `quiet`: nothing suspicious is left.
  bool ShouldReturn(Time now, bool quiet, Patient* patient);

 private:
  bool TakeToken(Time now);

  HealerOptions options_;
  double tokens_ = kBurst;
  Time filled_{};
};

}  // namespace selvage
