#define BOOST_TEST_MODULE sodium_crypto_test
#include <boost/test/unit_test.hpp>

#include "core/crypto.h"
#include "tests/hex.h"

namespace selvage {
namespace {

// RFC 8439, appendix A.5: its nonce begins with four zero bytes, as all of ours do.
const char kKey[] = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";
constexpr std::uint64_t kNonce = 0x0807060504030201;
const char kAd[] = "f33388860000000000004e91";
const char kPlain[] =
    "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
    "replaced, or obsoleted by other documents at any time. It is inappropriate to use "
    "Internet-Drafts as reference material or to cite them other than as /\xe2\x80\x9cwork in "
    "progress./\xe2\x80\x9d";
const char kCipher[] =
    "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d"
    "26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1"
    "ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b"
    "5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea"
    "1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d36"
    "1094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b";
const char kTag[] = "eead9d67890cbb22392336fea1851f38";

std::shared_ptr<Crypto> crypto = NewSodiumCrypto();

}  // namespace

BOOST_AUTO_TEST_CASE(aead_seals_and_opens_the_rfc_8439_vector) {
  const auto key = HexArray<32>(kKey);
  const Bytes ad = Hex(kAd);
  const ByteSpan plain = ByteSpan::Of(kPlain);
  Bytes sealed(plain.size() + 16);
  crypto->Seal(key, kNonce, ad, plain, 16, sealed.data());
  BOOST_TEST(ToHex(sealed) == std::string(kCipher) + kTag);
  Bytes opened(plain.size());
  BOOST_TEST(crypto->Open(key, kNonce, ad, sealed, 16, opened.data()));
  BOOST_TEST((ByteSpan(opened) == plain));
}

BOOST_AUTO_TEST_CASE(short_tag_is_the_first_half_of_the_rfc_8439_tag) {
  const auto key = HexArray<32>(kKey);
  const Bytes ad = Hex(kAd);
  const ByteSpan plain = ByteSpan::Of(kPlain);
  Bytes sealed(plain.size() + 8);
  crypto->Seal(key, kNonce, ad, plain, 8, sealed.data());
  BOOST_TEST(ToHex(sealed) == std::string(kCipher) + std::string(kTag).substr(0, 16));
  Bytes opened(plain.size());
  BOOST_TEST(crypto->Open(key, kNonce, ad, sealed, 8, opened.data()));
  BOOST_TEST((ByteSpan(opened) == plain));
}

BOOST_AUTO_TEST_CASE(aead_works_in_place_at_every_length_and_with_both_tags) {
  const auto key = HexArray<32>(kKey);
  Bytes plain(300);
  crypto->RandomBytes(plain);
  for (std::size_t tag : {16, 8}) {
    for (std::size_t n = 0; n <= plain.size(); ++n) {
      const ByteSpan ad = ByteSpan(plain).Sub(0, n % 33);
      Bytes buffer(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(n));
      buffer.resize(n + tag);
      crypto->Seal(key, n, ad, {buffer.data(), n}, tag, buffer.data());
      BOOST_REQUIRE(crypto->Open(key, n, ad, buffer, tag, buffer.data()));
      BOOST_REQUIRE((ByteSpan(buffer).Sub(0, n) == ByteSpan(plain).Sub(0, n)));
    }
  }
}

BOOST_AUTO_TEST_CASE(any_flipped_bit_wrong_nonce_or_wrong_ad_fails_to_open) {
  const auto key = HexArray<32>(kKey);
  const Bytes ad = Hex("0102030405");
  const Bytes plain = Hex("000102030405060708090a0b0c0d0e0f101112");
  for (std::size_t tag : {16, 8}) {
    Bytes sealed(plain.size() + tag);
    crypto->Seal(key, 7, ad, plain, tag, sealed.data());
    Bytes out(plain.size());
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
      Bytes forged = sealed;
      forged[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      BOOST_REQUIRE(!crypto->Open(key, 7, ad, forged, tag, out.data()));
    }
    BOOST_TEST(!crypto->Open(key, 8, ad, sealed, tag, out.data()));
    BOOST_TEST(!crypto->Open(key, 7, ByteSpan(ad).Sub(1), sealed, tag, out.data()));
    BOOST_TEST(!crypto->Open(key, 7, ad, ByteSpan(sealed).Sub(0, tag - 1), tag, out.data()));
    BOOST_TEST(!crypto->Open(key, 7, ad, {}, tag, out.data()));
    BOOST_TEST(crypto->Open(key, 7, ad, sealed, tag, out.data()));
  }
}

BOOST_AUTO_TEST_CASE(x25519_matches_rfc_7748) {
  const auto a = HexArray<32>("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const auto b = HexArray<32>("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  const PublicKey a_pub = crypto->DerivePublic(a);
  const PublicKey b_pub = crypto->DerivePublic(b);
  BOOST_TEST(ToHex(a_pub) == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  BOOST_TEST(ToHex(b_pub) == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  SymmetricKey ab, ba;
  BOOST_TEST(crypto->Dh(a, b_pub, &ab));
  BOOST_TEST(crypto->Dh(b, a_pub, &ba));
  BOOST_TEST(ToHex(ab) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  BOOST_TEST(ToHex(ba) == ToHex(ab));
}

BOOST_AUTO_TEST_CASE(x25519_refuses_keys_of_low_order) {
  PrivateKey secret;
  PublicKey pub;
  crypto->GenerateKeyPair(&secret, &pub);
  SymmetricKey out;
  PublicKey low{};
  BOOST_TEST(!crypto->Dh(secret, low, &out));
  low[0] = 1;
  BOOST_TEST(!crypto->Dh(secret, low, &out));
}

BOOST_AUTO_TEST_CASE(ed25519_matches_rfc_8032_test_3) {
  const auto secret = HexArray<64>(
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
  const auto pub = HexArray<32>("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
  const Bytes message = Hex("af82");
  const Signature sig = crypto->Sign(secret, message);
  BOOST_TEST(ToHex(sig) ==
             "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
             "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a");
  BOOST_TEST(crypto->Verify(pub, message, sig));
  BOOST_TEST(!crypto->Verify(pub, Hex("af83"), sig));
  BOOST_TEST(!crypto->Verify(pub, {}, sig));
}

BOOST_AUTO_TEST_CASE(generated_keys_differ_and_sign_for_themselves_only) {
  SigningKey s1, s2;
  VerifyKey p1, p2;
  crypto->GenerateSigningKey(&s1, &p1);
  crypto->GenerateSigningKey(&s2, &p2);
  BOOST_TEST((p1 != p2));
  const Signature sig = crypto->Sign(s1, Hex("00"));
  BOOST_TEST(crypto->Verify(p1, Hex("00"), sig));
  BOOST_TEST(!crypto->Verify(p2, Hex("00"), sig));
}

BOOST_AUTO_TEST_CASE(hashes_are_blake2b) {
  BOOST_TEST(ToHex(crypto->Hash32(ByteSpan::Of("abc"))) ==
             "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
  BOOST_TEST(ToHex(crypto->Hash64(ByteSpan::Of("abc"))) ==
             "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
             "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
}

}  // namespace selvage
