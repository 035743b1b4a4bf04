#include "transports/lorawan/mac_command.h"

#include <cassert>

#include "transports/lorawan/little_endian.h"

namespace selvage::lorawan {
namespace {

// Body lengths, -1 where the command does not exist in that direction; index is the CID.
struct Lengths {
  std::int8_t up, down;
};
constexpr Lengths kLengths[] = {
    {-1, -1},  // 0x00
    {1, 1},    // ResetInd, ResetConf
    {0, 2},    // LinkCheckReq, LinkCheckAns
    {1, 4},    // LinkADRAns, LinkADRReq
    {0, 1},    // DutyCycleAns, DutyCycleReq
    {1, 4},    // RXParamSetupAns, RXParamSetupReq
    {2, 0},    // DevStatusAns, DevStatusReq
    {1, 5},    // NewChannelAns, NewChannelReq
    {0, 1},    // RXTimingSetupAns, RXTimingSetupReq
    {0, 1},    // TxParamSetupAns, TxParamSetupReq
    {1, 4},    // DlChannelAns, DlChannelReq
    {1, 1},    // RekeyInd, RekeyConf
    {0, 1},    // ADRParamSetupAns, ADRParamSetupReq
    {0, 5},    // DeviceTimeReq, DeviceTimeAns
    {-1, 2},   // ForceRejoinReq
    {1, 1},    // RejoinParamSetupAns, RejoinParamSetupReq
};

MacCommand Make(Cid cid, std::initializer_list<unsigned> body) {
  MacCommand c{cid, {}};
  for (unsigned b : body) c.body.push_back(static_cast<std::uint8_t>(b));
  return c;
}

bool Is(const MacCommand& c, Cid cid, std::size_t bytes) {
  return c.cid == cid && c.body.size() == bytes;
}

}  // namespace

std::optional<std::size_t> MacBodyBytes(Cid cid, Direction direction) {
  const auto index = static_cast<std::size_t>(cid);
  if (index >= std::size(kLengths)) return std::nullopt;
  const int n = direction == Direction::kUp ? kLengths[index].up : kLengths[index].down;
  if (n < 0) return std::nullopt;
  return static_cast<std::size_t>(n);
}

MacCommands ParseMacCommands(Direction direction, ByteSpan in) {
  MacCommands out;
  ByteReader r(in);
  while (r.remaining() > 0) {
    const Cid cid = static_cast<Cid>(r.U8());
    const std::optional<std::size_t> bytes = MacBodyBytes(cid, direction);
    if (!bytes || r.remaining() < *bytes || out.commands.size() >= kMacCommandsMax) {
      out.complete = false;
      return out;
    }
    out.commands.push_back({cid, r.Take(*bytes).ToBytes()});
  }
  return out;
}

Bytes EncodeMacCommands(Direction direction, const std::vector<MacCommand>& commands) {
  Bytes out;
  for (const MacCommand& c : commands) {
    assert(MacBodyBytes(c.cid, direction) == c.body.size());
    out.push_back(static_cast<std::uint8_t>(c.cid));
    PutBytes(&out, c.body);
  }
  return out;
}

MacCommand Encode(const LinkAdrRequest& v) {
  return Make(Cid::kLinkAdr, {((v.data_rate & 15u) << 4) | (v.tx_power & 15u),
                              v.channel_mask & 255u, static_cast<unsigned>(v.channel_mask >> 8),
                              ((v.mask_control & 7u) << 4) | (v.transmissions & 15u)});
}

MacCommand Encode(const LinkAdrAnswer& v) {
  return Make(Cid::kLinkAdr, {(v.power_ok ? 4u : 0u) | (v.data_rate_ok ? 2u : 0u) |
                              (v.channel_mask_ok ? 1u : 0u)});
}

MacCommand Encode(const LinkCheckAnswer& v) {
  return Make(Cid::kLinkCheck, {v.margin_db, v.gateways});
}

MacCommand Encode(const RxParamRequest& v) {
  const std::uint32_t f = v.frequency_hz / 100;
  return Make(Cid::kRxParamSetup, {((v.rx1_data_rate_offset & 7u) << 4) | (v.rx2_data_rate & 15u),
                                   f & 255u, (f >> 8) & 255u, (f >> 16) & 255u});
}

MacCommand Encode(const DevStatusAnswer& v) {
  return Make(Cid::kDevStatus, {v.battery, static_cast<unsigned>(v.margin_db) & 63u});
}

MacCommand Encode(const DeviceTimeAnswer& v) {
  const std::uint32_t s = v.gps_seconds;
  return Make(Cid::kDeviceTime,
              {s & 255u, (s >> 8) & 255u, (s >> 16) & 255u, (s >> 24) & 255u, v.fraction});
}

MacCommand EncodeDutyCycleRequest(std::uint8_t exponent) {
  return Make(Cid::kDutyCycle, {exponent & 15u});
}

MacCommand EncodeRxTimingRequest(std::uint8_t delay_s) {
  return Make(Cid::kRxTimingSetup, {delay_s & 15u});
}

std::optional<LinkAdrRequest> DecodeLinkAdrRequest(const MacCommand& c) {
  if (!Is(c, Cid::kLinkAdr, 4)) return std::nullopt;
  LinkAdrRequest v;
  v.data_rate = c.body[0] >> 4;
  v.tx_power = c.body[0] & 15;
  v.channel_mask = static_cast<std::uint16_t>(c.body[1] | (c.body[2] << 8));
  v.mask_control = (c.body[3] >> 4) & 7;
  v.transmissions = c.body[3] & 15;
  return v;
}

std::optional<LinkAdrAnswer> DecodeLinkAdrAnswer(const MacCommand& c) {
  if (!Is(c, Cid::kLinkAdr, 1)) return std::nullopt;
  return LinkAdrAnswer{(c.body[0] & 4) != 0, (c.body[0] & 2) != 0, (c.body[0] & 1) != 0};
}

std::optional<LinkCheckAnswer> DecodeLinkCheckAnswer(const MacCommand& c) {
  if (!Is(c, Cid::kLinkCheck, 2)) return std::nullopt;
  return LinkCheckAnswer{c.body[0], c.body[1]};
}

std::optional<RxParamRequest> DecodeRxParamRequest(const MacCommand& c) {
  if (!Is(c, Cid::kRxParamSetup, 4)) return std::nullopt;
  const std::uint32_t f = c.body[1] | (c.body[2] << 8) | (std::uint32_t{c.body[3]} << 16);
  return RxParamRequest{static_cast<std::uint8_t>((c.body[0] >> 4) & 7),
                        static_cast<std::uint8_t>(c.body[0] & 15), f * 100};
}

std::optional<DevStatusAnswer> DecodeDevStatusAnswer(const MacCommand& c) {
  if (!Is(c, Cid::kDevStatus, 2)) return std::nullopt;
  const int six_bits = c.body[1] & 63;
  return DevStatusAnswer{c.body[0],
                         static_cast<std::int8_t>(six_bits >= 32 ? six_bits - 64 : six_bits)};
}

std::optional<DeviceTimeAnswer> DecodeDeviceTimeAnswer(const MacCommand& c) {
  if (!Is(c, Cid::kDeviceTime, 5)) return std::nullopt;
  ByteReader r(c.body);
  const std::uint32_t seconds = static_cast<std::uint32_t>(TakeLittle(r, 4));
  return DeviceTimeAnswer{seconds, r.U8()};
}

std::optional<std::uint8_t> DecodeDutyCycleRequest(const MacCommand& c) {
  if (!Is(c, Cid::kDutyCycle, 1)) return std::nullopt;
  return static_cast<std::uint8_t>(c.body[0] & 15);
}

std::optional<std::uint8_t> DecodeRxTimingRequest(const MacCommand& c) {
  if (!Is(c, Cid::kRxTimingSetup, 1)) return std::nullopt;
  const std::uint8_t delay = c.body[0] & 15;
  return delay == 0 ? std::uint8_t{1} : delay;
}

}  // namespace selvage::lorawan
