// What a cellular modem says of its radio link in AT lines: 3GPP TS 27.007 and Quectel's own.
//
// The fallback where ModemManager is missing or does not know NR signal. Every value is optional:
// modems leave fields empty, write "-", or send 255 and -32768 for "not known", and which ones
// depends on firmware and state. Missing is missing here, never zero. Lines are hostile input.
// Thread safe. Sources: TS 27.007 (+CSQ, +CESQ, +C5GREG), TS 38.133 table 10.1 (value mapping),
// Quectel RG50xQ AT manual (+QENG, +QNWINFO).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace selvage::redcap {

// Access technology, as in 27.007's <AcT> where that has one.
enum class AccessTechnology { kUnknown, kGsm, kUmts, kLte, kLteM, kNbIot, kNrNsa, kNrSa };

struct CellSignal {
  std::optional<double> rsrp_dbm;  // -156 to -31
  std::optional<double> rsrq_db;   // -43 to 20
  std::optional<double> sinr_db;   // -23 to 40
  std::optional<double> rssi_dbm;  // -113 to -51
  bool empty() const { return !rsrp_dbm && !rsrq_db && !sinr_db && !rssi_dbm; }
};

// +CSQ: rssi,ber. nullopt: another line. 99 (not known) gives a signal without values.
std::optional<CellSignal> ParseCsq(std::string_view line);

// +CESQ: rxlev,ber,rscp,ecno,rsrq,rsrp[,ss_rsrq,ss_rsrp,ss_sinr]; the last three are NR's.
struct ExtendedSignal {
  CellSignal lte;
  CellSignal nr;
};
std::optional<ExtendedSignal> ParseCesq(std::string_view line);

enum class Registration {
  kNotRegistered = 0,
  kHome = 1,
  kSearching = 2,
  kDenied = 3,
  kUnknown = 4,
  kRoaming = 5
};
struct NetworkRegistration {
  Registration state = Registration::kUnknown;
  std::optional<std::uint32_t> area;  // tracking area code
  std::optional<std::uint64_t> cell;
  AccessTechnology technology = AccessTechnology::kUnknown;
  bool registered() const {
    return state == Registration::kHome || state == Registration::kRoaming;
  }
};
// +CREG, +CGREG, +CEREG, +C5GREG: the answer to a query (n,stat,...) as well as the report that
// comes by itself (stat,...).
std::optional<NetworkRegistration> ParseRegistration(std::string_view line);

// +QENG: "servingcell": one line for the cell of each technology.
struct ServingCell {
  // SEARCH, LIMSRV, NOCONN (registered and idle, no failure), CONNECT; empty in NSA's second line.
  std::string state;
  AccessTechnology technology = AccessTechnology::kUnknown;
  std::string duplex;
  std::optional<int> mcc, mnc, physical_cell;
  std::optional<std::uint64_t> cell;  // from hexadecimal
  std::optional<std::uint32_t> area;
  std::optional<std::int64_t> channel;  // ARFCN
  std::optional<int> band;
  CellSignal signal;
};
std::optional<ServingCell> ParseServingCell(std::string_view line);

// +QNWINFO: "TDD NR5G","31064","NR5G BAND 78",634080; the first field differs by firmware.
struct NetworkInfo {
  AccessTechnology technology = AccessTechnology::kUnknown;
  std::string operator_code;
  std::optional<int> band;
  std::optional<std::int64_t> channel;
};
std::optional<NetworkInfo> ParseNetworkInfo(std::string_view line);

}  // namespace selvage::redcap
