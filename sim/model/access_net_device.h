// A terminal of an access network (cell, broadband satellite, cable) as an ns-3 device, and the
// exchange where all of them meet.
//
// Packets go from one terminal to another by address, as between hosts with public addresses:
// through the sender's queue at its uplink rate, its access network, the exchange, the receiver's
// access network, and the receiver's queue at its downlink rate. Within a direction of a device
// nothing overtakes. There is no broadcast.
//
// Trace sources of the device: Tx (packet), Rx (packet), Drop (packet, AccessLoss).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "ns3/channel.h"
#include "ns3/data-rate.h"
#include "ns3/mac48-address.h"
#include "ns3/net-device.h"
#include "ns3/node.h"
#include "ns3/packet.h"
#include "ns3/traced-callback.h"
#include "sim/model/access_model.h"

namespace selvage::sim {

enum class AccessLoss : std::uint8_t { kQueueFull, kAccess, kNobody, kFault };

class AccessNetDevice;

class AccessChannel : public ns3::Channel {
 public:
  // Whether nothing passes from a node to another (faults).
  using Blocked = std::function<bool(std::uint32_t from_node, std::uint32_t to_node)>;

  static ns3::TypeId GetTypeId();
  void Add(ns3::Ptr<AccessNetDevice> device);
  void SetBlocked(Blocked blocked) { blocked_ = std::move(blocked); }
  bool IsBlocked(std::uint32_t from, std::uint32_t to) const {
    return blocked_ && blocked_(from, to);
  }
  ns3::Ptr<AccessNetDevice> Find(ns3::Mac48Address address) const;

  std::size_t GetNDevices() const override { return devices_.size(); }
  ns3::Ptr<ns3::NetDevice> GetDevice(std::size_t i) const override;

 private:
  void DoDispose() override;
  std::vector<ns3::Ptr<AccessNetDevice>> devices_;
  std::map<ns3::Mac48Address, ns3::Ptr<AccessNetDevice>> by_address_;
  Blocked blocked_;
};

class AccessNetDevice : public ns3::NetDevice {
 public:
  static ns3::TypeId GetTypeId();

  // The channel, and the network it sits on. Once, before anything is sent.
  void Attach(ns3::Ptr<AccessChannel> channel, ns3::Ptr<AccessModel> model);
  ns3::Ptr<AccessModel> model() const { return model_; }
  // For a sender's event: a packet arrives at the exchange for this device.
  void Deliver(ns3::Ptr<ns3::Packet> packet, ns3::Mac48Address from);
  // Switched off: sends and receives nothing.
  void SetOn(bool on) { on_ = on; }
  bool on() const { return on_; }

  std::uint64_t bytes_sent() const { return bytes_sent_; }
  std::uint64_t bytes_received() const { return bytes_received_; }
  // Time in which something was sent or received, plus the tail in which the radio stays awake
  // (attribute Tail) after each; times ActiveWatts. Plus IdleWatts all the time.
  double EnergyJoules() const;

  // ---- ns3::NetDevice
  void SetIfIndex(std::uint32_t index) override { index_ = index; }
  std::uint32_t GetIfIndex() const override { return index_; }
  ns3::Ptr<ns3::Channel> GetChannel() const override { return channel_; }
  void SetAddress(ns3::Address address) override;
  ns3::Address GetAddress() const override { return address_; }
  bool SetMtu(std::uint16_t mtu) override;
  std::uint16_t GetMtu() const override { return mtu_; }
  bool IsLinkUp() const override { return channel_ != nullptr && on_; }
  void AddLinkChangeCallback(ns3::Callback<void> /*callback*/) override {}
  bool IsBroadcast() const override { return false; }
  ns3::Address GetBroadcast() const override { return ns3::Mac48Address::GetBroadcast(); }
  bool IsMulticast() const override { return false; }
  ns3::Address GetMulticast(ns3::Ipv4Address /*group*/) const override { return GetBroadcast(); }
  ns3::Address GetMulticast(ns3::Ipv6Address /*group*/) const override { return GetBroadcast(); }
  bool IsBridge() const override { return false; }
  bool IsPointToPoint() const override { return false; }
  // False: switched off, too long, or the queue is full.
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
  // One direction: a rate, what waits for it, and when the last packet will have come out.
  struct Line {
    Time idle_at{};
    Time last_out{};
    std::deque<Time> departures;
  };
  void DoDispose() override;
  // When a packet of `bytes` that enters now has been sent; kNever: the queue is full.
  Time Enter(Line* line, const ns3::DataRate& rate, std::uint32_t bytes);
  void Up(ns3::Ptr<ns3::Packet> packet, ns3::Mac48Address to);
  void Arrive(ns3::Ptr<ns3::Packet> packet, ns3::Mac48Address from);
  void NoteActive();

  ns3::Ptr<ns3::Node> node_;
  ns3::Ptr<AccessChannel> channel_;
  ns3::Ptr<AccessModel> model_;
  ns3::Mac48Address address_;
  std::uint32_t index_ = 0;
  std::uint16_t mtu_ = 1500;
  std::uint32_t queue_packets_ = 100;
  ns3::DataRate up_rate_;
  ns3::DataRate down_rate_;
  double active_watts_ = 0;
  double idle_watts_ = 0;
  ns3::Time tail_;
  bool on_ = true;
  Line up_;
  Line down_;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
  Time awake_until_{};
  Duration awake_{0};
  ReceiveCallback receive_;
  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>> tx_;
  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>> rx_;
  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>, AccessLoss> drop_;
};

}  // namespace selvage::sim
