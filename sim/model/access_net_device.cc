#include "sim/model/access_net_device.h"

#include <algorithm>

#include "ns3/double.h"
#include "ns3/nstime.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/trace-source-accessor.h"
#include "ns3/uinteger.h"

namespace selvage::sim {
namespace {

Time Now() { return TimeFromNanos(ns3::Simulator::Now().GetNanoSeconds()); }
ns3::Time Until(Time t) { return ns3::NanoSeconds(std::max<Duration>(t - Now(), 0ns).count()); }

}  // namespace

NS_OBJECT_ENSURE_REGISTERED(AccessChannel);
NS_OBJECT_ENSURE_REGISTERED(AccessNetDevice);

ns3::TypeId AccessChannel::GetTypeId() {
  static const ns3::TypeId kId = ns3::TypeId("selvage::sim::AccessChannel")
                                     .SetParent<ns3::Channel>()
                                     .AddConstructor<AccessChannel>();
  return kId;
}

void AccessChannel::Add(ns3::Ptr<AccessNetDevice> device) {
  devices_.push_back(device);
  by_address_[ns3::Mac48Address::ConvertFrom(device->GetAddress())] = device;
}

ns3::Ptr<AccessNetDevice> AccessChannel::Find(ns3::Mac48Address address) const {
  const auto it = by_address_.find(address);
  return it == by_address_.end() ? nullptr : it->second;
}

ns3::Ptr<ns3::NetDevice> AccessChannel::GetDevice(std::size_t i) const { return devices_[i]; }

void AccessChannel::DoDispose() {
  devices_.clear();
  by_address_.clear();
  blocked_ = nullptr;
  ns3::Channel::DoDispose();
}

ns3::TypeId AccessNetDevice::GetTypeId() {
  using Self = AccessNetDevice;
  static const ns3::TypeId kId =
      ns3::TypeId("selvage::sim::AccessNetDevice")
          .SetParent<ns3::NetDevice>()
          .AddConstructor<Self>()
          .AddAttribute("UpRate", "From the terminal.", ns3::StringValue("10Mbps"),
                        ns3::MakeDataRateAccessor(&Self::up_rate_), ns3::MakeDataRateChecker())
          .AddAttribute("DownRate", "To the terminal.", ns3::StringValue("50Mbps"),
                        ns3::MakeDataRateAccessor(&Self::down_rate_), ns3::MakeDataRateChecker())
          .AddAttribute("QueuePackets", "That may wait, each way.", ns3::UintegerValue(100),
                        ns3::MakeUintegerAccessor(&Self::queue_packets_),
                        ns3::MakeUintegerChecker<std::uint32_t>(1))
          .AddAttribute("Mtu", "Largest packet.", ns3::UintegerValue(1500),
                        ns3::MakeUintegerAccessor(&Self::mtu_),
                        ns3::MakeUintegerChecker<std::uint16_t>(64))
          .AddAttribute("ActiveWatts", "Of the radio while awake, beyond IdleWatts.",
                        ns3::DoubleValue(0), ns3::MakeDoubleAccessor(&Self::active_watts_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("IdleWatts", "Of the terminal, all the time.", ns3::DoubleValue(0),
                        ns3::MakeDoubleAccessor(&Self::idle_watts_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("Tail", "How long the radio stays awake after a packet.",
                        ns3::TimeValue(ns3::Seconds(0)), ns3::MakeTimeAccessor(&Self::tail_),
                        ns3::MakeTimeChecker())
          .AddTraceSource("Tx", "Taken for sending.", ns3::MakeTraceSourceAccessor(&Self::tx_),
                          "ns3::Packet::TracedCallback")
          .AddTraceSource("Rx", "Received.", ns3::MakeTraceSourceAccessor(&Self::rx_),
                          "ns3::Packet::TracedCallback")
          .AddTraceSource("Drop", "Lost on the way from or to here, and where.",
                          ns3::MakeTraceSourceAccessor(&Self::drop_),
                          "selvage::sim::AccessNetDevice::DropCallback");
  return kId;
}

void AccessNetDevice::Attach(ns3::Ptr<AccessChannel> channel, ns3::Ptr<AccessModel> model) {
  channel_ = channel;
  model_ = model;
  channel_->Add(this);
}

void AccessNetDevice::SetAddress(ns3::Address address) {
  address_ = ns3::Mac48Address::ConvertFrom(address);
}

bool AccessNetDevice::SetMtu(std::uint16_t mtu) {
  mtu_ = mtu;
  return true;
}

Time AccessNetDevice::Enter(Line* line, const ns3::DataRate& rate, std::uint32_t bytes) {
  const Time now = Now();
  while (!line->departures.empty() && line->departures.front() <= now) {
    line->departures.pop_front();
  }
  if (line->departures.size() >= queue_packets_) return kNever;
  const Duration on_line(rate.CalculateBytesTxTime(bytes).GetNanoSeconds());
  line->idle_at = std::max(line->idle_at, now) + on_line;
  line->departures.push_back(line->idle_at);
  return line->idle_at;
}

bool AccessNetDevice::Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address& dest,
                           std::uint16_t /*protocol*/) {
  if (channel_ == nullptr || !on_ || packet->GetSize() > mtu_) return false;
  const Time out = Enter(&up_, up_rate_, packet->GetSize());
  if (out == kNever) {
    drop_(packet, AccessLoss::kQueueFull);
    return false;
  }
  tx_(packet);
  bytes_sent_ += packet->GetSize();
  NoteActive();
  ns3::Simulator::Schedule(Until(out), &AccessNetDevice::Up, this, packet->Copy(),
                           ns3::Mac48Address::ConvertFrom(dest));
  return true;
}

bool AccessNetDevice::SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address& /*source*/,
                               const ns3::Address& dest, std::uint16_t protocol) {
  return Send(packet, dest, protocol);
}

void AccessNetDevice::Up(ns3::Ptr<ns3::Packet> packet, ns3::Mac48Address to) {
  if (channel_ == nullptr) return;
  const ns3::Ptr<AccessNetDevice> receiver = channel_->Find(to);
  if (receiver == nullptr) {
    drop_(packet, AccessLoss::kNobody);
    return;
  }
  if (channel_->IsBlocked(node_->GetId(), receiver->GetNode()->GetId())) {
    drop_(packet, AccessLoss::kFault);
    return;
  }
  const AccessModel::Passage passage = model_->Up(Now());
  if (passage.lost) {
    drop_(packet, AccessLoss::kAccess);
    return;
  }
  up_.last_out = std::max(up_.last_out, Now() + passage.delay);
  ns3::Simulator::Schedule(Until(up_.last_out), &AccessNetDevice::Deliver, receiver, packet,
                           address_);
}

void AccessNetDevice::Deliver(ns3::Ptr<ns3::Packet> packet, ns3::Mac48Address from) {
  if (channel_ == nullptr || !on_) return;
  const Time out = Enter(&down_, down_rate_, packet->GetSize());
  if (out == kNever) {
    drop_(packet, AccessLoss::kQueueFull);
    return;
  }
  const AccessModel::Passage passage = model_->Down(Now());
  if (passage.lost) {
    drop_(packet, AccessLoss::kAccess);
    return;
  }
  down_.last_out = std::max(down_.last_out, out + passage.delay);
  ns3::Simulator::Schedule(Until(down_.last_out), &AccessNetDevice::Arrive, this, packet, from);
}

void AccessNetDevice::Arrive(ns3::Ptr<ns3::Packet> packet, ns3::Mac48Address from) {
  if (channel_ == nullptr || !on_) return;
  rx_(packet);
  bytes_received_ += packet->GetSize();
  NoteActive();
  if (!receive_.IsNull()) receive_(this, packet, 0, from);
}

void AccessNetDevice::NoteActive() {
  const Time now = Now();
  const Time until = now + Duration(tail_.GetNanoSeconds());
  awake_ += until - std::max(now, std::min(awake_until_, until));
  awake_until_ = std::max(awake_until_, until);
}

double AccessNetDevice::EnergyJoules() const {
  const Duration ahead = std::max<Duration>(awake_until_ - Now(), 0ns);
  return ToSeconds(awake_ - ahead) * active_watts_ +
         ns3::Simulator::Now().GetSeconds() * idle_watts_;
}

void AccessNetDevice::DoDispose() {
  node_ = nullptr;
  channel_ = nullptr;
  model_ = nullptr;
  receive_ = ReceiveCallback();
  ns3::NetDevice::DoDispose();
}

}  // namespace selvage::sim
