// Noise_XX_25519_ChaChaPoly_BLAKE2b (Noise Protocol Framework, revision 34): mutual authentication
// and keys in three messages, neither side known to the other before.
//
//   -> e
//   <- e, ee, s, es
//   -> s, se
//
// Checked against the published cacophony test vectors (tests/agents/session/noise_test.cc).
// A failed ReadMessage leaves the handshake unusable: drop it. The exception is a message out of
// turn, which is refused and changes nothing. Not thread safe; wipes its secrets when destroyed.
#pragma once

#include <memory>
#include <optional>

#include "core/bytes.h"
#include "core/crypto.h"

namespace selvage {

class NoiseXx {
 public:
  enum class Role { kInitiator, kResponder };
  struct Keys {
    SymmetricKey send{};
    SymmetricKey receive{};
  };

  // `crypto` must outlive the handshake. `prologue` must be equal on both sides.
  // `ephemeral` is for test vectors; leave it out and the crypto provider makes one.
  NoiseXx(Crypto* crypto, Role role, ByteSpan prologue, const PrivateKey& static_key,
          std::optional<PrivateKey> ephemeral = std::nullopt);
  ~NoiseXx();
  NoiseXx(NoiseXx&&) noexcept;
  NoiseXx& operator=(NoiseXx&&) noexcept;

  // The next message with `payload` (at most 65,000 bytes). Empty when the handshake has failed, or
  // fails now because the peer's ephemeral key is of low order. REQUIRES: it is this side's turn.
  Bytes WriteMessage(ByteSpan payload);
  // The payload of the peer's message, or nullopt when it is malformed or forged.
  std::optional<Bytes> ReadMessage(ByteSpan message);

  bool finished() const;
  // REQUIRES: finished().
  Keys Split() const;
  // Zeros until the message that carries it was read (the second for the initiator, the third for
  // the responder).
  PublicKey remote_static() const;
  // Names this session for both sides (channel binding). REQUIRES: finished().
  std::array<std::uint8_t, 64> handshake_hash() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace selvage
