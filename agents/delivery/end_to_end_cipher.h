// Seals payloads from this node to another, so that relays read nothing, without a handshake.
//
// Key: BLAKE2b-256 over "selvage end to end 1" || X25519(own static, peer static) || origin id ||
// destination id || origin epoch (4). Static keys, because a message may wait in an outbox for
// days; the epoch, which no origin ever uses twice, makes nonces unique over restarts. Nonce: flow
// (16 bits) || sequence (48 bits), unique per key by construction. Authenticated with it: class,
// destination, origin, epoch, flow, sequence, fragment fields: all of the header that relays may
// not change.
#pragma once

#include <map>
#include <optional>
#include <tuple>

#include "agents/membership/certificate_book.h"
#include "core/crypto.h"
#include "core/frame.h"

namespace selvage {

class EndToEndCipher {
 public:
  static constexpr std::size_t kKeysMax = 4096;

  // Referenced objects must outlive this one.
  EndToEndCipher(Crypto* crypto, const Identity* identity, const CertificateBook* book)
      : crypto_(crypto), identity_(identity), book_(book) {}

  // nullopt when the destination's certificate is unknown. `epoch` is this node's, in full.
  std::optional<Bytes> Seal(const DataHeader& header, Epoch epoch, ByteSpan plain);
  // nullopt when the origin is unknown or the seal does not hold. `epoch` is the origin's, in full.
  std::optional<Bytes> Open(const DataHeader& header, Epoch epoch, ByteSpan sealed);

 private:
  const SymmetricKey* KeyFor(ShortId origin, ShortId destination, Epoch epoch);

  Crypto* crypto_;
  const Identity* identity_;
  const CertificateBook* book_;
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, SymmetricKey> keys_;
};

}  // namespace selvage
