// The cryptographic primitives the protocol uses, behind one interface.
//
// Two providers: libsodium (devices) and a stand-in with the same lengths and no security
// (simulation: real Ed25519 makes large scenarios about 180 times slower). Every length is fixed by
// this header, so a simulated byte is a real byte. Thread safe, but for RandomBytes and key
// generation of the stand-in: its draws are a sequence, so one thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "core/bytes.h"

namespace selvage {

using PublicKey = std::array<std::uint8_t, 32>;     // X25519
using PrivateKey = std::array<std::uint8_t, 32>;    // X25519
using SigningKey = std::array<std::uint8_t, 64>;    // Ed25519 secret (seed || public), as libsodium
using VerifyKey = std::array<std::uint8_t, 32>;     // Ed25519 public
using Signature = std::array<std::uint8_t, 64>;     // Ed25519
using SymmetricKey = std::array<std::uint8_t, 32>;  // ChaCha20-Poly1305

inline constexpr std::size_t kTagBytes = 16;       // Poly1305
inline constexpr std::size_t kShortTagBytes = 8;   // truncated, on slow radios

class Crypto {
 public:
  virtual ~Crypto() = default;

  virtual void RandomBytes(MutableByteSpan out) = 0;

  // BLAKE2b (RFC 7693), unkeyed, 32- or 64-byte output.
  virtual std::array<std::uint8_t, 32> Hash32(ByteSpan in) = 0;
  virtual std::array<std::uint8_t, 64> Hash64(ByteSpan in) = 0;

  // Ed25519 (RFC 8032), detached.
  virtual void GenerateSigningKey(SigningKey* secret, VerifyKey* pub) = 0;
  virtual Signature Sign(const SigningKey& key, ByteSpan message) = 0;
  virtual bool Verify(const VerifyKey& key, ByteSpan message, const Signature& sig) = 0;

  // X25519 (RFC 7748). Dh returns false when the peer's key is of low order.
  virtual void GenerateKeyPair(PrivateKey* secret, PublicKey* pub) = 0;
  virtual PublicKey DerivePublic(const PrivateKey& secret) = 0;
  virtual bool Dh(const PrivateKey& secret, const PublicKey& peer, SymmetricKey* out) = 0;

  // ChaCha20-Poly1305 (RFC 8439); the 12-byte nonce is 4 zero bytes then `nonce` little endian, as
  // in the Noise specification section 12.3. `tag_bytes` is 16 or 8 (the first 8 of the tag).
  //
  // Seal: writes plain.size() + tag_bytes bytes to `out`, which may be plain.data() itself.
  virtual void Seal(const SymmetricKey& key, std::uint64_t nonce, ByteSpan ad, ByteSpan plain,
                    std::size_t tag_bytes, std::uint8_t* out) = 0;
  // Open: false (out unspecified) unless the tag is right; writes sealed.size() - tag_bytes bytes
  // to `out`, which may be sealed.data() itself.
  virtual bool Open(const SymmetricKey& key, std::uint64_t nonce, ByteSpan ad, ByteSpan sealed,
                    std::size_t tag_bytes, std::uint8_t* out) = 0;
};

// libsodium; initialises the library once. Never null.
std::shared_ptr<Crypto> NewSodiumCrypto();
// Same lengths, keyed checksums instead of cryptography, deterministic from `seed`. Never for a
// device: anybody can forge. The node refuses to load it outside simulation and tests.
std::shared_ptr<Crypto> NewStandInCrypto(std::uint64_t seed);

}  // namespace selvage
