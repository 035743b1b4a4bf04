// Sends and receives messages through an Iridium SBD modem: once each, and paid once each.
//
// Whether a message left is decided by the modem's own counter (MOMSN), which moves on with each
// session that succeeded and outlives both sides' restarts. Its value is made durable with the
// message before the session starts. Whatever is lost or garbled afterwards (the answer, this
// process, the modem's power), the next comparison tells sent from not sent, so nothing is sent
// again that was sent, and nothing is given up that was not. The comparison reads the counter
// twice.
//
// One case stays open: a gateway that reports an error and a counter that moved on all the same.
// Then the message is sent again (never lost; the receiver drops duplicates by the frame's own id),
// and `uncertain` counts it.
//
// Sessions cost money even when empty, so the machine opens one only for a message, or when the
// modem rang; failures wait about a minute (the constellation has to move) and then longer, with
// jitter.
//
// Effects are to be carried out in order, a Persist made durable before the next one. No clock, no
// port: bytes and time are arguments. Not thread safe.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>

#include "core/bytes.h"
#include "core/random.h"
#include "core/time.h"
#include "transports/modem/line_reader.h"
#include "transports/satellite/sbd_codec.h"

namespace selvage::satellite {

struct SbdWrite {  // to the modem
  Bytes bytes;
};
struct SbdPersist {  // empty: delete the record
  std::string record;
};
struct SbdSent {  // the message left; after a crash the same token may be told again
  std::uint64_t token = 0;
};
struct SbdReceived {  // at least once: after a crash the same one may come again, with its number
  Bytes payload;
  std::uint16_t mtmsn = 0;
};
struct SbdBilled {
  std::uint32_t credits = 0;
};
using SbdEffect = std::variant<SbdWrite, SbdPersist, SbdSent, SbdReceived, SbdBilled>;

struct SbdCounters {
  std::uint64_t sessions = 0;  // tried
  std::uint64_t sessions_failed = 0;
  std::uint64_t sent = 0;
  std::uint64_t recovered = 0;  // known as sent by the counter alone, the answer being lost
  std::uint64_t uncertain = 0;
  std::uint64_t received = 0;
  std::uint64_t rings = 0;
  std::uint64_t credits = 0;
  std::uint64_t resets = 0;  // the modem did not answer and was set up anew
};

class SbdMachine {
 public:
  static constexpr std::size_t kQueueMax = 8;  // beyond it the node's outbox keeps messages
  static constexpr Duration kRetryFirst = 60s;
  static constexpr Duration kRetryMax = 32min;
  static constexpr Duration kCommandTimeout = 10s;
  static constexpr Duration kSessionTimeout = 120s;
  static constexpr Duration kSyncInterval = 5s;
  static constexpr Duration kQuiet = 1s;
  // Longest wait for a satellite to be reported visible before a session is tried all the same.
  static constexpr Duration kBlindMax = 10min;

  // `record` is what the last SbdPersist of an earlier life held, or empty. `random` outlives this.
  SbdMachine(Random* random, const std::string& record);

  enum class Submitted { kAccepted, kTooBig, kFull, kNoBudget };
  // `payload` of 1 to kMoBytesMax bytes. The token comes back with SbdSent.
  Submitted Submit(Time now, std::uint64_t token, ByteSpan payload);
  // Credits that may still be spent; sessions that might cost more wait. Unlimited at first.
  void SetBudget(Time now, std::uint64_t credits);

  void OnPortUp(Time now);
  void OnPortDown();
  void OnBytes(Time now, ByteSpan bytes);
  void OnTimeout(Time now);
  Time NextDeadline() const { return deadline_; }
  std::optional<SbdEffect> PollEffect();

  const SbdCounters& counters() const { return counters_; }
  // Set up and answering.
  bool ready() const { return step_ >= Step::kIdle; }
  // Bars of the last +CIEV, 0 to 5; nullopt before one.
  std::optional<int> signal() const { return signal_; }
  // True once the modem said that a satellite is visible; false when it said that none is.
  std::optional<bool> network_visible() const { return visible_; }
  // Token of the message being sent, from the record too.
  std::optional<std::uint64_t> current() const;

 private:
  enum class Step {
    kClosed,
    kSync,
    kNoEcho,
    kNoFlowControl,
    kReports,
    kRingAlerts,
    kStatus,
    kIdle,
    kWriteCommand,
    kWriteData,
    kSession,
    kRead,
    kClear,
  };
  struct Message {
    std::uint64_t token = 0;
    Bytes payload;
    std::optional<std::uint16_t> momsn;  // durable: what the counter was before its first session
  };
  void Command(Time now, Step step, const std::string& text, Duration timeout = kCommandTimeout);
  void Sync(Time now);
  void OnLine(Time now, const std::string& line);
  bool OnUnsolicited(Time now, const std::string& line);
  void OnFinal(Time now, bool ok);
  // True when the state moved on; false: more bytes, or a line, are needed.
  bool ReadBlock(Time now);
  void ReadStatus(Time now);
  void OnStatusRead(Time now);
  // What the counter says about the session that was tried.
  void Settle(Time now);
  void Proceed(Time now);
  void BackOff(Time now, int mo_status);
  void FinishMessage(bool answered);
  void Bill(std::uint32_t credits);
  void Restore(const std::string& record);
  std::string Record() const;

  Random* random_;
  modem::LineReader reader_;
  Step step_ = Step::kClosed;
  Time deadline_ = kNever;
  std::deque<SbdEffect> effects_;
  std::optional<Message> current_;
  std::deque<Message> queue_;

  bool quiet_ = false;  // kSync: answered; waiting until nothing more comes of earlier commands
  std::optional<SbdStatus> status_;       // two equal readings, or in kStatus the first of them
  std::optional<SbdStatus> status_line_;  // of the command under way
  int status_readings_ = 0;
  // A session was tried and not settled: what the counter was before, and what was answered.
  std::optional<std::uint16_t> before_;
  std::optional<SbdSession> session_;
  bool session_had_message_ = false;
  bool restored_ = false;  // ... by an earlier life, which may have ended before it began one
  bool contradicted_ = false;  // "sent", while the counter stood still: believed the second time
  std::optional<int> number_;  // result digit of SBDWB
  bool ring_ = false;
  std::uint16_t mtmsn_last_ = 0;
  bool mt_delivered_ = false;  // mtmsn_last_ is valid
  Time retry_at_;
  Time blind_until_;  // no session before, unless a satellite shows up
  Duration retry_wait_ = kRetryFirst;
  std::uint64_t budget_ = UINT64_MAX;
  std::optional<int> signal_;
  std::optional<bool> visible_;
  SbdCounters counters_;
};

}  // namespace selvage::satellite
