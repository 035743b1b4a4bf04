// The per-hop cipher: seals and opens frames between two neighbours after their handshake.
//
// Sealed frame: type byte | receiver session id (2) | low bytes of the counter (4, slow radios 2) |
// ciphertext | tag (16, slow radios 8). The header is authenticated. The counter is the hop
// sequence number that the link monitor works on and the AEAD nonce at once; the receiver rebuilds
// the upper bits from the highest counter it has seen (as RFC 9000, appendix A.3, does) and keeps a
// replay window of 2,048 (RFC 6479).
//
// The counter is rebuilt right while fewer than half its low range is lost in a row: 2^31 frames,
// on slow radios 2^15. After that the session is deaf and its peers shake hands again.
// Not thread safe. Neither Seal nor Open allocates.
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "core/crypto.h"
#include "core/replay_window.h"

namespace selvage {

class SessionCipher {
 public:
  struct Keys {
    SymmetricKey send{};
    SymmetricKey receive{};
  };
  enum class OpenResult { kOk, kMalformed, kForged, kReplayed };

  // `crypto` must outlive the cipher. `first_counter` is the first counter this side sends,
  // `peer_first_counter` the first the peer sends (the upper bits must be right: exchange it in the
  // handshake when it is not 0).
  SessionCipher(Crypto* crypto, const Keys& keys, std::uint16_t local_session,
                std::uint16_t remote_session, bool slow, std::uint64_t first_counter,
                std::uint64_t peer_first_counter = 0);

  // Bytes a sealed frame is longer than its content.
  std::size_t overhead_bytes() const;
  // Seals `content` into `out` (at least content.size() + overhead_bytes() long; content may lie in
  // `out` at offset header_bytes()). Returns the frame's size; *counter is its sequence number.
  std::size_t Seal(ByteSpan content, MutableByteSpan out, std::uint64_t* counter);
  std::size_t header_bytes() const;

  // Opens in place: on kOk *content points into `frame`. Never changes state on failure; the bytes
  // of `frame` are then unspecified. kMalformed: not a frame of this session; kForged: wrong tag;
  // kReplayed: the counter was seen or is older than the window (told before the tag is checked,
  // because a replay must cost little).
  OpenResult Open(MutableByteSpan frame, std::uint64_t* counter, MutableByteSpan* content);

  std::uint16_t local_session() const { return local_session_; }
  std::uint16_t remote_session() const { return remote_session_; }
  std::uint64_t next_counter() const { return next_counter_; }
  std::uint64_t sealed_frames() const { return sealed_frames_; }

 private:
  Crypto* crypto_;
  Keys keys_;
  std::uint16_t local_session_;
  std::uint16_t remote_session_;
  bool slow_;
  std::uint64_t peer_first_counter_;
  std::uint64_t next_counter_;
  std::uint64_t sealed_frames_ = 0;
  ReplayWindow window_;
};

// The full counter whose low `bits` (1..63) are `low` and that lies nearest to `expected`
// (RFC 9000, appendix A.3).
std::uint64_t ExpandCounter(std::uint64_t expected, std::uint64_t low, int bits);

// The session id a sealed frame is addressed to; nullopt when it is too short or not sealed.
std::optional<std::uint16_t> SealedFrameSession(ByteSpan frame);

}  // namespace selvage
