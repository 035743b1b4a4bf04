// What is inside a sealed payload: kind (1), port (2), body. And how flows are numbered.
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "core/frame.h"
#include "core/ids.h"

namespace selvage {

enum class PayloadKind : std::uint8_t {
  kMessage = 0,
  kReceipt = 1,      // body: reports on flows of the node it is sent to (flow_report.h)
  kGone = 2,         // body: reports on flows of the node it comes from
  kProgress = 3,     // body: what arrives of a flow (progress.h)
  kProbe = 4,        // body: nonce (8), n (1), nodes the answer keeps off (4 * n), padding
  kProbeAnswer = 5,  // body: the probe's nonce (8)
  kCarry = 6,        // body: a message in the hands of others (carried_message.h)
  kCustody = 7,      // body: notes about such messages
};
inline constexpr std::uint8_t kPayloadKinds = 8;

inline constexpr std::size_t kPayloadHeaderBytes = 3;
// Body bytes in one packet: what fits 1,452 bytes of frame with every header at its largest, so
// that a packet of a TUN with MTU 1,280 is never cut.
inline constexpr std::size_t kFragmentBodyBytes = 1280;
// Receipts and gone reports of a class are a flow of their own.
inline constexpr std::uint16_t kReceiptPort = 0x3fff;
// So are reports of progress, answers to probes, and what carriers give each other.
inline constexpr std::uint16_t kControlPort = 0x3ffe;
// Applications' ports are below this.
inline constexpr std::uint16_t kPortsEnd = kControlPort;

// Messages of a class to a port are one flow: the class in the upper two bits, the port below.
inline std::uint16_t FlowOf(TrafficClass c, std::uint16_t port) {
  return static_cast<std::uint16_t>((static_cast<unsigned>(c) << 14) | (port & 0x3fffu));
}
inline bool WantsReceipt(TrafficClass c) {
  return c == TrafficClass::kCritical || c == TrafficClass::kReliable;
}

inline Bytes MakePlain(PayloadKind kind, std::uint16_t port, ByteSpan body) {
  Bytes plain(kPayloadHeaderBytes + body.size());
  ByteWriter w(plain);
  w.U8(static_cast<std::uint64_t>(kind));
  w.U16(port);
  w.Put(body);
  return plain;
}

}  // namespace selvage
