#include "agents/delivery/relay_store.h"

#include <algorithm>

namespace selvage {
namespace {

constexpr char kPrefix[] = "carry/";
constexpr std::uint8_t kFormat = 1;

std::string StoreKey(const MessageId& id) {
  Bytes b(20);
  ByteWriter w(b);
  w.U32(id.origin.value);
  w.U32(id.epoch.value);
  w.U32(id.destination.value);
  w.U16(id.flow);
  w.U48(id.sequence);
  return kPrefix + ToHex(b);
}

// format (1) | brought by (4) | envelope
std::string EncodeRow(const RelayStore::Entry& e) {
  Bytes b(5 + e.body.size());
  ByteWriter w(b);
  w.U8(kFormat);
  w.U32(e.brought_by.value);
  w.Put(e.body);
  return std::string(b.begin(), b.end());
}

// The fields of an envelope that change from hand to hand are its first five bytes.
void Restamp(std::uint8_t generation, Duration lifetime, Bytes* body) {
  ByteWriter w(MutableByteSpan(body->data(), 5));
  w.U8(generation);
  const auto s = std::chrono::duration_cast<std::chrono::seconds>(lifetime).count();
  w.U32(static_cast<std::uint32_t>(std::clamp<std::int64_t>(s, 0, UINT32_MAX)));
}

}  // namespace

void RelayStore::Load(Time now, Store& store) {
  store.Scan(kPrefix, [&](std::string_view, std::string_view value) {
    ByteReader in(ByteSpan::Of(value));
    const bool known = in.U8() == kFormat;
    const ShortId from(in.U32());
    const ByteSpan body = in.Rest();
    const auto message = DecodeCarried(body);
    if (!known || !in.ok() || !message || message->id.destination == self_) return true;
    Entry e;
    e.brought_by = from;
    e.generation = message->generation;
    e.durable = true;
    e.expires = now + std::min<Duration>(message->lifetime, kLifetimeMax);
    e.body = body.ToBytes();
    Insert(message->id, std::move(e));
    return entries_.size() < limits_.messages_max && bytes_ < limits_.bytes_max;
  });
}

void RelayStore::Insert(const MessageId& id, Entry entry) {
  Account& account = accounts_[AccountOf(entry.brought_by, id.origin)];
  ++account.messages;
  account.bytes += entry.body.size();
  bytes_ += entry.body.size();
  expiries_.insert({entry.expires, id});
  entries_[id] = std::move(entry);
}

RelayStore::Entry RelayStore::Remove(std::map<MessageId, Entry>::iterator it) {
  Entry e = std::move(it->second);
  const auto account = accounts_.find(AccountOf(e.brought_by, it->first.origin));
  --account->second.messages;
  account->second.bytes -= e.body.size();
  if (account->second.messages == 0) accounts_.erase(account);
  bytes_ -= e.body.size();
  expiries_.erase({e.expires, it->first});
  entries_.erase(it);
  return e;
}

RelayStore::Answer RelayStore::Take(Time now, ShortId from, const CarriedMessage& message,
                                    StoreWrite* write) {
  if (entries_.count(message.id) != 0) return Answer::kHave;
  Entry e;
  e.brought_by = from;
  e.generation = message.generation;
  e.expires = now + std::min<Duration>(message.lifetime, kLifetimeMax);
  e.body = EncodeCarried(message);
  const std::size_t size = e.body.size();
  const bool own = from == message.id.origin;
  const std::size_t share = own ? kShareOwn : kShareBrought;
  const auto found = accounts_.find(AccountOf(from, message.id.origin));
  const Account account = found == accounts_.end() ? Account() : found->second;
  if (message.generation > kGenerationsMax || message.lifetime < 1s ||
      entries_.size() >= limits_.messages_max || bytes_ + size > limits_.bytes_max ||
      account.messages >= limits_.messages_max / share ||
      account.bytes + size > limits_.bytes_max / share) {
    ++refused_;
    return Answer::kRefused;
  }
  *write = {StoreKey(message.id), EncodeRow(e)};
  Insert(message.id, std::move(e));
  return Answer::kTaken;
}

std::optional<ShortId> RelayStore::OnDurable(const MessageId& id) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return std::nullopt;
  it->second.durable = true;
  return it->second.brought_by;
}

std::optional<StoreWrite> RelayStore::Withdraw(const MessageId& id) {
  const auto it = entries_.find(id);
  if (it == entries_.end() || it->second.durable) return std::nullopt;
  Remove(it);
  return StoreWrite{StoreKey(id), std::nullopt};
}

std::optional<RelayStore::Dropped> RelayStore::Drop(const MessageId& id) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return std::nullopt;
  return Dropped{{StoreKey(id), std::nullopt}, Remove(it).given};
}

std::vector<RelayStore::Dropped> RelayStore::Expire(Time now) {
  std::vector<Dropped> out;
  while (!expiries_.empty() && expiries_.begin()->first <= now) {
    const MessageId id = expiries_.begin()->second;
    out.push_back(*Drop(id));
  }
  return out;
}

std::optional<Bytes> RelayStore::Envelope(Time now, const MessageId& id) const {
  const auto it = entries_.find(id);
  if (it == entries_.end() || !it->second.durable || it->second.expires <= now) {
    return std::nullopt;
  }
  Bytes body = it->second.body;
  Restamp(static_cast<std::uint8_t>(it->second.generation + 1), it->second.expires - now, &body);
  return body;
}

void RelayStore::NoteGiven(const MessageId& id, ShortId carrier) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  std::vector<ShortId>& given = it->second.given;
  if (std::find(given.begin(), given.end(), carrier) != given.end()) return;
  if (given.size() >= kGivenMax) given.erase(given.begin());
  given.push_back(carrier);
}

bool RelayStore::Durable(const MessageId& id) const {
  const auto it = entries_.find(id);
  return it != entries_.end() && it->second.durable;
}

Time RelayStore::NextDeadline() const {
  return expiries_.empty() ? kNever : expiries_.begin()->first;
}

}  // namespace selvage
