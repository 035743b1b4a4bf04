// The node core's frames over a terminal of an access network, as UDP over IP would carry them:
// unicast to configured peers, 28 bytes of header each, nobody is found by broadcast.
#pragma once

#include <vector>

#include "sim/carrier.h"
#include "sim/model/access_net_device.h"

namespace selvage::sim {

class AccessCarrier final : public Carrier {
 public:
  // `info`: name, transport, tariff, hellos; MTU and the rest follow from the device. `peers`:
  // whom the configuration names.
  AccessCarrier(ns3::Ptr<AccessNetDevice> device, LinkInfo info,
                const std::vector<ns3::Ptr<AccessNetDevice>>& peers);
  ~AccessCarrier() override { Close(); }

  void Open(ns3::Ptr<ns3::Node> node, Receive receive) override;
  void Close() override;
  std::vector<LinkInfo> Links() const override { return {info_}; }
  std::vector<PeerAddress> Peers(LinkId link) const override { return peers_; }
  void Send(LinkId link, const PeerAddress& to, Bytes* frame, const PacketLabel* label) override;

 private:
  bool OnReceive(ns3::Ptr<ns3::NetDevice> device, ns3::Ptr<const ns3::Packet> packet,
                 std::uint16_t protocol, const ns3::Address& from);

  ns3::Ptr<AccessNetDevice> device_;
  LinkInfo info_;
  std::vector<PeerAddress> peers_;
  Receive receive_;
};

// What the product says of such links: metered or costly, hellos every 30 s, no broadcast.
LinkInfo RedcapLinkInfo(const std::string& name);
LinkInfo SatelliteLinkInfo(const std::string& name);

}  // namespace selvage::sim
