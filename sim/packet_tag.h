// An ns-3 packet tag that names the application packet inside: measuring only, never on the air.
#pragma once

#include "ns3/tag.h"
#include "sim/ledger.h"

namespace selvage::sim {

class PacketTag : public ns3::Tag {
 public:
  PacketLabel label;

  static ns3::TypeId GetTypeId();
  ns3::TypeId GetInstanceTypeId() const override { return GetTypeId(); }
  std::uint32_t GetSerializedSize() const override { return 14; }
  void Serialize(ns3::TagBuffer out) const override;
  void Deserialize(ns3::TagBuffer in) override;
  void Print(std::ostream& out) const override;
};

}  // namespace selvage::sim
