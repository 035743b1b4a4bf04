// The per-hop cipher: seals and opens frames between two neighbours after their handshake.
//
// Sealed frame: type byte | receiver session id (2) | low bytes of the counter (4, slow radios 2) |
// ciphertext | tag (16, slow radios 8). The header is authenticated. The counter is the hop
// sequence number that the link monitor works on and the AEAD nonce at once; the receiver rebuilds
// the upper bits from the highest counter it has seen (as RFC 9000, appendix A.3, does) and keeps a
// replay window of 2,048 (RFC 6479).
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

  // `crypto` must outlive the cipher. `first_counter` is the first counter this side sends.
  SessionCipher(Crypto* crypto, const Keys& keys, std::uint16_t local_session,
                std::uint16_t remote_session, bool slow, std::uint64_t first_counter);

  // Bytes a sealed frame is longer than its content.
  std::size_t overhead_bytes() const;
  // Seals `content` into `out` (at least content.size() + overhead_bytes() long; content may lie in
  // `out` at offset header_bytes()). Returns the frame's size; *counter is its sequence number.
  std::size_t Seal(ByteSpan content, MutableByteSpan out, std::uint64_t* counter);
  std::size_t header_bytes() const;

  // Opens in place: on kOk *content points into `frame`. Never changes state on failure.
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
  std::uint64_t next_counter_;
  std::uint64_t sealed_frames_ = 0;
  ReplayWindow window_;
};

// The session id a sealed frame is addressed to; nullopt when it is too short or not sealed.
std::optional<std::uint16_t> SealedFrameSession(ByteSpan frame);

}  // namespace selvage
