#include "sim/selvage_application.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "ns3/inet-socket-address.h"
#include "ns3/node.h"
#include "ns3/packet.h"
#include "ns3/simulator.h"
#include "ns3/udp-socket-factory.h"
#include "ns3/udp-socket.h"
#include "sim/packet_tag.h"

namespace selvage::sim {
namespace {

constexpr LinkId kLink(0);
constexpr std::uint64_t kRateBps = 6000000;
// A deadline that is already due is served this much later, so that time always moves.
constexpr Duration kTimerMin = 1us;

Time Now() { return TimeFromNanos(ns3::Simulator::Now().GetNanoSeconds()); }

PeerAddress PeerOf(const ns3::Ipv4Address& address) {
  std::array<std::uint8_t, 4> bytes;
  address.Serialize(bytes.data());
  return PeerAddress::From(bytes);
}

ns3::Ipv4Address AddressOf(const PeerAddress& peer) {
  if (peer.size != 4) return ns3::Ipv4Address::GetBroadcast();
  return ns3::Ipv4Address::Deserialize(peer.bytes.data());
}

void HashText(const std::string& text, TraceHash* hash) {
  hash->Span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

void HashBytes(ByteSpan bytes, TraceHash* hash) { hash->Span(bytes.data(), bytes.size()); }

}  // namespace

ns3::TypeId SelvageApplication::GetTypeId() {
  static const ns3::TypeId kId = ns3::TypeId("selvage::sim::SelvageApplication")
                                     .SetParent<ns3::Application>()
                                     .AddConstructor<SelvageApplication>();
  return kId;
}

SelvageApplication::SelvageApplication() = default;
SelvageApplication::~SelvageApplication() = default;

void SelvageApplication::Configure(NodeCore::Init init, std::shared_ptr<WatchedCrypto> crypto,
                                   Arrival arrival, EventSink events) {
  init_ = std::move(init);
  crypto_ = std::move(crypto);
  arrival_ = std::move(arrival);
  events_ = std::move(events);
}

void SelvageApplication::StartApplication() {
  socket_ = ns3::Socket::CreateSocket(GetNode(), ns3::UdpSocketFactory::GetTypeId());
  socket_->SetAllowBroadcast(true);
  socket_->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), kSelvagePort));
  socket_->SetRecvCallback(ns3::MakeCallback(&SelvageApplication::OnSocket, this));
  store_ = NewMemoryStore();
  core_ = std::make_unique<NodeCore>(Now(), *std::move(init_), *store_);
  init_.reset();
  LinkInfo link;
  link.name = "wifi0";
  link.transport = "wifi";
  link.mtu_bytes = kSelvageMtuBytes;
  link.rate_bps = kRateBps;
  link.broadcast = true;
  link.shared = true;
  core_->OnLinkUp(Now(), kLink, link);
  Settle();
}

void SelvageApplication::StopApplication() {
  timer_.Cancel();
  if (socket_ != nullptr) socket_->Close();
}

void SelvageApplication::DoDispose() {
  timer_.Cancel();
  socket_ = nullptr;
  core_.reset();
  ns3::Application::DoDispose();
}

bool SelvageApplication::Submit(Message message, std::string* reason) {
  if (core_ == nullptr) {
    *reason = "not started";
    return false;
  }
  const bool accepted = core_->Submit(Now(), std::move(message), reason) != 0;
  Settle();
  return accepted;
}

void SelvageApplication::OnSocket(ns3::Ptr<ns3::Socket> socket) {
  ns3::Address from;
  while (ns3::Ptr<ns3::Packet> packet = socket->RecvFrom(from)) {
    if (!ns3::InetSocketAddress::IsMatchingType(from)) continue;
    Bytes frame(packet->GetSize());
    packet->CopyData(frame.data(), static_cast<std::uint32_t>(frame.size()));
    const ns3::Ipv4Address peer = ns3::InetSocketAddress::ConvertFrom(from).GetIpv4();
    core_->OnFrame(Now(), kLink, PeerOf(peer), frame);
    Settle();
  }
}

void SelvageApplication::OnTimer() {
  armed_ = kNever;
  core_->OnTimeout(Now());
  Settle();
}

void SelvageApplication::Settle() {
  while (std::optional<Effect> effect = core_->PollEffect()) {
    HashEffect(*effect);
    if (auto* send = std::get_if<SendFrame>(&*effect)) {
      Perform(send);
    } else if (auto* persist = std::get_if<Persist>(&*effect)) {
      Perform(persist);
    } else if (auto* deliver = std::get_if<Deliver>(&*effect)) {
      arrival_(*deliver);
    } else if (auto* event = std::get_if<Event>(&*effect)) {
      events_(GetNode()->GetId(), *event);
    }
  }
  ArmTimer();
}

void SelvageApplication::Perform(SendFrame* effect) {
  auto packet = ns3::Create<ns3::Packet>(effect->frame.data(),
                                         static_cast<std::uint32_t>(effect->frame.size()));
  if (const PacketLabel* label = crypto_->FindFrame(effect->frame)) {
    PacketTag tag;
    tag.label = *label;
    packet->AddPacketTag(tag);
  }
  socket_->SendTo(packet, 0, ns3::InetSocketAddress(AddressOf(effect->to), kSelvagePort));
  core_->Recycle(std::move(effect->frame));
}

void SelvageApplication::Perform(Persist* effect) {
  std::string error;
  store_->Write(effect->writes, &error);  // memory does not fail
  if (effect->token != 0) core_->OnPersisted(Now(), effect->token);
}

void SelvageApplication::HashEffect(const Effect& effect) {
  hash_.Int(static_cast<std::uint64_t>(ToNanos(Now())));
  hash_.Int(GetNode()->GetId());
  hash_.Int(effect.index());
  if (const auto* send = std::get_if<SendFrame>(&effect)) {
    hash_.Int(send->link.value);
    HashBytes(send->to.Span(), &hash_);
    HashBytes(send->frame, &hash_);
  } else if (const auto* deliver = std::get_if<Deliver>(&effect)) {
    HashBytes(deliver->from.bytes, &hash_);
    hash_.Int(static_cast<std::uint64_t>(deliver->traffic_class));
    hash_.Int(deliver->port);
    HashBytes(deliver->payload, &hash_);
  } else if (const auto* persist = std::get_if<Persist>(&effect)) {
    hash_.Int(persist->token);
    for (const StoreWrite& write : persist->writes) {
      HashText(write.key, &hash_);
      if (write.value) HashText(*write.value, &hash_);
    }
  } else if (const auto* report = std::get_if<MessageReport>(&effect)) {
    hash_.Int(report->message);
    hash_.Int(static_cast<std::uint64_t>(report->what));
    HashText(report->reason, &hash_);
  } else if (const auto* event = std::get_if<Event>(&effect)) {
    hash_.Int(event->number);
    HashText(event->kind, &hash_);
    HashText(event->text, &hash_);
  }
}

void SelvageApplication::ArmTimer() {
  const Time deadline = core_->NextDeadline();
  if (deadline == armed_) return;
  timer_.Cancel();
  armed_ = deadline;
  if (deadline == kNever) return;
  const Duration wait = std::max(deadline - Now(), kTimerMin);
  timer_ =
      ns3::Simulator::Schedule(ns3::NanoSeconds(wait.count()), &SelvageApplication::OnTimer, this);
}

}  // namespace selvage::sim
