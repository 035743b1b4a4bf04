#include "agents/delivery/sender.h"

#include <algorithm>

namespace selvage {
namespace {

constexpr char kPrefix[] = "outbox/";
constexpr std::uint8_t kFormat = 1;
// Walks end by the traversal rule (routing/forwarder.h); this bounds them in practice.
constexpr std::uint8_t kHopLimit = 64;

std::uint64_t FragmentsOf(std::size_t body_bytes) {
  return std::max<std::uint64_t>(1, (body_bytes + kFragmentBodyBytes - 1) / kFragmentBodyBytes);
}

}  // namespace

Sender::Sender(EndToEndCipher* cipher, ShortId self, Epoch epoch)
    : cipher_(cipher), self_(self), epoch_(epoch) {}

std::string Sender::StoreKey(std::uint64_t number) {
  Bytes b(8);
  ByteWriter w(b);
  w.U64(number);
  return kPrefix + ToHex(b);
}

std::string Sender::Encode(const Kept& k) {
  Bytes b(1 + 4 + 4 + 1 + 2 + 2 + 6 + 8 + k.message.body.size());
  ByteWriter w(b);
  w.U8(kFormat);
  w.U32(k.message.to.value);
  w.U32(k.epoch.value);
  w.U8(static_cast<std::uint64_t>(k.message.traffic_class));
  w.U16(k.message.port);
  w.U16(k.flow);
  w.U48(k.sequence);
  w.U64(static_cast<std::uint64_t>(k.message.deadline.count()));
  w.Put(k.message.body);
  return std::string(b.begin(), b.end());
}

bool Sender::Decode(std::string_view encoded, Kept* out) {
  ByteReader in(ByteSpan::Of(encoded));
  if (in.U8() != kFormat) return false;
  out->message.to = ShortId(in.U32());
  out->epoch = Epoch(in.U32());
  const std::uint8_t c = in.U8();
  if (c >= kTrafficClasses) return false;
  out->message.traffic_class = static_cast<TrafficClass>(c);
  out->message.port = in.U16();
  out->flow = in.U16();
  out->sequence = in.U48();
  out->message.deadline = Duration(static_cast<std::int64_t>(in.U64()));
  out->message.body = in.Rest().ToBytes();
  return in.ok();
}

// The time a message has left counts from anew after a restart: this node has no clock that goes on
// while it is off.
void Sender::Load(Time now, Store& store) {
  store.Scan(kPrefix, [&](std::string_view key, std::string_view value) {
    Bytes b;
    Kept k;
    if (!FromHex(key.substr(sizeof kPrefix - 1), &b) || b.size() != 8 || !Decode(value, &k)) {
      return true;
    }
    k.durable = true;
    k.next_attempt = now;
    k.expires = now + k.message.deadline;
    bytes_ += k.message.body.size();
    ByteReader in(b);
    outbox_[in.U64()] = std::move(k);
    return outbox_.size() < kOutboxMax;
  });
}

std::uint64_t Sender::NextSequence(ShortId to, std::uint16_t flow, std::uint64_t count) {
  std::uint64_t& next = sequences_[{to.value, flow}];
  const std::uint64_t first = next;
  next += count;
  return first;
}

void Sender::Seal(const OutgoingMessage& m, Epoch epoch, std::uint16_t flow, std::uint64_t sequence,
                  std::vector<OutgoingPacket>* out) {
  const std::uint64_t fragments = FragmentsOf(m.body.size());
  for (std::uint64_t i = 0; i < fragments; ++i) {
    OutgoingPacket p;
    p.header.traffic_class = m.traffic_class;
    p.header.hop_limit = kHopLimit;
    p.header.destination = m.to;
    p.header.id = {self_, static_cast<std::uint16_t>(epoch.value), flow, sequence + i};
    p.header.fragment = static_cast<std::uint8_t>(i);
    p.header.fragments = static_cast<std::uint8_t>(fragments);
    const ByteSpan piece = ByteSpan(m.body).Sub(i * kFragmentBodyBytes, kFragmentBodyBytes);
    std::optional<Bytes> sealed = cipher_->Seal(p.header, epoch, MakePlain(m.kind, m.port, piece));
    if (!sealed) return;
    p.payload = *std::move(sealed);
    out->push_back(std::move(p));
  }
}

std::vector<OutgoingPacket> Sender::SealNow(const OutgoingMessage& m) {
  std::vector<OutgoingPacket> out;
  const std::uint16_t flow =
      FlowOf(m.traffic_class, m.kind == PayloadKind::kReceipt ? kReceiptPort : m.port);
  Seal(m, epoch_, flow, NextSequence(m.to, flow, FragmentsOf(m.body.size())), &out);
  return out;
}

std::uint64_t Sender::Keep(Time now, OutgoingMessage message, StoreWrite* write) {
  if (outbox_.size() >= kOutboxMax || bytes_ + message.body.size() > kOutboxBytesMax) return 0;
  Kept k;
  k.epoch = epoch_;
  k.flow = FlowOf(message.traffic_class, message.port);
  k.sequence = NextSequence(message.to, k.flow, FragmentsOf(message.body.size()));
  if (message.deadline <= Duration(0)) {
    message.deadline =
        message.traffic_class == TrafficClass::kCritical ? kDeadlineCritical : kDeadlineReliable;
  }
  k.expires = now + message.deadline;
  k.message = std::move(message);
  const std::uint64_t number = (std::uint64_t{epoch_.value} << 32) | ++last_number_;
  *write = {StoreKey(number), Encode(k)};
  bytes_ += k.message.body.size();
  outbox_[number] = std::move(k);
  return number;
}

bool Sender::OnDurable(Time now, std::uint64_t number) {
  auto it = outbox_.find(number);
  if (it == outbox_.end()) return false;
  it->second.durable = true;
  it->second.next_attempt = now;
  return true;
}

std::optional<StoreWrite> Sender::Withdraw(std::uint64_t number) {
  auto it = outbox_.find(number);
  if (it == outbox_.end() || it->second.durable) return std::nullopt;
  Remove(it);
  return StoreWrite{StoreKey(number), std::nullopt};
}

void Sender::Remove(std::map<std::uint64_t, Kept>::iterator it) {
  bytes_ -= it->second.message.body.size();
  outbox_.erase(it);
}

Bytes Sender::ReceiptBody(Epoch epoch, const PacketId& first) {
  Bytes body(12);
  ByteWriter w(body);
  w.U32(epoch.value);
  w.U16(first.flow);
  w.U48(first.sequence);
  return body;
}

Sender::Settled Sender::OnReceipt(ShortId from, ByteSpan body) {
  ByteReader in(body);
  const Epoch epoch(in.U32());
  const std::uint16_t flow = in.U16();
  const std::uint64_t sequence = in.U48();
  if (!in.ok()) return {};
  for (auto it = outbox_.begin(); it != outbox_.end(); ++it) {
    const Kept& k = it->second;
    if (k.message.to != from || k.epoch != epoch || k.flow != flow || k.sequence != sequence)
      continue;
    Settled s{it->first, true, "", {StoreKey(it->first), std::nullopt}};
    Remove(it);
    return s;
  }
  return {};
}

void Sender::OnMapChanged(Time now) {
  for (auto& [number, k] : outbox_) {
    if (!k.durable || k.pause <= kRetryFirst) continue;
    k.pause = kRetryFirst;
    k.next_attempt = std::min(k.next_attempt, now + kRetryFirst);
  }
}

void Sender::OnTimeout(Time now) {
  for (auto it = outbox_.begin(); it != outbox_.end();) {
    Kept& k = it->second;
    if (now >= k.expires) {
      expired_.push_back({it->first,
                          false,
                          "no receipt within " +
                              std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                 k.message.deadline)
                                                 .count()) +
                              " ms",
                          {StoreKey(it->first), std::nullopt}});
      Remove(it++);
      continue;
    }
    if (k.durable && now >= k.next_attempt) {
      Seal(k.message, k.epoch, k.flow, k.sequence, &packets_);
      k.next_attempt = now + k.pause;
      k.pause = std::min(k.pause * 2, kRetryMax);
    }
    ++it;
  }
}

Time Sender::NextDeadline() const {
  Time at = kNever;
  for (const auto& [number, k] : outbox_) {
    at = std::min(at, k.durable ? std::min(k.next_attempt, k.expires) : k.expires);
  }
  return at;
}

}  // namespace selvage
