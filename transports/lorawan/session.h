// One LoRaWAN session: keys and frame counters, at the device or at the network server.
//
// A counter value used twice breaks the encryption, a received one accepted twice is a replay. Both
// stay true over a crash only if the disk is ahead of the air: every call that moves a counter
// returns the session's record, which must be durable before the frame is sent, or acted upon.
// Not thread safe; no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/bytes.h"
#include "transports/lorawan/frame.h"

namespace selvage::lorawan {

enum class Role : std::uint8_t { kDevice = 0, kNetwork = 1 };

// Largest jump of a received counter: beyond it a 16-bit counter cannot be told from an old one,
// and 1.0's MAX_FCNT_GAP says so.
inline constexpr std::uint32_t kFcntGapMax = 16384;

// What a sender decides about a frame; the session adds address, counter and the ACK bit.
struct OutgoingFrame {
  bool confirmed = false;
  bool adr = false;
  bool adr_ack_request = false;
  bool pending = false;
  Bytes fopts;
  std::optional<std::uint8_t> fport;
  Bytes payload;
  std::uint8_t tx_data_rate = 0, tx_channel = 0;  // 1.1 uplinks: covered by the MIC
};

class Session {
 public:
  Session(Role role, std::uint32_t dev_addr, const SessionKeys& keys)
      : role_(role), dev_addr_(dev_addr), keys_(keys) {}

  // The record that a Sealed or Opened carried; nullopt when it is malformed. It holds keys: its
  // place is the store of the node, whose folder only the agent reads.
  static std::optional<Session> Restore(ByteSpan record);
  std::string Record() const;

  struct Sealed {
    Bytes phy;
    std::string record;  // durable before phy is sent
    std::uint32_t fcnt = 0;
  };
  // nullopt when the frame is malformed or the counter is used up (then: join again).
  std::optional<Sealed> Seal(const OutgoingFrame& frame);

  struct Opened {
    DataFrame frame;
    std::string record;  // durable before frame is acted upon
    // Frames of this direction and counter that we never saw, between the last one and this.
    std::uint32_t lost = 0;
    bool acknowledges = false;  // it confirms our last confirmed frame
  };
  // nullopt for what is not ours, forged, replayed or malformed; the caller counts it. An uplink of
  // 1.1 is checked with the data rate and channel on which it was heard.
  std::optional<Opened> Open(ByteSpan phy, std::uint8_t rx_data_rate = 0,
                             std::uint8_t rx_channel = 0);

  std::uint32_t dev_addr() const { return dev_addr_; }
  Role role() const { return role_; }
  const SessionKeys& keys() const { return keys_; }
  bool owes_acknowledgement() const { return owes_.has_value(); }

 private:
  // 1.1 counts downlinks with an application payload apart (AFCntDown) from the others (NFCntDown).
  std::size_t CounterOf(Direction direction, const std::optional<std::uint8_t>& fport) const;
  Direction Outgoing() const { return role_ == Role::kDevice ? Direction::kUp : Direction::kDown; }

  Role role_;
  std::uint32_t dev_addr_;
  SessionKeys keys_;
  // Next value, in 64 bits so that "used up" is a value: [0] up or NFCntDown, [1] AFCntDown.
  std::uint64_t send_next_[2] = {0, 0};
  std::uint64_t receive_next_[2] = {0, 0};
  std::optional<std::uint16_t> owes_;    // counter of a confirmed frame we have not answered
  std::optional<std::uint16_t> awaits_;  // counter of our last confirmed frame, not answered yet
};

}  // namespace selvage::lorawan
