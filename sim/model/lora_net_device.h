// A LoRa radio as an ns-3 device: sends raw frames of up to 255 bytes, receives what survives the
// channel.
//
// Air time is the product's own function, legal air time the product's own ledger: Send() refuses
// what the region forbids at that moment, as a device's firmware does. One frame at a time: half
// duplex, no queue (see lora_carrier.h for the product's queue on top). Frames have no address of
// their own; Send()'s destination and protocol number are not transmitted, everybody tuned in
// hears.
//
// Trace sources: PhyTx (packet, air time), PhyRx (packet, dBm), PhyDrop (packet, LoraFate),
// AirtimeRefused (when it would be legal, ns-3 time).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "ns3/callback.h"
#include "ns3/mac16-address.h"
#include "ns3/net-device.h"
#include "ns3/node.h"
#include "ns3/packet.h"
#include "ns3/traced-callback.h"
#include "sim/model/lora_reception.h"
#include "transports/lorawan/air/duty_ledger.h"
#include "transports/lorawan/air/modulation.h"

namespace selvage::sim {

class LoraChannel;

class LoraNetDevice : public ns3::NetDevice {
 public:
  static ns3::TypeId GetTypeId();
  LoraNetDevice();
  ~LoraNetDevice() override;

  // Largest frame of the chip (one length byte).
  static constexpr std::uint16_t kMtuBytes = 255;

  void SetChannel(ns3::Ptr<LoraChannel> channel);
  lorawan::LoraModulation Modulation() const;
  // Of a frame with so many bytes, with this device's settings.
  Duration TimeOnAir(std::size_t bytes) const;
  // First moment from now on at which such a frame would be legal and nothing is being sent;
  // kNever: never.
  Time NextSend(std::size_t bytes);
  // What the ledger counted, of the sub-band's limit, in parts per million; 0 without a region.
  std::int64_t DutyUsedPpm();
  // A preamble or frame is being received.
  bool Busy();
  bool sending() const;
  Time sending_until() const { return sending_until_; }
  // dB over the sensitivity, of the last frame that came from this address.
  double LastMarginDb() const { return last_margin_db_; }
  double SensitivityDbm() const;

  // For the channel: a signal reaches this antenna; it is over at signal.end.
  void StartReception(const LoraSignal& signal, ns3::Ptr<const ns3::Packet> packet);
  bool listening() const { return listening_; }
  double tx_dbm() const { return tx_dbm_; }
  std::int64_t frequency_hz() const { return frequency_hz_; }

  // Radio on air and off: what left and what it cost (supply power times time).
  Duration airtime_sent() const { return airtime_sent_; }
  double EnergyJoules() const;
  std::uint64_t frames_sent() const { return frames_sent_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  std::uint64_t FatesOf(LoraFate fate) const;

  // ---- ns3::NetDevice
  void SetIfIndex(std::uint32_t index) override { index_ = index; }
  std::uint32_t GetIfIndex() const override { return index_; }
  ns3::Ptr<ns3::Channel> GetChannel() const override;
  void SetAddress(ns3::Address address) override;
  ns3::Address GetAddress() const override { return address_; }
  bool SetMtu(std::uint16_t mtu) override { return mtu <= kMtuBytes; }
  std::uint16_t GetMtu() const override { return kMtuBytes; }
  bool IsLinkUp() const override { return channel_ != nullptr; }
  void AddLinkChangeCallback(ns3::Callback<void> /*callback*/) override {}
  bool IsBroadcast() const override { return true; }
  ns3::Address GetBroadcast() const override { return ns3::Mac16Address("ff:ff"); }
  bool IsMulticast() const override { return false; }
  ns3::Address GetMulticast(ns3::Ipv4Address /*group*/) const override { return GetBroadcast(); }
  ns3::Address GetMulticast(ns3::Ipv6Address /*group*/) const override { return GetBroadcast(); }
  bool IsBridge() const override { return false; }
  bool IsPointToPoint() const override { return false; }
  // False: too long, still sending, or not legal now (AirtimeRefused).
  bool Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address& dest,
            std::uint16_t protocol) override;
  bool SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address& source, const ns3::Address& dest,
                std::uint16_t protocol) override;
  ns3::Ptr<ns3::Node> GetNode() const override { return node_; }
  void SetNode(ns3::Ptr<ns3::Node> node) override { node_ = node; }
  bool NeedsArp() const override { return false; }
  void SetReceiveCallback(ReceiveCallback callback) override { receive_ = callback; }
  void SetPromiscReceiveCallback(PromiscReceiveCallback callback) override;
  bool SupportsSendFrom() const override { return false; }

 private:
  void DoDispose() override;
  LoraReceiver& Receiver();
  void EndReception(std::uint64_t id);
  std::string RegionName() const;
  void SetRegion(std::string name);
  void SetFactor(std::uint32_t factor);
  std::uint32_t Factor() const { return factor_; }
  lorawan::DataRate Rate() const;

  ns3::Ptr<ns3::Node> node_;
  ns3::Ptr<LoraChannel> channel_;
  ns3::Mac16Address address_;
  std::uint32_t index_ = 0;
  ReceiveCallback receive_;
  PromiscReceiveCallback promiscuous_;

  std::uint32_t factor_ = 9;
  std::int64_t frequency_hz_ = 868'100'000;
  std::uint32_t bandwidth_hz_ = 125000;
  std::uint32_t coding_rate_ = 1;
  std::uint32_t preamble_symbols_ = 8;
  double tx_dbm_ = 14;
  double noise_figure_db_ = 6;
  double search_db_ = 0;
  bool capture_ = true;
  bool gateway_ = false;
  std::uint32_t demodulators_ = 8;
  bool listening_ = true;
  std::string isolation_ = "croce";
  double tx_watts_ = 0.15;
  double rx_watts_ = 0.036;

  const lorawan::Region* region_ = nullptr;
  std::unique_ptr<lorawan::DutyLedger> ledger_;
  std::unique_ptr<LoraReceiver> receiver_;  // made when first needed: attributes are set by then
  struct Coming {
    ns3::Ptr<const ns3::Packet> packet;
    double dbm = 0;
  };
  std::map<std::uint64_t, Coming> coming_;  // by signal; bounded by LoraReceiver::kSignalsMax
  Time sending_until_ = Time::min();
  Duration airtime_sent_{0};
  std::uint64_t frames_sent_ = 0;
  std::uint64_t bytes_sent_ = 0;
  std::map<LoraFate, std::uint64_t> fates_;
  double last_margin_db_ = 0;

  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>, Duration> phy_tx_;
  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>, double> phy_rx_;
  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>, LoraFate> phy_drop_;
  ns3::TracedCallback<ns3::Time> refused_;
};

}  // namespace selvage::sim
