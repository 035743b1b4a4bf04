// Sits between a node's network device and its IP stack: sees every packet that came over the air
// together with the neighbour it came from, after the MAC acknowledged it.
//
// Used to count who carries what, and to inject faults that the MAC does not notice (gray, mtu,
// blackhole). One per node; kept alive by ns-3's callback.
#pragma once

#include <cstdint>
#include <functional>

#include "ns3/net-device.h"
#include "ns3/node.h"
#include "ns3/simple-ref-count.h"
#include "ns3/traffic-control-layer.h"
#include "sim/ledger.h"

namespace selvage::sim {

// Called for every IP packet with its size; label null: no application packet. False drops it.
using TapVerdict =
    std::function<bool(const ns3::Address& from, std::uint32_t bytes, const PacketLabel* label)>;

class DeviceTap : public ns3::SimpleRefCount<DeviceTap> {
 public:
  // Replaces the stack's registration for IPv4 and ARP on this device. REQUIRES: a node with an
  // Internet stack.
  static void Install(ns3::Ptr<ns3::Node> node, ns3::Ptr<ns3::NetDevice> device,
                      TapVerdict verdict);

 private:
  void Receive(ns3::Ptr<ns3::NetDevice> device, ns3::Ptr<const ns3::Packet> packet,
               std::uint16_t protocol, const ns3::Address& from, const ns3::Address& to,
               ns3::NetDevice::PacketType type);

  ns3::Ptr<ns3::TrafficControlLayer> stack_;
  TapVerdict verdict_;
};

}  // namespace selvage::sim
