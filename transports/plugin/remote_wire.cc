#include "transports/plugin/remote_wire.h"

#include <algorithm>
#include <cstring>

namespace selvage {
namespace {

constexpr std::size_t kTextBytesMax = 1024;
constexpr std::size_t kSettingsMax = 64;
constexpr std::size_t kHeadBytes = 320;  // of a message around its data: an address and numbers

// A message under construction; too much makes it empty, which nobody sends.
class Message {
 public:
  explicit Message(RemoteKind kind, std::size_t room = kRemoteBytesMax)
      : bytes_(room), out_(bytes_) {
    out_.U8(static_cast<std::uint8_t>(kind));
  }
  ByteWriter& out() { return out_; }
  void Text(const std::string& s) { Block(ByteSpan::Of(s).Sub(0, kTextBytesMax)); }
  void Block(ByteSpan s) {
    out_.U16(s.size());
    out_.Put(s);
  }
  void Double(double value) {
    std::uint64_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    out_.U64(bits);
  }
  Bytes Take() {
    bytes_.resize(out_.ok() ? out_.size() : 0);
    return std::move(bytes_);
  }

 private:
  Bytes bytes_;
  ByteWriter out_;
};

Bytes Block(ByteReader* in) { return in->Take(in->U16()).ToBytes(); }
std::string Text(ByteReader* in) { return in->Take(in->U16()).ToString(); }
double Double(ByteReader* in) {
  const std::uint64_t bits = in->U64();
  double value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}
bool Whole(const ByteReader& in) { return in.ok() && in.remaining() == 0; }
std::int64_t Signed(std::uint64_t v) { return static_cast<std::int64_t>(v); }

}  // namespace

Bytes EncodeCreate(const PluginSettings& settings) {
  Message m(RemoteKind::kCreate);
  m.out().U8(kRemoteVersion);
  m.out().U64(settings.seed);
  m.Text(settings.interface);
  m.out().U8(std::min(settings.settings.size(), kSettingsMax));
  for (std::size_t i = 0; i < std::min(settings.settings.size(), kSettingsMax); ++i) {
    m.Text(settings.settings[i].first);
    m.Text(settings.settings[i].second);
  }
  return m.Take();
}

std::optional<PluginSettings> DecodeCreate(ByteSpan bytes) {
  ByteReader in(bytes);
  PluginSettings out;
  if (in.U8() != static_cast<std::uint8_t>(RemoteKind::kCreate) || in.U8() != kRemoteVersion) {
    return std::nullopt;
  }
  out.seed = in.U64();
  out.interface = Text(&in);
  const std::size_t count = in.U8();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    std::string key = Text(&in);
    std::string value = Text(&in);
    out.settings.emplace_back(std::move(key), std::move(value));
  }
  if (!Whole(in)) return std::nullopt;
  return out;
}

Bytes EncodeUnit(const selvage_unit& unit) {
  Message m(RemoteKind::kUnit, kHeadBytes + unit.data_size);
  m.out().U64(unit.token);
  m.out().U8(unit.control);
  m.out().U64(static_cast<std::uint64_t>(unit.deadline_ns));
  m.Block({unit.address, unit.address_size});
  m.Block({unit.data, unit.data_size});
  return m.Take();
}

std::optional<RemoteUnit> DecodeUnit(ByteSpan bytes) {
  ByteReader in(bytes);
  in.U8();
  RemoteUnit out;
  out.token = in.U64();
  out.control = in.U8() != 0;
  out.deadline_ns = Signed(in.U64());
  out.address = Block(&in);
  out.data = Block(&in);
  if (!Whole(in)) return std::nullopt;
  return out;
}

Bytes EncodeNumber(RemoteKind kind, std::uint64_t number) {
  Message m(kind);
  m.out().U64(number);
  return m.Take();
}

std::optional<std::uint64_t> DecodeNumber(ByteSpan bytes) {
  ByteReader in(bytes);
  in.U8();
  const std::uint64_t out = in.U64();
  if (!Whole(in)) return std::nullopt;
  return out;
}

Bytes EncodeStarted(bool ok, const std::string& error,
                    const std::vector<selvage_telemetry_field>& fields) {
  Message m(RemoteKind::kStarted);
  m.out().U8(kRemoteVersion);
  m.out().U8(ok ? 1 : 0);
  m.Text(error);
  const std::size_t count = std::min<std::size_t>(fields.size(), SELVAGE_TELEMETRY_MAX);
  m.out().U8(count);
  for (std::size_t i = 0; i < count; ++i) {
    const selvage_telemetry_field& f = fields[i];
    m.Text(f.name == nullptr ? "" : std::string(f.name, strnlen(f.name, 31)));
    m.Text(f.unit == nullptr ? "" : std::string(f.unit, strnlen(f.unit, 31)));
    m.out().U32(f.period_ms);
    m.Double(f.least);
    m.Double(f.most);
  }
  return m.Take();
}

std::optional<RemoteStarted> DecodeStarted(ByteSpan bytes) {
  ByteReader in(bytes);
  in.U8();
  if (in.U8() != kRemoteVersion) return std::nullopt;
  RemoteStarted out;
  out.ok = in.U8() == 1;
  out.error = Text(&in);
  const std::size_t count = in.U8();
  if (count > SELVAGE_TELEMETRY_MAX) return std::nullopt;
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    RemoteStarted::Field f;
    f.name = Text(&in);
    f.unit = Text(&in);
    f.period_ms = in.U32();
    f.least = Double(&in);
    f.most = Double(&in);
    out.fields.push_back(std::move(f));
  }
  if (!Whole(in)) return std::nullopt;
  return out;
}

Bytes EncodeCaps(const selvage_transport_caps& caps) {
  Message m(RemoteKind::kCaps);
  ByteWriter& out = m.out();
  out.U32(caps.flags);
  out.U32(caps.mtu);
  out.U32(caps.tariff);
  out.U64(caps.rate_bps);
  out.U64(static_cast<std::uint64_t>(caps.window_opens_ns));
  out.U64(static_cast<std::uint64_t>(caps.window_closes_ns));
  out.U32(caps.has_budget);
  out.U32(caps.idle_gap_ms);
  out.U64(caps.budget_bytes_left);
  out.U64(static_cast<std::uint64_t>(caps.budget_renews_ns));
  m.Text(caps.reason == nullptr ? "" : std::string(caps.reason, strnlen(caps.reason, 200)));
  return m.Take();
}

std::optional<RemoteCaps> DecodeCaps(ByteSpan bytes) {
  ByteReader in(bytes);
  in.U8();
  RemoteCaps out;
  selvage_transport_caps& caps = out.caps;
  caps.struct_size = sizeof(caps);
  caps.flags = in.U32();
  caps.mtu = in.U32();
  caps.tariff = in.U32();
  caps.rate_bps = in.U64();
  caps.window_opens_ns = Signed(in.U64());
  caps.window_closes_ns = Signed(in.U64());
  caps.has_budget = in.U32();
  caps.idle_gap_ms = in.U32();
  caps.budget_bytes_left = in.U64();
  caps.budget_renews_ns = Signed(in.U64());
  out.reason = Text(&in);
  if (!Whole(in)) return std::nullopt;
  return out;
}

Bytes EncodeAnswer(const RemoteAnswer& answer) {
  Message m(RemoteKind::kAnswer);
  m.out().U64(answer.token);
  m.out().U8(answer.result);
  m.out().U64(static_cast<std::uint64_t>(answer.retry_at_ns));
  return m.Take();
}

std::optional<RemoteAnswer> DecodeAnswer(ByteSpan bytes) {
  ByteReader in(bytes);
  in.U8();
  RemoteAnswer out;
  out.token = in.U64();
  out.result = in.U8();
  out.retry_at_ns = Signed(in.U64());
  if (!Whole(in)) return std::nullopt;
  return out;
}

Bytes EncodeEvent(const selvage_event& event) {
  const ByteSpan address(event.address, event.address == nullptr ? 0 : event.address_size);
  if (event.kind == SELVAGE_EVENT_RECEIVED) {
    if (event.data == nullptr || event.data_size > kRemoteBytesMax / 2) return {};
    Message m(RemoteKind::kReceived, kHeadBytes + event.data_size);
    m.Block(address.Sub(0, 255));
    m.Block({event.data, event.data_size});
    return m.Take();
  }
  if (event.kind == SELVAGE_EVENT_SENT) {
    Message m(RemoteKind::kSent);
    m.out().U64(event.token);
    m.out().U8(event.failed != 0 ? 1 : 0);
    return m.Take();
  }
  if (event.kind == SELVAGE_EVENT_TELEMETRY && event.values != nullptr) {
    Message m(RemoteKind::kSample);
    m.Block(address.Sub(0, 255));
    m.out().U64(event.present);
    const std::uint32_t count =
        std::min<std::uint32_t>(event.value_count, SELVAGE_TELEMETRY_MAX);
    m.out().U8(count);
    for (std::uint32_t i = 0; i < count; ++i) m.Double(event.values[i]);
    return m.Take();
  }
  return {};
}

std::optional<RemoteEvent> DecodeEvent(ByteSpan bytes) {
  ByteReader in(bytes);
  RemoteEvent out;
  switch (static_cast<RemoteKind>(in.U8())) {
    case RemoteKind::kReceived:
      out.kind = SELVAGE_EVENT_RECEIVED;
      out.address = Block(&in);
      out.data = Block(&in);
      break;
    case RemoteKind::kSent:
      out.kind = SELVAGE_EVENT_SENT;
      out.token = in.U64();
      out.failed = in.U8() != 0;
      break;
    case RemoteKind::kSample: {
      out.kind = SELVAGE_EVENT_TELEMETRY;
      out.address = Block(&in);
      out.present = in.U64();
      const std::size_t count = in.U8();
      if (count > SELVAGE_TELEMETRY_MAX) return std::nullopt;
      for (std::size_t i = 0; i < count && in.ok(); ++i) out.values.push_back(Double(&in));
      break;
    }
    default:
      return std::nullopt;
  }
  if (!Whole(in)) return std::nullopt;
  return out;
}

}  // namespace selvage
