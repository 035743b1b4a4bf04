// Transport "redcap": the IP carrier on the bearer of a cellular modem.
//
// RedCap (5G for small devices), and any other modem that ModemManager drives. The link comes and
// goes with the bearer: its interface, its MTU, connected or suspended. Sockets are bound to that
// interface, never to the default route; addresses and routes on it are the system's part
// (NetworkManager, systemd-networkd). Carriers translate addresses, so one dials out: peers are
// hubs, over the stream lane. A modem in DRX answers late, which is what the estimates of the link
// monitor are for.
//
// Three ways to follow the modem: ModemManager; an AT port for signal and registration, with the
// interface named; both. Needs libsystemd for the first.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "transports/modem_manager/cellular_state.h"
#include "transports/radios/ip_radio.h"

namespace selvage {

class AtPoller;
class ModemManager;
class ReactorTimer;

class CellularLink final : public IpRadio {
 public:
  struct Options {
    Tariff tariff = Tariff::kMetered;
    bool modem_manager = true;
    std::string bus_address;  // empty: the system bus
    std::string apn;
    std::string at_port;  // empty: none
    int at_baud = 115200;
  };
  CellularLink(const TransportContext& context, Options options);
  ~CellularLink() override;

  absl::Status Start() override;
  std::optional<LinkTelemetry> Telemetry(const PeerAddress& peer) const override;
  std::string RadioState() const override;

  // What ModemManager says; nullptr: there is no modem. Public for tests, which have none.
  void OnModem(const CellularState* state);

 private:
  void Shape(LinkInfo* info) override;
  void Judge();
  void OnDue();

  const Options options_;
  std::unique_ptr<ReactorTimer> timer_;
  std::unique_ptr<ModemManager> modems_;
  std::unique_ptr<AtPoller> at_;
  std::optional<CellularState> modem_;
  std::string bearer_interface_;  // the carrier is on it
  Time sampled_at_{};
};

// InvalidArgument without peers, or without a modem to follow.
absl::StatusOr<std::unique_ptr<Transport>> CreateCellular(const TransportContext& context);

}  // namespace selvage
