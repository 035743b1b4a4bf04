// Notices that a flow makes no progress beyond the next hop, leads it around and finds who is to
// blame.
//
// Composes what flows report (flow_progress.h), the trial of a path (path_trial.h) and the nodes
// not trusted (distrust.h). An alarm for a (destination, class) does three things at once: packets
// avoid all relays of the path in use that can be avoided together; probes go out; and a finding
// tells of it. Acting comes first because it is free: the other path is on the map, and a late
// report undoes it. The trial's verdict then narrows "all of that path" down to one node, or to
// none. If nobody can be blamed although the flow was stuck, it goes back once; when it sticks
// again within kAgain it is kept off the path as a whole, for longer each time. If the destination
// answers on no path, nothing is avoided at all and the next alarm waits. If the path is good
// and only the way back is not, packets stay on it and name the relays of the other path, for
// reports take those along.
//
// A destination that never reported anything may not know how: then the trial comes first.
//
// Bounded: kCasesMax, the one least recently opened goes. Sans-I/O: what to send and what to tell
// is taken out. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "agents/node/distrust.h"
#include "agents/node/flow_progress.h"
#include "agents/node/path_trial.h"

namespace selvage {

class PathWatch {
 public:
  static constexpr std::size_t kCasesMax = 64;
  static constexpr std::size_t kAvoidMax = 6;  // nodes a packet names; leaves room for failed links
  static constexpr Duration kAgain = 30s;
  static constexpr Duration kHoldFirst = 5s;
  static constexpr Duration kHoldMax = 300s;
  static constexpr Duration kBackoffFirst = 2s;
  static constexpr Duration kBackoffMax = 60s;

  // The nodes from the next hop to `to`, around `avoid`. `strict`: empty when that is impossible;
  // else the path that packets take which ask for it.
  using FindPath = std::function<std::vector<ShortId>(
      ShortId to, TrafficClass c, const std::vector<ShortId>& avoid, bool strict)>;

  PathWatch(FindPath find, Random* random);

  FlowProgress& flows() { return flows_; }

  // ---- events
  void OnReport(Time now, ShortId from, const ProgressReport& report);
  void OnReceipt(Time now, ShortId from, std::uint16_t flow, std::uint64_t sequence);
  void OnAnswer(Time now, ShortId from, std::uint64_t nonce);
  // Something else saw that a flow makes no progress on its path.
  void OnDoubt(Time now, const FlowProgress::Alarm& alarm) { Open(now, alarm); }
  // The map or an own adjacency changed.
  void OnRoutesChanged(Time now);
  void OnTimeout(Time now);
  Time NextDeadline() const;

  // ---- what it decides
  // The nodes that packets to `to` ask not to be led through. Holds until the next call of
  // anything but const functions and this.
  const std::vector<ShortId>& AvoidFor(ShortId to, TrafficClass c);
  bool avoids_anything() const { return !cases_.empty() || !distrust_.empty(); }
  const Distrust& distrust() const { return distrust_; }

  struct Probe {
    ShortId to;
    TrafficClass traffic_class = TrafficClass::kTelemetry;
    std::uint64_t nonce = 0;
    std::vector<ShortId> avoid;
    std::vector<ShortId> answer_avoid;
  };
  std::vector<Probe> TakeProbes() { return std::exchange(probes_, {}); }

  // Something a person may want to know.
  struct Finding {
    enum class What {
      kSuspected,   // the flow is led around, or (around empty) cannot be
      kDistrusted,  // `verdict` says on which evidence
      kAvoided,     // nobody to blame: kept off the path for `hold`
      kCleared,     // back to the path: it works, or the alarm was false
      kWayBack,     // the path is good, reports get lost: they shall keep off the other for `hold`
      kGivenUp,     // the destination answers on no path
      kTrusted,     // `node` passes packets on again
    };
    What what;
    ShortId to;
    TrafficClass traffic_class = TrafficClass::kTelemetry;
    ShortId node;
    FlowProgress::Alarm alarm;
    PathTrial::Verdict verdict;
    std::vector<ShortId> path;    // that is suspected
    std::vector<ShortId> around;  // that is taken instead
    Duration hold{0};
  };
  std::vector<Finding> TakeFindings() { return std::exchange(findings_, {}); }
  bool idle() const { return probes_.empty() && findings_.empty(); }

 private:
  struct Case {
    FlowProgress::Alarm alarm;
    std::unique_ptr<PathTrial> trial;
    std::vector<ShortId> path;
    std::vector<ShortId> around;  // what is avoided: of this path, or for the sake of reports
    std::vector<ShortId> mirror;  // relays of the way around that are not on the path
    bool avoiding = false;
    Time avoid_until = kNever;
    Duration hold = kHoldFirst;
    Time cleared = Time::min();  // when it last ended with nobody to blame
    Time not_before = Time::min();
    Duration backoff = kBackoffFirst;
    bool way_back = false;  // the last verdict: the way there was good
    Time opened{};
  };
  using Key = std::pair<std::uint32_t, TrafficClass>;

  std::vector<ShortId> Avoidable(ShortId to, TrafficClass c, std::vector<ShortId> avoided,
                                 const std::vector<ShortId>& nodes);
  void Open(Time now, const FlowProgress::Alarm& alarm);
  void Close(Time now, Key key, Case* c);
  void Keep(Time now, Key key, Case* c);
  void News(Time now, Key key, FlowProgress::News news);
  void StepTrials(Time now);
  void StepDistrust(Time now);
  void Tell(Finding::What what, Key key, const Case& c);
  void Changed() { avoid_.clear(); }

  FindPath find_;
  Random* random_;
  FlowProgress flows_;
  Distrust distrust_;
  std::map<Key, Case> cases_;
  std::map<Key, std::vector<ShortId>> avoid_;  // what AvoidFor said, until something changes
  std::vector<ShortId> nothing_;
  std::vector<Probe> probes_;
  std::vector<Finding> findings_;
};

}  // namespace selvage
