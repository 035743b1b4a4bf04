// Breaks things at the set time: picks what to break by measured use, or follows a recorded script.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "sim/fault_channel.h"
#include "sim/layout.h"
#include "sim/protocol.h"
#include "sim/scenario.h"
#include "sim/scenario_random.h"
#include "sim/usage.h"

namespace selvage::sim {

// One thing that happens to the network. `what`: crash silent oneway gray ramp blackhole (with
// nodes a, b), down/up (a; churn), cut/merge (partition).
struct FaultEvent {
  double t_s = 0;
  std::string what;
  int a = -1;
  int b = -1;
  double p = -1;
};

class FaultInjector {
 public:
  // All arguments outlive this object.
  FaultInjector(const Scenario& scenario, const Layout& layout, FaultChannel* channel, Usage* usage,
                Protocol* protocol);

  // Schedules the fault on ns-3's clock. An empty script: resolve the target by the rule when the
  // time has come. Use is measured in the 10 s before the fault.
  void Schedule(const std::vector<FaultEvent>& script);

  // False: the data packet is dropped above the MAC (gray, blackhole).
  bool Passes(std::uint32_t from, std::uint32_t at, std::uint32_t flow);

  // Flows that had at least a tenth of their packets of the last 10 s over the target; partition:
  // ends in different halves; none, churn: all.
  const std::set<std::uint32_t>& affected() const { return affected_; }
  const std::vector<FaultEvent>& events() const { return events_; }
  // "13", "3-7" or "-"; with "(fallback)" when nothing was measured at the target's choice.
  std::string Target() const;

 private:
  void Resolve();
  bool SelectTarget(FaultEvent* event);
  void Apply(FaultEvent event);
  void ChurnStep();
  void AffectAll();
  void Affect(const std::set<std::uint32_t>& flows);

  const Scenario& scenario_;
  const Layout& layout_;
  FaultChannel* channel_;
  Usage* usage_;
  Protocol* protocol_;
  const std::uint32_t packets_min_;  // that make a flow affected
  ScenarioRandom loss_random_;
  ScenarioRandom churn_random_;
  bool fallback_ = false;
  int churn_down_ = -1;
  int blackhole_ = -1;
  int gray_from_ = -1;
  int gray_to_ = -1;
  double gray_share_ = 0;
  std::set<std::uint32_t> affected_;
  std::vector<FaultEvent> events_;
};

// Whether a script may hold this kind of event.
bool IsFaultEvent(const std::string& what);

}  // namespace selvage::sim
