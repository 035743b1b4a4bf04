#include "sim/model/message_carrier.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "ns3/nstime.h"
#include "ns3/simulator.h"

namespace selvage::sim {
namespace {

constexpr std::uint16_t kEverybody = 0xffff;
// As transports/radios/sbd_link.h: frames wait for the sky.
constexpr Duration kLate = std::chrono::hours(6);
constexpr Duration kPatience = std::chrono::minutes(5);
constexpr std::uint64_t kRateBps = 40;
// When the simulated world begins, for days and months of the budget.
constexpr WallSeconds kWall = 1700000000;

Time Now() { return TimeFromNanos(ns3::Simulator::Now().GetNanoSeconds()); }

WallSeconds Wall() {
  return kWall + static_cast<WallSeconds>(ns3::Simulator::Now().GetSeconds());
}

PeerAddress AddressOf(std::uint16_t station) {
  const std::array<std::uint8_t, 2> bytes{static_cast<std::uint8_t>(station >> 8),
                                          static_cast<std::uint8_t>(station)};
  return PeerAddress::From(bytes);
}

}  // namespace

MessageCarrier::MessageCarrier(ns3::Ptr<MessageNetDevice> device, std::uint16_t station,
                               CreditBudget::Limits limits)
    : device_(device), station_(station), queue_(kLate), reassembler_(kLate), budget_(limits) {}

std::vector<LinkInfo> MessageCarrier::Links() const {
  LinkInfo info;
  info.name = "sbd" + std::to_string(station_);
  info.transport = "satellite";
  info.mtu_bytes = static_cast<std::uint32_t>(FrameBytesMax(unit_bytes_max(), kFrameBytesMax));
  info.rate_bps = kRateBps;
  info.slow = true;
  info.tariff = Tariff::kDear;
  info.idle_gap = kNoHellos;
  info.patience = kPatience;
  return {info};
}

void MessageCarrier::Open(ns3::Ptr<ns3::Node> /*node*/, Receive receive) {
  receive_ = std::move(receive);
  budget_.Roll(Wall());
  device_->SetReceiveCallback(ns3::MakeCallback(&MessageCarrier::OnReceive, this));
  device_->OnBill([this](std::uint64_t credits) {
    budget_.Roll(Wall());
    budget_.Bill(credits);
  });
  device_->OnFree([this] {
    queue_.Wake();
    Pump();
  });
}

void MessageCarrier::Close() {
  timer_.Cancel();
  if (device_ == nullptr) return;
  device_->SetReceiveCallback(ns3::NetDevice::ReceiveCallback());
  device_->OnBill(nullptr);
  device_->OnFree(nullptr);
  device_ = nullptr;
}

std::size_t MessageCarrier::unit_bytes_max() const {
  return MessageNetDevice::kMessageBytesMax - kAddressBytes;
}

void MessageCarrier::Send(LinkId /*link*/, const PeerAddress& to, Bytes* frame,
                          const PacketLabel* /*label*/) {
  if (device_ == nullptr) return;
  queue_.Add(Now(), to, *frame, false);
  Arm(Now());
}

// A repeated handshake message has the same bytes as the first one, and that is with the operator.
void MessageCarrier::SendControl(LinkId /*link*/, const PeerAddress& to, Bytes* frame) {
  if (device_ == nullptr) return;
  const Time now = Now();
  while (!recent_.empty() && recent_.front().until <= now) recent_.pop_front();
  const std::size_t hash =
      std::hash<std::string>()(to.Span().ToString() + ByteSpan(*frame).ToString());
  for (const Recent& r : recent_) {
    if (r.hash == hash) return;
  }
  if (recent_.size() >= kRecentMax) recent_.pop_front();
  recent_.push_back({hash, now + 2 * kPatience});
  queue_.Add(now, to, *frame, true);
  Arm(now);
}

SendAnswer MessageCarrier::SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) {
  using What = SendAnswer::What;
  if (unit.size() > unit_bytes_max()) return {What::kTooBig, kNever};
  if (device_->busy()) return {What::kBusy, kNever};  // woken when it has left
  if (!device_->IsLinkUp()) return {What::kBusy, now + 60s};
  if (!to.IsBroadcast() && to.size != 2) return {What::kRefused, kNever};
  Bytes message(kAddressBytes + unit.size());
  const std::uint64_t credits = MessageNetDevice::CreditsOf(message.size());
  budget_.Roll(Wall());
  if (credits > budget_.month_left()) return {What::kNoBudget, kNever};
  if (control && !budget_.TakeControl(credits)) return {What::kNoBudget, kNever};
  ByteWriter w(message);
  w.U16(station_);
  if (to.IsBroadcast()) {
    w.U16(kEverybody);
  } else {
    w.Put(to.Span());
  }
  w.Put(unit);
  auto packet =
      ns3::Create<ns3::Packet>(message.data(), static_cast<std::uint32_t>(message.size()));
  if (!device_->Send(packet, device_->GetBroadcast(), 0)) return {What::kBusy, now + 10s};
  return {What::kAccepted, kNever};
}

bool MessageCarrier::OnReceive(ns3::Ptr<ns3::NetDevice> /*device*/,
                               ns3::Ptr<const ns3::Packet> packet, std::uint16_t /*protocol*/,
                               const ns3::Address& /*from*/) {
  Bytes bytes(packet->GetSize());
  packet->CopyData(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
  ByteReader in(bytes);
  const std::uint16_t from = in.U16();
  const std::uint16_t to = in.U16();
  if (!in.ok() || from == 0 || from == kEverybody || from == station_) return false;
  if (to != station_ && to != kEverybody) return true;
  std::optional<Bytes> frame =
      reassembler_.OnUnit(Now(), AddressOf(from), ByteSpan(bytes).Sub(kAddressBytes));
  if (frame && receive_) receive_(LinkId(0), AddressOf(from), *frame);
  return true;
}

void MessageCarrier::Pump() {
  if (device_ == nullptr) return;
  reassembler_.OnTimeout(Now());
  queue_.Pump(Now(), this);
  Arm(std::min(queue_.NextDeadline(), reassembler_.NextDeadline()));
}

void MessageCarrier::Arm(Time due) {
  timer_.Cancel();
  if (due == kNever) return;
  // Not from inside the caller, and never without time moving.
  const Duration wait = std::max<Duration>(due == Time::min() ? 0ns : due - Now(), 1us);
  timer_ = ns3::Simulator::Schedule(ns3::NanoSeconds(wait.count()), &MessageCarrier::Pump, this);
}

}  // namespace selvage::sim
