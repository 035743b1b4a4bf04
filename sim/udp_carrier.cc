#include "sim/udp_carrier.h"

#include <array>
#include <map>
#include <utility>

#include "ns3/inet-socket-address.h"
#include "ns3/ipv4-header.h"
#include "ns3/ipv4.h"
#include "ns3/llc-snap-header.h"
#include "ns3/mac48-address.h"
#include "ns3/node-list.h"
#include "ns3/packet.h"
#include "ns3/simulator.h"
#include "ns3/socket.h"
#include "ns3/udp-socket-factory.h"
#include "ns3/udp-socket.h"
#include "ns3/wifi-mac-header.h"
#include "ns3/wifi-mac.h"
#include "ns3/wifi-mpdu.h"
#include "ns3/wifi-net-device.h"
#include "ns3/wifi-phy.h"
#include "ns3/wifi-remote-station-manager.h"
#include "sim/layout.h"
#include "sim/packet_tag.h"

namespace selvage::sim {
namespace {

constexpr std::uint64_t kRateBps = 6000000;
constexpr std::uint16_t kIpv4Type = 0x0800;
constexpr std::uint32_t kLlcBytes = 8;
constexpr std::uint32_t kIpv4Bytes = 20;
// How often a driver is asked for its counters.
constexpr double kCountersEveryS = 1;
// Fewer frames than this say little of how many the MAC must repeat.
constexpr std::uint64_t kFramesToTell = 4;

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
  explicit UdpCarrier(bool signal) : signal_(signal) {}
  ~UdpCarrier() override { Close(); }

  void Open(ns3::Ptr<ns3::Node> node, Receive receive) override {
    receive_ = std::move(receive);
    socket_ = ns3::Socket::CreateSocket(node, ns3::UdpSocketFactory::GetTypeId());
    socket_->SetAllowBroadcast(true);
    socket_->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), kSelvagePort));
    socket_->SetRecvCallback(ns3::MakeCallback(&UdpCarrier::OnSocket, this));
    if (!std::exchange(listening_, true)) Listen(node);
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

  std::optional<double> MarginDb(LinkId /*link*/, const PeerAddress& from) override {
    const auto found = signal_dbm_.find(from);
    if (found == signal_dbm_.end()) return std::nullopt;
    return found->second - kLinkDbm;
  }

  // The ratio of Wi-Fi drivers: NL80211_STA_INFO_TX_RETRIES for each of TX_PACKETS and TX_FAILED.
  std::optional<double> RetryRatio(LinkId /*link*/, const PeerAddress& to) override {
    const auto found = attempts_.find(to);
    if (found == attempts_.end()) return std::nullopt;
    Attempts& a = found->second;
    const double now = ns3::Simulator::Now().GetSeconds();
    if (now - a.told_at < kCountersEveryS || a.frames < kFramesToTell) return std::nullopt;
    const double ratio = static_cast<double>(a.failed) / static_cast<double>(a.frames);
    a = {now, 0, 0};
    return ratio;
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
  // What a driver counts for each station.
  struct Attempts {
    double told_at = 0;
    std::uint64_t failed = 0;  // transmissions
    std::uint64_t frames = 0;  // that arrived or were given up
  };

  void Listen(ns3::Ptr<ns3::Node> node) {
    for (std::uint32_t i = 0; i < node->GetNDevices(); ++i) {
      const auto device = ns3::DynamicCast<ns3::WifiNetDevice>(node->GetDevice(i));
      if (device != nullptr) return Listen(*device);
    }
  }

  void Listen(const ns3::WifiNetDevice& device) {
    const auto manager = device.GetRemoteStationManager();
    manager->TraceConnectWithoutContext("MacTxDataFailed",
                                        ns3::MakeCallback(&UdpCarrier::OnAttemptFailed, this));
    manager->TraceConnectWithoutContext("MacTxFinalDataFailed",
                                        ns3::MakeCallback(&UdpCarrier::OnGivenUp, this));
    device.GetMac()->TraceConnectWithoutContext(
        "AckedMpdu", ns3::MakeCallback(&UdpCarrier::OnAcknowledged, this));
    if (!signal_) return;
    device.GetPhy()->TraceConnectWithoutContext(
        "MonitorSnifferRx", ns3::MakeCallback(&UdpCarrier::OnFrameHeard, this));
  }

  void OnAttemptFailed(ns3::Mac48Address to) {
    if (Attempts* a = AttemptsOf(to)) ++a->failed;
  }
  void OnGivenUp(ns3::Mac48Address to) {
    if (Attempts* a = AttemptsOf(to)) ++a->frames;
  }
  void OnAcknowledged(ns3::Ptr<const ns3::WifiMpdu> mpdu) {
    if (Attempts* a = AttemptsOf(mpdu->GetHeader().GetAddr1())) ++a->frames;
  }

  // Null for an address that no Wi-Fi device here has.
  Attempts* AttemptsOf(const ns3::Mac48Address& mac) {
    if (peers_.empty()) FindPeers();
    const auto peer = peers_.find(mac);
    return peer == peers_.end() ? nullptr : &attempts_[peer->second];
  }

  void FindPeers() {
    for (auto node = ns3::NodeList::Begin(); node != ns3::NodeList::End(); ++node) {
      const auto ipv4 = (*node)->GetObject<ns3::Ipv4>();
      for (std::uint32_t i = 0; ipv4 != nullptr && i < (*node)->GetNDevices(); ++i) {
        const auto device = ns3::DynamicCast<ns3::WifiNetDevice>((*node)->GetDevice(i));
        if (device == nullptr) continue;
        const std::int32_t interface = ipv4->GetInterfaceForDevice(device);
        if (interface < 0) continue;
        const auto index = static_cast<std::uint32_t>(interface);
        if (ipv4->GetNAddresses(index) == 0) continue;
        peers_[ns3::Mac48Address::ConvertFrom(device->GetAddress())] =
            PeerOf(ipv4->GetAddress(index, 0).GetLocal());
      }
    }
  }

  // Of every frame that the radio decoded, for whomever it was: who sent it, and how strong it was.
  // Nobody forwards IP here, so an IP source is the neighbour that sent the frame.
  void OnFrameHeard(ns3::Ptr<const ns3::Packet> heard, std::uint16_t /*mhz*/,
                    ns3::WifiTxVector /*vector*/, ns3::MpduInfo /*mpdu*/,
                    ns3::SignalNoiseDbm strength, std::uint16_t /*station*/) {
    const ns3::Ptr<ns3::Packet> packet = heard->Copy();
    ns3::WifiMacHeader mac;
    packet->RemoveHeader(mac);
    if (!mac.IsData() || packet->GetSize() < kLlcBytes + kIpv4Bytes) return;
    ns3::LlcSnapHeader llc;
    packet->RemoveHeader(llc);
    if (llc.GetType() != kIpv4Type) return;
    ns3::Ipv4Header ip;
    packet->RemoveHeader(ip);
    signal_dbm_[PeerOf(ip.GetSource())] = strength.signal;
  }

  void OnSocket(ns3::Ptr<ns3::Socket> socket) {
    ns3::Address from;
    while (ns3::Ptr<ns3::Packet> packet = socket->RecvFrom(from)) {
      if (!ns3::InetSocketAddress::IsMatchingType(from)) continue;
      Bytes frame(packet->GetSize());
      packet->CopyData(frame.data(), static_cast<std::uint32_t>(frame.size()));
      receive_(LinkId(0), PeerOf(ns3::InetSocketAddress::ConvertFrom(from).GetIpv4()), frame);
    }
  }

  const bool signal_;
  bool listening_ = false;  // traces stay connected while a node is off
  std::map<PeerAddress, double> signal_dbm_;  // by neighbour
  std::map<PeerAddress, Attempts> attempts_;  // by neighbour
  std::map<ns3::Mac48Address, PeerAddress> peers_;
  ns3::Ptr<ns3::Socket> socket_;
  Receive receive_;
};

}  // namespace

std::unique_ptr<Carrier> NewUdpCarrier(bool signal) { return std::make_unique<UdpCarrier>(signal); }

}  // namespace selvage::sim
