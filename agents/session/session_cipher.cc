#include "agents/session/session_cipher.h"

#include <cassert>

#include "core/wire_types.h"

namespace selvage {
namespace {

constexpr std::size_t kCounterAt = 3;  // after the type byte and the receiver's session id

constexpr std::size_t CounterBytes(bool slow) { return slow ? 2 : 4; }
constexpr std::size_t TagBytes(bool slow) { return slow ? kShortTagBytes : kTagBytes; }
constexpr std::size_t HeaderBytes(bool slow) { return kCounterAt + CounterBytes(slow); }
constexpr FrameType TypeOf(bool slow) { return slow ? FrameType::kSealedSlow : FrameType::kSealed; }

}  // namespace

std::uint64_t ExpandCounter(std::uint64_t expected, std::uint64_t low, int bits) {
  const std::uint64_t range = std::uint64_t{1} << bits;
  const std::uint64_t half = range / 2;
  const std::uint64_t candidate = (expected & ~(range - 1)) | low;
  // Differences instead of the RFC's sums: nothing overflows at either end of 64 bits.
  if (candidate < expected && expected - candidate >= half && candidate <= UINT64_MAX - range) {
    return candidate + range;
  }
  if (candidate > expected && candidate - expected > half && candidate >= range) {
    return candidate - range;
  }
  return candidate;
}

SessionCipher::SessionCipher(Crypto* crypto, const Keys& keys, std::uint16_t local_session,
                             std::uint16_t remote_session, bool slow, std::uint64_t first_counter,
                             std::uint64_t peer_first_counter)
    : crypto_(crypto),
      keys_(keys),
      local_session_(local_session),
      remote_session_(remote_session),
      slow_(slow),
      peer_first_counter_(peer_first_counter),
      next_counter_(first_counter) {}

std::size_t SessionCipher::header_bytes() const { return HeaderBytes(slow_); }

std::size_t SessionCipher::overhead_bytes() const { return HeaderBytes(slow_) + TagBytes(slow_); }

std::size_t SessionCipher::Seal(ByteSpan content, MutableByteSpan out, std::uint64_t* counter) {
  const std::size_t size = content.size() + overhead_bytes();
  assert(out.size() >= size);
  *counter = next_counter_++;
  ++sealed_frames_;
  const std::size_t header = header_bytes();
  std::uint8_t* body = out.data() + header;
  if (content.data() != body && !content.empty()) {
    std::memmove(body, content.data(), content.size());  // before the header: they may overlap
  }
  ByteWriter w({out.data(), header});
  w.U8(MakeTypeByte(TypeOf(slow_)));
  w.U16(remote_session_);
  slow_ ? w.U16(*counter) : w.U32(*counter);
  crypto_->Seal(keys_.send, *counter, {out.data(), header}, {body, content.size()}, TagBytes(slow_),
                body);
  return size;
}

SessionCipher::OpenResult SessionCipher::Open(MutableByteSpan frame, std::uint64_t* counter,
                                              MutableByteSpan* content) {
  if (frame.size() < overhead_bytes()) return OpenResult::kMalformed;
  const std::size_t header = header_bytes();
  ByteReader r({frame.data(), header});
  if (r.U8() != MakeTypeByte(TypeOf(slow_)) || r.U16() != local_session_) {
    return OpenResult::kMalformed;
  }
  const std::uint64_t low = slow_ ? r.U16() : r.U32();
  const std::uint64_t expected = window_.empty() ? peer_first_counter_ : window_.highest() + 1;
  const std::uint64_t full =
      ExpandCounter(expected, low, static_cast<int>(8 * CounterBytes(slow_)));
  if (!window_.WouldAccept(full)) return OpenResult::kReplayed;

  std::uint8_t* body = frame.data() + header;
  const std::size_t sealed = frame.size() - header;
  if (!crypto_->Open(keys_.receive, full, {frame.data(), header}, {body, sealed}, TagBytes(slow_),
                     body)) {
    return OpenResult::kForged;
  }
  window_.Accept(full);
  *counter = full;
  *content = {body, sealed - TagBytes(slow_)};
  return OpenResult::kOk;
}

std::optional<std::uint16_t> SealedFrameSession(ByteSpan frame) {
  if (frame.size() < kCounterAt) return std::nullopt;
  const auto type = ParseTypeByte(frame[0]);
  if (type != FrameType::kSealed && type != FrameType::kSealedSlow) return std::nullopt;
  const bool slow = type == FrameType::kSealedSlow;
  if (frame.size() < HeaderBytes(slow) + TagBytes(slow)) return std::nullopt;
  return static_cast<std::uint16_t>((frame[1] << 8) | frame[2]);
}

}  // namespace selvage
