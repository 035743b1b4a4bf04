#include "transports/memory/memory_network.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace selvage {
namespace {

// First byte of every address made here, so that a stray address of another transport is noticed.
constexpr std::uint8_t kMemoryTag = 0x4d;

}  // namespace

MemoryPort MemoryNetwork::AddPort() {
  outgoing_.emplace_back();
  return MemoryPort(static_cast<std::uint32_t>(outgoing_.size() - 1));
}

void MemoryNetwork::Connect(MemoryPort a, MemoryPort b, const ChannelModel& model) {
  SetChannel(a, b, model);
  SetChannel(b, a, model);
}

void MemoryNetwork::SetChannel(MemoryPort from, MemoryPort to, const ChannelModel& model) {
  if (from.value >= outgoing_.size() || to.value >= outgoing_.size() || from == to) return;
  outgoing_[from.value][to].model = model;
}

std::optional<ChannelModel> MemoryNetwork::FindChannel(MemoryPort from, MemoryPort to) const {
  if (from.value >= outgoing_.size()) return std::nullopt;
  const auto it = outgoing_[from.value].find(to);
  if (it == outgoing_[from.value].end()) return std::nullopt;
  return it->second.model;
}

MemoryNetwork::Channel* MemoryNetwork::Find(MemoryPort from, MemoryPort to) {
  if (from.value >= outgoing_.size()) return nullptr;
  const auto it = outgoing_[from.value].find(to);
  return it == outgoing_[from.value].end() ? nullptr : &it->second;
}

void MemoryNetwork::Cut(MemoryPort from, MemoryPort to) {
  if (Channel* channel = Find(from, to)) channel->cut = true;
}

void MemoryNetwork::Restore(MemoryPort from, MemoryPort to) {
  if (Channel* channel = Find(from, to)) channel->cut = false;
}

void MemoryNetwork::DropInFlight(MemoryPort port) {
  for (auto it = in_flight_.begin(); it != in_flight_.end();) {
    const bool concerned = it->second.from == port || it->second.to == port;
    it = concerned ? in_flight_.erase(it) : std::next(it);
  }
}

PeerAddress MemoryNetwork::AddressOf(MemoryPort port) {
  std::array<std::uint8_t, 5> bytes;
  ByteWriter writer(MutableByteSpan(bytes.data(), bytes.size()));
  writer.U8(kMemoryTag);
  writer.U32(port.value);
  return PeerAddress::From(bytes);
}

std::optional<MemoryPort> MemoryNetwork::PortOf(const PeerAddress& address) {
  ByteReader reader(address.Span());
  const std::uint8_t tag = reader.U8();
  const MemoryPort port(reader.U32());
  if (!reader.ok() || reader.remaining() != 0 || tag != kMemoryTag) return std::nullopt;
  return port;
}

void MemoryNetwork::Send(Time now, MemoryPort from, const PeerAddress& to, ByteSpan frame) {
  if (to.IsBroadcast() && from.value < outgoing_.size()) {
    for (auto& [port, channel] : outgoing_[from.value]) Offer(now, from, port, &channel, frame);
    return;
  }
  const std::optional<MemoryPort> port = PortOf(to);
  Channel* channel = port ? Find(from, *port) : nullptr;
  if (channel == nullptr) {
    ++counters_.unknown_peer;
    return;
  }
  Offer(now, from, *port, channel, frame);
}

void MemoryNetwork::Offer(Time now, MemoryPort from, MemoryPort to, Channel* channel,
                          ByteSpan frame) {
  const ChannelModel& model = channel->model;
  ++counters_.sent;
  counters_.sent_bytes += frame.size();
  if (frame.size() > model.mtu_bytes) {
    ++counters_.too_long;
    return;
  }
  // Every chance is drawn for every frame, so that switching one impairment on moves no other.
  const bool lost = random_.Uniform() < model.loss;
  const bool duplicated = random_.Uniform() < model.duplicate;
  const bool reordered = random_.Uniform() < model.reorder;
  const double jitter = random_.Uniform() * static_cast<double>(model.jitter.count());

  Time start = now;
  if (model.rate_bps > 0) {  // a frame that is lost has used its air time too
    start = std::max(start, channel->busy_until);
    start += Duration(static_cast<std::int64_t>(static_cast<double>(frame.size()) * 8e9 /
                                                static_cast<double>(model.rate_bps)));
    channel->busy_until = start;
  }
  if (channel->cut) {
    ++counters_.cut;
    return;
  }
  if (lost) {
    ++counters_.lost;
    return;
  }
  Time arrival = start + model.delay + Duration(static_cast<std::int64_t>(jitter));
  if (reordered) {
    arrival += model.reorder_delay;
  } else {
    arrival = std::max(arrival, channel->last_arrival);
    channel->last_arrival = arrival;
  }
  Enqueue(arrival, from, to, frame);
  if (duplicated) {
    ++counters_.duplicated;
    Enqueue(arrival + model.delay, from, to, frame);
  }
}

void MemoryNetwork::Enqueue(Time arrival, MemoryPort from, MemoryPort to, ByteSpan frame) {
  if (in_flight_.size() >= kInFlightMax) {
    ++counters_.overflowed;
    return;
  }
  in_flight_.emplace(std::make_pair(arrival, sequence_++), InFlight{from, to, frame.ToBytes()});
}

Time MemoryNetwork::NextDeadline() const {
  return in_flight_.empty() ? kNever : in_flight_.begin()->first.first;
}

std::optional<MemoryDelivery> MemoryNetwork::Poll(Time now) {
  if (in_flight_.empty() || in_flight_.begin()->first.first > now) return std::nullopt;
  auto node = in_flight_.extract(in_flight_.begin());
  ++counters_.delivered;
  return MemoryDelivery{node.mapped().to, AddressOf(node.mapped().from),
                        std::move(node.mapped().frame)};
}

}  // namespace selvage
