#include "sim/field/field_faults.h"

#include <algorithm>

#include "ns3/mobility-model.h"
#include "ns3/nstime.h"
#include "ns3/simulator.h"

namespace selvage::sim {
namespace {

constexpr double kFlapHalfSeconds = 5;

double NowSeconds() { return ns3::Simulator::Now().GetSeconds(); }

}  // namespace

FieldFaults::FieldFaults(const FieldScenario& field, const std::vector<FieldNode>& drawn,
                         const Layout& layout, const ns3::NodeContainer& nodes,
                         FieldRadios* radios, std::vector<RadioSet*>* sets, Protocol* protocol)
    : field_(field),
      drawn_(drawn),
      nodes_(nodes),
      radios_(radios),
      sets_(sets),
      protocol_(protocol) {
  for (const RadioKind kind : kAllRadios) {
    tables_.emplace(kind, FaultTable(&layout, field.seed * 31 + static_cast<int>(kind)));
  }
}

bool FieldFaults::Means(const std::string& name, std::uint32_t node) const {
  return name.empty() || drawn_[node].name == name ||
         field_.groups[drawn_[node].group].name == name;
}

std::vector<std::uint32_t> FieldFaults::Meant(const std::string& name) const {
  std::vector<std::uint32_t> nodes;
  for (std::uint32_t i = 0; i < drawn_.size(); ++i) {
    if (Means(name, i)) nodes.push_back(i);
  }
  return nodes;
}

std::vector<RadioKind> FieldFaults::KindsOf(const FieldFault& fault) const {
  RadioKind kind;
  if (ParseRadioKind(fault.radio, &kind)) return {kind};
  return {kAllRadios.begin(), kAllRadios.end()};
}

void FieldFaults::Schedule() {
  for (const FieldFault& fault : field_.faults) {
    const double at = field_.warm_s + fault.at_s;
    ns3::Simulator::Schedule(ns3::Seconds(at), [this, &fault] { Begin(fault); });
    if (fault.for_s > 0) {
      ns3::Simulator::Schedule(ns3::Seconds(at + fault.for_s), [this, &fault] { End(fault); });
    }
  }
}

bool FieldFaults::Passes(RadioKind kind, std::uint32_t from, std::uint32_t to,
                         std::size_t bytes) {
  return !tables_.at(kind).Loses(NowSeconds(), from, to, static_cast<std::uint32_t>(bytes));
}

// The fault's links: from its node to `peer`, or to everybody; without a node all there are.
void FieldFaults::OnPairs(
    const FieldFault& fault,
    const std::function<void(FaultTable*, std::uint32_t, std::uint32_t)>& each) {
  const std::vector<std::uint32_t> peers = Meant(fault.peer);
  for (const RadioKind kind : KindsOf(fault)) {
    for (const std::uint32_t a : Meant(fault.node)) {
      if (!radios_->Has(a, kind)) continue;
      for (const std::uint32_t b : peers) {
        if (a != b && radios_->Has(b, kind)) each(&tables_.at(kind), a, b);
      }
    }
  }
}

void FieldFaults::Move(const FieldFault& fault, bool away) {
  for (const std::uint32_t node : Meant(fault.node)) {
    const Position home = drawn_[node].at;
    nodes_.Get(node)->GetObject<ns3::MobilityModel>()->SetPosition(
        away ? ns3::Vector(fault.to[0], fault.to[1], 1.5) : ns3::Vector(home.x, home.y, 1.5));
  }
}

void FieldFaults::Set(const FieldFault& f, bool on) {
  const double now = NowSeconds();
  if (f.kind == "crash") {
    for (const std::uint32_t node : Meant(f.node)) {
      for (auto& [kind, table] : tables_) table.SetSilent(node, on);
    }
  } else if (f.kind == "partition") {
    for (const RadioKind kind : KindsOf(f)) tables_.at(kind).SetPartitioned(on);
  } else if (f.kind == "radio-off") {
    for (const std::uint32_t node : Meant(f.node)) {
      for (const RadioKind kind : KindsOf(f)) {
        (*sets_)[node]->Switch(kind, !on);
        radios_->Switch(node, kind, !on);
      }
    }
  } else if (f.kind == "away") {
    Move(f, on);
  } else if (f.kind == "blackhole") {
    for (const std::uint32_t node : Meant(f.node)) protocol_->SetForwarding(node, !on);
  } else if (f.kind == "selective" || f.kind == "accuse" || f.kind == "lie") {
    const std::string how = f.kind == "selective" ? "drop20" : f.kind;
    for (const std::uint32_t node : Meant(f.node)) protocol_->Misbehave(node, on ? how : "");
  } else {
    OnPairs(f, [&](FaultTable* table, std::uint32_t a, std::uint32_t b) {
      if (!on) {
        table->ClearLink(a, b);
        table->ClearLink(b, a);
      } else if (f.kind == "oneway") {
        table->SetCut(a, b, true);
      } else if (f.kind == "silent" || f.kind == "flap") {
        table->SetCut(a, b, true);
        table->SetCut(b, a, true);
      } else if (f.kind == "gray") {
        table->SetLoss(a, b, f.share);
      } else if (f.kind == "loss" || f.kind == "jam") {
        table->SetLoss(a, b, f.kind == "jam" ? 1 : f.share);
        table->SetLoss(b, a, f.kind == "jam" ? 1 : f.share);
      } else if (f.kind == "ramp") {
        table->SetRamp(a, b, now, f.for_s > 0 ? f.for_s : 60);
        table->SetRamp(b, a, now, f.for_s > 0 ? f.for_s : 60);
      } else if (f.kind == "mtu") {
        table->SetMtu(a, b, f.bytes);
        table->SetMtu(b, a, f.bytes);
      }
    });
  }
}

void FieldFaults::Step(const FieldFault& fault, double until_s, std::uint32_t step) {
  if (NowSeconds() >= until_s) return;
  double next_s = kFlapHalfSeconds;
  if (fault.kind == "flap") {
    Set(fault, step % 2 == 0);
  } else {  // churn: the nodes of a group (or all), one after the other
    const std::vector<std::uint32_t> members = Meant(fault.node);
    for (auto& [kind, table] : tables_) {
      if (step > 0) table.SetSilent(members[(step - 1) % members.size()], false);
      table.SetSilent(members[step % members.size()], true);
    }
    next_s = fault.every_s;
  }
  ns3::Simulator::Schedule(ns3::Seconds(next_s),
                           [this, &fault, until_s, step] { Step(fault, until_s, step + 1); });
}

void FieldFaults::Begin(const FieldFault& fault) {
  if (fault.kind == "flap" || fault.kind == "churn") {
    Step(fault, NowSeconds() + fault.for_s - 1e-6, 0);
  } else {
    Set(fault, true);
  }
}

void FieldFaults::End(const FieldFault& fault) {
  if (fault.kind == "churn") {
    for (auto& [kind, table] : tables_) {
      for (std::uint32_t i = 0; i < drawn_.size(); ++i) table.SetSilent(i, false);
    }
  } else {
    Set(fault, false);
  }
}

}  // namespace selvage::sim
