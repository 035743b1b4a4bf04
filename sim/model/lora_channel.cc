#include "sim/model/lora_channel.h"

#include "ns3/mobility-model.h"
#include "ns3/nstime.h"
#include "ns3/pointer.h"
#include "ns3/simulator.h"

namespace selvage::sim {

NS_OBJECT_ENSURE_REGISTERED(LoraChannel);

ns3::TypeId LoraChannel::GetTypeId() {
  static const ns3::TypeId kId =
      ns3::TypeId("selvage::sim::LoraChannel")
          .SetParent<ns3::Channel>()
          .AddConstructor<LoraChannel>()
          .AddAttribute("PropagationLossModel", "Path loss; LoraHelper sets one.",
                        ns3::PointerValue(), ns3::MakePointerAccessor(&LoraChannel::loss_),
                        ns3::MakePointerChecker<ns3::PropagationLossModel>())
          .AddAttribute("PropagationDelayModel", "Path delay; none: nothing is delayed.",
                        ns3::PointerValue(), ns3::MakePointerAccessor(&LoraChannel::delay_),
                        ns3::MakePointerChecker<ns3::PropagationDelayModel>());
  return kId;
}

LoraChannel::LoraChannel() = default;

void LoraChannel::Add(ns3::Ptr<LoraNetDevice> device) {
  devices_.push_back(device);
  if (device->listening()) listeners_.push_back(device);
}

double LoraChannel::PowerDbm(const LoraNetDevice& from, const LoraNetDevice& to) const {
  if (loss_ == nullptr) return from.tx_dbm();
  const auto a = from.GetNode()->GetObject<ns3::MobilityModel>();
  const auto b = to.GetNode()->GetObject<ns3::MobilityModel>();
  NS_ABORT_MSG_IF(a == nullptr || b == nullptr, "a node with a LoRa device needs a mobility model");
  return loss_->CalcRxPower(from.tx_dbm(), a, b);
}

void LoraChannel::Send(LoraNetDevice* from, ns3::Ptr<const ns3::Packet> packet, Duration airtime) {
  const std::uint64_t id = next_id_++;
  const std::uint32_t sender = from->GetNode()->GetId();
  for (const auto& to : listeners_) {
    if (PeekPointer(to) == from) continue;
    double dbm = PowerDbm(*from, *to);
    if (extra_) dbm -= extra_(sender, to->GetNode()->GetId());
    if (!(dbm >= kFloorDbm)) continue;
    ns3::Time delay(0);
    if (delay_ != nullptr) {
      delay = delay_->GetDelay(from->GetNode()->GetObject<ns3::MobilityModel>(),
                               to->GetNode()->GetObject<ns3::MobilityModel>());
    }
    const lorawan::LoraModulation modulation = from->Modulation();
    LoraSignal signal;
    signal.id = id;
    signal.frequency_hz = from->frequency_hz();
    signal.bandwidth_hz = modulation.bandwidth_hz;
    signal.spreading_factor = modulation.spreading_factor;
    signal.preamble_symbols = modulation.preamble_symbols;
    signal.dbm = dbm;
    signal.start = TimeFromNanos((ns3::Simulator::Now() + delay).GetNanoSeconds());
    signal.end = signal.start + airtime;
    ns3::Simulator::ScheduleWithContext(to->GetNode()->GetId(), delay,
                                        &LoraNetDevice::StartReception, to, signal, packet);
  }
}

std::int64_t LoraChannel::AssignStreams(std::int64_t stream) {
  return loss_ == nullptr ? 0 : loss_->AssignStreams(stream);
}

void LoraChannel::DoDispose() {
  devices_.clear();
  listeners_.clear();
  extra_ = nullptr;
  loss_ = nullptr;
  delay_ = nullptr;
  ns3::Channel::DoDispose();
}

}  // namespace selvage::sim
