// A message modem on satellites (Iridium Short Burst Data) as an ns-3 device, and the operator who
// stores and forwards between such modems.
//
// One message of at most 270 bytes at a time: it waits in the modem for a session, a session takes
// some ten seconds and may fail, a failure waits a minute and then longer. What arrives for a modem
// waits with the operator, who rings; each session brings one message. Every message is a bill for
// who sends and for who receives: credits of 50 bytes begun, nothing for failed sessions.
//
// Durations and success are estimates from what users report (ten seconds for a good session, one
// message in forty seconds under a clear sky, 5 to 30 % of sessions fail); all are attributes.
// Trace sources: Session (success, seconds), Rx (packet).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "core/random.h"
#include "core/time.h"
#include "ns3/channel.h"
#include "ns3/event-id.h"
#include "ns3/mac16-address.h"
#include "ns3/net-device.h"
#include "ns3/node.h"
#include "ns3/nstime.h"
#include "ns3/packet.h"
#include "ns3/traced-callback.h"

namespace selvage::sim {

class MessageNetDevice;

// The operator. A message of a hub goes to all other modems, any other one to the hubs alone, or to
// all others where there is no hub: what the account says.
class MessageChannel : public ns3::Channel {
 public:
  using Blocked = std::function<bool(std::uint32_t from_node, std::uint32_t to_node)>;

  static ns3::TypeId GetTypeId();
  void Add(ns3::Ptr<MessageNetDevice> device) { devices_.push_back(device); }
  void SetBlocked(Blocked blocked) { blocked_ = std::move(blocked); }
  void Forward(MessageNetDevice* from, ns3::Ptr<const ns3::Packet> packet);

  std::size_t GetNDevices() const override { return devices_.size(); }
  ns3::Ptr<ns3::NetDevice> GetDevice(std::size_t i) const override;

 private:
  void DoDispose() override;
  std::vector<ns3::Ptr<MessageNetDevice>> devices_;
  Blocked blocked_;
};

class MessageNetDevice : public ns3::NetDevice {
 public:
  static constexpr std::uint16_t kMessageBytesMax = 270;  // what modems receive
  // That wait with the operator; older ones go first.
  static constexpr std::size_t kMailboxMax = 50;

  static ns3::TypeId GetTypeId();
  static std::uint64_t CreditsOf(std::size_t bytes) { return bytes == 0 ? 1 : (bytes + 49) / 50; }

  void SetChannel(ns3::Ptr<MessageChannel> channel);
  std::int64_t AssignStreams(std::int64_t stream);
  bool hub() const { return hub_; }
  // A message is in the modem and has not left.
  bool busy() const { return message_ != nullptr; }
  // Called when the modem can take a message again.
  void OnFree(std::function<void()> free) { free_ = std::move(free); }
  // Called with each bill.
  void OnBill(std::function<void(std::uint64_t credits)> bill) { bill_ = std::move(bill); }
  // The operator has something for us.
  void Ring(ns3::Ptr<const ns3::Packet> packet);
  // Switched off: nothing leaves, mail waits.
  void SetOn(bool on);

  std::uint64_t credits() const { return credits_; }
  std::uint64_t sessions() const { return sessions_; }
  std::uint64_t failed_sessions() const { return failed_; }
  double EnergyJoules() const;

  // ---- ns3::NetDevice
  void SetIfIndex(std::uint32_t index) override { index_ = index; }
  std::uint32_t GetIfIndex() const override { return index_; }
  ns3::Ptr<ns3::Channel> GetChannel() const override { return channel_; }
  void SetAddress(ns3::Address address) override;
  ns3::Address GetAddress() const override { return address_; }
  bool SetMtu(std::uint16_t mtu) override { return mtu <= kMessageBytesMax; }
  std::uint16_t GetMtu() const override { return kMessageBytesMax; }
  bool IsLinkUp() const override { return channel_ != nullptr && on_; }
  void AddLinkChangeCallback(ns3::Callback<void> /*callback*/) override {}
  bool IsBroadcast() const override { return true; }
  ns3::Address GetBroadcast() const override { return ns3::Mac16Address("ff:ff"); }
  bool IsMulticast() const override { return false; }
  ns3::Address GetMulticast(ns3::Ipv4Address /*group*/) const override { return GetBroadcast(); }
  ns3::Address GetMulticast(ns3::Ipv6Address /*group*/) const override { return GetBroadcast(); }
  bool IsBridge() const override { return false; }
  bool IsPointToPoint() const override { return false; }
  // False: too long, switched off, or the modem has one already.
  bool Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address& dest,
            std::uint16_t protocol) override;
  bool SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address& source, const ns3::Address& dest,
                std::uint16_t protocol) override;
  ns3::Ptr<ns3::Node> GetNode() const override { return node_; }
  void SetNode(ns3::Ptr<ns3::Node> node) override { node_ = node; }
  bool NeedsArp() const override { return false; }
  void SetReceiveCallback(ReceiveCallback callback) override { receive_ = callback; }
  void SetPromiscReceiveCallback(PromiscReceiveCallback /*callback*/) override {}
  bool SupportsSendFrom() const override { return false; }

 private:
  void DoDispose() override;
  void Begin();  // a session, if there is a reason for one and none is under way
  void End(double seconds);
  double Normal();

  ns3::Ptr<ns3::Node> node_;
  ns3::Ptr<MessageChannel> channel_;
  ns3::Mac16Address address_;
  std::uint32_t index_ = 0;
  bool hub_ = false;
  double success_ = 0;
  ns3::Time session_min_;
  ns3::Time session_median_;
  double session_sigma_ = 0;
  ns3::Time session_max_;
  ns3::Time retry_first_;
  ns3::Time retry_max_;
  ns3::Time pause_;
  double message_joules_ = 0;
  double idle_watts_ = 0;

  std::uint64_t seed_ = 1;
  std::unique_ptr<Random> random_;
  bool on_ = true;
  bool in_session_ = false;
  int failures_ = 0;  // in a row
  ns3::EventId next_;
  ns3::Ptr<const ns3::Packet> message_;
  std::deque<ns3::Ptr<const ns3::Packet>> mail_;  // with the operator
  std::uint64_t credits_ = 0;
  std::uint64_t sessions_ = 0;
  std::uint64_t failed_ = 0;
  std::function<void()> free_;
  std::function<void(std::uint64_t)> bill_;
  ReceiveCallback receive_;
  ns3::TracedCallback<bool, double> session_;
  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>> rx_;
};

}  // namespace selvage::sim
