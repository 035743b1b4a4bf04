#include "core/frame.h"

#include <algorithm>

namespace selvage {
namespace {

constexpr std::int64_t kHeldStepNs = 8000;

// First byte of a data header.
constexpr std::uint8_t kClassMask = 0x03;
constexpr int kWalkShift = 2;
constexpr std::uint8_t kCopyBit = 0x10;
constexpr std::uint8_t kCarriedBit = 0x20;
constexpr std::uint8_t kFragmentBit = 0x40;
constexpr std::uint8_t kAttemptBit = 0x80;

// Hello intervals: milliseconds, or with this bit set units of 64 ms.
constexpr std::uint16_t kLongIntervalBit = 0x8000;
constexpr std::uint32_t kLongIntervalMs = 64;
constexpr std::uint16_t kNoInterval = 0xffff;

constexpr std::uint8_t kHelloWantsReply = 0x01;
constexpr std::uint8_t kHelloNotHearing = 0x02;
constexpr std::uint8_t kHelloReply = 0x04;

}  // namespace

bool CarriedFailures::Contains(EdgeId e) const { return std::find(begin(), end(), e) != end(); }

void CarriedFailures::Add(EdgeId e) {
  if (Contains(e)) return;
  if (size_ == kCarriedMax) {
    std::move(edges_.begin() + 1, edges_.end(), edges_.begin());
    --size_;
  }
  edges_[size_++] = e;
}

void WriteFeedback(const Feedback& f, ByteWriter* out) {
  out->U8(static_cast<std::uint8_t>(ChunkType::kFeedback));
  out->U32(f.highest);
  const std::int64_t steps = std::clamp<std::int64_t>(f.held.count() / kHeldStepNs, 0, 0xffff);
  out->U16(static_cast<std::uint64_t>(steps));
  int bytes = 0;
  while (bytes < 8 && (f.missing >> (8 * bytes)) != 0) ++bytes;
  out->U8(static_cast<std::uint64_t>(bytes));
  for (int i = 0; i < bytes; ++i) out->U8((f.missing >> (8 * i)) & 0xff);
}

void WriteHello(const Hello& h, ByteWriter* out) {
  out->U8(static_cast<std::uint8_t>(ChunkType::kHello));
  out->U8((h.wants_reply ? kHelloWantsReply : 0) | (h.not_hearing ? kHelloNotHearing : 0) |
          (h.reply ? kHelloReply : 0));
  const std::uint32_t interval = std::min(h.interval_ms, kHelloIntervalMaxMs);
  out->U16(h.interval_ms == kHelloNoPromise ? kNoInterval
           : interval < kLongIntervalBit
               ? interval
               : kLongIntervalBit | ((interval + kLongIntervalMs - 1) / kLongIntervalMs));
  out->U8(h.index.value);
  out->U32(h.map_digest);
}

void WriteBlob(ChunkType type, ByteSpan body, ByteWriter* out) {
  out->U8(static_cast<std::uint8_t>(type));
  out->U16(body.size());
  out->Put(body);
}

void WriteDataHeader(const DataHeader& h, ByteWriter* out) {
  out->U8(static_cast<std::uint8_t>(ChunkType::kData));
  const bool fragmented = h.fragments > 1;
  out->U8(static_cast<std::uint8_t>(h.traffic_class) | (h.walk << kWalkShift) |
          (h.copy != 0 ? kCopyBit : 0) | (h.carried.size() > 0 ? kCarriedBit : 0) |
          (fragmented ? kFragmentBit : 0) | (h.attempt != 0 ? kAttemptBit : 0));
  out->U8(h.hop_limit);
  out->U32(h.destination.value);
  out->U32(h.id.origin.value);
  out->U16(h.id.epoch);
  out->U16(h.id.flow);
  out->U48(h.id.sequence);
  if (h.attempt != 0) out->U8(h.attempt);
  if (fragmented) {
    out->U8(h.fragment);
    out->U8(h.fragments);
  }
  if (h.carried.size() > 0) {
    out->U8(h.carried.size());
    for (EdgeId e : h.carried) {
      out->U32(e.node.value);
      out->U8(e.index.value);
    }
  }
}

bool ReadDataHeader(ByteSpan body, DataHeader* header, ByteSpan* payload) {
  ByteReader in(body);
  DataHeader h;
  const std::uint8_t flags = in.U8();
  h.traffic_class = static_cast<TrafficClass>(flags & kClassMask);
  h.walk = (flags >> kWalkShift) & kWalkMax;
  h.copy = (flags & kCopyBit) != 0 ? 1 : 0;
  h.hop_limit = in.U8();
  h.destination = ShortId(in.U32());
  h.id.origin = ShortId(in.U32());
  h.id.epoch = in.U16();
  h.id.flow = in.U16();
  h.id.sequence = in.U48();
  if ((flags & kAttemptBit) != 0) {
    h.attempt = in.U8();
    if (h.attempt == 0) return false;
  }
  if ((flags & kFragmentBit) != 0) {
    h.fragment = in.U8();
    h.fragments = in.U8();
    if (h.fragments < 2 || h.fragment >= h.fragments) return false;
  }
  if ((flags & kCarriedBit) != 0) {
    const std::uint8_t n = in.U8();
    if (n == 0 || n > kCarriedMax) return false;
    for (int i = 0; i < n; ++i) {
      const ShortId node(in.U32());
      const AdjacencyIndex index(in.U8());
      h.carried.Add({node, index});
    }
  }
  if (!in.ok()) return false;
  *header = h;
  *payload = in.Rest();
  return true;
}

bool ChunkReader::Next(Chunk* out) {
  if (!ok_ || in_.remaining() == 0) return false;
  out->type = static_cast<ChunkType>(in_.U8());
  switch (out->type) {
    case ChunkType::kFeedback: {
      Feedback f;
      f.highest = in_.U32();
      f.held = Duration(std::int64_t{in_.U16()} * kHeldStepNs);
      const int bytes = in_.U8();
      if (bytes > 8) ok_ = false;
      for (int i = 0; ok_ && i < bytes; ++i) f.missing |= std::uint64_t{in_.U8()} << (8 * i);
      out->feedback = f;
      break;
    }
    case ChunkType::kHello: {
      const std::uint8_t flags = in_.U8();
      out->hello.wants_reply = (flags & kHelloWantsReply) != 0;
      out->hello.not_hearing = (flags & kHelloNotHearing) != 0;
      out->hello.reply = (flags & kHelloReply) != 0;
      const std::uint16_t interval = in_.U16();
      out->hello.interval_ms = interval == kNoInterval             ? kHelloNoPromise
                               : (interval & kLongIntervalBit) == 0
                                   ? interval
                                   : (interval & ~kLongIntervalBit & 0xffffu) * kLongIntervalMs;
      out->hello.index = AdjacencyIndex(in_.U8());
      out->hello.map_digest = in_.U32();
      break;
    }
    case ChunkType::kData:
    case ChunkType::kDirect:
      out->body = in_.Rest();
      break;
    default:
      out->body = in_.Take(in_.U16());
      break;
  }
  ok_ = ok_ && in_.ok();
  return ok_;
}

}  // namespace selvage
