#include "transports/radios/radios.h"

#include <utility>
#include <vector>

#include "transports/radios/cellular_link.h"
#include "transports/radios/lora_link.h"
#include "transports/radios/paid_link.h"
#include "transports/radios/satellite_link.h"
#include "transports/radios/wifi_link.h"
#include "transports/registry.h"

namespace selvage {

void RegisterRadios() {
  using Kind = TransportOption::Kind;
  const TransportOption tariff = TariffOptionSpec();
  const auto paid = [](std::vector<TransportOption> options) {
    for (TransportOption& o : BudgetOptions()) options.push_back(std::move(o));
    return TransportSpec{std::move(options), false};
  };
  RegisterTransport("wifi", WithBudget(CreateWifi), paid({tariff}));
  RegisterTransport("satellite", WithBudget(CreateSatellite),
                    paid({tariff, {"slot_offset_s", Kind::kInteger, "12", 0, 14}}));
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
