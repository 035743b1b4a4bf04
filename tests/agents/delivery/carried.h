// Carried messages made up for tests: the packets' content is of no interest to a carrier.
#pragma once

#include "agents/delivery/carried_message.h"
#include "agents/delivery/payload.h"

namespace selvage {

inline CarriedMessage MakeCarried(std::uint32_t origin, std::uint32_t destination,
                                  std::uint64_t sequence, std::size_t bytes = 100,
                                  std::size_t fragments = 1) {
  CarriedMessage m;
  m.id = {ShortId(origin), Epoch(0x10003), ShortId(destination),
          FlowOf(TrafficClass::kReliable, 7), sequence};
  m.lifetime = std::chrono::hours(1);
  for (std::size_t i = 0; i < fragments; ++i) {
    SealedPacket p;
    p.header.traffic_class = TrafficClass::kReliable;
    p.header.hop_limit = 64;
    p.header.destination = m.id.destination;
    p.header.id = {m.id.origin, 3, m.id.flow, sequence + i};
    p.header.fragment = static_cast<std::uint8_t>(i);
    p.header.fragments = static_cast<std::uint8_t>(fragments);
    p.payload = Bytes(bytes, static_cast<std::uint8_t>(sequence));
    m.packets.push_back(std::move(p));
  }
  return m;
}

}  // namespace selvage
