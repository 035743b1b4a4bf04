#include "transports/small/fragments.h"

#include <algorithm>

namespace selvage {
namespace {

constexpr std::uint8_t kSingle = 0x50;
constexpr std::uint8_t kPart = 0x51;

}  // namespace

std::size_t FrameBytesMax(std::size_t unit_bytes, std::size_t most) {
  if (unit_bytes <= kPartHeaderBytes) return 0;
  return std::min((unit_bytes - kPartHeaderBytes) * kFragmentsMax, most);
}

int PartsToCome(ByteSpan unit) {
  if (unit.size() <= kPartHeaderBytes || unit[0] != kPart) return 0;
  const int packed = unit[1] << 8 | unit[2];
  return std::max(0, (packed >> 5 & 0x1f) - (packed & 0x1f));
}

std::vector<Bytes> Fragmenter::Split(ByteSpan frame, std::size_t unit_bytes) {
  std::vector<Bytes> out;
  if (frame.empty() || unit_bytes <= kPartHeaderBytes) return out;
  if (frame.size() + kSingleHeaderBytes <= unit_bytes) {
    Bytes unit{kSingle};
    unit.insert(unit.end(), frame.begin(), frame.end());
    out.push_back(std::move(unit));
    return out;
  }
  const std::size_t room = unit_bytes - kPartHeaderBytes;
  const std::size_t count = (frame.size() + room - 1) / room;
  if (count > kFragmentsMax) return out;
  const std::uint8_t id = next_id_;
  next_id_ = static_cast<std::uint8_t>((next_id_ + 1) & 0x3f);
  for (std::size_t i = 0; i < count; ++i) {
    const ByteSpan part = frame.Sub(i * room, room);
    const auto packed = static_cast<std::uint16_t>(id << 10 | (count - 1) << 5 | i);
    Bytes unit{kPart, static_cast<std::uint8_t>(packed >> 8), static_cast<std::uint8_t>(packed)};
    unit.insert(unit.end(), part.begin(), part.end());
    out.push_back(std::move(unit));
  }
  return out;
}

std::optional<Bytes> Reassembler::OnUnit(Time now, const PeerAddress& from, ByteSpan unit) {
  OnTimeout(now);
  if (unit.size() > kSingleHeaderBytes && unit[0] == kSingle) {
    ++counters_.frames;
    return unit.Sub(kSingleHeaderBytes).ToBytes();
  }
  if (unit.size() > kPartHeaderBytes && unit[0] == kPart) return OnPart(now, from, unit);
  ++counters_.malformed;
  return std::nullopt;
}

std::optional<Bytes> Reassembler::OnPart(Time now, const PeerAddress& from, ByteSpan unit) {
  const auto packed = static_cast<std::uint16_t>(unit[1] << 8 | unit[2]);
  const auto id = static_cast<std::uint8_t>(packed >> 10);
  const auto count = static_cast<std::uint8_t>((packed >> 5 & 0x1f) + 1);
  const std::size_t index = packed & 0x1f;
  if (count < 2 || index >= count) {
    ++counters_.malformed;
    return std::nullopt;
  }
  ++counters_.parts;
  const auto it = FindOrOpen(now, from, id, count);
  Bytes& slot = it->parts[index];
  if (!slot.empty()) {
    ++counters_.duplicates;
    return std::nullopt;
  }
  slot = unit.Sub(kPartHeaderBytes).ToBytes();
  if (++it->present < it->count) return std::nullopt;
  Bytes frame;
  bool even = true;
  for (std::size_t i = 0; i < it->parts.size(); ++i) {
    const Bytes& part = it->parts[i];
    const bool last = i + 1 == it->parts.size();
    even = even && (last ? part.size() <= it->parts[0].size()
                         : part.size() == it->parts[0].size());
    frame.insert(frame.end(), part.begin(), part.end());
  }
  open_.erase(it);
  if (!even) {  // parts of two frames under one id
    ++counters_.malformed;
    return std::nullopt;
  }
  ++counters_.frames;
  return frame;
}

std::list<Reassembler::Open>::iterator Reassembler::FindOrOpen(Time now, const PeerAddress& from,
                                                               std::uint8_t id,
                                                               std::uint8_t count) {
  auto oldest_of_peer = open_.end();
  std::size_t of_peer = 0;
  for (auto it = open_.begin(); it != open_.end(); ++it) {
    if (it->from != from) continue;
    if (it->id == id && it->count == count) return it;
    if (oldest_of_peer == open_.end()) oldest_of_peer = it;
    ++of_peer;
  }
  if (of_peer >= kOpenPerPeerMax) {
    open_.erase(oldest_of_peer);
    ++counters_.evicted;
  } else if (open_.size() >= kOpenMax) {
    open_.pop_front();
    ++counters_.evicted;
  }
  open_.push_back({from, id, count, now + patience_, std::vector<Bytes>(count), 0});
  return std::prev(open_.end());
}

void Reassembler::OnTimeout(Time now) {
  for (auto it = open_.begin(); it != open_.end();) {
    if (it->until <= now) {
      it = open_.erase(it);
      ++counters_.timed_out;
    } else {
      ++it;
    }
  }
}

Time Reassembler::NextDeadline() const {
  Time at = kNever;
  for (const Open& o : open_) at = std::min(at, o.until);
  return at;
}

}  // namespace selvage
