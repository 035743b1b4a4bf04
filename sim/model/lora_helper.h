// Puts LoRa devices on nodes, all on one channel: ns-3's usual way to build a world.
//
//   LoraHelper lora;
//   lora.Set("SpreadingFactor", ns3::UintegerValue(10));
//   ns3::NetDeviceContainer devices = lora.Install(nodes);  // nodes have mobility models
//   lora.AssignStreams(500);
#pragma once

#include <string>

#include "ns3/attribute.h"
#include "ns3/net-device-container.h"
#include "ns3/node-container.h"
#include "ns3/object-factory.h"
#include "ns3/propagation-loss-model.h"
#include "sim/model/lora_channel.h"

namespace selvage::sim {

class LoraHelper {
 public:
  // A channel with the path loss measured at 868 MHz in Oulu (Petäjäjärvi et al., "On the Coverage
  // of LPWANs", ITST 2015, land): 128.95 dB at 1 km, exponent 2.32, no shadowing, speed of light.
  LoraHelper();
  // Attributes of the devices made from now on.
  void Set(const std::string& name, const ns3::AttributeValue& value) { device_.Set(name, value); }
  void SetLoss(ns3::Ptr<ns3::PropagationLossModel> loss);
  ns3::NetDeviceContainer Install(const ns3::NodeContainer& nodes) const;
  ns3::Ptr<LoraNetDevice> Install(ns3::Ptr<ns3::Node> node) const;
  ns3::Ptr<LoraChannel> channel() const { return channel_; }
  // How many random streams the channel uses from `stream` on.
  std::int64_t AssignStreams(std::int64_t stream) { return channel_->AssignStreams(stream); }

 private:
  ns3::ObjectFactory device_;
  ns3::Ptr<LoraChannel> channel_;
};

}  // namespace selvage::sim
