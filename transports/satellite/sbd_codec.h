// Iridium Short Burst Data: the lines and blocks that a 9602/9603 modem speaks, and what they cost.
//
// Source: Iridium "ISU AT Command Reference" (9602), commands +SBDWB, +SBDIX, +SBDRB, +SBDSX. Modem
// output may be garbled: what is not exactly right is refused. Thread safe (no state).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/bytes.h"

namespace selvage::satellite {

inline constexpr std::size_t kMoBytesMax = 340;  // from the device (9602/9603)
inline constexpr std::size_t kMtBytesMax = 270;  // to the device
inline constexpr std::size_t kCreditBytes = 50;  // what one credit carries

// Sum of all bytes, modulo 65536.
std::uint16_t SbdChecksum(ByteSpan data);
// What follows READY: the data, then the checksum, most significant byte first.
Bytes EncodeSbdBlock(ByteSpan data);

// Answer to AT+SBDIX and AT+SBDIXA.
struct SbdSession {
  int mo_status = 0;
  std::uint16_t momsn = 0;
  int mt_status = 0;  // 0 none waiting, 1 received, 2 the check failed
  std::uint16_t mtmsn = 0;
  std::uint16_t mt_bytes = 0;
  std::uint16_t mt_queued = 0;

  // 0 to 4: the message left (1: but one for us was too big; 2: our location was refused).
  bool sent() const { return mo_status <= 4; }
  // 5 to 16: the gateway was reached and did not take it.
  bool refused_by_gateway() const { return mo_status >= 5 && mo_status <= 16; }
};
std::optional<SbdSession> ParseSbdSession(std::string_view line);

// Answer to AT+SBDSX.
struct SbdStatus {
  bool mo_full = false;
  std::uint16_t momsn = 0;  // the one that the next session will use
  bool mt_full = false;
  std::uint16_t mtmsn = 0;
  bool ring = false;
  std::uint16_t waiting = 0;
  friend bool operator==(const SbdStatus& a, const SbdStatus& b) {
    return a.mo_full == b.mo_full && a.momsn == b.momsn && a.mt_full == b.mt_full &&
           a.mtmsn == b.mtmsn && a.ring == b.ring && a.waiting == b.waiting;
  }
};
std::optional<SbdStatus> ParseSbdStatus(std::string_view line);

// Credits that a session costs which carried so many bytes each way: each direction is rounded up,
// and a session without any still costs one.
std::uint32_t SbdCredits(std::size_t mo_bytes, std::size_t mt_bytes);

}  // namespace selvage::satellite
