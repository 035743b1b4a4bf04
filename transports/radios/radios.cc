#include "transports/radios/radios.h"

#include <utility>
#include <vector>

#include "transports/radios/cellular_link.h"
#include "transports/radios/lora_link.h"
#include "transports/radios/paid_link.h"
#include "transports/radios/satellite_link.h"
#include "transports/radios/sbd_link.h"
#include "transports/radios/wifi_link.h"
#include "transports/registry.h"

namespace selvage {

namespace {

// A terminal for IP, or a modem for messages: one word of the configuration for both.
absl::StatusOr<std::unique_ptr<Transport>> CreateSatelliteOfKind(const TransportContext& context) {
  const auto modem = context.config.options.find("modem");
  if (modem != context.config.options.end()) {
    if (modem->second == "sbd") return CreateSbd(context);
    return absl::InvalidArgumentError(
        "modem is \"" + modem->second +
        "\"; \"sbd\" is an Iridium 9602 or 9603, and without the key it is a terminal for IP");
  }
  for (const TransportOption& o : SbdOptions()) {
    if (context.config.options.count(o.key) > 0) {
      return absl::InvalidArgumentError(o.key + " is for modem = \"sbd\"");
    }
  }
  if (context.config.interface.empty() && context.config.listen.empty() &&
      context.config.peers.empty()) {
    return absl::InvalidArgumentError(
        "needs 'interface', 'listen' or 'peers', or is a message modem: modem = \"sbd\"");
  }
  static const TransportFactory broadband = WithBudget(CreateSatellite);
  return broadband(context);
}

}  // namespace

void RegisterRadios() {
  using Kind = TransportOption::Kind;
  const TransportOption tariff = TariffOptionSpec();
  const auto paid = [](std::vector<TransportOption> options) {
    for (TransportOption& o : BudgetOptions()) options.push_back(std::move(o));
    return TransportSpec{std::move(options), false};
  };
  RegisterTransport("wifi", WithBudget(CreateWifi), paid({tariff}));
  TransportSpec satellite = paid({tariff,
                                  {"slot_offset_s", Kind::kInteger, "12", 0, 14},
                                  {"modem", Kind::kText, "\"sbd\"", 0, 0}});
  for (TransportOption& o : SbdOptions()) satellite.options.push_back(std::move(o));
  satellite.stands_alone = true;
  RegisterTransport("satellite", CreateSatelliteOfKind, std::move(satellite));
  RegisterTransport("redcap", WithBudget(CreateCellular),
                    paid({tariff,
                      {"apn", Kind::kText, "\"internet\"", 0, 0},
                      {"at_port", Kind::kText, "\"/dev/ttyUSB2\"", 0, 0},
                      {"baud", Kind::kInteger, "115200", 9600, 921600},
                      {"bus", Kind::kText, "\"unix:path=/run/dbus/system_bus_socket\"", 0, 0}}));
  RegisterTransport("lorawan", CreateLora,
                    {{{"at_port", Kind::kText, "\"/dev/ttyUSB0\"", 0, 0},
                      {"baud", Kind::kInteger, "115200", 9600, 921600},
                      {"region", Kind::kText, "\"EU868\"", 0, 0},
                      {"frequency_hz", Kind::kInteger, "868100000", 150'000'000, 960'000'000},
                      {"spreading_factor", Kind::kInteger, "9", 7, 12},
                      {"power_dbm", Kind::kInteger, "14", 5, 22}},
                     true});
}

}  // namespace selvage
