// A message that waits for its receipt: what of it is on the disk, and what is not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agents/delivery/payload.h"
#include "core/bytes.h"
#include "core/ids.h"
#include "core/time.h"

namespace selvage {

struct OutgoingMessage {
  ShortId to;
  TrafficClass traffic_class = TrafficClass::kTelemetry;
  PayloadKind kind = PayloadKind::kMessage;
  std::uint16_t port = 0;
  Bytes body;
  Duration deadline{0};  // 0: the class's default
  // Critical and reliable: sent at once and written only if no receipt comes soon. For IP packets:
  // a thousand a second must not become a thousand synced writes a second.
  bool store_late = false;
};

struct OutboxRecord {
  OutgoingMessage message;
  Epoch epoch;
  std::uint16_t flow = 0;
  std::uint64_t sequence = 0;  // of its first packet
  std::uint64_t last = 0;      // ... and its last
};

// Packets that a body of so many bytes takes.
std::uint64_t FragmentsOf(std::size_t body_bytes);

inline constexpr char kOutboxPrefix[] = "outbox/";
std::string OutboxKey(std::uint64_t number);
// nullopt when `key` is none of OutboxKey's.
std::optional<std::uint64_t> ParseOutboxKey(std::string_view key);
std::string EncodeOutboxRecord(const OutboxRecord& record);
std::optional<OutboxRecord> DecodeOutboxRecord(std::string_view encoded);

}  // namespace selvage
