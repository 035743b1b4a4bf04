// A small datagram for the neighbour itself over a slow link: three bytes instead of forty.
//
// Between neighbours the hop is the whole path: the session's seal already is end to end, the
// session's counter already removes repetitions, and nobody forwards, so header and second seal of
// a data packet say nothing new. What is left is class (1) | port (varint) | payload. With the 13
// bytes of a slow session that leaves 35 bytes of payload in the 51 of a LoRaWAN frame at its
// slowest rate (a data packet would need 53 bytes before its first byte of payload).
//
// Best effort: sent again once over the same link when the neighbour reports it missing, and never
// another way. Should a carrier hand frames over so late that they were taken for lost, it arrives
// twice.
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "core/frame.h"
#include "core/ids.h"

namespace selvage {

struct DirectDatagram {
  TrafficClass traffic_class = TrafficClass::kTelemetry;
  std::uint16_t port = 0;
  ByteSpan payload;  // a view
};

// The chunk's type byte, class and port; ports below 128 take one byte.
inline constexpr std::size_t kDirectHeaderBytesMin = 3;
inline constexpr std::size_t kDirectHeaderBytesMax = 5;

// Appends the whole chunk; nothing may follow it in the frame.
void WriteDirect(const DirectDatagram& d, ByteWriter* out);
// Parses the body of a kDirect chunk; the payload views into it. False when malformed: a class that
// promises receipts, a port beyond 16 bits.
bool ReadDirect(ByteSpan body, DirectDatagram* out);

}  // namespace selvage
