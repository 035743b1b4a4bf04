// Fault after fault of random kinds in one run: break, hold, heal, settle, next.
//
// A run of its own for each fault would spend most of its time on starting up. Here one mesh lives
// through many: kinds come in shuffled rounds, so that each has its share, and targets are drawn
// from what carries traffic at that moment (a fault that nobody meets says nothing). Nodes that end
// a flow are never broken themselves.
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

// One fault of a campaign and whom it met.
struct Injection {
  std::string kind;
  std::string target;  // "13", "3-7"; "-" for partition and churn
  double begin_s = 0;
  double heal_s = 0;                    // when the fault is gone
  double next_s = 0;                    // when the next one comes
  std::vector<std::uint32_t> affected;  // flows over the target in the 2 s before, ascending
  std::vector<std::uint32_t> parted;    // partition: flows without any path meanwhile, ascending
};

class Campaign {
 public:
  // All arguments outlive this object.
  Campaign(const Scenario& scenario, const Layout& layout, FaultActions* actions, Usage* usage);

  // Schedules all of it on ns-3's clock.
  void Schedule();

  const std::vector<Injection>& injections() const { return injections_; }
  const std::vector<FaultEvent>& events() const { return events_; }

 private:
  void Begin();
  std::string NextKind();
  bool SelectLink(FaultEvent* event);
  bool SelectRelay(FaultEvent* event);
  void Break(const FaultEvent& event, Injection* injection);
  void Partition(Injection* injection);
  void Churn(Injection* injection);
  void Flap(const FaultEvent& link);
  void Apply(FaultEvent event);
  void Later(double seconds, FaultEvent event);
  void Affect(const std::set<std::uint32_t>& flows, Injection* injection);

  const Scenario& scenario_;
  const Layout& layout_;
  FaultActions* actions_;
  Usage* usage_;
  const std::uint32_t packets_min_;  // that make a flow affected
  ScenarioRandom random_;
  std::vector<std::string> deck_;  // kinds left of this round
  std::vector<Injection> injections_;
  std::vector<FaultEvent> events_;
};

}  // namespace selvage::sim
