// ns-3's own ad hoc routing protocols, driven as a user would: UDP sockets on a routed IP stack.
#include <set>
#include <utility>

#include "ns3/aodv-helper.h"
#include "ns3/dsdv-helper.h"
#include "ns3/inet-socket-address.h"
#include "ns3/olsr-helper.h"
#include "ns3/packet.h"
#include "ns3/socket.h"
#include "ns3/udp-socket-factory.h"
#include "sim/packet_tag.h"
#include "sim/protocol.h"

namespace selvage::sim {
namespace {

constexpr std::uint16_t kPort = 9000;

class IpProtocol final : public Protocol {
 public:
  explicit IpProtocol(std::string name) : name_(std::move(name)) {}

  void ConfigureStack(ns3::InternetStackHelper* stack) override {
    // Copied by SetRoutingHelper. All parameters are ns-3's defaults.
    if (name_ == "aodv") {
      stack->SetRoutingHelper(ns3::AodvHelper());
    } else if (name_ == "olsr") {
      stack->SetRoutingHelper(ns3::OlsrHelper());
    } else {
      stack->SetRoutingHelper(ns3::DsdvHelper());
    }
  }

  void Install(const Stage& stage, Arrival arrival) override {
    stage_ = &stage;
    arrival_ = std::move(arrival);
    std::set<std::uint32_t> receivers;
    for (const Flow& flow : stage.layout->flows) {
      auto sender =
          ns3::Socket::CreateSocket(stage.nodes.Get(flow.src), ns3::UdpSocketFactory::GetTypeId());
      sender->Bind();
      senders_.push_back(sender);
      if (!receivers.insert(flow.dst).second) continue;
      auto receiver =
          ns3::Socket::CreateSocket(stage.nodes.Get(flow.dst), ns3::UdpSocketFactory::GetTypeId());
      receiver->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), kPort));
      receiver->SetRecvCallback(ns3::MakeCallback(&IpProtocol::Receive, this));
      receivers_.push_back(receiver);
    }
  }

  void Send(std::uint32_t flow, std::uint32_t sequence) override {
    auto packet = ns3::Create<ns3::Packet>(stage_->scenario->payload_bytes);
    PacketTag tag;
    tag.label = {flow, sequence, 0, 0};
    packet->AddPacketTag(tag);
    const ns3::Ipv4Address to = stage_->addresses[stage_->layout->flows[flow].dst];
    senders_[flow]->SendTo(packet, 0, ns3::InetSocketAddress(to, kPort));
  }

 private:
  void Receive(ns3::Ptr<ns3::Socket> socket) {
    ns3::Address from;
    while (ns3::Ptr<ns3::Packet> packet = socket->RecvFrom(from)) {
      PacketTag tag;
      if (packet->PeekPacketTag(tag)) arrival_(tag.label.flow, tag.label.sequence);
    }
  }

  std::string name_;
  const Stage* stage_ = nullptr;
  Arrival arrival_;
  std::vector<ns3::Ptr<ns3::Socket>> senders_;
  std::vector<ns3::Ptr<ns3::Socket>> receivers_;
};

}  // namespace

std::unique_ptr<Protocol> NewIpProtocol(const std::string& name) {
  return std::make_unique<IpProtocol>(name);
}

}  // namespace selvage::sim
