// Transport "satellite" with modem = "sbd": frames as messages of an Iridium 9602 or 9603.
//
// The operator's gateway passes each message on to the modems that the account names for this one
// (ISU to ISU), whole and in its own time: a session takes some ten seconds, a bad sky an hour.
// Each unit is one message of at most 270 bytes, which is what modems receive:
//
//   sender (2) | receiver (2; ffff: everybody) | unit of transports/small/fragments.h
//
// Every message is a bill, in credits of 50 bytes, for who sends and for who receives. So the idle
// link sends nothing at all (kNoHellos), what repeats unchanged within the time of an answer is
// sent once (a handshake's repetition; the gateway stores), the network's own frames have credits
// a day of their own, and everything together a hard limit in the month. One message is in the
// modem at a time: an alarm waits for that one alone. What a message is and whether it left is on
// disk before the session (sbd_machine.h), with what was billed. See transport.h for the thread
// rule.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/random.h"
#include "transports/radios/credit_budget.h"
#include "transports/satellite/sbd_machine.h"
#include "transports/serial_port.h"
#include "transports/small/small_link.h"

namespace selvage {

class SbdLink final : public SmallLink {
 public:
  struct Options {
    std::string port;
    int baud = 19200;
    CreditBudget::Limits credits;
    // Sessions fail now and then (a fifth of them), and wait one minute, then two: both ends may
    // do so once or twice before an answer comes, with nothing wrong.
    Duration patience = std::chrono::minutes(5);
  };
  static constexpr std::size_t kAddressBytes = 4;
  static constexpr std::size_t kUnitBytes = satellite::kMtBytesMax - kAddressBytes;
  // Frames wait for the sky, not for air: an hour without a session is nothing unusual.
  static constexpr Duration kLate = std::chrono::hours(6);
  static constexpr std::size_t kRecentMax = 16;

  SbdLink(const TransportContext& context, Options options, std::uint64_t seed);
  absl::Status Start() override;
  void SendControl(const PeerAddress& to, ByteSpan frame) override;
  std::optional<LinkTelemetry> Telemetry(const PeerAddress& peer) const override;
  std::string RadioState() const override;
  const satellite::SbdCounters& modem_counters() const { return machine_->counters(); }
  const CreditBudget& budget() const { return budget_; }

 private:
  struct Recent {
    std::size_t hash;
    Time until;
  };
  // ---- UnitCarrier
  std::size_t unit_bytes_max() const override { return kUnitBytes; }
  SendAnswer SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) override;
  // ---- SmallLink
  void OnRadioTimeout(Time now) override;
  Time RadioDeadline() const override;

  void Perform();
  bool PerformOne(const satellite::SbdEffect& effect);
  bool Persist(std::vector<StoreWrite> writes);
  void OnReceived(const Bytes& payload);
  void Judge();
  std::string Key(const std::string& what) const { return "radio" + options_.port + "/" + what; }
  WallSeconds wall() const { return context_.store == nullptr ? 0 : context_.store->wall(); }

  const Options options_;
  Random random_;
  CreditBudget budget_;
  std::unique_ptr<satellite::SbdMachine> machine_;
  SerialPort port_;
  std::uint16_t station_ = 0;
  std::deque<satellite::SbdEffect> effects_;
  std::deque<Recent> recent_;
  std::optional<std::uint64_t> sending_;  // the token of the unit that the machine has
  std::uint64_t token_ = 0;
  bool waiting_for_disk_ = false;
  bool unwritten_ = false;  // the budget moved on since it was written
  Time persist_again_ = kNever;
  Time roll_at_{};
  bool perform_ = false;  // effects wait for the timer
};

// InvalidArgument without at_port or credits_per_month, and for keys of broadband terminals.
absl::StatusOr<std::unique_ptr<Transport>> CreateSbd(const TransportContext& context);
// The keys of [[link]] that it understands besides `modem`.
std::vector<TransportOption> SbdOptions();

}  // namespace selvage
