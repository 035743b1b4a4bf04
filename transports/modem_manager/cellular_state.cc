#include "transports/modem_manager/cellular_state.h"

namespace selvage {
namespace {

constexpr char kModem[] = "org.freedesktop.ModemManager1.Modem";
constexpr std::size_t kBearersMax = 8;

template <typename T>
const T* Find(const BusProperties& p, const char* name) {
  const auto it = p.find(name);
  return it == p.end() ? nullptr : std::get_if<T>(&it->second.value);
}

std::string Text(const BusProperties& p, const char* name) {
  const std::string* s = Find<std::string>(p, name);
  return s ? *s : "";
}

bool Flag(const BusProperties& p, const char* name) {
  const bool* b = Find<bool>(p, name);
  return b && *b;
}

// ModemManager leaves out what is not known, or says so by a huge negative number.
std::optional<double> Figure(const BusProperties& p, const char* name, double least, double most) {
  const double* v = Find<double>(p, name);
  if (v == nullptr || !(*v >= least && *v <= most)) return std::nullopt;
  return *v;
}

redcap::CellSignal ReadSignal(const BusProperties& all, const char* technology) {
  redcap::CellSignal s;
  const auto* p = Find<BusProperties>(all, technology);
  if (p == nullptr) return s;
  s.rsrp_dbm = Figure(*p, "rsrp", -156, -31);
  s.rsrq_db = Figure(*p, "rsrq", -43, 20);
  s.sinr_db = Figure(*p, "snr", -23, 40);
  s.rssi_dbm = Figure(*p, "rssi", -120, -20);
  return s;
}

// Bits of MMModemAccessTechnology, the best first.
redcap::AccessTechnology ReadTechnology(std::int64_t bits) {
  using redcap::AccessTechnology;
  if (bits & (1 << 15)) {
    return bits & (1 << 14) ? AccessTechnology::kNrNsa : AccessTechnology::kNrSa;
  }
  if (bits & (1 << 14)) return AccessTechnology::kLte;
  if (bits & (1 << 16)) return AccessTechnology::kLteM;
  if (bits & (1 << 17)) return AccessTechnology::kNbIot;
  if (bits & 0x3fe0) return AccessTechnology::kUmts;
  return bits & 0x1e ? AccessTechnology::kGsm : AccessTechnology::kUnknown;
}

}  // namespace

const char* ModemStateName(ModemState state) {
  constexpr const char* kNames[] = {"failed",    "unknown",    "initializing",  "locked",
                                    "disabled",  "disabling",  "enabling",      "enabled",
                                    "searching", "registered", "disconnecting", "connecting",
                                    "connected"};
  const int i = static_cast<int>(state) + 1;
  return i >= 0 && i < static_cast<int>(std::size(kNames)) ? kNames[i] : "unknown";
}

CellularState ReadModem(const std::map<std::string, BusProperties>& interfaces) {
  CellularState out;
  if (const auto it = interfaces.find(kModem); it != interfaces.end()) {
    const BusProperties& p = it->second;
    if (const auto* v = Find<std::int64_t>(p, "State"); v && *v >= -1 && *v <= 11) {
      out.state = static_cast<ModemState>(*v);
    }
    if (const auto* v = Find<std::int64_t>(p, "AccessTechnologies")) {
      out.technology = ReadTechnology(*v);
    }
    if (const auto* v = Find<std::vector<BusValue>>(p, "SignalQuality"); v && !v->empty()) {
      const auto* percent = std::get_if<std::int64_t>(&v->front().value);
      if (percent && *percent >= 0 && *percent <= 100) {
        out.quality_percent = static_cast<int>(*percent);
      }
    }
    if (const auto* v = Find<std::vector<BusValue>>(p, "Bearers")) {
      for (const BusValue& b : *v) {
        const auto* path = std::get_if<std::string>(&b.value);
        if (path && out.bearer_paths.size() < kBearersMax) out.bearer_paths.push_back(*path);
      }
    }
  }
  if (const auto it = interfaces.find(std::string(kModem) + ".Signal"); it != interfaces.end()) {
    out.lte = ReadSignal(it->second, "Lte");
    out.nr = ReadSignal(it->second, "Nr5g");
  }
  return out;
}

CellularBearer ReadBearer(const BusProperties& p) {
  CellularBearer out;
  out.connected = Flag(p, "Connected");
  out.suspended = Flag(p, "Suspended");
  out.interface = Text(p, "Interface");
  for (const auto& [name, address] :
       {std::pair("Ip4Config", &out.ip4_address), std::pair("Ip6Config", &out.ip6_address)}) {
    const auto* config = Find<BusProperties>(p, name);
    if (config == nullptr) continue;
    *address = Text(*config, "address");
    const auto* mtu = Find<std::int64_t>(*config, "mtu");
    if (mtu && *mtu >= 576 && *mtu <= 65535) out.mtu_bytes = static_cast<std::uint32_t>(*mtu);
  }
  return out;
}

}  // namespace selvage
