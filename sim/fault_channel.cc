#include "sim/fault_channel.h"

#include "ns3/simulator.h"

namespace selvage::sim {
namespace {
constexpr double kNothingDbm = -1000;
}  // namespace

ns3::TypeId FaultChannel::GetTypeId() {
  static const ns3::TypeId kId = ns3::TypeId("selvage::sim::FaultChannel")
                                     .SetParent<ns3::PropagationLossModel>()
                                     .AddConstructor<FaultChannel>();
  return kId;
}

void FaultChannel::Configure(const Layout* layout, std::uint64_t seed) {
  layout_ = layout;
  silent_.assign(layout->size(), false);
  random_ = ScenarioRandom(seed * 15485863ull + 3);
}

void FaultChannel::Cut(std::uint32_t from, std::uint32_t to) {
  const std::size_t n = layout_->size();
  if (cut_.empty()) cut_.assign(n * n, false);
  cut_[from * n + to] = true;
}

void FaultChannel::Ramp(std::uint32_t a, std::uint32_t b, double seconds) {
  ramping_ = true;
  ramp_a_ = a;
  ramp_b_ = b;
  ramp_from_s_ = ns3::Simulator::Now().GetSeconds();
  ramp_seconds_ = seconds;
}

bool FaultChannel::Blocked(std::uint32_t from, std::uint32_t to) const {
  if (silent_[from] || silent_[to]) return true;
  if (partitioned_ && layout_->right[from] != layout_->right[to]) return true;
  if (!cut_.empty() && cut_[static_cast<std::size_t>(from) * layout_->size() + to]) return true;
  if (ramping_ && ((from == ramp_a_ && to == ramp_b_) || (from == ramp_b_ && to == ramp_a_))) {
    const double p = (ns3::Simulator::Now().GetSeconds() - ramp_from_s_) / ramp_seconds_;
    return p >= 1 || random_.Uniform() < p;
  }
  return false;
}

double FaultChannel::DoCalcRxPower(double tx_dbm, ns3::Ptr<ns3::MobilityModel> a,
                                   ns3::Ptr<ns3::MobilityModel> b) const {
  const std::uint32_t from = index_.at(ns3::PeekPointer(a));
  const std::uint32_t to = index_.at(ns3::PeekPointer(b));
  if (Blocked(from, to)) return kNothingDbm;
  return layout_->rx_dbm[static_cast<std::size_t>(from) * layout_->size() + to] + (tx_dbm - kTxDbm);
}

}  // namespace selvage::sim
