// LoRaWAN data frames, versions 1.0.x and 1.1: parse, authenticate, encrypt; no state.
//
// A frame is parsed in two steps, because its 32-bit counter is not in it: ParseData gives the
// header with the low 16 bits, the session guesses the rest, OpenData checks the guess by the MIC.
// All input is hostile; malformed frames are answered with nullopt. Thread safe. Source:
// LoRaWAN 1.0.2 and 1.1 specifications, section 4, and the 1.1 change request "FCntDwn usage in
// FOpts encryption" (which all later implementations follow).
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "transports/lorawan/block_cipher.h"

namespace selvage::lorawan {

inline constexpr std::size_t kMicBytes = 4;
inline constexpr std::size_t kFOptsBytesMax = 15;
inline constexpr std::size_t kPhyBytesMax = 255;

enum class MessageType : std::uint8_t {
  kJoinRequest = 0,
  kJoinAccept = 1,
  kUnconfirmedUp = 2,
  kUnconfirmedDown = 3,
  kConfirmedUp = 4,
  kConfirmedDown = 5,
  kRejoinRequest = 6,
  kProprietary = 7,
};
enum class Direction : std::uint8_t { kUp = 0, kDown = 1 };
enum class Version : std::uint8_t { kV10 = 0, kV11 = 1 };

// nullopt for an empty frame or another major version than LoRaWAN R1.
std::optional<MessageType> TypeOf(ByteSpan phy);

struct SessionKeys {
  Version version = Version::kV10;
  // In 1.0 the three network keys are one, NwkSKey.
  Aes128Key fnwk_s_int{}, snwk_s_int{}, nwk_s_enc{};
  Aes128Key app_s{};

  static SessionKeys V10(const Aes128Key& nwk_s, const Aes128Key& app_s) {
    return {Version::kV10, nwk_s, nwk_s, nwk_s, app_s};
  }
};

// What a 1.1 MIC covers besides the frame. Ignored in 1.0.
struct MicContext {
  // Low 16 bits of the counter of the frame that this one's ACK bit confirms. Counts only with ACK.
  std::uint16_t confirmed_fcnt = 0;
  std::uint8_t tx_data_rate = 0;  // uplink only
  std::uint8_t tx_channel = 0;    // uplink only
};

struct DataFrame {
  Direction direction = Direction::kUp;
  bool confirmed = false;
  std::uint32_t dev_addr = 0;
  bool adr = false;
  bool adr_ack_request = false;  // up only; RFU down
  bool ack = false;
  bool pending = false;  // up: class B; down: FPending
  std::uint32_t fcnt = 0;
  Bytes fopts;  // at most kFOptsBytesMax
  // 0: the payload is MAC commands, and fopts is empty; 1 to 223: application; 224: test.
  // Absent: no payload.
  std::optional<std::uint8_t> fport;
  Bytes payload;
};

// The header of a data frame: fcnt holds 16 bits; fopts (in 1.1) and payload are as received.
std::optional<DataFrame> ParseData(ByteSpan phy);

// Encrypts and signs. nullopt when the frame breaks a rule above or exceeds kPhyBytesMax.
std::optional<Bytes> SealData(const DataFrame& frame, const SessionKeys& keys,
                              const MicContext& context);

// Checks the MIC for the full counter `fcnt` and decrypts. nullopt when anything is wrong.
std::optional<DataFrame> OpenData(ByteSpan phy, std::uint32_t fcnt, const SessionKeys& keys,
                                  const MicContext& context);

}  // namespace selvage::lorawan
