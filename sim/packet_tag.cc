#include "sim/packet_tag.h"

#include <ostream>

namespace selvage::sim {

ns3::TypeId PacketTag::GetTypeId() {
  static const ns3::TypeId kId =
      ns3::TypeId("selvage::sim::PacketTag").SetParent<ns3::Tag>().AddConstructor<PacketTag>();
  return kId;
}

void PacketTag::Serialize(ns3::TagBuffer out) const {
  out.WriteU32(label.flow);
  out.WriteU32(label.sequence);
  out.WriteU32(label.extra_bytes);
  out.WriteU16(label.walk);
}

void PacketTag::Deserialize(ns3::TagBuffer in) {
  label.flow = in.ReadU32();
  label.sequence = in.ReadU32();
  label.extra_bytes = in.ReadU32();
  label.walk = in.ReadU16();
}

void PacketTag::Print(std::ostream& out) const { out << label.flow << ":" << label.sequence; }

}  // namespace selvage::sim
