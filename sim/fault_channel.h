// The channel's loss, with faults: silenced nodes, cut directed links, a divided field, a fading
// link.
//
// Losses are precomputed from the layout (the same log-distance formula for every pair). A cut made
// here takes everything with it, acknowledgements of the MAC and hellos included: the only place
// where ns-3 can cut a link cleanly, for an ACK carries no transmitter's address.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "ns3/mobility-model.h"
#include "ns3/propagation-loss-model.h"
#include "sim/layout.h"
#include "sim/scenario_random.h"

namespace selvage::sim {

class FaultChannel : public ns3::PropagationLossModel {
 public:
  static ns3::TypeId GetTypeId();

  // Before the simulation starts. `layout` must outlive this object.
  void Configure(const Layout* layout, std::uint64_t seed);
  void SetNode(const ns3::MobilityModel* model, std::uint32_t node) { index_[model] = node; }

  void SetSilent(std::uint32_t node, bool silent) { silent_[node] = silent; }
  bool silent(std::uint32_t node) const { return silent_[node]; }
  // Nothing that `from` sends reaches `to` any more.
  void Cut(std::uint32_t from, std::uint32_t to);
  void SetPartitioned(bool on) { partitioned_ = on; }
  // From now on frames between a and b are lost with a probability that grows from 0 to 1 in
  // `seconds` and stays at 1.
  void Ramp(std::uint32_t a, std::uint32_t b, double seconds);

 private:
  double DoCalcRxPower(double tx_dbm, ns3::Ptr<ns3::MobilityModel> a,
                       ns3::Ptr<ns3::MobilityModel> b) const override;
  std::int64_t DoAssignStreams(std::int64_t /*stream*/) override { return 0; }
  bool Blocked(std::uint32_t from, std::uint32_t to) const;

  const Layout* layout_ = nullptr;
  std::unordered_map<const ns3::MobilityModel*, std::uint32_t> index_;
  std::vector<bool> silent_;
  std::vector<bool> cut_;  // [from * n + to]; empty while nothing is cut
  bool partitioned_ = false;
  bool ramping_ = false;
  std::uint32_t ramp_a_ = 0;
  std::uint32_t ramp_b_ = 0;
  double ramp_from_s_ = 0;
  double ramp_seconds_ = 1;
  mutable ScenarioRandom random_{1};  // ns-3 asks for the power through a const method
};

}  // namespace selvage::sim
