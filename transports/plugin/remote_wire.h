// What an agent and the process of a plug-in say to each other: one message for each packet of a
// SOCK_SEQPACKET socket on the same machine.
//
// Big endian, first byte the kind. The two ends are of one version: the first message of each
// names it. Either end treats the other as hostile: what does not parse ends the connection.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "transports/plugin/plugin_driver.h"

namespace selvage {

inline constexpr std::uint8_t kRemoteVersion = 1;
inline constexpr std::size_t kRemoteBytesMax = 8192;
// Units on their way to the plug-in that it has not answered yet.
inline constexpr std::size_t kRemoteCredits = 32;

enum class RemoteKind : std::uint8_t {
  // agent to host
  kCreate = 1,  // version, seed, interface, settings: makes and starts an instance
  kUnit = 2,    // token, control, deadline, address, data
  kPing = 3,    // number
  // host to agent
  kStarted = 16,  // version, ok, error; then the schema
  kCaps = 17,
  kAnswer = 18,    // token, result, time to retry
  kReceived = 19,  // address, data
  kSent = 20,      // token, failed
  kSample = 21,    // address, present, values
  kPong = 22,      // number
};

struct RemoteStarted {
  bool ok = false;
  std::string error;
  struct Field {
    std::string name;
    std::string unit;
    std::uint32_t period_ms = 0;
    double least = 0;
    double most = 0;
  };
  std::vector<Field> fields;
};
struct RemoteUnit {
  std::uint64_t token = 0;
  bool control = false;
  std::int64_t deadline_ns = 0;
  Bytes address;
  Bytes data;
};
struct RemoteAnswer {
  std::uint64_t token = 0;
  std::uint8_t result = 0;
  std::int64_t retry_at_ns = SELVAGE_NEVER;
};
struct RemoteEvent {
  std::uint8_t kind = 0;  // selvage_event_kind
  Bytes address;
  Bytes data;
  std::uint64_t token = 0;
  bool failed = false;
  std::uint64_t present = 0;
  std::vector<double> values;
};
struct RemoteCaps {
  selvage_transport_caps caps{};  // without its reason
  std::string reason;
};

Bytes EncodeCreate(const PluginSettings& settings);
std::optional<PluginSettings> DecodeCreate(ByteSpan in);
Bytes EncodeUnit(const selvage_unit& unit);
std::optional<RemoteUnit> DecodeUnit(ByteSpan in);
Bytes EncodeNumber(RemoteKind kind, std::uint64_t number);  // kPing, kPong
std::optional<std::uint64_t> DecodeNumber(ByteSpan in);
Bytes EncodeStarted(bool ok, const std::string& error,
                    const std::vector<selvage_telemetry_field>& fields);
std::optional<RemoteStarted> DecodeStarted(ByteSpan in);
Bytes EncodeCaps(const selvage_transport_caps& caps);
std::optional<RemoteCaps> DecodeCaps(ByteSpan in);
Bytes EncodeAnswer(const RemoteAnswer& answer);
std::optional<RemoteAnswer> DecodeAnswer(ByteSpan in);
// RECEIVED, SENT, TELEMETRY. Empty for another kind and for what a message cannot hold.
Bytes EncodeEvent(const selvage_event& event);
std::optional<RemoteEvent> DecodeEvent(ByteSpan in);

}  // namespace selvage
