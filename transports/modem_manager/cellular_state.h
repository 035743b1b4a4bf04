// What ModemManager says of one modem, reduced to what a transport needs.
//
// Everything that the modem may not know is optional. Property names and codes are those of the
// D-Bus interface org.freedesktop.ModemManager1. Reading is apart from the bus, so that it can be
// tested without one. Thread safe (no state).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "transports/redcap/at_telemetry.h"

namespace selvage {

// A value from D-Bus; integers of all widths are one. Deeper than a dictionary in a dictionary, and
// types that no property here has, are empty.
struct BusValue {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<BusValue>,
               std::map<std::string, BusValue>>
      value;
};
using BusProperties = std::map<std::string, BusValue>;

// MMModemState.
enum class ModemState : std::int8_t {
  kFailed = -1,
  kUnknown = 0,
  kInitializing = 1,
  kLocked = 2,
  kDisabled = 3,
  kDisabling = 4,
  kEnabling = 5,
  kEnabled = 6,
  kSearching = 7,
  kRegistered = 8,
  kDisconnecting = 9,
  kConnecting = 10,
  kConnected = 11,
};
const char* ModemStateName(ModemState state);

struct CellularBearer {
  bool connected = false;
  bool suspended = false;
  std::string interface;  // network device, such as "wwan0"; bind sockets to it
  std::string ip4_address, ip6_address;
  std::optional<std::uint32_t> mtu_bytes;
  friend bool operator==(const CellularBearer& a, const CellularBearer& b) {
    return a.connected == b.connected && a.suspended == b.suspended && a.interface == b.interface &&
           a.ip4_address == b.ip4_address && a.ip6_address == b.ip6_address &&
           a.mtu_bytes == b.mtu_bytes;
  }
};

struct CellularState {
  ModemState state = ModemState::kUnknown;
  redcap::AccessTechnology technology = redcap::AccessTechnology::kUnknown;
  std::optional<int> quality_percent;
  redcap::CellSignal lte, nr;
  std::optional<CellularBearer> bearer;  // the connected one, or the first
  std::vector<std::string> bearer_paths;
  bool usable() const {
    return state == ModemState::kConnected && bearer && bearer->connected && !bearer->suspended;
  }
};

// From the properties of a modem object, by interface name.
CellularState ReadModem(const std::map<std::string, BusProperties>& interfaces);
CellularBearer ReadBearer(const BusProperties& properties);

}  // namespace selvage
