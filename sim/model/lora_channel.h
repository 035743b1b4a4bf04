// The air between LoRa radios: every frame reaches every listening device, weakened by the path.
//
// Losses and delays are ns-3's own models, set as attributes (chains of models work). What an
// antenna makes of many signals at once is lora_reception.h's business.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "ns3/channel.h"
#include "ns3/packet.h"
#include "ns3/propagation-delay-model.h"
#include "ns3/propagation-loss-model.h"
#include "sim/model/lora_net_device.h"

namespace selvage::sim {

class LoraChannel : public ns3::Channel {
 public:
  // Loss in dB to add for a pair of nodes (faults); infinite: nothing arrives.
  using ExtraLoss = std::function<double(std::uint32_t from_node, std::uint32_t to_node)>;

  static ns3::TypeId GetTypeId();
  LoraChannel();

  // Whether it listens is settled by now.
  void Add(ns3::Ptr<LoraNetDevice> device);
  void SetExtraLoss(ExtraLoss extra) { extra_ = std::move(extra); }
  void Send(LoraNetDevice* from, ns3::Ptr<const ns3::Packet> packet, Duration airtime);
  // Received power, dBm, without faults.
  double PowerDbm(const LoraNetDevice& from, const LoraNetDevice& to) const;
  std::int64_t AssignStreams(std::int64_t stream);

  std::size_t GetNDevices() const override { return devices_.size(); }
  ns3::Ptr<ns3::NetDevice> GetDevice(std::size_t i) const override { return devices_[i]; }

 private:
  void DoDispose() override;

  // Signals below this are left out: 15 dB under the noise floor of a perfect receiver they neither
  // carry nor disturb.
  static constexpr double kFloorDbm = -160;

  ns3::Ptr<ns3::PropagationLossModel> loss_;
  ns3::Ptr<ns3::PropagationDelayModel> delay_;
  std::vector<ns3::Ptr<LoraNetDevice>> devices_;
  std::vector<ns3::Ptr<LoraNetDevice>> listeners_;
  ExtraLoss extra_;
  std::uint64_t next_id_ = 1;
};

}  // namespace selvage::sim
