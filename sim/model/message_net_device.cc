#include "sim/model/message_net_device.h"

#include <algorithm>
#include <cmath>

#include "ns3/boolean.h"
#include "ns3/double.h"
#include "ns3/simulator.h"
#include "ns3/trace-source-accessor.h"

namespace selvage::sim {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kDoublingsMax = 10;

}  // namespace

NS_OBJECT_ENSURE_REGISTERED(MessageChannel);
NS_OBJECT_ENSURE_REGISTERED(MessageNetDevice);

ns3::TypeId MessageChannel::GetTypeId() {
  static const ns3::TypeId kId = ns3::TypeId("selvage::sim::MessageChannel")
                                     .SetParent<ns3::Channel>()
                                     .AddConstructor<MessageChannel>();
  return kId;
}

void MessageChannel::Forward(MessageNetDevice* from, ns3::Ptr<const ns3::Packet> packet) {
  const std::uint32_t sender = from->GetNode()->GetId();
  const bool hubs = std::any_of(devices_.begin(), devices_.end(),
                                [](const auto& device) { return device->hub(); });
  for (const auto& device : devices_) {
    if (PeekPointer(device) == from || (hubs && !from->hub() && !device->hub())) continue;
    if (blocked_ && blocked_(sender, device->GetNode()->GetId())) continue;
    device->Ring(packet);
  }
}

ns3::Ptr<ns3::NetDevice> MessageChannel::GetDevice(std::size_t i) const { return devices_[i]; }

void MessageChannel::DoDispose() {
  devices_.clear();
  blocked_ = nullptr;
  ns3::Channel::DoDispose();
}

ns3::TypeId MessageNetDevice::GetTypeId() {
  using Self = MessageNetDevice;
  static const ns3::TypeId kId =
      ns3::TypeId("selvage::sim::MessageNetDevice")
          .SetParent<ns3::NetDevice>()
          .AddConstructor<Self>()
          .AddAttribute("Hub", "Hears all modems of the account, and all hear it.",
                        ns3::BooleanValue(false), ns3::MakeBooleanAccessor(&Self::hub_),
                        ns3::MakeBooleanChecker())
          .AddAttribute("SessionSuccess", "Share of sessions that get through.",
                        ns3::DoubleValue(0.8), ns3::MakeDoubleAccessor(&Self::success_),
                        ns3::MakeDoubleChecker<double>(0, 1))
          .AddAttribute("SessionMin", "Shortest session.", ns3::TimeValue(ns3::Seconds(6)),
                        ns3::MakeTimeAccessor(&Self::session_min_), ns3::MakeTimeChecker())
          .AddAttribute("SessionMedian", "What sessions take beyond that, median (lognormal).",
                        ns3::TimeValue(ns3::Seconds(5)),
                        ns3::MakeTimeAccessor(&Self::session_median_), ns3::MakeTimeChecker())
          .AddAttribute("SessionSigma", "Of that logarithm.", ns3::DoubleValue(1),
                        ns3::MakeDoubleAccessor(&Self::session_sigma_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("SessionMax", "Longest.", ns3::TimeValue(ns3::Seconds(60)),
                        ns3::MakeTimeAccessor(&Self::session_max_), ns3::MakeTimeChecker())
          .AddAttribute("RetryFirst", "After a failure; doubles with each in a row.",
                        ns3::TimeValue(ns3::Seconds(60)),
                        ns3::MakeTimeAccessor(&Self::retry_first_), ns3::MakeTimeChecker())
          .AddAttribute("RetryMax", "... up to this.", ns3::TimeValue(ns3::Minutes(32)),
                        ns3::MakeTimeAccessor(&Self::retry_max_), ns3::MakeTimeChecker())
          .AddAttribute("Pause", "Between a success and the next session.",
                        ns3::TimeValue(ns3::Seconds(5)), ns3::MakeTimeAccessor(&Self::pause_),
                        ns3::MakeTimeChecker())
          .AddAttribute("MessageJoules", "Of a session (from a published battery life).",
                        ns3::DoubleValue(8.6), ns3::MakeDoubleAccessor(&Self::message_joules_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("IdleWatts", "Listening for rings (45 mA at 5 V).", ns3::DoubleValue(0.225),
                        ns3::MakeDoubleAccessor(&Self::idle_watts_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddTraceSource("Session", "Whether it got through, and its seconds.",
                          ns3::MakeTraceSourceAccessor(&Self::session_),
                          "selvage::sim::MessageNetDevice::SessionCallback")
          .AddTraceSource("Rx", "A message came.", ns3::MakeTraceSourceAccessor(&Self::rx_),
                          "ns3::Packet::TracedCallback");
  return kId;
}

void MessageNetDevice::SetChannel(ns3::Ptr<MessageChannel> channel) {
  channel_ = channel;
  channel_->Add(this);
}

std::int64_t MessageNetDevice::AssignStreams(std::int64_t stream) {
  seed_ = static_cast<std::uint64_t>(stream);
  return 1;
}

void MessageNetDevice::SetAddress(ns3::Address address) {
  address_ = ns3::Mac16Address::ConvertFrom(address);
}

bool MessageNetDevice::Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address& /*dest*/,
                            std::uint16_t /*protocol*/) {
  if (channel_ == nullptr || !on_ || busy() || packet->GetSize() > kMessageBytesMax) return false;
  message_ = packet->Copy();
  Begin();
  return true;
}

bool MessageNetDevice::SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address& /*source*/,
                                const ns3::Address& dest, std::uint16_t protocol) {
  return Send(packet, dest, protocol);
}

void MessageNetDevice::Ring(ns3::Ptr<const ns3::Packet> packet) {
  if (mail_.size() >= kMailboxMax) return;  // the operator refuses it
  mail_.push_back(packet);
  Begin();
}

void MessageNetDevice::SetOn(bool on) {
  on_ = on;
  if (!on) {
    next_.Cancel();
    in_session_ = false;
  } else {
    failures_ = 0;
    Begin();
  }
}

double MessageNetDevice::Normal() {
  const double u = 1 - random_->Uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * kPi * random_->Uniform());
}

void MessageNetDevice::Begin() {
  if (!on_ || in_session_ || next_.IsRunning() || (message_ == nullptr && mail_.empty())) return;
  if (random_ == nullptr) random_ = std::make_unique<Random>(seed_);
  in_session_ = true;
  const double seconds =
      std::min(session_min_.GetSeconds() +
                   session_median_.GetSeconds() * std::exp(session_sigma_ * Normal()),
               session_max_.GetSeconds());
  next_ = ns3::Simulator::Schedule(ns3::Seconds(seconds), &MessageNetDevice::End, this, seconds);
}

void MessageNetDevice::End(double seconds) {
  in_session_ = false;
  ++sessions_;
  const bool good = random_->Uniform() < success_;
  session_(good, seconds);
  if (!good) {
    ++failed_;
    const double wait = std::min(
        retry_first_.GetSeconds() * std::pow(2, std::min(failures_++, kDoublingsMax)),
        retry_max_.GetSeconds());
    next_ = ns3::Simulator::Schedule(ns3::Seconds(wait), &MessageNetDevice::Begin, this);
    return;
  }
  failures_ = 0;
  next_ = ns3::Simulator::Schedule(pause_, &MessageNetDevice::Begin, this);
  std::uint64_t billed = 0;
  const ns3::Ptr<const ns3::Packet> sent = message_;
  message_ = nullptr;
  ns3::Ptr<const ns3::Packet> received;
  if (!mail_.empty()) {
    received = mail_.front();
    mail_.pop_front();
    billed += CreditsOf(received->GetSize());
  }
  if (sent != nullptr) billed += CreditsOf(sent->GetSize());
  if (billed == 0) billed = 1;  // an empty session is a bill, too
  credits_ += billed;
  if (bill_) bill_(billed);
  if (sent != nullptr) channel_->Forward(this, sent);
  if (received != nullptr) {
    rx_(received);
    if (!receive_.IsNull()) receive_(this, received, 0, GetBroadcast());
  }
  if (sent != nullptr && free_) free_();
}

double MessageNetDevice::EnergyJoules() const {
  return static_cast<double>(sessions_) * message_joules_ +
         ns3::Simulator::Now().GetSeconds() * idle_watts_;
}

void MessageNetDevice::DoDispose() {
  next_.Cancel();
  node_ = nullptr;
  channel_ = nullptr;
  free_ = nullptr;
  bill_ = nullptr;
  mail_.clear();
  message_ = nullptr;
  receive_ = ReceiveCallback();
  ns3::NetDevice::DoDispose();
}

}  // namespace selvage::sim
