#include "transports/lorawan/session.h"

#include <algorithm>

namespace selvage::lorawan {
namespace {

constexpr std::uint8_t kRecordVersion = 1;
constexpr std::uint64_t kCounterEnd = std::uint64_t{1} << 32;
constexpr std::size_t kRecordBytes = 1 + 1 + 1 + 4 + 4 * 16 + 4 * 8 + 2 * 3;

}  // namespace

std::size_t Session::CounterOf(Direction direction,
                               const std::optional<std::uint8_t>& fport) const {
  return keys_.version == Version::kV11 && direction == Direction::kDown && fport && *fport > 0;
}

std::string Session::Record() const {
  Bytes out(kRecordBytes);
  ByteWriter w(out);
  w.U8(kRecordVersion);
  w.U8(static_cast<std::uint8_t>(role_));
  w.U8(static_cast<std::uint8_t>(keys_.version));
  w.U32(dev_addr_);
  for (const Aes128Key* k :
       {&keys_.fnwk_s_int, &keys_.snwk_s_int, &keys_.nwk_s_enc, &keys_.app_s}) {
    w.Put(*k);
  }
  for (std::uint64_t v : send_next_) w.U64(v);
  for (std::uint64_t v : receive_next_) w.U64(v);
  for (const std::optional<std::uint16_t>& v : {owes_, awaits_}) {
    w.U8(v.has_value());
    w.U16(v.value_or(0));
  }
  return ByteSpan(out).ToString();
}

std::optional<Session> Session::Restore(ByteSpan record) {
  ByteReader r(record);
  if (record.size() != kRecordBytes || r.U8() != kRecordVersion) return std::nullopt;
  const std::uint8_t role = r.U8();
  const std::uint8_t version = r.U8();
  const std::uint32_t dev_addr = r.U32();
  if (role > 1 || version > 1) return std::nullopt;
  SessionKeys keys;
  keys.version = static_cast<Version>(version);
  for (Aes128Key* k : {&keys.fnwk_s_int, &keys.snwk_s_int, &keys.nwk_s_enc, &keys.app_s}) {
    *k = r.Array<16>();
  }
  Session s(static_cast<Role>(role), dev_addr, keys);
  for (std::uint64_t* v :
       {&s.send_next_[0], &s.send_next_[1], &s.receive_next_[0], &s.receive_next_[1]}) {
    *v = r.U64();
    if (*v > kCounterEnd) return std::nullopt;
  }
  for (std::optional<std::uint16_t>* v : {&s.owes_, &s.awaits_}) {
    const bool present = r.U8() != 0;
    const std::uint16_t value = r.U16();
    if (present) *v = value;
  }
  return s;
}

std::optional<Session::Sealed> Session::Seal(const OutgoingFrame& out) {
  std::uint64_t& next = send_next_[CounterOf(Outgoing(), out.fport)];
  if (next >= kCounterEnd) return std::nullopt;
  DataFrame f;
  f.direction = Outgoing();
  f.confirmed = out.confirmed;
  f.dev_addr = dev_addr_;
  f.adr = out.adr;
  f.adr_ack_request = out.adr_ack_request && role_ == Role::kDevice;
  f.ack = owes_.has_value();
  f.pending = out.pending;
  f.fcnt = static_cast<std::uint32_t>(next);
  f.fopts = out.fopts;
  f.fport = out.fport;
  f.payload = out.payload;
  const MicContext context{owes_.value_or(0), out.tx_data_rate, out.tx_channel};
  std::optional<Bytes> phy = SealData(f, keys_, context);
  if (!phy) return std::nullopt;
  ++next;
  owes_.reset();
  // A newer confirmed frame takes the place of an unanswered one: an ACK names no frame.
  if (out.confirmed) awaits_ = static_cast<std::uint16_t>(f.fcnt);
  return Sealed{std::move(*phy), Record(), f.fcnt};
}

std::optional<Session::Opened> Session::Open(ByteSpan phy, std::uint8_t rx_data_rate,
                                             std::uint8_t rx_channel) {
  const std::optional<DataFrame> header = ParseData(phy);
  if (!header || header->dev_addr != dev_addr_ || header->direction == Outgoing()) {
    return std::nullopt;
  }
  std::uint64_t& next = receive_next_[CounterOf(header->direction, header->fport)];
  // The smallest counter from `next` on with these low 16 bits.
  const std::uint64_t jump = (header->fcnt - next) & 0xffff;
  const std::uint64_t fcnt = next + jump;
  if (jump >= kFcntGapMax || fcnt >= kCounterEnd) return std::nullopt;
  const MicContext context{awaits_.value_or(0), rx_data_rate, rx_channel};
  std::optional<DataFrame> f = OpenData(phy, static_cast<std::uint32_t>(fcnt), keys_, context);
  if (!f) return std::nullopt;
  next = fcnt + 1;
  if (f->confirmed) owes_ = static_cast<std::uint16_t>(fcnt);
  Opened opened;
  opened.acknowledges = f->ack && awaits_.has_value();
  if (opened.acknowledges) awaits_.reset();
  opened.lost = static_cast<std::uint32_t>(jump);
  opened.frame = std::move(*f);
  opened.record = Record();
  return opened;
}

}  // namespace selvage::lorawan
