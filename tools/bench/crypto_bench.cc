#include "tools/bench/crypto_bench.h"

#include <sodium.h>

#include <array>
#include <cstring>

#include "core/crypto.h"
#include "tools/bench/sample.h"
#include "tools/bench/stopwatch.h"

namespace selvage::bench {
namespace {

constexpr int kRounds = 64;  // between two looks at the clock

// Nanoseconds a call, in samples, for `seconds`.
template <typename Function>
Sample Measure(double seconds, Function function) {
  Sample sample;
  const Stopwatch all;
  do {
    const Stopwatch round;
    for (int i = 0; i < kRounds; ++i) function();
    sample.Add(round.nanoseconds() / kRounds);
  } while (all.seconds() < seconds);
  return sample;
}

}  // namespace

nlohmann::json RunCryptoBench(const CryptoOptions& options) {
  const std::shared_ptr<Crypto> crypto = NewSodiumCrypto();
  SymmetricKey key{};
  crypto->RandomBytes({key.data(), key.size()});
  const Bytes plain(static_cast<std::size_t>(options.size), 0x5a);
  Bytes sealed(plain.size() + kTagBytes);
  Bytes opened(plain.size());
  const std::array<std::uint8_t, 7> header{};
  std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> nonce{};
  SigningKey signing{};
  VerifyKey verify{};
  crypto->GenerateSigningKey(&signing, &verify);
  const Signature signature = crypto->Sign(signing, plain);
  PrivateKey secret{};
  PublicKey pub{};
  crypto->GenerateKeyPair(&secret, &pub);
  const double part = options.seconds / 7;
  std::uint64_t counter = 0;

  nlohmann::json out{{"size", options.size}, {"unit", "ns"}};
  auto add = [&out](const char* name, const Sample& s) { out[name] = s.ToJson(); };
  add("seal", Measure(part, [&] {
        crypto->Seal(key, ++counter, header, plain, kTagBytes, sealed.data());
      }));
  add("bare_seal", Measure(part, [&] {
        std::memcpy(nonce.data() + 4, &++counter, sizeof(counter));
        crypto_aead_chacha20poly1305_ietf_encrypt(sealed.data(), nullptr, plain.data(),
                                                  plain.size(), header.data(), header.size(),
                                                  nullptr, nonce.data(), key.data());
      }));
  crypto->Seal(key, 7, header, plain, kTagBytes, sealed.data());
  bool opens = true;
  add("open", Measure(part, [&] {
        opens &= crypto->Open(key, 7, header, sealed, kTagBytes, opened.data());
      }));
  std::memset(nonce.data(), 0, nonce.size());
  nonce[4] = 7;
  add("bare_open", Measure(part, [&] {
        opens &= crypto_aead_chacha20poly1305_ietf_decrypt(
                     opened.data(), nullptr, nullptr, sealed.data(), sealed.size(), header.data(),
                     header.size(), nonce.data(), key.data()) == 0;
      }));
  add("sign", Measure(part, [&] { crypto->Sign(signing, plain); }));
  add("verify", Measure(part, [&] { opens &= crypto->Verify(verify, plain, signature); }));
  SymmetricKey shared{};
  add("agree", Measure(part, [&] { opens &= crypto->Dh(secret, pub, &shared); }));
  out["all_opened"] = opens;
  return out;
}

}  // namespace selvage::bench
