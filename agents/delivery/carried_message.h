// A message on its way in the hands of others: what a carrier gets, keeps on disk and passes on.
//
// When no path leads to the destination, the origin gives a copy to a node that may get there
// later. The carrier cannot read it (the packets are sealed to the destination) and need not: it
// gives them to the destination, or to another carrier, in the same envelope. What it is given it
// confirms by the message's name, once it is on its disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/bytes.h"
#include "core/frame.h"
#include "core/ids.h"
#include "core/time.h"

namespace selvage {

// Names one message in the whole network, and orders those of a flow by their sequence.
struct MessageId {
  ShortId origin;
  Epoch epoch;  // the origin's, in full
  ShortId destination;
  std::uint16_t flow = 0;
  std::uint64_t sequence = 0;  // of the first packet; 48 bits
  friend bool operator<(const MessageId& a, const MessageId& b) {
    return a.Tie() < b.Tie();
  }
  friend bool operator==(const MessageId& a, const MessageId& b) { return a.Tie() == b.Tie(); }

 private:
  std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint16_t, std::uint64_t> Tie()
      const {
    return {origin.value, epoch.value, destination.value, flow, sequence};
  }
};

struct SealedPacket {
  DataHeader header;
  Bytes payload;
};

struct CarriedMessage {
  // 65,536 bytes and their headers.
  static constexpr std::size_t kBytesMax = 80 * 1024;

  MessageId id;
  std::uint8_t generation = 1;  // hands it has been through, the ones that get it now included
  Duration lifetime{0};         // left, whole seconds on the wire
  std::vector<SealedPacket> packets;
};

// generation (1) | lifetime s (4) | epoch (4) | n (1) | (length (2) | data header, payload) * n
Bytes EncodeCarried(const CarriedMessage& message);
// nullopt when malformed: the packets must be one whole message of a class that asks for receipts.
std::optional<CarriedMessage> DecodeCarried(ByteSpan body);

// What carriers and those who give to them tell each other about a message.
struct CustodyNote {
  enum class What : std::uint8_t {
    kHeld = 0,      // it is on this disk: you may forget it, or stop giving it to me
    kNeedless = 1,  // it has arrived or is given up: drop it
  };
  What what = What::kHeld;
  MessageId id;
};
inline constexpr std::size_t kCustodyNotesMax = 48;  // in one packet: 21 bytes each

// (what (1) | origin (4) | epoch (4) | destination (4) | flow (2) | sequence (6))*
Bytes EncodeNotes(const std::vector<CustodyNote>& notes);
// nullopt when malformed or too many.
std::optional<std::vector<CustodyNote>> DecodeNotes(ByteSpan body);

}  // namespace selvage
