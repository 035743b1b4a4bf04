// Transport "lorawan": raw LoRa frames between neighbours, through a serial modem (RUI3).
//
// The one mode of such modems in which devices hear each other; LoRaWAN proper is a star with a
// network server in its middle. Each unit on air is
//
//   sender (2) | receiver (2; ffff: everybody) | unit of transports/small/fragments.h
//
// Stations number themselves at random; one that hears its own number takes another. Every unit is
// admitted by the duty ledger, whose records are durable before it leaves; control frames have a
// budget of their own besides (control_budget.h), and hellos are as rare as that asks for at this
// spreading factor. Half duplex and without listening before talking: collisions cost what they
// cost, and the hop resends. See transport.h for the thread rule.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "core/random.h"
#include "transports/lorawan/air/duty_ledger.h"
#include "transports/modem/lora_modem.h"
#include "transports/radios/control_budget.h"
#include "transports/serial_port.h"
#include "transports/small/small_link.h"

namespace selvage {

class LoraLink final : public SmallLink {
 public:
  struct Options {
    std::string port;
    int baud = 115200;
    modem::LoraChannel channel;
    const lorawan::Region* region = nullptr;
    std::size_t air_bytes_max = 0;  // of a whole unit on air
  };
  static constexpr std::size_t kAddressBytes = 4;
  static constexpr std::size_t kStationsMax = 64;
  static constexpr Duration kStationForgotten = std::chrono::hours(2);

  LoraLink(const TransportContext& context, Options options, std::uint64_t seed);
  absl::Status Start() override;
  std::optional<LinkTelemetry> Telemetry(const PeerAddress& peer) const override;
  std::string RadioState() const override;
  const modem::LoraModemCounters& modem_counters() const { return modem_.counters(); }

 private:
  struct Station {
    Time heard{};
    modem::LoraSignal signal;
  };
  // ---- UnitCarrier
  std::size_t unit_bytes_max() const override { return options_.air_bytes_max - kAddressBytes; }
  SendAnswer SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) override;
  // ---- SmallLink
  void OnRadioTimeout(Time now) override;
  Time RadioDeadline() const override;

  void Restore();
  void Perform();  // the modem's effects, in order, until one waits for the disk
  bool PerformOne(const modem::LoraEffect& effect);
  void OnReceived(const modem::LoraReceived& r);
  void Report();
  Duration AirtimeOf(std::size_t bytes) const;
  std::vector<StoreWrite> BudgetWrites(Time now);
  bool Persist(std::vector<StoreWrite> writes, std::function<void()> done);
  WallSeconds wall() const;

  const Options options_;
  Random random_;
  lorawan::DutyLedger ledger_;
  ControlBudget budget_;
  modem::LoraModem modem_;
  SerialPort port_;
  std::uint16_t station_ = 0;
  std::map<std::uint16_t, Station> stations_;
  std::deque<modem::LoraEffect> effects_;
  bool waiting_for_disk_ = false;
  bool sending_ = false;  // the modem has a unit
  Time not_before_ = Time::min();
  Time persist_again_ = kNever;
  std::uint64_t token_ = 0;
  bool ready_ = false;
  bool spread_ = false;   // the broadcast at hand has waited its random while
  bool perform_ = false;  // effects wait for the timer
};

// InvalidArgument without at_port, for a channel that the region forbids, or a bad rate.
absl::StatusOr<std::unique_ptr<Transport>> CreateLora(const TransportContext& context);

}  // namespace selvage
