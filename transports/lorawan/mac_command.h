// MAC commands: how network and device talk about rates, power, duty cycle and link quality.
//
// They travel in FOpts (up to 15 bytes) or alone on port 0. Commands carry no length, so the first
// unknown one ends the reading; everything before it counts. Source: LoRaWAN 1.1, section 5 (1.0.x
// is a subset). Thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "transports/lorawan/frame.h"

namespace selvage::lorawan {

enum class Cid : std::uint8_t {
  kReset = 0x01,
  kLinkCheck = 0x02,
  kLinkAdr = 0x03,
  kDutyCycle = 0x04,
  kRxParamSetup = 0x05,
  kDevStatus = 0x06,
  kNewChannel = 0x07,
  kRxTimingSetup = 0x08,
  kTxParamSetup = 0x09,
  kDlChannel = 0x0a,
  kRekey = 0x0b,
  kAdrParamSetup = 0x0c,
  kDeviceTime = 0x0d,
  kForceRejoin = 0x0e,
  kRejoinParamSetup = 0x0f,
};

struct MacCommand {
  Cid cid{};
  Bytes body;  // as on air, without the CID; its length is fixed by cid and direction
};

// Most commands one frame can hold: a payload of 242 bytes of one-byte commands.
inline constexpr std::size_t kMacCommandsMax = 242;

// Length of a command's body; nullopt for a command that does not exist in this direction.
std::optional<std::size_t> MacBodyBytes(Cid cid, Direction direction);

struct MacCommands {
  std::vector<MacCommand> commands;
  bool complete = true;  // false: the rest was unknown or cut off
};
MacCommands ParseMacCommands(Direction direction, ByteSpan in);
// REQUIRES: each body has the length of its kind.
Bytes EncodeMacCommands(Direction direction, const std::vector<MacCommand>& commands);

// LinkADRReq (down): use this data rate, power and channel mask.
struct LinkAdrRequest {
  std::uint8_t data_rate = 0;      // 0 to 15; 15 keeps the present one
  std::uint8_t tx_power = 0;       // index, 0 = most; 15 keeps the present one
  std::uint16_t channel_mask = 0;  // bit i: channel 16 * control + i may be used
  std::uint8_t mask_control = 0;   // 0 to 7
  std::uint8_t transmissions = 1;  // 1 to 15 for each unconfirmed uplink; 0 keeps
};
// LinkADRAns (up).
struct LinkAdrAnswer {
  bool power_ok = false, data_rate_ok = false, channel_mask_ok = false;
};
// LinkCheckAns (down): how well the last LinkCheckReq was heard.
struct LinkCheckAnswer {
  std::uint8_t margin_db = 0;  // 0 to 254 above the demodulation floor
  std::uint8_t gateways = 0;
};
// RXParamSetupReq (down).
struct RxParamRequest {
  std::uint8_t rx1_data_rate_offset = 0;
  std::uint8_t rx2_data_rate = 0;
  std::uint32_t frequency_hz = 0;  // multiple of 100, below 2^24 * 100
};
// DevStatusAns (up).
struct DevStatusAnswer {
  std::uint8_t battery = 255;  // 0 external power, 1 to 254 level, 255 not known
  std::int8_t margin_db = 0;   // -32 to 31, SNR of the request
};
// DeviceTimeAns (down): seconds since 1980-01-06 (GPS) and 1/256 s.
struct DeviceTimeAnswer {
  std::uint32_t gps_seconds = 0;
  std::uint8_t fraction = 0;
};

MacCommand Encode(const LinkAdrRequest& v);
MacCommand Encode(const LinkAdrAnswer& v);
MacCommand Encode(const LinkCheckAnswer& v);
MacCommand Encode(const RxParamRequest& v);
MacCommand Encode(const DevStatusAnswer& v);
MacCommand Encode(const DeviceTimeAnswer& v);
MacCommand EncodeDutyCycleRequest(std::uint8_t exponent);  // 0 to 15: at most 1 / 2^exponent
MacCommand EncodeRxTimingRequest(std::uint8_t delay_s);    // 1 to 15

// nullopt unless the command is of that kind and has its length.
std::optional<LinkAdrRequest> DecodeLinkAdrRequest(const MacCommand& c);
std::optional<LinkAdrAnswer> DecodeLinkAdrAnswer(const MacCommand& c);
std::optional<LinkCheckAnswer> DecodeLinkCheckAnswer(const MacCommand& c);
std::optional<RxParamRequest> DecodeRxParamRequest(const MacCommand& c);
std::optional<DevStatusAnswer> DecodeDevStatusAnswer(const MacCommand& c);
std::optional<DeviceTimeAnswer> DecodeDeviceTimeAnswer(const MacCommand& c);
std::optional<std::uint8_t> DecodeDutyCycleRequest(const MacCommand& c);
std::optional<std::uint8_t> DecodeRxTimingRequest(const MacCommand& c);

}  // namespace selvage::lorawan
