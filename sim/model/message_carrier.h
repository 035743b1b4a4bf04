// The node core's frames as messages over a satellite modem, with what a device has between the
// two: the product's queue, fragments and budget of credits.
//
// What transports/radios/sbd_link.h does with a serial modem, this does with MessageNetDevice: the
// same addresses in front of each unit, the same rule against repeated handshakes, no hellos.
#pragma once

#include <cstdint>
#include <deque>

#include "ns3/event-id.h"
#include "sim/carrier.h"
#include "sim/model/message_net_device.h"
#include "transports/radios/credit_budget.h"
#include "transports/small/fragments.h"
#include "transports/small/frame_queue.h"
#include "transports/small/unit_carrier.h"

namespace selvage::sim {

class MessageCarrier final : public Carrier, private UnitCarrier {
 public:
  static constexpr std::size_t kAddressBytes = 4;
  static constexpr std::size_t kFrameBytesMax = 1452;
  static constexpr std::size_t kRecentMax = 16;

  // `station` from 1 to 65534, unlike that of any other modem of the account.
  MessageCarrier(ns3::Ptr<MessageNetDevice> device, std::uint16_t station,
                 CreditBudget::Limits limits);
  ~MessageCarrier() override { Close(); }

  // ---- Carrier; one link
  void Open(ns3::Ptr<ns3::Node> node, Receive receive) override;
  void Close() override;
  std::vector<LinkInfo> Links() const override;
  void Send(LinkId link, const PeerAddress& to, Bytes* frame, const PacketLabel* label) override;
  void SendControl(LinkId link, const PeerAddress& to, Bytes* frame) override;

  const CreditBudget& budget() const { return budget_; }

 private:
  struct Recent {
    std::size_t hash;
    Time until;
  };
  std::size_t unit_bytes_max() const override;
  SendAnswer SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) override;
  bool OnReceive(ns3::Ptr<ns3::NetDevice> device, ns3::Ptr<const ns3::Packet> packet,
                 std::uint16_t protocol, const ns3::Address& from);
  void Pump();
  void Arm(Time due);

  ns3::Ptr<MessageNetDevice> device_;
  const std::uint16_t station_;
  FrameQueue queue_;
  Reassembler reassembler_;
  CreditBudget budget_;
  std::deque<Recent> recent_;
  Receive receive_;
  ns3::EventId timer_;
};

}  // namespace selvage::sim
