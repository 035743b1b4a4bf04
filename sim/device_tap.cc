#include "sim/device_tap.h"

#include <utility>

#include "ns3/arp-l3-protocol.h"
#include "ns3/ipv4-l3-protocol.h"
#include "sim/packet_tag.h"

namespace selvage::sim {
namespace {
// The stack registers once per protocol and device (loopback included); unregistering is silent
// when none is left.
constexpr int kRegistrationsMax = 8;
}  // namespace

void DeviceTap::Install(ns3::Ptr<ns3::Node> node, ns3::Ptr<ns3::NetDevice> device,
                        TapVerdict verdict) {
  auto stack = node->GetObject<ns3::TrafficControlLayer>();
  const auto original = ns3::MakeCallback(&ns3::TrafficControlLayer::Receive, stack);
  for (int i = 0; i < kRegistrationsMax; ++i) node->UnregisterProtocolHandler(original);
  auto tap = ns3::Create<DeviceTap>();
  tap->stack_ = stack;
  tap->verdict_ = std::move(verdict);
  node->RegisterProtocolHandler(ns3::MakeCallback(&DeviceTap::Receive, tap),
                                ns3::Ipv4L3Protocol::PROT_NUMBER, device);
  node->RegisterProtocolHandler(original, ns3::ArpL3Protocol::PROT_NUMBER, device);
}

void DeviceTap::Receive(ns3::Ptr<ns3::NetDevice> device, ns3::Ptr<const ns3::Packet> packet,
                        std::uint16_t protocol, const ns3::Address& from, const ns3::Address& to,
                        ns3::NetDevice::PacketType type) {
  PacketTag tag;
  const bool data = packet->PeekPacketTag(tag);
  if (!verdict_(from, packet->GetSize(), data ? &tag.label : nullptr)) return;
  stack_->Receive(device, packet, protocol, from, to, type);
}

}  // namespace selvage::sim
