// Breaks things at the set time: picks what to break by measured use, or follows a recorded script.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "sim/fault_actions.h"
#include "sim/layout.h"
#include "sim/scenario.h"
#include "sim/scenario_random.h"
#include "sim/usage.h"

namespace selvage::sim {

class FaultInjector {
 public:
  // All arguments outlive this object.
  FaultInjector(const Scenario& scenario, const Layout& layout, FaultActions* actions,
                Usage* usage);

  // Schedules the fault on ns-3's clock. An empty script: resolve the target by the rule when the
  // time has come. Use is measured in the 10 s before the fault.
  void Schedule(const std::vector<FaultEvent>& script);

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
  void AffectBy(const FaultEvent& event);
  void Later(double seconds, FaultEvent event);
  void StartFlap(const FaultEvent& link);
  void ChurnStep();
  void ScheduleDrift();
  void AffectAll();
  void Affect(const std::set<std::uint32_t>& flows);

  const Scenario& scenario_;
  const Layout& layout_;
  FaultActions* actions_;
  Usage* usage_;
  const std::uint32_t packets_min_;  // that make a flow affected
  ScenarioRandom churn_random_;
  bool fallback_ = false;
  int churn_down_ = -1;
  std::set<std::uint32_t> affected_;
  std::vector<FaultEvent> events_;
};

}  // namespace selvage::sim
