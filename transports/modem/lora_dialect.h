// The two AT dialects of LoRa modems: ST's AT_Slave (STM32WL and its many copies) and RAK's RUI3.
//
// There is no standard. What a line means is told by ParseLoraLine for both, how a command is
// spelled by the functions below it. Sources: ST AN5481 with STM32CubeWL's lora_at.c; RAK RUI3 AT
// manual. Some firmware misspells AT_DUTYCYCLE_RESTRICTED, and early RUI3 splits a reception over
// lines with words; both are understood. Thread safe (no state).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"

namespace selvage::modem {

enum class LoraDialect { kStAtSlave, kRui3 };

struct LoraSignal {
  int rssi_dbm = 0;
  int snr_db = 0;
};

struct LoraLine {
  enum class Kind {
    kOther,  // echo, banner, noise
    kOk,
    kError,  // `text` is the token
    kJoined,
    kJoinFailed,
    kTxDone,        // on air (RUI3); P2P too
    kAcknowledged,  // confirmed uplink was answered
    kNotAcknowledged,
    kReceived,  // port and payload, perhaps signal
    kSignal,    // signal of the reception before (ST) or after (early RUI3) it
    kP2pReceived,
    kP2pTimeout,  // listening ended
  };
  Kind kind = Kind::kOther;
  std::string text;
  int port = 0;
  Bytes payload;
  std::optional<LoraSignal> signal;
};
LoraLine ParseLoraLine(LoraDialect dialect, std::string_view line);

struct LoraIdentity {
  Bytes dev_eui, join_eui;  // 8 bytes each
  Bytes app_key;            // 16 bytes
};
// A raw LoRa channel for device-to-device frames; RUI3 alone has it.
struct LoraChannel {
  std::int64_t frequency_hz = 868'100'000;
  int spreading_factor = 9;
  std::int64_t bandwidth_hz = 125'000;
  int coding_rate = 1;  // 4/(4+n)
  int preamble_symbols = 8;
  int power_dbm = 14;
};

// Commands, without the line end, that set a modem up for LoRaWAN or for raw frames.
std::vector<std::string> LorawanSetup(LoraDialect dialect, const LoraIdentity& identity,
                                      bool class_c, bool adr, int data_rate);
std::vector<std::string> P2pSetup(const LoraChannel& channel);
std::string JoinCommand(LoraDialect dialect);
// One or two commands (RUI3 says apart whether an answer is wanted).
std::vector<std::string> SendCommands(LoraDialect dialect, int port, bool confirmed,
                                      ByteSpan payload);

}  // namespace selvage::modem
