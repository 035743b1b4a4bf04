// What a fault of a field does to which node and radio, and when it is over.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ns3/node-container.h"
#include "sim/fault_table.h"
#include "sim/field/field_radios.h"
#include "sim/field/field_scenario.h"
#include "sim/field/radio_set.h"
#include "sim/protocol.h"

namespace selvage::sim {

class FieldFaults {
 public:
  // All arguments outlive this object. `layout` holds the nodes' places and halves.
  FieldFaults(const FieldScenario& field, const std::vector<FieldNode>& drawn,
              const Layout& layout, const ns3::NodeContainer& nodes, FieldRadios* radios,
              std::vector<RadioSet*>* sets, Protocol* protocol);

  // Schedules all of the scenario's faults.
  void Schedule();
  // Whether a frame that reached `to` on a medium is handed up.
  bool Passes(RadioKind kind, std::uint32_t from, std::uint32_t to, std::size_t bytes);

 private:
  void Begin(const FieldFault& fault);
  void End(const FieldFault& fault);
  void Set(const FieldFault& fault, bool on);
  // A step of a fault that has several: the next flap, the next node of a churn.
  void Step(const FieldFault& fault, double until_s, std::uint32_t step);
  void OnPairs(const FieldFault& fault,
               const std::function<void(FaultTable*, std::uint32_t, std::uint32_t)>& each);
  void Move(const FieldFault& fault, bool away);
  std::vector<RadioKind> KindsOf(const FieldFault& fault) const;
  // Whether a fault's `name` means this node: its own name, its group's, or everybody's ("").
  bool Means(const std::string& name, std::uint32_t node) const;
  std::vector<std::uint32_t> Meant(const std::string& name) const;

  const FieldScenario& field_;
  const std::vector<FieldNode>& drawn_;
  ns3::NodeContainer nodes_;
  FieldRadios* radios_;
  std::vector<RadioSet*>* sets_;
  Protocol* protocol_;
  std::map<RadioKind, FaultTable> tables_;
};

}  // namespace selvage::sim
