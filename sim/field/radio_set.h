// All radios of one node as one carrier: a link for each, with a switch, a filter for faults and a
// meter.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "sim/carrier.h"
#include "sim/field/field_scenario.h"

namespace selvage::sim {

struct RadioMeter {
  std::uint64_t frames_sent = 0;
  std::uint64_t bytes_sent = 0;  // of frames, carrier headers not included
  std::uint64_t control_bytes_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t frames_lost_to_faults = 0;
};

class RadioSet final : public Carrier {
 public:
  struct Radio {
    RadioKind kind;
    std::unique_ptr<Carrier> carrier;  // of one link
  };
  // Whether a frame that came is to be handed up.
  using Passes = std::function<bool(RadioKind kind, const PeerAddress& from, std::size_t bytes)>;

  RadioSet(std::vector<Radio> radios, Passes passes);
  ~RadioSet() override { Close(); }

  // Off: the node sees its link go down, nothing is sent or received. Ignored without this radio.
  void Switch(RadioKind kind, bool on);
  // Zeros when there is no such radio.
  RadioMeter MeterOf(RadioKind kind) const;

  // ---- Carrier
  void Watch(Change change) override;
  void Open(ns3::Ptr<ns3::Node> node, Receive receive) override;
  void Close() override;
  std::vector<LinkInfo> Links() const override;
  std::vector<PeerAddress> Peers(LinkId link) const override;
  std::optional<double> MarginDb(LinkId link, const PeerAddress& from) override;
  std::optional<double> RetryRatio(LinkId link, const PeerAddress& to) override;
  void Send(LinkId link, const PeerAddress& to, Bytes* frame, const PacketLabel* label) override;
  void SendControl(LinkId link, const PeerAddress& to, Bytes* frame) override;

 private:
  struct Slot {
    Radio radio;
    bool on = true;
    RadioMeter meter;
  };
  Slot* Ready(LinkId link, std::size_t bytes);
  Slot* Find(RadioKind kind);

  std::vector<Slot> slots_;  // by link
  Passes passes_;
  Change change_;
};

}  // namespace selvage::sim
