#include "transports/lorawan/gateway/semtech_udp.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "transports/lorawan/frame.h"

namespace selvage::lorawan {
namespace {

using Json = nlohmann::json;

constexpr std::uint8_t kProtocolVersion = 2;
constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::optional<double> Number(const Json& o, const char* name, double least, double most) {
  const auto it = o.find(name);
  if (it == o.end() || !it->is_number()) return std::nullopt;
  const double v = it->get<double>();
  if (!(v >= least && v <= most)) return std::nullopt;
  return v;
}

std::string Text(const Json& o, const char* name) {
  const auto it = o.find(name);
  return it != o.end() && it->is_string() ? it->get<std::string>() : "";
}

// "SF7BW125" to 7 and 125000; "SF12BW125" is the longest.
bool ReadDataRate(const std::string& s, HeardFrame* out) {
  const std::size_t at = s.find("BW");
  if (s.rfind("SF", 0) != 0 || at == std::string::npos || at > 4 || s.size() > 9) return false;
  int sf = 0, kilohertz = 0;
  for (char c : s.substr(2, at - 2)) {
    if (c < '0' || c > '9') return false;
    sf = sf * 10 + (c - '0');
  }
  for (char c : s.substr(at + 2)) {
    if (c < '0' || c > '9') return false;
    kilohertz = kilohertz * 10 + (c - '0');
  }
  if (sf < 7 || sf > 12 || (kilohertz != 125 && kilohertz != 250 && kilohertz != 500)) return false;
  out->spreading_factor = sf;
  out->bandwidth_hz = kilohertz * 1000;
  return true;
}

std::optional<HeardFrame> ReadFrame(const Json& o) {
  if (!o.is_object()) return std::nullopt;
  HeardFrame f;
  const auto timestamp = Number(o, "tmst", 0, 4294967295.0);
  const auto frequency = Number(o, "freq", 100, 1000);
  const auto data = DecodeBase64(Text(o, "data"));
  if (!timestamp || !frequency || !data || data->empty() || data->size() > kPhyBytesMax) {
    return std::nullopt;
  }
  if (Text(o, "modu") == "LORA" && !ReadDataRate(Text(o, "datr"), &f)) return std::nullopt;
  f.timestamp_us = static_cast<std::uint32_t>(*timestamp);
  f.frequency_hz = std::llround(*frequency * 1e6);
  f.crc_status = static_cast<int>(Number(o, "stat", -1, 1).value_or(0));
  f.rssi_dbm = static_cast<int>(std::lround(Number(o, "rssi", -200, 50).value_or(0)));
  f.snr_deci_db = static_cast<int>(std::lround(Number(o, "lsnr", -50, 50).value_or(0) * 10));
  f.phy = *data;
  return f;
}

GatewayStatus ReadStatus(const Json& o) {
  GatewayStatus s;
  const auto count = [&](const char* name) -> std::optional<std::uint32_t> {
    const auto v = Number(o, name, 0, 4294967295.0);
    if (!v) return std::nullopt;
    return static_cast<std::uint32_t>(*v);
  };
  s.heard = count("rxnb");
  s.heard_right = count("rxok");
  s.forwarded = count("rxfw");
  s.asked_to_send = count("dwnb");
  s.sent = count("txnb");
  s.acknowledged_percent = Number(o, "ackr", 0, 100);
  return s;
}

}  // namespace

std::string EncodeBase64(ByteSpan in) {
  std::string out;
  for (std::size_t i = 0; i < in.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, in.size() - i);
    std::uint32_t v = 0;
    for (std::size_t j = 0; j < 3; ++j) v = (v << 8) | (j < n ? in[i + j] : 0u);
    for (std::size_t j = 0; j < 4; ++j) {
      out += j <= n ? kAlphabet[(v >> (18 - 6 * j)) & 63] : '=';
    }
  }
  return out;
}

std::optional<Bytes> DecodeBase64(std::string_view in) {
  while (!in.empty() && in.back() == '=') in.remove_suffix(1);
  if (in.size() % 4 == 1) return std::nullopt;
  Bytes out;
  std::uint32_t v = 0;
  int bits = 0;
  for (char c : in) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
    const char* at = c == '\0' ? nullptr : std::char_traits<char>::find(kAlphabet, 64, c);
    if (at == nullptr) return std::nullopt;
    v = (v << 6) | static_cast<std::uint32_t>(at - kAlphabet);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<std::uint8_t>(v >> bits));
    }
  }
  return out;
}

std::optional<FromGateway> ParseFromGateway(ByteSpan datagram) {
  ByteReader r(datagram);
  FromGateway out;
  if (r.U8() != kProtocolVersion) return std::nullopt;
  out.token = r.U16();
  const std::uint8_t type = r.U8();
  out.eui = r.U64();
  if (!r.ok()) return std::nullopt;
  out.type = static_cast<GatewayMessage>(type);
  const ByteSpan text = r.Rest();
  if (out.type == GatewayMessage::kPullData) return out;
  if (out.type != GatewayMessage::kPushData && out.type != GatewayMessage::kTxAck) {
    return std::nullopt;
  }
  if (text.empty() && out.type == GatewayMessage::kTxAck) {  // early versions: no news is good news
    out.error = "NONE";
    return out;
  }
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  if (out.type == GatewayMessage::kTxAck) {
    const auto ack = json.find("txpk_ack");
    out.error = ack != json.end() && ack->is_object() ? Text(*ack, "error") : "";
    if (out.error.empty()) out.error = "NONE";
    return out;
  }
  if (const auto frames = json.find("rxpk"); frames != json.end() && frames->is_array()) {
    for (const Json& o : *frames) {
      if (out.frames.size() >= kHeardFramesMax) break;
      if (auto frame = ReadFrame(o)) out.frames.push_back(std::move(*frame));
    }
  }
  if (const auto status = json.find("stat"); status != json.end() && status->is_object()) {
    out.status = ReadStatus(*status);
  }
  return out;
}

Bytes EncodeGatewayAck(GatewayMessage type, std::uint16_t token) {
  return {kProtocolVersion, static_cast<std::uint8_t>(token >> 8), static_cast<std::uint8_t>(token),
          static_cast<std::uint8_t>(type)};
}

Bytes EncodePullResp(std::uint16_t token, const FrameToSend& f) {
  Json o = {{"freq", static_cast<double>(f.frequency_hz) / 1e6},
            {"rfch", 0},
            {"powe", f.power_dbm},
            {"modu", "LORA"},
            {"datr", "SF" + std::to_string(f.spreading_factor) + "BW" +
                         std::to_string(f.bandwidth_hz / 1000)},
            {"codr", "4/5"},
            {"ipol", true},  // downlinks are inverted, so that devices do not hear each other
            {"ncrc", true},
            {"size", f.phy.size()},
            {"data", EncodeBase64(f.phy)}};
  if (f.immediate) {
    o["imme"] = true;
  } else {
    o["tmst"] = f.timestamp_us;
  }
  Bytes out = EncodeGatewayAck(GatewayMessage::kPullResp, token);
  const std::string text = Json{{"txpk", o}}.dump();
  out.insert(out.end(), text.begin(), text.end());
  return out;
}

}  // namespace selvage::lorawan
