#include "transports/radios/radios.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "transports/radios/cellular_link.h"
#include "transports/radios/lora_link.h"
#include "transports/radios/lorawan_device_link.h"
#ifdef SELVAGE_HAVE_LORAWAN_GATEWAY
#include "transports/radios/lorawan_gateway_link.h"
#endif
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

// What each mode of "lorawan" understands; the rest is refused, for it would do nothing.
struct LorawanMode {
  const char* name;
  TransportFactory create;
  std::vector<std::string> keys;
  bool listens;
};

const std::vector<LorawanMode>& LorawanModes() {
  static const std::vector<LorawanMode> modes = {
      {"p2p", CreateLora, {"at_port", "baud", "frequency_hz", "spreading_factor", "power_dbm"},
       false},
      {"device", CreateLorawanDevice,
       {"at_port", "baud", "dialect", "keys_file", "data_rate", "poll_s"}, false},
#ifdef SELVAGE_HAVE_LORAWAN_GATEWAY
      {"gateway", CreateLorawanGateway, {"keys_file", "rx_delay_s", "poll_s"}, true},
#endif
  };
  return modes;
}

absl::StatusOr<std::unique_ptr<Transport>> CreateLorawanOfMode(const TransportContext& context) {
  const LinkConfig& config = context.config;
  const auto mode = config.options.find("mode");
  const std::string name = mode == config.options.end() ? "p2p" : mode->second;
  std::string known;
  for (const LorawanMode& m : LorawanModes()) {
    known += (known.empty() ? "\"" : ", \"") + std::string(m.name) + "\"";
    if (name != m.name) continue;
    for (const auto& [key, value] : config.options) {
      if (key != "mode" && key != "region" &&
          std::find(m.keys.begin(), m.keys.end(), key) == m.keys.end()) {
        return absl::InvalidArgumentError(key + " means nothing with mode = \"" + name + "\"");
      }
    }
    if (!config.interface.empty() || !config.peers.empty() ||
        (!m.listens && !config.listen.empty())) {
      return absl::InvalidArgumentError(
          m.listens ? "a LoRaWAN gateway has no interface and no peers: keys_file has its devices"
                    : "a LoRa modem has no interface, listen or peers");
    }
    return m.create(context);
  }
  return absl::InvalidArgumentError("mode is \"" + name + "\"; modes are " + known);
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
  RegisterTransport("lorawan", CreateLorawanOfMode,
                    {{{"at_port", Kind::kText, "\"/dev/ttyUSB0\"", 0, 0},
                      {"baud", Kind::kInteger, "115200", 9600, 921600},
                      {"region", Kind::kText, "\"EU868\"", 0, 0},
                      {"frequency_hz", Kind::kInteger, "868100000", 150'000'000, 960'000'000},
                      {"spreading_factor", Kind::kInteger, "9", 7, 12},
                      {"power_dbm", Kind::kInteger, "14", 5, 22},
                      {"mode", Kind::kText, "\"device\"", 0, 0},
                      {"dialect", Kind::kText, "\"rui3\"", 0, 0},
                      {"keys_file", Kind::kText, "\"/etc/selvage/lorawan.keys\"", 0, 0},
                      {"data_rate", Kind::kInteger, "3", 0, 15},
                      {"poll_s", Kind::kInteger, "300", 10, 86400},
                      {"rx_delay_s", Kind::kInteger, "1", 1, 15}},
                     true});
}

}  // namespace selvage
