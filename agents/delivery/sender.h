// The sending end: numbers, seals and cuts messages; keeps what was promised until its receipt.
//
// Telemetry and bulk are sealed and forgotten. Critical and reliable go into the outbox first: the
// write is durable before the message counts as accepted and before its first packet leaves. It is
// then sent, and sent again with growing pauses, until the destination's receipt arrives or its
// time is up. A message keeps its epoch, flow and sequence over restarts of this node, so that the
// destination recognises it. Bounded at kOutboxMax messages and kOutboxBytesMax.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agents/delivery/end_to_end_cipher.h"
#include "agents/delivery/payload.h"
#include "core/store.h"
#include "core/time.h"

namespace selvage {

struct OutgoingPacket {
  DataHeader header;
  Bytes payload;  // sealed
};

struct OutgoingMessage {
  ShortId to;
  TrafficClass traffic_class = TrafficClass::kTelemetry;
  PayloadKind kind = PayloadKind::kMessage;
  std::uint16_t port = 0;
  Bytes body;
  Duration deadline{0};  // 0: the class's default
};

class Sender {
 public:
  static constexpr std::size_t kOutboxMax = 4096;
  static constexpr std::size_t kOutboxBytesMax = 16 * 1024 * 1024;
  static constexpr Duration kRetryFirst = 300ms;
  static constexpr Duration kRetryMax = 10s;
  static constexpr Duration kDeadlineCritical = 1s;
  static constexpr Duration kDeadlineReliable = std::chrono::hours(24);

  Sender(EndToEndCipher* cipher, ShortId self, Epoch epoch);

  // Takes up what the last life left in the outbox; sent from the next OnTimeout on.
  void Load(Time now, Store& store);

  // Best effort: packets to send now. Empty when the destination's certificate is unknown.
  std::vector<OutgoingPacket> SealNow(const OutgoingMessage& message);

  // Critical and reliable: the message's number (> 0) and the write that makes it durable; 0 when
  // the outbox is full. Call OnDurable once the write is.
  std::uint64_t Keep(Time now, OutgoingMessage message, StoreWrite* write);
  // False when no such message waits any more.
  bool OnDurable(Time now, std::uint64_t number);
  // Takes back a message that is not durable yet: the write that removes it. nullopt when it is
  // durable or gone.
  std::optional<StoreWrite> Withdraw(std::uint64_t number);

  struct Settled {
    std::uint64_t number = 0;  // 0: unknown receipt
    bool delivered = false;
    std::string reason;
    StoreWrite write;
  };
  // The destination has it. number 0 when no such message waits.
  Settled OnReceipt(ShortId from, ByteSpan body);
  // The body of a receipt for a message of `epoch`.
  static Bytes ReceiptBody(Epoch epoch, const PacketId& first);

  // The map changed: a message without a path may have one now.
  void OnMapChanged(Time now);
  void OnTimeout(Time now);
  Time NextDeadline() const;
  bool idle() const { return packets_.empty() && expired_.empty(); }  // nothing to take
  // Packets due by OnTimeout; messages whose time is up.
  std::vector<OutgoingPacket> TakePackets() { return std::exchange(packets_, {}); }
  std::vector<Settled> TakeExpired() { return std::exchange(expired_, {}); }

  std::size_t size() const { return outbox_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Kept {
    OutgoingMessage message;
    Epoch epoch;
    std::uint16_t flow = 0;
    std::uint64_t sequence = 0;
    bool durable = false;
    Time next_attempt = kNever;
    Time expires{};
    Duration pause = kRetryFirst;
  };

  std::uint64_t NextSequence(ShortId to, std::uint16_t flow, std::uint64_t count);
  void Seal(const OutgoingMessage& m, Epoch epoch, std::uint16_t flow, std::uint64_t sequence,
            std::vector<OutgoingPacket>* out);
  static std::string StoreKey(std::uint64_t number);
  static std::string Encode(const Kept& k);
  static bool Decode(std::string_view in, Kept* out);
  void Remove(std::map<std::uint64_t, Kept>::iterator it);

  EndToEndCipher* cipher_;
  ShortId self_;
  Epoch epoch_;
  std::uint32_t last_number_ = 0;
  std::map<std::pair<std::uint32_t, std::uint16_t>, std::uint64_t>
      sequences_;  // (to, flow) -> next
  std::map<std::uint64_t, Kept> outbox_;
  std::size_t bytes_ = 0;
  std::vector<OutgoingPacket> packets_;
  std::vector<Settled> expired_;
};

}  // namespace selvage
