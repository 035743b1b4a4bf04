#include "transports/modem/lora_dialect.h"

#include <algorithm>

namespace selvage::modem {
namespace {

std::vector<std::string_view> Split(std::string_view s, char at) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t end = s.find(at);
    out.push_back(s.substr(0, end));
    if (end == std::string_view::npos) return out;
    s.remove_prefix(end + 1);
  }
}

std::string_view Trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}

std::optional<int> Number(std::string_view s, int base = 10) {
  s = Trim(s);
  const bool negative = !s.empty() && s[0] == '-';
  if (negative) s.remove_prefix(1);
  if (s.empty() || s.size() > 6) return std::nullopt;
  int v = 0;
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

bool StartsWith(std::string_view s, std::string_view prefix) {
  return s.substr(0, prefix.size()) == prefix;
}

// "RX_1, DR 5, RSSI -60, SNR 11" in any order and with any of them missing but RSSI.
std::optional<LoraSignal> SignalInWords(std::string_view body) {
  std::optional<int> rssi, snr;
  for (std::string_view part : Split(body, ',')) {
    part = Trim(part);
    if (StartsWith(part, "RSSI ")) rssi = Number(part.substr(5));
    if (StartsWith(part, "SNR ")) snr = Number(part.substr(4));
  }
  if (!rssi) return std::nullopt;
  return LoraSignal{*rssi, snr.value_or(0)};
}

LoraLine Received(LoraLine::Kind kind, std::optional<int> port, std::string_view hex) {
  LoraLine out;
  if (!port || *port < 0 || *port > 255 || !FromHex(hex, &out.payload)) return {};
  out.kind = kind;
  out.port = *port;
  return out;
}

LoraLine ParseEvent(LoraDialect dialect, std::string_view body) {
  LoraLine out;
  const auto is = [&](LoraLine::Kind kind) {
    out.kind = kind;
    out.text = std::string(body);
    return out;
  };
  if (body == "JOINED") return is(LoraLine::Kind::kJoined);
  if (StartsWith(body, "JOIN FAILED") || StartsWith(body, "JOIN_FAILED")) {
    return is(LoraLine::Kind::kJoinFailed);
  }
  if (body == "TX_DONE" || body == "TXP2P DONE") return is(LoraLine::Kind::kTxDone);
  if (body == "SEND_CONFIRMED" || body == "SEND_CONFIRMED_OK") {
    return is(LoraLine::Kind::kAcknowledged);
  }
  if (StartsWith(body, "SEND_CONFIRMED_FAILED")) return is(LoraLine::Kind::kNotAcknowledged);
  const std::vector<std::string_view> f = Split(body, ':');
  if (f[0] == "RXP2P") {
    if (f.size() == 2) return is(LoraLine::Kind::kP2pTimeout);  // "RECEIVE TIMEOUT", "... ERROR"
    const auto rssi = f.size() == 4 ? Number(f[1]) : std::nullopt;
    const auto snr = f.size() == 4 ? Number(f[2]) : std::nullopt;
    if (!rssi || !snr) return {};
    out = Received(LoraLine::Kind::kP2pReceived, 0, f[3]);
    out.signal = LoraSignal{*rssi, *snr};
    return out;
  }
  if (StartsWith(body, "RX_")) {
    if (f.size() == 6) {  // RX_1:rssi:snr:UNICAST:port:hex
      const auto rssi = Number(f[1]), snr = Number(f[2]);
      if (!rssi || !snr) return {};
      out = Received(LoraLine::Kind::kReceived, Number(f[4]), f[5]);
      out.signal = LoraSignal{*rssi, *snr};
      return out;
    }
    out.signal = SignalInWords(body);
    if (out.signal) out.kind = LoraLine::Kind::kSignal;
    return out;
  }
  // ST: port:size(hex):payload. Early RUI3: port:payload.
  if (f.size() == 3 && dialect == LoraDialect::kStAtSlave) {
    out = Received(LoraLine::Kind::kReceived, Number(f[0]), f[2]);
    const auto size = Number(f[1], 16);
    if (!size || static_cast<std::size_t>(*size) != out.payload.size()) return {};
    return out;
  }
  if (f.size() == 2 && dialect == LoraDialect::kRui3) {
    return Received(LoraLine::Kind::kReceived, Number(f[0]), f[1]);
  }
  return out;
}

// Keys and EUIs: ST wants bytes apart.
std::string Spell(LoraDialect dialect, ByteSpan bytes) {
  const std::string hex = ToHex(bytes);
  if (dialect == LoraDialect::kRui3) return hex;
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    if (i > 0) out += ':';
    out += hex.substr(i, 2);
  }
  return out;
}

}  // namespace

LoraLine ParseLoraLine(LoraDialect dialect, std::string_view line) {
  LoraLine out;
  line = Trim(line);
  if (line == "OK") {
    out.kind = LoraLine::Kind::kOk;
  } else if (StartsWith(line, "+EVT:")) {
    return ParseEvent(dialect, line.substr(5));
  } else if (StartsWith(line, "AT_") && line.find('=') == std::string_view::npos) {
    out.kind = LoraLine::Kind::kError;
    out.text = line == "AT_DUTYCYLE_RESTRICTED" ? "AT_DUTYCYCLE_RESTRICTED" : std::string(line);
  }
  return out;
}

std::vector<std::string> LorawanSetup(LoraDialect dialect, const LoraIdentity& identity,
                                      bool class_c, bool adr, int data_rate) {
  std::vector<std::string> out;
  if (dialect == LoraDialect::kRui3) {
    out.push_back("AT+NWM=1");
    out.push_back("AT+NJM=1");
  }
  out.push_back("AT+DEUI=" + Spell(dialect, identity.dev_eui));
  out.push_back("AT+APPEUI=" + Spell(dialect, identity.join_eui));
  out.push_back("AT+APPKEY=" + Spell(dialect, identity.app_key));
  if (dialect == LoraDialect::kStAtSlave) {  // 1.0 has one root key; this firmware asks for both
    out.push_back("AT+NWKKEY=" + Spell(dialect, identity.app_key));
  }
  out.push_back(class_c ? "AT+CLASS=C" : "AT+CLASS=A");
  out.push_back(adr ? "AT+ADR=1" : "AT+ADR=0");
  if (!adr) out.push_back("AT+DR=" + std::to_string(data_rate));
  out.push_back(
      "AT+DCS=1");  // the modem keeps the duty cycle: only it knows the channel it hops to
  return out;
}

std::vector<std::string> P2pSetup(const LoraChannel& c) {
  const auto text = [](std::int64_t v) { return std::to_string(v); };
  return {"AT+NWM=0", "AT+P2P=" + text(c.frequency_hz) + ":" + text(c.spreading_factor) + ":" +
                          text(c.bandwidth_hz / 1000) + ":" + text(c.coding_rate - 1) + ":" +
                          text(c.preamble_symbols) + ":" + text(c.power_dbm)};
}

std::string JoinCommand(LoraDialect dialect) {
  // RUI3: join now, not by itself after power-up, 10 s apart, 8 tries.
  return dialect == LoraDialect::kStAtSlave ? "AT+JOIN=1" : "AT+JOIN=1:0:10:8";
}

std::vector<std::string> SendCommands(LoraDialect dialect, int port, bool confirmed,
                                      ByteSpan payload) {
  const std::string ack = confirmed ? "1" : "0";
  const std::string start = "AT+SEND=" + std::to_string(port) + ":";
  if (dialect == LoraDialect::kStAtSlave) return {start + ack + ":" + ToHex(payload)};
  return {"AT+CFM=" + ack, start + ToHex(payload)};
}

}  // namespace selvage::modem
