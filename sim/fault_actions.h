// What each kind of fault does to the simulated world, and how it is undone.
//
// When and to whom something happens is decided elsewhere (fault_injector, campaign); here an event
// becomes a change of the fault table, a drop above the MAC, or the node's own laboratory fault.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/fault_table.h"
#include "sim/protocol.h"
#include "sim/scenario.h"
#include "sim/scenario_random.h"

namespace selvage::sim {

// One thing that happens to the network. `what`: crash silent oneway gray ramp fade mtu loss leave
// blackhole drop20 accuse lie (with nodes a, b), down/up (a; churn, or b too: a link that flaps),
// cut/merge (partition), heal (undoes what was done to node a or link a-b). `p`: share, bytes for
// mtu, dB for fade.
struct FaultEvent {
  double t_s = 0;
  std::string what;
  int a = -1;
  int b = -1;
  double p = -1;
};

// Whether this kind of fault or event concerns a link (a-b) rather than a node.
bool ConcernsLink(const std::string& what);
// Whether a script may hold this kind of event.
bool IsFaultEvent(const std::string& what);

// A link that flaps: down and up in turn, flap_times each, beginning with down at 0. `t_s` of each
// is relative to the first.
std::vector<FaultEvent> FlapEvents(const Scenario& scenario, const FaultEvent& link);

class FaultActions {
 public:
  // All arguments outlive this object. With `abstract` gray and mtu act on the link itself.
  FaultActions(const Scenario& scenario, bool abstract, FaultTable* table, Protocol* protocol);

  // What moves a node out of the field (`leave`), where nodes have places.
  void OnLeave(std::function<void(std::uint32_t node)> drive_away) {
    drive_away_ = std::move(drive_away);
  }

  void Apply(const FaultEvent& event, double now_s);

  // Wi-Fi only, for a packet that comes up from the device: false, it is dropped above the MAC,
  // which has acknowledged it (gray and blackhole: application packets; mtu: everything too large).
  bool PassesAboveMac(std::uint32_t from, std::uint32_t at, std::uint32_t bytes,
                      const PacketLabel* label, bool relayed);

 private:
  void ApplyToLink(const FaultEvent& event, double now_s);
  void Heal(const FaultEvent& event);

  const Scenario& scenario_;
  const bool abstract_;
  FaultTable* table_;
  Protocol* protocol_;
  std::function<void(std::uint32_t node)> drive_away_;
  ScenarioRandom random_;
  std::set<std::uint32_t> blackholes_;  // of protocols that cannot do it themselves
  int gray_from_ = -1;
  int gray_to_ = -1;
  double gray_share_ = 0;
};

}  // namespace selvage::sim
