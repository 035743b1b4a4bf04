#include "agents/session/noise.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>

namespace selvage {
namespace {

// Names below are those of the specification (revision 34), sections 4, 5 and 7.5.
constexpr char kProtocolName[] = "Noise_XX_25519_ChaChaPoly_BLAKE2b";
constexpr std::size_t kHashLen = 64;    // HASHLEN of BLAKE2b
constexpr std::size_t kBlockLen = 128;  // BLOCKLEN of BLAKE2b, for HMAC
constexpr std::size_t kDhLen = 32;
constexpr std::size_t kMessageBytesMax = 65535;

using HashValue = std::array<std::uint8_t, kHashLen>;
static_assert(sizeof(kProtocolName) - 1 <= kHashLen, "short names are padded, not hashed");

// HMAC (RFC 2104) over `a` then `b`.
HashValue Hmac(Crypto& crypto, const HashValue& key, ByteSpan a, ByteSpan b) {
  std::array<std::uint8_t, kBlockLen> pad{};
  std::copy(key.begin(), key.end(), pad.begin());  // kHashLen <= kBlockLen: never hashed first
  Bytes inner(kBlockLen + a.size() + b.size());
  for (std::size_t i = 0; i < kBlockLen; ++i) inner[i] = pad[i] ^ 0x36;
  std::copy(a.begin(), a.end(), inner.begin() + kBlockLen);
  std::copy(b.begin(), b.end(), inner.begin() + kBlockLen + a.size());
  const HashValue inner_hash = crypto.Hash64(inner);

  std::array<std::uint8_t, kBlockLen + kHashLen> outer;
  for (std::size_t i = 0; i < kBlockLen; ++i) outer[i] = pad[i] ^ 0x5c;
  std::copy(inner_hash.begin(), inner_hash.end(), outer.begin() + kBlockLen);
  const HashValue result = crypto.Hash64(outer);
  sodium_memzero(inner.data(), inner.size());
  sodium_memzero(outer.data(), outer.size());
  sodium_memzero(pad.data(), pad.size());
  return result;
}

// HKDF with two outputs.
std::array<HashValue, 2> Hkdf(Crypto& crypto, const HashValue& chaining_key, ByteSpan input) {
  static constexpr std::uint8_t kOne[] = {1};
  static constexpr std::uint8_t kTwo[] = {2};
  HashValue temp = Hmac(crypto, chaining_key, input, {});
  std::array<HashValue, 2> out;
  out[0] = Hmac(crypto, temp, {}, {kOne, 1});
  out[1] = Hmac(crypto, temp, out[0], {kTwo, 1});
  sodium_memzero(temp.data(), temp.size());
  return out;
}

SymmetricKey Truncate(const HashValue& h) {
  SymmetricKey key;
  std::copy_n(h.begin(), key.size(), key.begin());
  return key;
}

}  // namespace

struct NoiseXx::State {
  enum class Phase { kRunning, kFinished, kFailed };

  Crypto* crypto;
  Role role;
  Phase phase = Phase::kRunning;
  int messages_done = 0;  // of both sides; message 0 and 2 are the initiator's

  HashValue h{};   // hash of everything said so far
  HashValue ck{};  // chaining key
  SymmetricKey k{};
  bool has_key = false;
  std::uint64_t n = 0;

  PrivateKey s{};
  PublicKey s_pub{};
  std::optional<PrivateKey> e;  // until message one or two makes it, only a test sets it
  PublicKey e_pub{};
  PublicKey rs{};
  PublicKey re{};

  ~State() {
    sodium_memzero(ck.data(), ck.size());
    sodium_memzero(k.data(), k.size());
    sodium_memzero(s.data(), s.size());
    if (e) sodium_memzero(e->data(), e->size());
  }

  bool MyTurn() const { return (messages_done % 2 == 0) == (role == Role::kInitiator); }

  void MixHash(ByteSpan data) {
    Bytes joined(h.begin(), h.end());
    joined.insert(joined.end(), data.begin(), data.end());
    h = crypto->Hash64(joined);
  }
  void MixKey(ByteSpan input) {
    auto out = Hkdf(*crypto, ck, input);
    ck = out[0];
    k = Truncate(out[1]);
    sodium_memzero(&out, sizeof(out));
    has_key = true;
    n = 0;
  }
  // False when the peer's key is of low order: the secret would be known to everybody.
  bool MixDh(const PrivateKey& secret, const PublicKey& peer) {
    SymmetricKey shared;
    if (!crypto->Dh(secret, peer, &shared)) return false;
    MixKey(shared);
    sodium_memzero(shared.data(), shared.size());
    return true;
  }
  void EncryptAndHash(ByteSpan plain, Bytes* out) {
    const std::size_t at = out->size();
    if (has_key) {
      out->resize(at + plain.size() + kTagBytes);
      crypto->Seal(k, n++, h, plain, kTagBytes, out->data() + at);
    } else {
      out->insert(out->end(), plain.begin(), plain.end());
    }
    MixHash(ByteSpan(*out).Sub(at));
  }
  bool DecryptAndHash(ByteSpan sealed, Bytes* out) {
    if (has_key) {
      if (sealed.size() < kTagBytes) return false;
      out->resize(sealed.size() - kTagBytes);
      if (!crypto->Open(k, n, h, sealed, kTagBytes, out->data())) return false;
      ++n;
    } else {
      *out = sealed.ToBytes();
    }
    MixHash(sealed);
    return true;
  }

  // Message patterns of XX. "es" and "se" name the initiator's key first.
  bool Write(ByteSpan payload, Bytes* out) {
    if (messages_done < 2) {  // e
      if (e) {
        e_pub = crypto->DerivePublic(*e);
      } else {
        crypto->GenerateKeyPair(&e.emplace(), &e_pub);
      }
      out->insert(out->end(), e_pub.begin(), e_pub.end());
      MixHash(e_pub);
    }
    if (messages_done == 1) {  // ee, s, es
      if (!MixDh(*e, re)) return false;
      EncryptAndHash(s_pub, out);
      if (!MixDh(s, re)) return false;
    } else if (messages_done == 2) {  // s, se
      EncryptAndHash(s_pub, out);
      if (!MixDh(s, re)) return false;
    }
    EncryptAndHash(payload, out);
    return true;
  }

  bool Read(ByteSpan message, Bytes* payload) {
    ByteReader in(message);
    if (messages_done < 2) {  // e
      re = in.Array<kDhLen>();
      if (!in.ok()) return false;
      MixHash(re);
    }
    if (messages_done == 1) {  // ee, s, es
      if (!MixDh(*e, re) || !ReadStatic(&in) || !MixDh(*e, rs)) return false;
    } else if (messages_done == 2) {  // s, se
      if (!ReadStatic(&in) || !MixDh(*e, rs)) return false;
    }
    return DecryptAndHash(in.Rest(), payload);
  }

  bool ReadStatic(ByteReader* in) {
    const ByteSpan sealed = in->Take(kDhLen + kTagBytes);
    Bytes key;
    if (!in->ok() || !DecryptAndHash(sealed, &key)) return false;
    std::copy(key.begin(), key.end(), rs.begin());
    return true;
  }

  void Advance() {
    if (++messages_done == 3) phase = Phase::kFinished;
  }
};

NoiseXx::NoiseXx(Crypto* crypto, Role role, ByteSpan prologue, const PrivateKey& static_key,
                 std::optional<PrivateKey> ephemeral)
    : state_(std::make_unique<State>()) {
  state_->crypto = crypto;
  state_->role = role;
  state_->s = static_key;
  state_->s_pub = crypto->DerivePublic(static_key);
  state_->e = ephemeral;
  std::copy_n(kProtocolName, sizeof(kProtocolName) - 1, state_->h.begin());
  state_->ck = state_->h;
  state_->MixHash(prologue);
}

NoiseXx::~NoiseXx() = default;
NoiseXx::NoiseXx(NoiseXx&&) noexcept = default;
NoiseXx& NoiseXx::operator=(NoiseXx&&) noexcept = default;

Bytes NoiseXx::WriteMessage(ByteSpan payload) {
  if (state_->phase == State::Phase::kFailed) return {};
  assert(state_->phase == State::Phase::kRunning && state_->MyTurn());
  // Longest message: e, sealed s, sealed payload.
  assert(payload.size() + kDhLen + kDhLen + 2 * kTagBytes <= kMessageBytesMax);
  Bytes out;
  if (!state_->Write(payload, &out)) {
    state_->phase = State::Phase::kFailed;
    return {};
  }
  state_->Advance();
  return out;
}

std::optional<Bytes> NoiseXx::ReadMessage(ByteSpan message) {
  // A peer may send anything at any time: out of turn is its mistake, not ours.
  if (state_->phase != State::Phase::kRunning || state_->MyTurn()) return std::nullopt;
  Bytes payload;
  if (message.size() > kMessageBytesMax || !state_->Read(message, &payload)) {
    state_->phase = State::Phase::kFailed;
    return std::nullopt;
  }
  state_->Advance();
  return payload;
}

bool NoiseXx::finished() const { return state_->phase == State::Phase::kFinished; }

NoiseXx::Keys NoiseXx::Split() const {
  assert(finished());
  auto out = Hkdf(*state_->crypto, state_->ck, {});
  const bool initiator = state_->role == Role::kInitiator;
  Keys keys{Truncate(out[initiator ? 0 : 1]), Truncate(out[initiator ? 1 : 0])};
  sodium_memzero(&out, sizeof(out));
  return keys;
}

PublicKey NoiseXx::remote_static() const { return state_->rs; }

std::array<std::uint8_t, 64> NoiseXx::handshake_hash() const {
  assert(finished());
  return state_->h;
}

}  // namespace selvage
