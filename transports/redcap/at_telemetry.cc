#include "transports/redcap/at_telemetry.h"

#include <algorithm>
#include <vector>

namespace selvage::redcap {
namespace {

constexpr std::size_t kFieldsMax = 64;

std::string_view Trim(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\r')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\r')) s.remove_suffix(1);
  return s;
}

// "+CESQ: 1,"two",,-" with this prefix: {"1", "two", "", ""}; quotes go, "-" means missing.
// nullopt: another line, or a quote that does not end.
std::optional<std::vector<std::string_view>> Fields(std::string_view line,
                                                    std::string_view prefix) {
  line = Trim(line);
  if (line.substr(0, prefix.size()) != prefix) return std::nullopt;
  line = Trim(line.substr(prefix.size()));
  if (line.empty() || line[0] != ':') return std::nullopt;
  line.remove_prefix(1);
  std::vector<std::string_view> out;
  while (out.size() < kFieldsMax) {
    line = Trim(line);
    std::string_view field;
    if (!line.empty() && line[0] == '"') {
      const std::size_t end = line.find('"', 1);
      if (end == std::string_view::npos) return std::nullopt;
      field = line.substr(1, end - 1);
      line = Trim(line.substr(end + 1));
      if (!line.empty() && line[0] != ',') return std::nullopt;
    } else {
      const std::size_t end = std::min(line.find(','), line.size());
      field = Trim(line.substr(0, end));
      line.remove_prefix(end);
    }
    out.push_back(field == "-" ? std::string_view() : field);
    if (line.empty()) return out;
    line.remove_prefix(1);
  }
  return std::nullopt;
}

std::optional<std::int64_t> Integer(std::string_view s, int base = 10) {
  const bool negative = !s.empty() && s[0] == '-';
  if (negative) s.remove_prefix(1);
  if (s.empty() || s.size() > 15) return std::nullopt;
  std::int64_t v = 0;
  for (char c : s) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : 99;
    if (digit >= base) return std::nullopt;
    v = v * base + digit;
  }
  return negative ? -v : v;
}

// Field `i` when it is there and within [least, most].
std::optional<std::int64_t> At(const std::vector<std::string_view>& f, std::size_t i,
                               std::int64_t least, std::int64_t most, int base = 10) {
  if (i >= f.size()) return std::nullopt;
  const auto v = Integer(f[i], base);
  if (!v || *v < least || *v > most) return std::nullopt;
  return v;
}

std::optional<double> Mapped(std::optional<std::int64_t> v, double scale, double offset) {
  if (!v) return std::nullopt;
  return static_cast<double>(*v) * scale + offset;
}

std::optional<double> Value(const std::vector<std::string_view>& f, std::size_t i,
                            std::int64_t least, std::int64_t most) {
  return Mapped(At(f, i, least, most), 1, 0);
}

template <typename T>
std::optional<T> As(std::optional<std::int64_t> v) {
  if (!v) return std::nullopt;
  return static_cast<T>(*v);
}

AccessTechnology FromAct(std::int64_t act) {
  switch (act) {
    case 0:
    case 1:
    case 3:
      return AccessTechnology::kGsm;
    case 2:
    case 4:
    case 5:
    case 6:
      return AccessTechnology::kUmts;
    case 7:
      return AccessTechnology::kLte;
    case 8:
      return AccessTechnology::kLteM;
    case 9:
    case 14:  // over a satellite
      return AccessTechnology::kNbIot;
    case 10:
    case 11:
      return AccessTechnology::kNrSa;
    case 12:
    case 13:
      return AccessTechnology::kNrNsa;
    default:
      return AccessTechnology::kUnknown;
  }
}

AccessTechnology FromName(std::string_view name) {
  const auto has = [&](std::string_view part) { return name.find(part) != name.npos; };
  if (has("NR5G-NSA") || has("NSA")) return AccessTechnology::kNrNsa;
  if (has("NR5G")) return AccessTechnology::kNrSa;
  if (has("NBIoT") || has("NB-IoT")) return AccessTechnology::kNbIot;
  if (has("CAT-M") || has("eMTC")) return AccessTechnology::kLteM;
  if (has("LTE")) return AccessTechnology::kLte;
  if (has("WCDMA") || has("HSPA") || has("UMTS") || has("HSDPA")) return AccessTechnology::kUmts;
  if (has("GSM") || has("GPRS") || has("EDGE")) return AccessTechnology::kGsm;
  return AccessTechnology::kUnknown;
}

}  // namespace

std::optional<CellSignal> ParseCsq(std::string_view line) {
  const auto f = Fields(line, "+CSQ");
  if (!f || f->size() != 2 || !At(*f, 0, 0, 99)) return std::nullopt;
  CellSignal s;
  s.rssi_dbm = Mapped(At(*f, 0, 0, 31), 2, -113);
  return s;
}

std::optional<ExtendedSignal> ParseCesq(std::string_view line) {
  const auto f = Fields(line, "+CESQ");
  if (!f || (f->size() != 6 && f->size() != 9)) return std::nullopt;
  ExtendedSignal s;
  s.lte.rsrq_db = Mapped(At(*f, 4, 0, 34), 0.5, -20);
  s.lte.rsrp_dbm = Mapped(At(*f, 5, 0, 97), 1, -141);
  s.nr.rsrq_db = Mapped(At(*f, 6, 0, 126), 0.5, -43);
  s.nr.rsrp_dbm = Mapped(At(*f, 7, 0, 126), 1, -156);
  s.nr.sinr_db = Mapped(At(*f, 8, 0, 127), 0.5, -23);
  return s;
}

std::optional<NetworkRegistration> ParseRegistration(std::string_view line) {
  std::optional<std::vector<std::string_view>> f;
  for (const char* prefix : {"+CREG", "+CGREG", "+CEREG", "+C5GREG"}) {
    if (!f) f = Fields(line, prefix);
  }
  if (!f) return std::nullopt;
  // A query answers "n,stat[,tac,ci,..]", a report is "stat[,tac,ci,..]": an area code stands in
  // quotes, and so the second field tells. Quotes are gone here, but an area has four digits or
  // more.
  const bool query = f->size() >= 2 && ((*f)[1].size() == 1 || (*f)[1] == "10");
  const std::size_t at = query ? 1 : 0;
  const auto state = At(*f, at, 0, 10);
  if (!state) return std::nullopt;
  NetworkRegistration r;
  // 6 to 10 are registered for short messages, emergency or without a preference for fall-back: not
  // usable for data, except 9 and 10 of which 27.007 says "registered" too.
  r.state = *state <= 5    ? static_cast<Registration>(*state)
            : *state == 9  ? Registration::kHome
            : *state == 10 ? Registration::kRoaming
                           : Registration::kUnknown;
  r.area = As<std::uint32_t>(At(*f, at + 1, 0, 0xffffff, 16));
  r.cell = As<std::uint64_t>(At(*f, at + 2, 0, 0xfffffffff, 16));
  if (const auto act = At(*f, at + 3, 0, 20)) r.technology = FromAct(*act);
  return r;
}

std::optional<ServingCell> ParseServingCell(std::string_view line) {
  const auto f = Fields(line, "+QENG");
  if (!f || f->empty()) return std::nullopt;
  ServingCell c;
  const auto nsa = [&](std::size_t at) {  // NR5G-NSA,MCC,MNC,PCI,RSRP,SINR,RSRQ,ARFCN,band,..
    c.technology = AccessTechnology::kNrNsa;
    c.mcc = As<int>(At(*f, at + 1, 0, 999));
    c.mnc = As<int>(At(*f, at + 2, 0, 999));
    c.physical_cell = As<int>(At(*f, at + 3, 0, 1007));
    c.signal.rsrp_dbm = Value(*f, at + 4, -156, -31);
    c.signal.sinr_db = Value(*f, at + 5, -23, 40);
    c.signal.rsrq_db = Value(*f, at + 6, -43, 20);
    c.channel = At(*f, at + 7, 0, 3279165);
    c.band = As<int>(At(*f, at + 8, 1, 1024));
    return c;
  };
  if ((*f)[0] == "NR5G-NSA") return nsa(0);
  // The lines of a dual connection name their technology first, the usual one the state before it.
  const bool usual = (*f)[0] == "servingcell";
  if (!usual && (*f)[0] != "LTE") return std::nullopt;
  if (usual && f->size() < 2) return std::nullopt;
  if (usual) c.state = std::string((*f)[1]);
  if (usual && f->size() == 2) return c;  // searching: nothing more to say
  const std::size_t at = usual ? 2 : 0;
  c.technology = FromName((*f)[at]);
  if (c.technology == AccessTechnology::kNrNsa) return nsa(at);
  if (c.technology != AccessTechnology::kNrSa && c.technology != AccessTechnology::kLte) return c;
  c.duplex = at + 1 < f->size() ? std::string((*f)[at + 1]) : "";
  c.mcc = As<int>(At(*f, at + 2, 0, 999));
  c.mnc = As<int>(At(*f, at + 3, 0, 999));
  c.cell = As<std::uint64_t>(At(*f, at + 4, 0, 0xfffffffff, 16));
  c.physical_cell = As<int>(At(*f, at + 5, 0, 1007));
  if (c.technology ==
      AccessTechnology::kNrSa) {  // TAC,ARFCN,band,bandwidth,RSRP,RSRQ,SINR,scs,srxlev
    c.area = As<std::uint32_t>(At(*f, at + 6, 0, 0xffffff, 16));
    c.channel = At(*f, at + 7, 0, 3279165);
    c.band = As<int>(At(*f, at + 8, 1, 1024));
    c.signal.rsrp_dbm = Value(*f, at + 10, -156, -31);
    c.signal.rsrq_db = Value(*f, at + 11, -43, 20);
    c.signal.sinr_db = Value(*f, at + 12, -23, 40);
  } else {  // EARFCN,band,UL bandwidth,DL bandwidth,TAC,RSRP,RSRQ,RSSI,SINR,..
    c.channel = At(*f, at + 6, 0, 262143);
    c.band = As<int>(At(*f, at + 7, 1, 255));
    c.area = As<std::uint32_t>(At(*f, at + 10, 0, 0xffff, 16));
    c.signal.rsrp_dbm = Value(*f, at + 11, -156, -31);
    c.signal.rsrq_db = Value(*f, at + 12, -43, 20);
    c.signal.rssi_dbm = Value(*f, at + 13, -120, -20);
    c.signal.sinr_db = Value(*f, at + 14, -23, 40);
  }
  return c;
}

std::optional<NetworkInfo> ParseNetworkInfo(std::string_view line) {
  const auto f = Fields(line, "+QNWINFO");
  if (!f || f->empty()) return std::nullopt;
  NetworkInfo n;
  n.technology = FromName((*f)[0]);
  if (f->size() > 1) n.operator_code = std::string((*f)[1]);
  if (f->size() > 2) {  // "NR5G BAND 78"
    const std::size_t space = (*f)[2].rfind(' ');
    if (space != std::string_view::npos) n.band = As<int>(Integer((*f)[2].substr(space + 1)));
  }
  n.channel = At(*f, 3, 0, 3279165);
  return n;
}

}  // namespace selvage::redcap
