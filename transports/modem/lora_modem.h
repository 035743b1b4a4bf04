// Drives a LoRa modem by AT commands: joins and sends as a LoRaWAN device, or exchanges raw frames.
//
// One command is outstanding at a time; events come in between. A modem that stops answering is
// reset (ATZ) and set up anew, for ever, with growing pauses. In peer-to-peer mode the air time is
// ours to account for: each frame asks the duty ledger first, and its writes come out as
// LoraPersist, to be durable before the effects behind it. In LoRaWAN mode the modem keeps the duty
// cycle, for only it knows which channel it hops to.
//
// A frame counts as sent when the modem says so; that it arrived is known only of confirmed ones.
// When the modem reports a duty-cycle limit it may have refused the frame or merely deferred it:
// the outcome is kUnknown, and who needs certainty asks for it end to end.
//
// Effects are carried out in order. No clock, no port. Not thread safe.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/random.h"
#include "core/store.h"
#include "core/time.h"
#include "transports/lorawan/air/duty_ledger.h"
#include "transports/lorawan/air/modulation.h"
#include "transports/modem/line_reader.h"
#include "transports/modem/lora_dialect.h"

namespace selvage::modem {

enum class LoraOutcome { kSent, kAcknowledged, kNotAcknowledged, kUnknown, kFailed };

struct LoraWrite {
  Bytes bytes;
};
struct LoraPersist {
  std::vector<StoreWrite> writes;
};
struct LoraReady {};  // joined, or listening
struct LoraDown {
  std::string reason;
};
struct LoraReceived {
  int port = 0;  // 0 in peer-to-peer mode
  Bytes payload;
  std::optional<LoraSignal> signal;
};
struct LoraTxResult {
  std::uint64_t token = 0;
  LoraOutcome outcome = LoraOutcome::kFailed;
};
using LoraEffect =
    std::variant<LoraWrite, LoraPersist, LoraReady, LoraDown, LoraReceived, LoraTxResult>;

struct LoraModemConfig {
  LoraDialect dialect = LoraDialect::kRui3;
  bool peer_to_peer = false;  // RUI3 alone
  LoraIdentity identity;      // LoRaWAN mode
  bool class_c = true;        // else a downlink waits for the next uplink
  bool adr = true;
  int data_rate = 0;    // where adr is off
  LoraChannel channel;  // peer-to-peer mode
};

struct LoraModemCounters {
  std::uint64_t sent = 0, acknowledged = 0, not_acknowledged = 0, failed = 0, received = 0;
  std::uint64_t busy = 0, duty_limited = 0, timeouts = 0, resets = 0, joins = 0, joins_failed = 0;
};

class LoraModem {
 public:
  static constexpr std::size_t kQueueMax = 16;
  static constexpr std::size_t kP2pBytesMax = 255;
  static constexpr Duration kCommandTimeout = 3s;
  static constexpr Duration kJoinTimeout = 120s;  // eight tries, 10 s apart, and their windows
  static constexpr Duration kSendTimeout = 60s;   // confirmed uplinks repeat in the modem
  static constexpr Duration kRetryFirst = 5s;
  static constexpr Duration kRetryMax = 15min;
  static constexpr int kTimeoutsBeforeReset = 3;

  // `ledger` is needed in peer-to-peer mode; it and `random` outlive this.
  LoraModem(LoraModemConfig config, Random* random, lorawan::DutyLedger* ledger);

  void OnPortUp(Time now);
  void OnPortDown();
  void OnBytes(Time now, ByteSpan bytes);
  void OnTimeout(Time now);
  // Seconds since 1970 for the ledger's records; 0 where no clock is trusted.
  void SetWall(WallSeconds wall) { wall_ = wall; }
  Time NextDeadline() const { return deadline_ < flush_at_ ? deadline_ : flush_at_; }
  std::optional<LoraEffect> PollEffect();

  // False when the queue is full or the frame too large. Port 1 to 223 (LoRaWAN mode).
  bool Send(Time now, std::uint64_t token, int port, bool confirmed, ByteSpan payload);
  bool ready() const { return state_ == State::kReady || state_ == State::kSending; }
  const LoraModemCounters& counters() const { return counters_; }

 private:
  enum class State { kClosed, kSetup, kJoining, kReady, kSending, kPaused };
  struct Frame {
    std::uint64_t token;
    int port;
    bool confirmed;
    Bytes payload;
  };
  void Start(Time now);
  void Issue(Time now, const std::string& command);
  void NextCommand(Time now);
  void OnLine(Time now, const LoraLine& line);
  void OnAnswer(Time now, const LoraLine& line);
  void OnSetupDone(Time now);
  void TrySend(Time now);
  void OnOutcome(Time now, LoraOutcome outcome);
  void FinishSend(Time now, LoraOutcome outcome);
  void Pause(Time now, const std::string& reason);
  void Deliver(LoraLine line);
  void Flush();  // a reception that waits for its signal

  LoraModemConfig config_;
  Random* random_;
  lorawan::DutyLedger* ledger_;
  LineReader reader_;
  State state_ = State::kClosed;
  Time deadline_ = kNever;
  std::deque<std::string> commands_;  // still to issue in this state
  bool outstanding_ = false;          // a command waits for its answer
  bool listening_ = false;            // P2P: the modem receives
  std::deque<Frame> queue_;
  std::optional<LoraLine> pending_;   // ST: reception without its signal yet
  Time flush_at_ = kNever;            // when it is told without
  std::optional<LoraSignal> signal_;  // early RUI3: signal without its reception yet
  std::optional<LoraOutcome> early_;  // outcome that came before the command's own answer
  Duration retry_wait_ = kRetryFirst;
  int timeouts_ = 0;
  int busy_tries_ = 0;
  std::string last_command_;
  bool told_ready_ = false;
  WallSeconds wall_ = 0;
  std::deque<LoraEffect> effects_;
  LoraModemCounters counters_;
};

}  // namespace selvage::modem
