// Gives messages to nodes in reach, a few at a time, until each is confirmed: what happens when a
// carrier meets somebody.
//
// A window of kWindow messages is under way to each node; a confirmation lets the next go, so a
// meeting is used at the speed of its path and a merge of two halves starts no storm. What is not
// confirmed is given again with growing pauses, kTriesMax times: then that node does not want it
// (it is full) or is not there, and it is left alone until the next meeting. In the order of
// MessageId, so that flows travel in order. Sans-I/O.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "agents/delivery/carried_message.h"
#include "core/time.h"

namespace selvage {

class Courier {
 public:
  static constexpr std::size_t kWindow = 32;
  static constexpr std::size_t kMeetingsMax = 64;
  static constexpr int kTriesMax = 6;
  static constexpr Duration kPauseFirst = 500ms;  // doubles: 31 s over all tries
  static constexpr Duration kPauseSlow = std::chrono::minutes(5);  // ... over slow radios

  // `what` is to be given to `who`. False when kMeetingsMax nodes are being met.
  // `pause`: before it is given for the second time, for whoever is being met from now on.
  bool Add(Time now, ShortId who, const MessageId& what, Duration pause = kPauseFirst);
  // `who` is out of reach.
  void Leave(ShortId who) { meetings_.erase(who.value); }
  // `who` has it.
  void OnConfirmed(Time now, ShortId who, const MessageId& what);
  // Nobody needs it any more.
  void Forget(const MessageId& what);

  void OnTimeout(Time now);
  Time NextDeadline() const;
  bool idle() const { return due_.empty(); }
  struct Handing {
    ShortId to;
    MessageId what;
  };
  std::vector<Handing> TakeDue() { return std::exchange(due_, {}); }
  // Messages that are to be given to `who`.
  std::size_t Waiting(ShortId who) const;

 private:
  struct Try {
    Time again{};
    Duration pause = kPauseFirst;
    int tries = 1;
  };
  struct Meeting {
    Duration pause = kPauseFirst;
    std::set<MessageId> todo;
    std::map<MessageId, Try> under_way;
  };
  void Fill(Time now, std::uint32_t who, Meeting* meeting);

  std::map<std::uint32_t, Meeting> meetings_;  // by short id
  std::vector<Handing> due_;
};

}  // namespace selvage
