// The nodes that this node does not want to be led through, and how they earn their way back.
//
// An entry is this node's own conclusion from its own probes (path_trial.h), bears on its own
// packets alone and is told to nobody. It is left fast and comes back slowly: after the first
// kHoldFirst, and then ever more rarely up to kHoldMax, probes are sent through the node, as many
// as decide (kProbes); when all but one are answered it is trusted again. A node convicted again
// within kProbation of that starts with twice its last hold, up to kHoldRelapseMax. Nothing is sent
// while there is no traffic: the trial waits for the next packet.
//
// Bounded: kNodesMax, the oldest goes. Pure: time in, probes out.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "agents/node/path_trial.h"
#include "core/ids.h"
#include "core/random.h"
#include "core/time.h"

namespace selvage {

class Distrust {
 public:
  static constexpr std::size_t kNodesMax = 16;
  static constexpr Duration kHoldFirst = 5s;
  static constexpr Duration kHoldMax = 20s;
  static constexpr Duration kHoldRelapseMax = 300s;
  static constexpr Duration kProbation = 600s;
  static constexpr int kProbes = 16;
  static constexpr int kProbesAnsweredMin = 15;
  static constexpr Duration kProbeGap = 25ms;
  static constexpr Duration kWait = 500ms;  // for the answer to the last one
  // A node that is on no path of ours any more is forgotten after this long.
  static constexpr Duration kForget = 120s;

  struct Entry {
    ShortId node;
    ShortId to;  // what was sent through it in vain, and is again when it is tried
    TrafficClass traffic_class = TrafficClass::kTelemetry;
    Time since{};
    Time unused_since = kNever;  // no trial was possible from then on
    bool trusted = false;  // again, on probation
    Duration hold{0};
    Time next = kNever;  // trial begins; while it runs its next probe or its end
    int sent = 0;        // 0: no trial runs
    int answered = 0;
    std::map<std::uint64_t, ShortId> nonces;
  };

  // False when it was distrusted already.
  bool Add(Time now, ShortId node, ShortId to, TrafficClass c);
  // Newest first; those on probation are not among them.
  std::vector<ShortId> nodes() const;
  bool empty() const { return entries_.empty(); }
  const std::vector<Entry>& entries() const { return entries_; }

  // The entry whose trial should begin or go on; nullptr: none is due.
  Entry* FindDue(Time now);
  // One more probe for it; to be sent to entry->to.
  std::uint64_t NextProbe(Time now, Entry* e, Random* random);
  // No probe can be sent through it now: its route leads elsewhere, or nothing is sent at all.
  void Postpone(Time now, Entry* e, bool idle);
  // True when the answer was to one of ours.
  bool OnAnswer(ShortId from, std::uint64_t nonce);
  // Ends trials that have all their answers or waited long enough. Nodes that are trusted again.
  std::vector<ShortId> TakeTrusted(Time now);
  Time NextDeadline() const;

 private:
  std::vector<Entry> entries_;  // oldest first
};

}  // namespace selvage
