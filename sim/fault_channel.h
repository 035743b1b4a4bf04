// The Wi-Fi channel's loss, with faults: whatever the fault table takes does not arrive.
//
// Losses are precomputed from the layout (the same log-distance formula for every pair). A cut made
// here takes everything with it, acknowledgements of the MAC and hellos included: the only place
// where ns-3 can cut a link cleanly, for an ACK carries no transmitter's address.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "ns3/mobility-model.h"
#include "ns3/propagation-loss-model.h"
#include "sim/fault_table.h"
#include "sim/layout.h"

namespace selvage::sim {

class FaultChannel : public ns3::PropagationLossModel {
 public:
  static ns3::TypeId GetTypeId();

  // Before the simulation starts. Both outlive this object; the layout may change on the way.
  void Configure(const Layout* layout, FaultTable* faults) {
    layout_ = layout;
    faults_ = faults;
  }
  void SetNode(const ns3::MobilityModel* model, std::uint32_t node) { index_[model] = node; }

 private:
  double DoCalcRxPower(double tx_dbm, ns3::Ptr<ns3::MobilityModel> a,
                       ns3::Ptr<ns3::MobilityModel> b) const override;
  std::int64_t DoAssignStreams(std::int64_t /*stream*/) override { return 0; }

  const Layout* layout_ = nullptr;
  FaultTable* faults_ = nullptr;
  std::unordered_map<const ns3::MobilityModel*, std::uint32_t> index_;
};

}  // namespace selvage::sim
