#include "agents/delivery/outbox_record.h"

#include <algorithm>

namespace selvage {
namespace {

constexpr std::uint8_t kFormat = 1;

}  // namespace

std::uint64_t FragmentsOf(std::size_t body_bytes) {
  return std::max<std::uint64_t>(1, (body_bytes + kFragmentBodyBytes - 1) / kFragmentBodyBytes);
}

std::string OutboxKey(std::uint64_t number) {
  Bytes b(8);
  ByteWriter w(b);
  w.U64(number);
  return kOutboxPrefix + ToHex(b);
}

std::optional<std::uint64_t> ParseOutboxKey(std::string_view key) {
  constexpr std::size_t kPrefixBytes = sizeof kOutboxPrefix - 1;
  Bytes b;
  if (key.substr(0, kPrefixBytes) != kOutboxPrefix || !FromHex(key.substr(kPrefixBytes), &b) ||
      b.size() != 8) {
    return std::nullopt;
  }
  ByteReader in(b);
  return in.U64();
}

std::string EncodeOutboxRecord(const OutboxRecord& r) {
  Bytes b(1 + 4 + 4 + 1 + 2 + 2 + 6 + 8 + r.message.body.size());
  ByteWriter w(b);
  w.U8(kFormat);
  w.U32(r.message.to.value);
  w.U32(r.epoch.value);
  w.U8(static_cast<std::uint64_t>(r.message.traffic_class));
  w.U16(r.message.port);
  w.U16(r.flow);
  w.U48(r.sequence);
  w.U64(static_cast<std::uint64_t>(r.message.deadline.count()));
  w.Put(r.message.body);
  return std::string(b.begin(), b.end());
}

std::optional<OutboxRecord> DecodeOutboxRecord(std::string_view encoded) {
  OutboxRecord r;
  ByteReader in(ByteSpan::Of(encoded));
  if (in.U8() != kFormat) return std::nullopt;
  r.message.to = ShortId(in.U32());
  r.epoch = Epoch(in.U32());
  const std::uint8_t c = in.U8();
  if (c >= kTrafficClasses) return std::nullopt;
  r.message.traffic_class = static_cast<TrafficClass>(c);
  r.message.port = in.U16();
  r.flow = in.U16();
  r.sequence = in.U48();
  r.message.deadline = Duration(static_cast<std::int64_t>(in.U64()));
  r.message.body = in.Rest().ToBytes();
  if (!in.ok()) return std::nullopt;
  r.last = r.sequence + FragmentsOf(r.message.body.size()) - 1;
  return r;
}

}  // namespace selvage
