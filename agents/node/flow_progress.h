// The sending end: what of each flow its destination has reported, and when reports say "stuck".
//
// Two alarms. Stalled: at least kPackets packets wait for a report longer than a report can take
// (the interval that the destination promised, the round trip as measured from reports in the form
// of RFC 6298, and kMargin for processes that are held up). Lossy: of a window of packets less than
// kShareMin arrived, in two reports in a row (not for bulk, which full links shed). An alarm says
// nothing about where; path_trial.h asks. Receipts of the critical and reliable classes count as
// reports without a count.
//
// Bounded: the flow least recently used goes. Sans-I/O. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "agents/delivery/progress.h"
#include "core/ids.h"
#include "core/ring_queue.h"
#include "core/time.h"

namespace selvage {

class FlowProgress {
 public:
  static constexpr std::size_t kFlowsMax = 512;
  static constexpr std::size_t kReportersMax = 4096;
  static constexpr std::uint64_t kPackets = Progress::kPackets;
  static constexpr Duration kMargin = 150ms;
  // Where all take turns on one channel: what a crash there delays is not stuck yet, and probes
  // would take the air that its repair needs. Round trips show how full the air is: the margin is
  // kMargin on an empty channel, grows with them, and ends here.
  static constexpr Duration kMarginShared = 400ms;
  static constexpr int kMarginRoundTrips = 8;
  // Receipts wait for the destination's disk.
  static constexpr Duration kMarginReceipt = 250ms;
  static constexpr Duration kMarginBulk = 1s;  // it fills queues faster than round trips tell
  // For a destination that never reported anything: it may not know how.
  static constexpr Duration kUnknownPeer = 1s;
  static constexpr std::uint64_t kWindowPackets = 48;
  static constexpr std::uint64_t kSharePercentMin = 85;

  // This node sends over a channel that all take turns on (LinkInfo::shared): stalls are given
  // up to kMarginShared, and loss alone is no alarm, for there it is the load's as a rule.
  void SetShared(bool shared) { shared_ = shared; }
  // A packet of a flow left this node.
  void OnSent(Time now, ShortId to, TrafficClass c, std::uint16_t flow, std::uint64_t sequence);
  // Routes of this node changed: what is under way may be repaired by that. Each stall is given
  // more time once.
  void OnRoutesChanged(Time now);

  enum class News {
    kNone,
    kProgress,     // something sent since the last Restart has arrived
    kNothingLost,  // and so has all before it: the alarm was false
  };
  News OnReport(Time now, ShortId from, const ProgressReport& r);
  News OnReceipt(Time now, ShortId from, std::uint16_t flow, std::uint64_t sequence);

  struct Alarm {
    ShortId to;
    TrafficClass traffic_class = TrafficClass::kTelemetry;
    bool stalled = false;  // else lossy
    bool reporter = false;  // the destination has reported before
    std::uint64_t packets = 0;  // unreported; lossy: in the window
    std::uint64_t arrived = 0;  // lossy: of those
    Duration silence{0};        // since the oldest unreported packet left
    Duration round_trip{0};     // with its variation: wait so long for an answer
  };
  // The flows that are due an alarm now; each goes on with Restart.
  std::vector<Alarm> TakeAlarms(Time now);
  // The flows of (to, c) take another way or another chance: counts begin anew.
  void Restart(Time now, ShortId to, TrafficClass c);

  Time NextDeadline() const { return next_; }
  // When something was last sent; the epoch for never.
  Time last_sent() const { return last_sent_; }

 private:
  struct Mark {
    std::uint64_t sequence;
    Time sent;
  };
  struct Row {
    TrafficClass traffic_class = TrafficClass::kTelemetry;
    std::uint64_t sent = 0;        // newest sequence number
    std::uint64_t reported = 0;    // all up to here is settled
    RingQueue<Mark> marks;         // when some of those after it left
    Time last_report = Time::min();
    Duration interval{0};
    bool has_rtt = false;
    Duration srtt{0};
    Duration rttvar{0};
    // Basis of the next report's share.
    bool counted = false;
    std::uint64_t count_highest = 0;
    std::uint32_t count_received = 0;
    std::uint64_t expected = 0;
    std::uint64_t arrived = 0;
    int poor = 0;           // reports in a row below the least share
    bool restarted = false;  // no news since
    bool excused = false;
    Time deadline = kNever;
    std::uint64_t used = 0;
  };
  using Key = std::pair<std::uint32_t, std::uint16_t>;  // to, flow
  Row* FindRow(Key key);
  void Arm(Key key, Row* r);
  // `age`: how long the answer waited at the destination; none: not known.
  void Settle(Time now, Row* r, std::uint64_t highest, std::optional<Duration> age);
  Duration RoundTrip(const Row& r) const { return r.has_rtt ? r.srtt + 4 * r.rttvar : 50ms; }

  std::map<Key, Row> rows_;
  std::set<std::uint32_t> reporters_;
  Key last_key_{};
  Row* last_ = nullptr;
  Time last_sent_{};
  Time next_ = kNever;
  std::uint64_t uses_ = 0;
  bool shared_ = false;
};

}  // namespace selvage
