// The node core's frames over a simulated LoRa radio, with what a device has between the two: the
// product's queue and fragments, its ledger of legal air time, its budget for control frames.
//
// What transports/radios/lora_link.h does with a serial modem, this does with LoraNetDevice: the
// same addresses in front of each unit, the same pauses and spreading, the same LinkInfo. A unit
// leaves when the device takes it; nothing listens before it talks, collisions cost what they cost.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "core/random.h"
#include "ns3/event-id.h"
#include "sim/carrier.h"
#include "sim/model/lora_net_device.h"
#include "transports/radios/control_budget.h"
#include "transports/small/fragments.h"
#include "transports/small/frame_queue.h"
#include "transports/small/unit_carrier.h"

namespace selvage::sim {

class LoraCarrier final : public Carrier, private UnitCarrier {
 public:
  static constexpr std::size_t kAddressBytes = 4;
  static constexpr std::size_t kFrameBytesMax = 1452;

  // `station` from 1 to 65534, unlike that of any other carrier on the channel.
  LoraCarrier(ns3::Ptr<LoraNetDevice> device, std::uint16_t station, std::uint64_t seed);
  ~LoraCarrier() override;

  // ---- Carrier; one link
  void Watch(Change change) override { change_ = std::move(change); }
  void Open(ns3::Ptr<ns3::Node> node, Receive receive) override;
  void Close() override;
  std::vector<LinkInfo> Links() const override { return {info_}; }
  std::optional<double> MarginDb(LinkId link, const PeerAddress& from) override;
  void Send(LinkId link, const PeerAddress& to, Bytes* frame, const PacketLabel* label) override;
  void SendControl(LinkId link, const PeerAddress& to, Bytes* frame) override;

  const FrameQueueCounters& queue() const { return queue_.counters(); }
  Duration control_airtime() const;

 private:
  std::size_t unit_bytes_max() const override;
  SendAnswer SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) override;

  bool OnReceive(ns3::Ptr<ns3::NetDevice> device, ns3::Ptr<const ns3::Packet> packet,
                 std::uint16_t protocol, const ns3::Address& from);
  void Add(const PeerAddress& to, Bytes* frame, bool control);
  void Pump();
  void Arm();
  LinkInfo Describe() const;

  ns3::Ptr<LoraNetDevice> device_;
  const std::uint16_t station_;
  Random random_;
  FrameQueue queue_;
  Reassembler reassembler_;
  ControlBudget budget_;
  std::map<std::uint16_t, double> stations_;  // heard: margin in dB; bounded by kStationsMax
  LinkInfo info_;
  Receive receive_;
  Change change_;
  ns3::EventId timer_;
  Time not_before_ = Time::min();
  bool spread_ = false;  // the broadcast at hand has waited its random while
  bool open_ = false;
  double last_margin_db_ = 0;
};

}  // namespace selvage::sim
