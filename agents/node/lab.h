// A node that misbehaves on purpose: the attacker as code, for laboratories and tests.
//
// It goes on talking to its neighbours as it should; what suffers is what it does for others. Drops
// a share of what it should forward (of one class or to one destination, if asked), holds it back,
// sends it twice, advertises links better or worse than they are, and accuses its neighbours. Does
// nothing unless the configuration allows it; the node core asks that before it calls anything
// here.
//
// Bounded: kPacketsMax packets wait, further ones go on undisturbed. Sans-I/O: time in, packets
// out. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/frame.h"
#include "core/ids.h"
#include "core/link.h"
#include "core/random.h"
#include "core/time.h"
#include "routing/path_cost.h"

namespace selvage {

class Lab {
 public:
  static constexpr std::size_t kPacketsMax = 4096;
  static constexpr Duration kReplayAfter = 100ms;
  static constexpr Duration kDelayMax = 60s;

  // 0: none. `only`, `to`: nothing else.
  void DropForwarded(double share, std::optional<TrafficClass> only, std::optional<ShortId> to);
  // Advertised costs are the true ones times this; 1: the truth. Below 1 it attracts traffic.
  void LieMetric(double factor) { factor_ = factor; }
  // Forwarded packets wait this long, clamped to kDelayMax; 0: not.
  void Delay(Duration delay);
  // Forwarded packets are sent once more, kReplayAfter later: as the same frame (a neighbour's
  // replay window has to see that) and as a walk that nobody has seen (the destination has to).
  void Replay(bool on) { replay_ = on; }
  // Signs that its neighbours drop packets. `flood`: by the hundred each second, old ones again,
  // in others' names and malformed ones among them.
  void Accuse(bool flood) {
    accuse_ = true;
    flood_ = flood;
  }
  bool accuses() const { return accuse_; }
  bool floods() const { return flood_; }
  // Ends all of it; what waits still leaves in its time.
  void Off();
  bool active() const {
    return share_ > 0 || factor_ != 1 || delay_ > Duration(0) || replay_ || accuse_;
  }
  bool replays() const { return replay_; }

  bool ShouldDrop(const DataHeader& header, Random* random) const;
  EdgeMetric Lie(const EdgeMetric& truth) const;

  // A packet to be forwarded later, or again.
  struct Packet {
    Time due{};
    DataHeader header;
    Bytes payload;
    AdjacencyIndex in;
  };
  struct Frame {
    Time due{};
    LinkId link;
    PeerAddress to;
    Bytes frame;
  };
  // True: it waits here now.
  bool Hold(Time now, const DataHeader& header, ByteSpan payload, AdjacencyIndex in);
  void Remember(Time now, const DataHeader& header, ByteSpan payload, AdjacencyIndex in);
  void RememberFrame(Time now, LinkId link, const PeerAddress& to, const Bytes& frame);
  // Those whose time has come, in order. Take both at the same time.
  std::vector<Packet> TakePackets(Time now);
  std::vector<Frame> TakeFrames(Time now);
  Time NextDeadline() const { return next_; }

 private:
  double share_ = 0;
  std::optional<TrafficClass> only_;
  std::optional<ShortId> to_;
  double factor_ = 1;
  Duration delay_{0};
  bool replay_ = false;
  bool accuse_ = false;
  bool flood_ = false;
  Time next_ = kNever;
  std::vector<Packet> held_;
  std::vector<Packet> replays_;
  std::vector<Frame> frames_;
};

}  // namespace selvage
