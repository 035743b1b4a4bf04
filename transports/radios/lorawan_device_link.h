// Transport "lorawan" with mode = "device": one end of a star, through a modem that speaks LoRaWAN.
//
// The neighbour is the agent behind the gateway (lorawan_gateway_link.h). The modem joins, encrypts
// and hops; each unit is one uplink on port 71, of as many bytes as the data rate allows. In class
// C the device hears the gateway at any time. In class A it hears nothing but for two seconds after
// an uplink: so what may be answered is asked for by short uplinks on port 72, soon after something
// was sent, at once after something came, and now and then without reason. How long an answer may
// take is told to the node (LinkInfo::patience).
//
// Legal air time is kept by our ledger, which outlives the modem and the process, and by the
// modem's own; when that one refuses, the unit is tried again later, at most kTriesMax times: it
// may have been deferred, and a copy does no harm. See transport.h for the thread rule.
#pragma once

#include <deque>
#include <memory>

#include "absl/status/statusor.h"
#include "core/random.h"
#include "transports/lorawan/air/duty_ledger.h"
#include "transports/modem/lora_modem.h"
#include "transports/radios/control_budget.h"
#include "transports/serial_port.h"
#include "transports/small/small_link.h"

namespace selvage {

inline constexpr int kLorawanUnitPort = 71;
inline constexpr int kLorawanPollPort = 72;

class LorawanDeviceLink final : public SmallLink {
 public:
  struct Options {
    std::string port;
    int baud = 115200;
    modem::LoraModemConfig modem;  // of LoRaWAN mode, without adr: the data rate is ours to know
    const lorawan::Region* region = nullptr;
    const lorawan::DataRate* rate = nullptr;
    Duration poll{0};  // class A: between uplinks that ask without reason; 0: as the budget allows
  };
  static constexpr int kTriesMax = 3;
  static constexpr int kPollsMax = 3;            // for one thing that was sent
  static constexpr Duration kPollFirst = 5s;     // after it; then twice as long each time
  static constexpr Duration kPollAgain = 1s;     // after something came: more may wait
  static constexpr Duration kDutyRetryFirst = 10s;  // after the modem's refusal; doubles
  // Nothing came for so long although we asked: the network may have forgotten us.
  static constexpr Duration kRejoinAfter = std::chrono::hours(2);

  LorawanDeviceLink(const TransportContext& context, Options options, std::uint64_t seed);
  absl::Status Start() override;
  std::optional<LinkTelemetry> Telemetry(const PeerAddress& peer) const override;
  std::string RadioState() const override;
  const modem::LoraModemCounters& modem_counters() const { return modem_.counters(); }

 private:
  // ---- UnitCarrier
  std::size_t unit_bytes_max() const override { return options_.rate->payload_bytes_max; }
  SendAnswer SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) override;
  // ---- SmallLink
  void OnRadioTimeout(Time now) override;
  Time RadioDeadline() const override;

  // Counts the air time and hands the payload to the modem, behind the write that makes the air
  // time durable. False: the modem's queue is full.
  bool Transmit(Time now, int port, Bytes payload);
  Time Legal(Time now, std::size_t bytes);
  void PollIfDue(Time now);
  void Perform();
  bool PerformOne(const modem::LoraEffect& effect);
  void OnResult(Time now, const modem::LoraTxResult& result);
  void OnReceived(const modem::LoraReceived& r);
  void Report();
  Duration AirtimeOf(std::size_t payload_bytes) const;
  Duration PollInterval() const;
  std::vector<StoreWrite> BudgetWrites(Time now);
  std::string Key(const std::string& what) const { return "radio" + options_.port + "/" + what; }
  WallSeconds wall() const { return context_.store == nullptr ? 0 : context_.store->wall(); }

  const Options options_;
  Random random_;
  lorawan::DutyLedger ledger_;
  ControlBudget budget_;
  modem::LoraModem modem_;
  SerialPort port_;
  std::deque<modem::LoraEffect> effects_;
  bool waiting_for_disk_ = false;
  Time persist_again_ = kNever;
  bool ready_ = false;
  bool perform_ = false;  // effects wait for the timer
  bool sending_ = false;  // the modem has a unit or a question
  Bytes unit_;            // that unit, for another try
  int tries_ = 0;
  bool again_ = false;    // it waits for `not_before_`
  Time not_before_ = Time::min();
  Duration duty_wait_ = kDutyRetryFirst;
  std::uint64_t duty_limited_seen_ = 0;
  std::uint64_t token_ = 0;
  Time poll_at_ = kNever;
  Duration poll_gap_ = kPollFirst;
  int polls_left_ = 0;
  Time heard_ = Time::min();  // the last downlink, or the join
  modem::LoraSignal signal_;
};

// InvalidArgument for a section that cannot work.
absl::StatusOr<std::unique_ptr<Transport>> CreateLorawanDevice(const TransportContext& context);

}  // namespace selvage
