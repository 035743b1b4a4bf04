#include "sim/model/access_carrier.h"

#include <array>
#include <utility>

namespace selvage::sim {
namespace {

constexpr std::uint32_t kHeaderBytes = 28;  // IPv4 and UDP
// As transports/radios/ip_radio.h: 1 MB a day of control traffic on a paid link.
constexpr Duration kMeteredIdleGap = 30s;

PeerAddress AddressOf(ns3::Mac48Address mac) {
  std::array<std::uint8_t, 6> bytes{};
  mac.CopyTo(bytes.data());
  return PeerAddress::From(bytes);
}

LinkInfo PaidLink(const std::string& name, const std::string& transport, Tariff tariff) {
  LinkInfo info;
  info.name = name;
  info.transport = transport;
  info.broadcast = false;
  info.tariff = tariff;
  info.idle_gap = kMeteredIdleGap;
  return info;
}

}  // namespace

LinkInfo RedcapLinkInfo(const std::string& name) {
  return PaidLink(name, "redcap", Tariff::kMetered);
}

LinkInfo SatelliteLinkInfo(const std::string& name) {
  return PaidLink(name, "satellite", Tariff::kCostly);
}

AccessCarrier::AccessCarrier(ns3::Ptr<AccessNetDevice> device, LinkInfo info,
                             const std::vector<ns3::Ptr<AccessNetDevice>>& peers)
    : device_(device), info_(std::move(info)) {
  info_.mtu_bytes = device->GetMtu() - kHeaderBytes;
  for (const auto& peer : peers) {
    if (peer == device) continue;
    peers_.push_back(AddressOf(ns3::Mac48Address::ConvertFrom(peer->GetAddress())));
  }
}

void AccessCarrier::Open(ns3::Ptr<ns3::Node> /*node*/, Receive receive) {
  receive_ = std::move(receive);
  device_->SetReceiveCallback(ns3::MakeCallback(&AccessCarrier::OnReceive, this));
}

void AccessCarrier::Close() {
  if (device_ == nullptr) return;
  device_->SetReceiveCallback(ns3::NetDevice::ReceiveCallback());
  device_ = nullptr;
}

void AccessCarrier::Send(LinkId /*link*/, const PeerAddress& to, Bytes* frame,
                         const PacketLabel* /*label*/) {
  if (device_ == nullptr || to.size != 6) return;
  ns3::Mac48Address mac;
  mac.CopyFrom(to.bytes.data());
  auto packet = ns3::Create<ns3::Packet>(frame->data(), static_cast<std::uint32_t>(frame->size()));
  packet->AddPaddingAtEnd(kHeaderBytes);
  device_->Send(packet, mac, 0);
}

bool AccessCarrier::OnReceive(ns3::Ptr<ns3::NetDevice> /*device*/,
                              ns3::Ptr<const ns3::Packet> packet, std::uint16_t /*protocol*/,
                              const ns3::Address& from) {
  Bytes frame(packet->GetSize());
  packet->CopyData(frame.data(), static_cast<std::uint32_t>(frame.size()));
  frame.resize(frame.size() - kHeaderBytes);
  if (receive_) receive_(LinkId(0), AddressOf(ns3::Mac48Address::ConvertFrom(from)), frame);
  return true;
}

}  // namespace selvage::sim
