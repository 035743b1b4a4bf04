// Follows a cellular modem through ModemManager on D-Bus, and keeps it connected.
//
// Whatever changes on the bus, the modem's whole state is read again (at most ten times a second):
// a missed or reordered signal cannot leave a wrong picture behind. When the modem is there and not
// connected it is asked to connect, again and again with growing pauses; when it goes away, or
// ModemManager itself does, that is told and the next one is taken up. A bearer that says
// "connected" may still carry nothing: only traffic shows that, and that is the link monitor's
// part.
//
// All calls on the reactor's thread; the caller's timer drives OnTimeout. Needs libsystemd.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/time.h"
#include "transports/modem_manager/cellular_state.h"
#include "transports/reactor.h"

namespace selvage {

class ModemManager {
 public:
  struct Options {
    std::string bus_address;  // "unix:path=..."; empty: the system bus
    std::string apn;
    int signal_interval_s = 5;  // how often the modem measures; 0: never
  };
  // `on_change` gets the state whenever it may have changed, nullptr when the modem is gone.
  using OnChange = std::function<void(const CellularState* state)>;

  static constexpr Duration kRefreshInterval = 100ms;
  static constexpr Duration kRetryFirst = 2s;
  static constexpr Duration kRetryMax = 5min;

  ModemManager(Reactor& reactor, Options options, OnChange on_change);
  ~ModemManager();
  ModemManager(const ModemManager&) = delete;
  ModemManager& operator=(const ModemManager&) = delete;

  void OnTimeout(Time now);
  Time NextDeadline() const;

 private:
  class Bus;
  std::unique_ptr<Bus> bus_;
};

}  // namespace selvage
