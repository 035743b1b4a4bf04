#include "sim/fault_channel.h"

#include "ns3/simulator.h"

namespace selvage::sim {
namespace {
constexpr double kNothingDbm = -1000;
constexpr std::uint32_t kSizeUnknown = 0;
}  // namespace

ns3::TypeId FaultChannel::GetTypeId() {
  static const ns3::TypeId kId = ns3::TypeId("selvage::sim::FaultChannel")
                                     .SetParent<ns3::PropagationLossModel>()
                                     .AddConstructor<FaultChannel>();
  return kId;
}

double FaultChannel::DoCalcRxPower(double tx_dbm, ns3::Ptr<ns3::MobilityModel> a,
                                   ns3::Ptr<ns3::MobilityModel> b) const {
  const std::uint32_t from = index_.at(ns3::PeekPointer(a));
  const std::uint32_t to = index_.at(ns3::PeekPointer(b));
  if (faults_->Loses(ns3::Simulator::Now().GetSeconds(), from, to, kSizeUnknown)) {
    return kNothingDbm;
  }
  return layout_->rx_dbm[static_cast<std::size_t>(from) * layout_->size() + to] +
         (tx_dbm - kTxDbm) - faults_->FadeDb(ns3::Simulator::Now().GetSeconds(), from, to);
}

}  // namespace selvage::sim
