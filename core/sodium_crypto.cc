// Crypto on libsodium.
#include <sodium.h>

#include <cassert>

#include "core/crypto.h"

namespace selvage {
namespace {

static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == kTagBytes);
static_assert(crypto_sign_SECRETKEYBYTES == std::tuple_size_v<SigningKey>);
static_assert(crypto_sign_PUBLICKEYBYTES == std::tuple_size_v<VerifyKey>);
static_assert(crypto_sign_BYTES == std::tuple_size_v<Signature>);
static_assert(crypto_scalarmult_BYTES == std::tuple_size_v<PublicKey>);

using Nonce = std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES>;

void StoreLe64(std::uint64_t v, std::uint8_t* out) {
  for (int i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(v >> (8 * i));
}

Nonce MakeNonce(std::uint64_t counter) {
  Nonce nonce{};
  StoreLe64(counter, nonce.data() + 4);
  return nonce;
}

void UpdatePadded(crypto_onetimeauth_poly1305_state* state, ByteSpan in) {
  static constexpr std::uint8_t kZeros[16] = {};
  crypto_onetimeauth_poly1305_update(state, in.data(), in.size());
  crypto_onetimeauth_poly1305_update(state, kZeros, (16 - in.size() % 16) % 16);
}

// The tag of RFC 8439, section 2.8: the library checks whole tags only, so opening with a truncated
// one needs it computed here.
std::array<std::uint8_t, kTagBytes> ComputeTag(const SymmetricKey& key, const Nonce& nonce,
                                               ByteSpan ad, ByteSpan cipher) {
  std::array<std::uint8_t, crypto_onetimeauth_poly1305_KEYBYTES> one_time_key;
  crypto_stream_chacha20_ietf(one_time_key.data(), one_time_key.size(), nonce.data(), key.data());
  crypto_onetimeauth_poly1305_state state;
  crypto_onetimeauth_poly1305_init(&state, one_time_key.data());
  UpdatePadded(&state, ad);
  UpdatePadded(&state, cipher);
  std::array<std::uint8_t, 16> lengths;
  StoreLe64(ad.size(), lengths.data());
  StoreLe64(cipher.size(), lengths.data() + 8);
  crypto_onetimeauth_poly1305_update(&state, lengths.data(), lengths.size());
  std::array<std::uint8_t, kTagBytes> tag;
  crypto_onetimeauth_poly1305_final(&state, tag.data());
  sodium_memzero(one_time_key.data(), one_time_key.size());
  return tag;
}

class SodiumCrypto final : public Crypto {
 public:
  void RandomBytes(MutableByteSpan out) override { randombytes_buf(out.data(), out.size()); }

  std::array<std::uint8_t, 32> Hash32(ByteSpan in) override { return Hash<32>(in); }
  std::array<std::uint8_t, 64> Hash64(ByteSpan in) override { return Hash<64>(in); }

  void GenerateSigningKey(SigningKey* secret, VerifyKey* pub) override {
    crypto_sign_keypair(pub->data(), secret->data());
  }
  Signature Sign(const SigningKey& key, ByteSpan message) override {
    Signature sig;
    crypto_sign_detached(sig.data(), nullptr, message.data(), message.size(), key.data());
    return sig;
  }
  bool Verify(const VerifyKey& key, ByteSpan message, const Signature& sig) override {
    return crypto_sign_verify_detached(sig.data(), message.data(), message.size(), key.data()) == 0;
  }

  void GenerateKeyPair(PrivateKey* secret, PublicKey* pub) override {
    randombytes_buf(secret->data(), secret->size());
    *pub = DerivePublic(*secret);
  }
  PublicKey DerivePublic(const PrivateKey& secret) override {
    PublicKey pub;
    crypto_scalarmult_base(pub.data(), secret.data());
    return pub;
  }
  bool Dh(const PrivateKey& secret, const PublicKey& peer, SymmetricKey* out) override {
    return crypto_scalarmult(out->data(), secret.data(), peer.data()) == 0;
  }

  void Seal(const SymmetricKey& key, std::uint64_t nonce, ByteSpan ad, ByteSpan plain,
            std::size_t tag_bytes, std::uint8_t* out) override {
    assert(tag_bytes == kTagBytes || tag_bytes == kShortTagBytes);
    const Nonce n = MakeNonce(nonce);
    std::array<std::uint8_t, kTagBytes> tag;
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(out, tag.data(), nullptr, plain.data(),
                                                       plain.size(), ad.data(), ad.size(), nullptr,
                                                       n.data(), key.data());
    std::memcpy(out + plain.size(), tag.data(), tag_bytes);
  }

  bool Open(const SymmetricKey& key, std::uint64_t nonce, ByteSpan ad, ByteSpan sealed,
            std::size_t tag_bytes, std::uint8_t* out) override {
    assert(tag_bytes == kTagBytes || tag_bytes == kShortTagBytes);
    if (sealed.size() < tag_bytes) return false;
    const ByteSpan cipher = sealed.Sub(0, sealed.size() - tag_bytes);
    const std::uint8_t* tag = sealed.data() + cipher.size();
    const Nonce n = MakeNonce(nonce);
    if (tag_bytes == kTagBytes) {
      return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                 out, nullptr, cipher.data(), cipher.size(), tag, ad.data(), ad.size(), n.data(),
                 key.data()) == 0;
    }
    const auto expected = ComputeTag(key, n, ad, cipher);
    if (sodium_memcmp(expected.data(), tag, kShortTagBytes) != 0) return false;
    // Block 0 of the key stream made the one-time key; data starts at block 1.
    crypto_stream_chacha20_ietf_xor_ic(out, cipher.data(), cipher.size(), n.data(), 1, key.data());
    return true;
  }

 private:
  template <std::size_t N>
  static std::array<std::uint8_t, N> Hash(ByteSpan in) {
    std::array<std::uint8_t, N> out;
    crypto_generichash(out.data(), N, in.data(), in.size(), nullptr, 0);
    return out;
  }
};

}  // namespace

std::shared_ptr<Crypto> NewSodiumCrypto() {
  // Thread safe and idempotent; fails only where the system has no random numbers to give.
  const int ready = sodium_init();
  assert(ready >= 0);
  return std::make_shared<SodiumCrypto>();
}

}  // namespace selvage
