#include "sim/udp_carrier.h"

#include <array>
#include <utility>

#include "ns3/inet-socket-address.h"
#include "ns3/packet.h"
#include "ns3/socket.h"
#include "ns3/udp-socket-factory.h"
#include "ns3/udp-socket.h"
#include "sim/packet_tag.h"

namespace selvage::sim {
namespace {

constexpr std::uint64_t kRateBps = 6000000;

PeerAddress PeerOf(const ns3::Ipv4Address& address) {
  std::array<std::uint8_t, 4> bytes;
  address.Serialize(bytes.data());
  return PeerAddress::From(bytes);
}

ns3::Ipv4Address AddressOf(const PeerAddress& peer) {
  if (peer.size != 4) return ns3::Ipv4Address::GetBroadcast();
  return ns3::Ipv4Address::Deserialize(peer.bytes.data());
}

class UdpCarrier final : public Carrier {
 public:
  ~UdpCarrier() override { Close(); }

  void Open(ns3::Ptr<ns3::Node> node, Receive receive) override {
    receive_ = std::move(receive);
    socket_ = ns3::Socket::CreateSocket(node, ns3::UdpSocketFactory::GetTypeId());
    socket_->SetAllowBroadcast(true);
    socket_->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), kSelvagePort));
    socket_->SetRecvCallback(ns3::MakeCallback(&UdpCarrier::OnSocket, this));
  }

  void Close() override {
    if (socket_ == nullptr) return;
    socket_->SetRecvCallback(ns3::MakeNullCallback<void, ns3::Ptr<ns3::Socket>>());
    socket_->Close();
    socket_ = nullptr;
  }

  std::vector<LinkInfo> Links() const override {
    LinkInfo link;
    link.name = "wifi0";
    link.transport = "wifi";
    link.mtu_bytes = kSelvageMtuBytes;
    link.rate_bps = kRateBps;
    link.broadcast = true;
    link.shared = true;
    return {link};
  }

  void Send(LinkId /*link*/, const PeerAddress& to, Bytes* frame,
            const PacketLabel* label) override {
    if (socket_ == nullptr) return;
    auto packet =
        ns3::Create<ns3::Packet>(frame->data(), static_cast<std::uint32_t>(frame->size()));
    if (label != nullptr) {
      PacketTag tag;
      tag.label = *label;
      packet->AddPacketTag(tag);
    }
    socket_->SendTo(packet, 0, ns3::InetSocketAddress(AddressOf(to), kSelvagePort));
  }

 private:
  void OnSocket(ns3::Ptr<ns3::Socket> socket) {
    ns3::Address from;
    while (ns3::Ptr<ns3::Packet> packet = socket->RecvFrom(from)) {
      if (!ns3::InetSocketAddress::IsMatchingType(from)) continue;
      Bytes frame(packet->GetSize());
      packet->CopyData(frame.data(), static_cast<std::uint32_t>(frame.size()));
      receive_(LinkId(0), PeerOf(ns3::InetSocketAddress::ConvertFrom(from).GetIpv4()), frame);
    }
  }

  ns3::Ptr<ns3::Socket> socket_;
  Receive receive_;
};

}  // namespace

std::unique_ptr<Carrier> NewUdpCarrier() { return std::make_unique<UdpCarrier>(); }

}  // namespace selvage::sim
