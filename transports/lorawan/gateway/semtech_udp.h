// The Semtech UDP protocol between a packet forwarder (the gateway's radio) and a network server.
//
// Version 2, as in PROTOCOL.TXT of Semtech's packet_forwarder: a 4-byte head, the gateway's EUI,
// JSON. It has no authentication and no repetition, so it belongs on loopback or inside a tunnel.
// All input is hostile: what is malformed is refused, a packet list is bounded. Thread safe (no
// state).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace selvage::lorawan {

enum class GatewayMessage : std::uint8_t {
  kPushData = 0,
  kPushAck = 1,
  kPullData = 2,
  kPullResp = 3,
  kPullAck = 4,
  kTxAck = 5,
};

// One frame heard ("rxpk").
struct HeardFrame {
  std::uint32_t timestamp_us = 0;  // the concentrator's clock; wraps after 71.6 minutes
  std::int64_t frequency_hz = 0;
  int crc_status = 0;        // 1 right, -1 wrong, 0 none
  int spreading_factor = 0;  // 0: FSK
  std::int64_t bandwidth_hz = 0;
  int rssi_dbm = 0;
  int snr_deci_db = 0;
  Bytes phy;
};

// What the gateway says of itself ("stat"); every figure may be missing.
struct GatewayStatus {
  std::optional<std::uint32_t> heard, heard_right, forwarded, asked_to_send, sent;
  std::optional<double> acknowledged_percent;
};

struct FromGateway {
  GatewayMessage type = GatewayMessage::kPushData;
  std::uint16_t token = 0;
  std::uint64_t eui = 0;
  std::vector<HeardFrame> frames;  // PUSH_DATA
  std::optional<GatewayStatus> status;
  std::string error;  // TX_ACK: "NONE", "TOO_LATE", ...
};

inline constexpr std::size_t kHeardFramesMax = 64;

// nullopt for what no gateway sends. A frame in the list that is malformed is left out.
std::optional<FromGateway> ParseFromGateway(ByteSpan datagram);
// PUSH_ACK or PULL_ACK.
Bytes EncodeGatewayAck(GatewayMessage type, std::uint16_t token);

// One frame to send ("txpk").
struct FrameToSend {
  bool immediate = false;          // class C: at once
  std::uint32_t timestamp_us = 0;  // else at this moment of the concentrator's clock
  std::int64_t frequency_hz = 0;
  int spreading_factor = 7;
  std::int64_t bandwidth_hz = 125000;
  int power_dbm = 14;
  Bytes phy;
};
Bytes EncodePullResp(std::uint16_t token, const FrameToSend& frame);

// Base64 as gateways write it: with or without padding, in either alphabet.
std::string EncodeBase64(ByteSpan in);
std::optional<Bytes> DecodeBase64(std::string_view in);

}  // namespace selvage::lorawan
