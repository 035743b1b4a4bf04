// Crypto for simulation: the lengths, failures and symmetries of the real thing at a hundredth of
// its cost, and no security at all.
//
// What protocol code can tell apart is kept: wrong key, nonce, associated data or a flipped bit
// fails to open; a relay without the key reads noise; Dh commutes and refuses the zero key; a
// signature fits one key and one message. Hashes are the real BLAKE2b: ids must not collide, and
// they are rare.
#include <sodium.h>

#include <algorithm>
#include <cassert>

#include "core/crypto.h"

namespace selvage {
namespace {

__extension__ using Uint128 = unsigned __int128;

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;      // 2^64 / golden ratio, odd
constexpr std::uint64_t kMultiplier = 0xd6e8feb86659fd93;  // odd, well mixed bits
constexpr std::uint64_t kPrime =
    (std::uint64_t{1} << 61) - 1;  // Mersenne: one prime field per lane
constexpr std::size_t kLanes = 4;  // of a 32-byte key

// SplitMix64's finaliser: a bijection on which every output bit depends on every input bit.
std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Folds both halves of a 64 x 64 bit product: one multiplication mixes all bits of two words.
std::uint64_t Fold(std::uint64_t a, std::uint64_t b) {
  const Uint128 p = Uint128{a} * b;
  return static_cast<std::uint64_t>(p) ^ static_cast<std::uint64_t>(p >> 64);
}

// Host byte order is fine: these bytes never leave the simulating process.
std::uint64_t Load(const std::uint8_t* p, std::size_t n = 8) {
  std::uint64_t v = 0;
  std::memcpy(&v, p, n);
  return v;
}
void Store(std::uint64_t v, std::uint8_t* p, std::size_t n = 8) { std::memcpy(p, &v, n); }

class Digest {
 public:
  explicit Digest(std::uint64_t key) : h_(Mix(key + kGolden)) {}
  void Word(std::uint64_t w) { h_ = Fold(h_ ^ w, kMultiplier) + kGolden; }
  void Add(ByteSpan in) {
    std::size_t i = 0;
    for (; i + 8 <= in.size(); i += 8) Word(Load(in.data() + i));
    if (i < in.size()) Word(Load(in.data() + i, in.size() - i));
    Word(in.size());  // "a" then "b" differs from "ab" then nothing
  }
  std::uint64_t Output(std::uint64_t index) const { return Mix(h_ + index * kGolden); }

 private:
  std::uint64_t h_;
};

std::uint64_t KeyWord(const std::array<std::uint8_t, 32>& key) {
  Digest d(0);
  d.Add(key);
  return d.Output(0);
}

// Encrypts or decrypts; the key stream is its own inverse.
void Xor(std::uint64_t stream, const std::uint8_t* in, std::size_t n, std::uint8_t* out) {
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    stream += kGolden;
    Store(Load(in + i) ^ Fold(stream, kMultiplier), out + i);
  }
  if (i < n) Store(Load(in + i, n - i) ^ Fold(stream + kGolden, kMultiplier), out + i, n - i);
}

std::array<std::uint8_t, kTagBytes> Tag(std::uint64_t key, std::uint64_t nonce, ByteSpan ad,
                                        ByteSpan cipher) {
  Digest d(key ^ Mix(nonce));
  d.Add(ad);
  d.Add(cipher);
  std::array<std::uint8_t, kTagBytes> tag;
  Store(d.Output(1), tag.data());
  Store(d.Output(2), tag.data() + 8);
  return tag;
}

std::uint64_t MulModPrime(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::uint64_t>(Uint128{a} * b % kPrime);
}

class StandInCrypto final : public Crypto {
 public:
  explicit StandInCrypto(std::uint64_t seed) : seed_(Mix(seed + kGolden)) {}

  void RandomBytes(MutableByteSpan out) override {
    for (std::size_t i = 0; i < out.size(); i += 8) {
      const std::uint64_t n = ++drawn_;
      Store(Mix(seed_ + n * kGolden), out.data() + i, std::min<std::size_t>(8, out.size() - i));
    }
  }

  std::array<std::uint8_t, 32> Hash32(ByteSpan in) override { return Hash<32>(in); }
  std::array<std::uint8_t, 64> Hash64(ByteSpan in) override { return Hash<64>(in); }

  void GenerateSigningKey(SigningKey* secret, VerifyKey* pub) override {
    std::array<std::uint8_t, 32> seed;
    RandomBytes({seed.data(), seed.size()});
    Digest d(1);
    d.Add(seed);
    for (std::size_t i = 0; i < kLanes; ++i) Store(d.Output(i), pub->data() + 8 * i);
    std::memcpy(secret->data(), seed.data(), 32);
    std::memcpy(secret->data() + 32, pub->data(), 32);  // seed || public, as libsodium lays it out
  }
  Signature Sign(const SigningKey& key, ByteSpan message) override {
    VerifyKey pub;
    std::memcpy(pub.data(), key.data() + 32, 32);
    return SignatureOf(pub, message);
  }
  bool Verify(const VerifyKey& key, ByteSpan message, const Signature& sig) override {
    return SignatureOf(key, message) == sig;
  }

  void GenerateKeyPair(PrivateKey* secret, PublicKey* pub) override {
    RandomBytes({secret->data(), secret->size()});
    *pub = DerivePublic(*secret);
  }
  // Lane by lane: public = secret * G, shared = secret * peer = a * b * G, modulo a prime.
  PublicKey DerivePublic(const PrivateKey& secret) override {
    PublicKey pub;
    for (std::size_t i = 0; i < kLanes; ++i) {
      Store(MulModPrime(Scalar(secret, i), kGolden % kPrime), pub.data() + 8 * i);
    }
    return pub;
  }
  bool Dh(const PrivateKey& secret, const PublicKey& peer, SymmetricKey* out) override {
    std::uint64_t any = 0;
    for (std::size_t i = 0; i < kLanes; ++i) {
      const std::uint64_t shared =
          MulModPrime(Scalar(secret, i), Load(peer.data() + 8 * i) % kPrime);
      any |= shared;
      Store(shared, out->data() + 8 * i);
    }
    return any != 0;
  }

  void Seal(const SymmetricKey& key, std::uint64_t nonce, ByteSpan ad, ByteSpan plain,
            std::size_t tag_bytes, std::uint8_t* out) override {
    assert(tag_bytes == kTagBytes || tag_bytes == kShortTagBytes);
    const std::uint64_t k = KeyWord(key);
    Xor(Mix(k ^ nonce), plain.data(), plain.size(), out);
    const auto tag = Tag(k, nonce, ad, {out, plain.size()});
    std::memcpy(out + plain.size(), tag.data(), tag_bytes);
  }
  bool Open(const SymmetricKey& key, std::uint64_t nonce, ByteSpan ad, ByteSpan sealed,
            std::size_t tag_bytes, std::uint8_t* out) override {
    assert(tag_bytes == kTagBytes || tag_bytes == kShortTagBytes);
    if (sealed.size() < tag_bytes) return false;
    const std::uint64_t k = KeyWord(key);
    const ByteSpan cipher = sealed.Sub(0, sealed.size() - tag_bytes);
    const auto tag = Tag(k, nonce, ad, cipher);
    if (std::memcmp(tag.data(), sealed.data() + cipher.size(), tag_bytes) != 0) return false;
    Xor(Mix(k ^ nonce), cipher.data(), cipher.size(), out);
    return true;
  }

 private:
  static std::uint64_t Scalar(const PrivateKey& secret, std::size_t lane) {
    const std::uint64_t s = Load(secret.data() + 8 * lane) % kPrime;
    return s == 0 ? 1 : s;  // zero would make every shared secret zero
  }
  static Signature SignatureOf(const VerifyKey& key, ByteSpan message) {
    Digest d(2);
    d.Add(key);
    d.Add(message);
    Signature sig;
    for (std::size_t i = 0; i < sig.size() / 8; ++i) Store(d.Output(i), sig.data() + 8 * i);
    return sig;
  }
  template <std::size_t N>
  static std::array<std::uint8_t, N> Hash(ByteSpan in) {
    std::array<std::uint8_t, N> out;
    crypto_generichash(out.data(), N, in.data(), in.size(), nullptr, 0);
    return out;
  }

  const std::uint64_t seed_;
  std::uint64_t drawn_ = 0;
};

}  // namespace

std::shared_ptr<Crypto> NewStandInCrypto(std::uint64_t seed) {
  const int ready = sodium_init();  // picks the fastest BLAKE2b of this processor
  assert(ready >= 0);
  return std::make_shared<StandInCrypto>(seed);
}

}  // namespace selvage
