// When to say "here I am" on a link, and to whom.
//
// Beacons are unauthenticated hints: type | node id (16) | epoch (4) | flags (1). They go out often
// while a link is young and about every kSteady afterwards; every kSteadyMet on a link with a
// medium of its own where all whom it ever met are neighbours, for a newcomer's own first beacons
// are heard. Peers that multicast cannot reach get their own until they are neighbours. Each is an
// eighth of its interval early or late (as RFC 5148 asks): nodes that were switched on together
// would otherwise speak together for ever, and on a shared channel nobody would hear any of them. A
// beacon from a stranger is answered by a handshake (lower id) or by a beacon of our own straight
// back (higher id), at most one per kAnswerGap and peer.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "core/link.h"
#include "core/random.h"
#include "core/time.h"

namespace selvage {

struct Beacon {
  NodeId id;
  Epoch epoch;
};

class Discovery {
 public:
  static constexpr Duration kFirst = 50ms;
  static constexpr Duration kSteady = 10s;
  static constexpr Duration kSteadyMet = 60s;
  static constexpr Duration kPeerRetryMax = 2s;
  static constexpr std::size_t kAwayMax = 64;  // per link: neighbours that were lost
  // On slow radios, where a beacon may take seconds of air time.
  static constexpr Duration kFirstSlow = 10s;
  static constexpr Duration kSteadySlow = std::chrono::minutes(15);
  static constexpr Duration kAnswerGap = 100ms;
  static constexpr std::size_t kAnswersMax = 256;

  // `random` outlives this object.
  explicit Discovery(Random* random) : random_(random) {}

  using Target = std::pair<LinkId, PeerAddress>;  // broadcast address: everybody on the link

  // `idle_gap`: beacons are at least so far apart once nobody answered the first ones. `shared`: a
  // radio channel (LinkInfo::shared), on which nodes come into reach without their link coming up.
  void OnLinkUp(Time now, LinkId link, bool broadcast, bool slow, Duration idle_gap = Duration(0),
                bool shared = true);
  void OnLinkDown(LinkId link);
  void OnConfiguredPeer(Time now, LinkId link, const PeerAddress& peer);
  // Neighbours need no beacon of their own; one that is lost does again.
  void SetConnected(Time now, LinkId link, const PeerAddress& peer, bool connected);
  // A stranger spoke and it is for us to answer with a beacon.
  void Answer(Time now, LinkId link, const PeerAddress& peer);

  void OnTimeout(Time now);
  Time NextDeadline() const;
  bool idle() const { return due_.empty(); }  // nothing to take
  std::vector<Target> TakeDue() { return std::exchange(due_, {}); }

  static Bytes Encode(const Beacon& b);
  // False when malformed. `frame` starts with the type byte.
  static bool Decode(ByteSpan frame, Beacon* out);

 private:
  struct Timer {
    Time at = kNever;
    Duration gap{0};
    bool configured = false;
  };
  // Whom beacons of a link have found.
  struct Met {
    bool shared = true;
    bool any = false;
    std::set<PeerAddress> away;  // lost, and not back
  };
  bool AllMet(LinkId link) const;
  Duration First(LinkId link) const { return slow_.count(link) > 0 ? kFirstSlow : kFirst; }
  Duration Longest(const Target& target, const Timer& timer) const;

  Random* random_;
  std::set<LinkId> slow_;
  std::map<LinkId, Duration> gaps_;
  std::map<LinkId, Met> met_;
  std::map<Target, Timer> timers_;
  std::map<Target, Time> answered_;
  std::vector<Target> due_;
};

}  // namespace selvage
