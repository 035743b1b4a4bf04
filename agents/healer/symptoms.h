// Names what is wrong with a neighbour in the field's words, from what this node sees by itself.
//
// One log of symptoms for each neighbour on each link: states of the failure detector, findings of
// the loss detector, alarms of the model, queues that are full. One of them alone says little (a
// silent neighbour may be a dead link, a dead node or a cut through the whole network); their order
// and what the map says of the neighbour's other links tell them apart:
//
//   loses large frames   the loss detector found a size above which frames get lost
//   fading               the signal falls; or losses came first, and now nothing at all arrives
//   loses frames         some get lost, others arrive: degraded, or suspected and cleared in turns
//   flapping             gone for certain, back, and gone again within seconds, without losses
//   link one-way         we hear it, it does not hear us
//   neighbor gone        others have lost it too
//   partitioned          ... and with it nodes behind it, which still have each other
//   link silent          we alone have lost it: others still reach it
//   link congested       more waits for the link than it carries
//   isolated             all neighbours are gone at once: it is this node
//
// "Drops what it should forward" is found end to end (node/path_watch.h) and has a name of its own.
// Sans-I/O. Thread rule: one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/time.h"
#include "routing/failure_detector.h"

namespace selvage {

enum class Fault : std::uint8_t {
  kNone,
  kLosesLarge,
  kFading,
  kLosesFrames,
  kFlapping,
  kOneWay,
  kNeighborGone,
  kPartitioned,
  kLinkSilent,
  kCongested,
  kIsolated,
  kDropsTransit,
};
std::string_view ToString(Fault f);  // "link one-way"

class Symptoms {
 public:
  // How long a symptom counts.
  static constexpr Duration kRecent = 10s;
  // Out of use for so long, then it gets a name: a moment is nobody's fault.
  static constexpr Duration kOutMin = 300ms;
  // Suspected and cleared within kShort, kTurns times in kTurnsWithin: frames get lost in between.
  static constexpr Duration kShort = 400ms;
  static constexpr int kTurns = 3;
  static constexpr Duration kTurnsWithin = 4s;
  // Back for less than this before it is gone again: flapping.
  static constexpr Duration kFlapGap = 5s;
  // Nothing heard for so long: nothing arrives, rather than little.
  static constexpr Duration kUnheard = 1s;

  void OnState(Time now, LinkState state, bool confirmed);
  // `large_lost`: a size was found above which frames get lost.
  void OnQuality(Time now, bool degraded, bool large_lost);
  void OnLossAlarm(Time now) { loss_at_ = now; }
  void OnFadingAlarm(Time now) { fading_at_ = now; }
  void OnCongestionAlarm(Time now) { congestion_at_ = now; }

  // What else this node knows at the moment.
  struct Surroundings {
    Time last_heard = Time::min();  // from the neighbour on this link
    bool link_full = false;
    bool all_out = false;        // no neighbour of this node is in use, though there are several
    bool reachable = true;       // the map has another way to it
    int listed_before = 0;       // nodes that had it as a neighbour when it was last in use, ...
    int listed = 0;              // ... and have it now
    int others_unreachable = 0;  // nodes the map has no way to, the neighbour not counted
  };
  Fault Name(Time now, const Surroundings& s) const;

  bool out() const { return state_ != LinkState::kUp; }

 private:
  bool LosesSome(Time now) const;
  bool Recently(Time now, Time at) const { return at != Time::min() && now - at <= kRecent; }

  LinkState state_ = LinkState::kUp;
  bool confirmed_ = false;
  Time out_since_ = Time::min();   // of the present or last time out of use
  Time sure_since_ = Time::min();  // ... since it is certain
  Time back_at_ = Time::min();
  Time back_from_sure_at_ = Time::min();
  Time flap_at_ = Time::min();
  std::array<Time, kTurns> turns_ = {Time::min(), Time::min(), Time::min()};
  std::size_t next_turn_ = 0;
  bool degraded_ = false;
  Time large_lost_at_ = Time::min();
  Time degraded_at_ = Time::min();
  Time loss_at_ = Time::min();
  Time fading_at_ = Time::min();
  Time congestion_at_ = Time::min();
};

}  // namespace selvage
