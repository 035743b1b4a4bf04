#include "sim/model/lora_helper.h"

#include "ns3/double.h"
#include "ns3/mac16-address.h"
#include "ns3/pointer.h"
#include "ns3/propagation-delay-model.h"

namespace selvage::sim {
namespace {

constexpr double kOuluExponent = 2.32;
// 128.95 dB at 1 km, taken back to 1 m, because ns-3's model is flat below its reference.
constexpr double kOuluLossDb = 128.95 - 10 * kOuluExponent * 3;
constexpr double kOuluMetres = 1;

}  // namespace

LoraHelper::LoraHelper() : channel_(ns3::CreateObject<LoraChannel>()) {
  device_.SetTypeId("selvage::sim::LoraNetDevice");
  auto loss = ns3::CreateObject<ns3::LogDistancePropagationLossModel>();
  loss->SetAttribute("Exponent", ns3::DoubleValue(kOuluExponent));
  loss->SetAttribute("ReferenceDistance", ns3::DoubleValue(kOuluMetres));
  loss->SetAttribute("ReferenceLoss", ns3::DoubleValue(kOuluLossDb));
  SetLoss(loss);
  channel_->SetAttribute(
      "PropagationDelayModel",
      ns3::PointerValue(ns3::CreateObject<ns3::ConstantSpeedPropagationDelayModel>()));
}

void LoraHelper::SetLoss(ns3::Ptr<ns3::PropagationLossModel> loss) {
  channel_->SetAttribute("PropagationLossModel", ns3::PointerValue(loss));
}

ns3::Ptr<LoraNetDevice> LoraHelper::Install(ns3::Ptr<ns3::Node> node) const {
  auto device = device_.Create<LoraNetDevice>();
  device->SetAddress(ns3::Mac16Address::Allocate());
  node->AddDevice(device);
  device->SetChannel(channel_);
  return device;
}

ns3::NetDeviceContainer LoraHelper::Install(const ns3::NodeContainer& nodes) const {
  ns3::NetDeviceContainer devices;
  for (auto it = nodes.Begin(); it != nodes.End(); ++it) devices.Add(Install(*it));
  return devices;
}

}  // namespace selvage::sim
