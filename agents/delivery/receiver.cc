#include "agents/delivery/receiver.h"

#include <algorithm>

namespace selvage {
namespace {

constexpr char kPrefix[] = "received/";

std::string StoreKey(std::uint32_t origin, std::uint32_t epoch, std::uint16_t flow) {
  Bytes b(10);
  ByteWriter w(b);
  w.U32(origin);
  w.U32(epoch);
  w.U16(flow);
  return kPrefix + ToHex(b);
}

}  // namespace

Receiver::Receiver(EndToEndCipher* cipher, Store& store) : cipher_(cipher) {
  store.Scan(kPrefix, [&](std::string_view key, std::string_view value) {
    Bytes b;
    auto set = IntervalSet::Decode(value);
    if (set && FromHex(key.substr(sizeof kPrefix - 1), &b) && b.size() == 10) {
      ByteReader in(b);
      const std::uint32_t origin = in.U32();
      const std::uint32_t epoch = in.U32();
      received_[FlowKey(origin, epoch, in.U16())] = *std::move(set);
    }
    return received_.size() < kFlowsMax;
  });
}

Receiver::Window* Receiver::WindowOf(const FlowKey& flow) {
  auto it = windows_.find(flow);
  if (it == windows_.end()) {
    if (windows_.size() >= kFlowsMax) {
      windows_.erase(std::min_element(
          windows_.begin(), windows_.end(),
          [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
    }
    it = windows_.emplace(flow, Window()).first;
  }
  it->second.used = ++uses_;
  return &it->second;
}

std::optional<ReceivedMessage> Receiver::OnPacket(Time now, const DataHeader& header, Epoch epoch,
                                                  ByteSpan sealed) {
  const FlowKey flow(header.id.origin.value, epoch.value, header.id.flow);
  if (header.id.sequence < header.fragment) {
    ++counters_.malformed;
    return std::nullopt;
  }
  const bool durable =
      WantsReceipt(header.traffic_class) && (header.id.flow & 0x3fffu) != kReceiptPort;
  bool duplicate = false;
  if (durable) {
    const auto seen = received_.find(flow);
    duplicate = seen != received_.end() && seen->second.Contains(header.id.sequence);
  } else {
    const auto window = windows_.find(flow);
    if (window != windows_.end() && !window->second.window.WouldAccept(header.id.sequence)) {
      ++counters_.duplicates;
      return std::nullopt;
    }
  }
  std::optional<Bytes> plain = cipher_->Open(header, epoch, sealed);
  if (!plain) {
    ++counters_.forged;
    return std::nullopt;
  }
  if (plain->size() < kPayloadHeaderBytes || !IsPayloadKind((*plain)[0])) {
    ++counters_.malformed;
    return std::nullopt;
  }
  ReceivedMessage message;
  message.origin = header.id.origin;
  message.epoch = epoch;
  message.traffic_class = header.traffic_class;
  message.kind = static_cast<PayloadKind>((*plain)[0]);
  message.port = static_cast<std::uint16_t>(((*plain)[1] << 8) | (*plain)[2]);
  message.first = header.id;
  message.first.sequence -= header.fragment;
  message.wants_receipt = durable;
  if (duplicate) {  // its receipt got lost: it is owed again
    ++counters_.duplicates;
    message.duplicate = true;
    if (unsaved_.count(flow) != 0) Save(flow, &message);
    return message;
  }
  if (!durable) WindowOf(flow)->window.Accept(header.id.sequence);
  std::optional<Bytes> whole =
      header.fragments == 1 ? std::move(plain) : Assemble(now, header, flow, *std::move(plain));
  if (!whole) return std::nullopt;
  return Complete(std::move(message), header, flow, *std::move(whole));
}

std::optional<Bytes> Receiver::Assemble(Time now, const DataHeader& header, const FlowKey& flow,
                                        Bytes plain) {
  const PartialKey key(flow, header.id.sequence - header.fragment);
  DropPartials(now, partials_.count(key) == 0);
  Partial& p = partials_[key];
  if (p.pieces.empty()) {
    p.started = now;
    p.pieces.resize(header.fragments);
    p.missing = header.fragments;
  }
  if (p.pieces.size() != header.fragments || !p.pieces[header.fragment].empty())
    return std::nullopt;
  p.bytes += plain.size();
  partial_bytes_ += plain.size();
  p.pieces[header.fragment] = std::move(plain);
  if (--p.missing > 0) return std::nullopt;
  Bytes whole = std::move(p.pieces[0]);
  for (std::size_t i = 1; i < p.pieces.size(); ++i) {
    whole.insert(whole.end(), p.pieces[i].begin() + kPayloadHeaderBytes, p.pieces[i].end());
  }
  partial_bytes_ -= p.bytes;
  partials_.erase(key);
  return whole;
}

std::optional<ReceivedMessage> Receiver::Complete(ReceivedMessage message, const DataHeader& header,
                                                  const FlowKey& flow, Bytes plain) {
  plain.erase(plain.begin(), plain.begin() + kPayloadHeaderBytes);
  message.body = std::move(plain);
  if (!message.wants_receipt) return message;
  if (received_.size() >= kFlowsMax && received_.count(flow) == 0) {
    // One row has to go, on the disk as well. The first in order belongs to the oldest epoch of its
    // origin: the one least likely to still have anything in flight.
    const auto [origin, epoch, old_flow] = received_.begin()->first;
    message.writes.push_back({StoreKey(origin, epoch, old_flow), std::nullopt});
    unsaved_.erase(received_.begin()->first);
    received_.erase(received_.begin());
  }
  IntervalSet& set = received_[flow];
  const std::uint64_t first = message.first.sequence;
  if (!set.Insert(first, first + header.fragments - 1)) {
    ++counters_.refused_full;
    return std::nullopt;
  }
  Save(flow, &message);
  return message;
}

void Receiver::Save(const FlowKey& flow, ReceivedMessage* message) {
  const auto [origin, epoch, number] = flow;
  message->writes.push_back({StoreKey(origin, epoch, number), received_.at(flow).Encode()});
  unsaved_.erase(flow);
}

void Receiver::OnWriteRefused(const ReceivedMessage& message) {
  const FlowKey flow(message.origin.value, message.epoch.value, message.first.flow);
  if (received_.count(flow) != 0) unsaved_.insert(flow);
}

// Makes room: those whose time is up, and for a new one the oldest while there are too many.
void Receiver::DropPartials(Time now, bool room_for_one) {
  auto drop = [this](std::map<PartialKey, Partial>::iterator it) {
    ++counters_.partial_dropped;
    partial_bytes_ -= it->second.bytes;
    return partials_.erase(it);
  };
  for (auto it = partials_.begin(); it != partials_.end();) {
    it = now - it->second.started > kPartialLifetime ? drop(it) : std::next(it);
  }
  while (!partials_.empty() && partial_bytes_ >= kPartialBytesMax) drop(OldestPartial());
  while (room_for_one && partials_.size() >= kPartialsMax) drop(OldestPartial());
}

std::map<Receiver::PartialKey, Receiver::Partial>::iterator Receiver::OldestPartial() {
  return std::min_element(partials_.begin(), partials_.end(), [](const auto& a, const auto& b) {
    return a.second.started < b.second.started;
  });
}

}  // namespace selvage
