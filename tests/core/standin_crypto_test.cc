#define BOOST_TEST_MODULE standin_crypto_test
#include <boost/test/unit_test.hpp>
#include <set>

#include "core/crypto.h"
#include "tests/hex.h"

namespace selvage {
namespace {

Bytes Random(Crypto& crypto, std::size_t n) {
  Bytes out(n);
  crypto.RandomBytes(out);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_CASE(equal_seeds_draw_equal_bytes_and_others_do_not) {
  auto a = NewStandInCrypto(1);
  auto b = NewStandInCrypto(1);
  auto c = NewStandInCrypto(2);
  for (std::size_t n : {1, 7, 8, 9, 32, 100}) {
    const Bytes from_a = Random(*a, n);
    BOOST_TEST((from_a == Random(*b, n)));
    const Bytes from_c = Random(*c, n);
    if (n >= 8) BOOST_TEST((from_a != from_c));
  }
}

BOOST_AUTO_TEST_CASE(diffie_hellman_commutes_and_tells_pairs_apart) {
  auto crypto = NewStandInCrypto(3);
  PrivateKey a, b, c;
  PublicKey a_pub, b_pub, c_pub;
  for (int i = 0; i < 200; ++i) {
    crypto->GenerateKeyPair(&a, &a_pub);
    crypto->GenerateKeyPair(&b, &b_pub);
    crypto->GenerateKeyPair(&c, &c_pub);
    BOOST_TEST((crypto->DerivePublic(a) == a_pub));
    SymmetricKey ab, ba, ac;
    BOOST_TEST(crypto->Dh(a, b_pub, &ab));
    BOOST_TEST(crypto->Dh(b, a_pub, &ba));
    BOOST_TEST(crypto->Dh(a, c_pub, &ac));
    BOOST_TEST((ab == ba));
    BOOST_TEST((ab != ac));
  }
  SymmetricKey out;
  BOOST_TEST(!crypto->Dh(a, PublicKey{}, &out));
}

BOOST_AUTO_TEST_CASE(any_private_key_even_zero_makes_a_usable_pair) {
  auto crypto = NewStandInCrypto(4);
  PrivateKey zero{}, b;
  PublicKey b_pub;
  crypto->GenerateKeyPair(&b, &b_pub);
  SymmetricKey ab, ba;
  BOOST_TEST(crypto->Dh(zero, b_pub, &ab));
  BOOST_TEST(crypto->Dh(b, crypto->DerivePublic(zero), &ba));
  BOOST_TEST((ab == ba));
}

BOOST_AUTO_TEST_CASE(signatures_fit_one_key_and_one_message) {
  auto crypto = NewStandInCrypto(5);
  SigningKey s1, s2;
  VerifyKey p1, p2;
  crypto->GenerateSigningKey(&s1, &p1);
  crypto->GenerateSigningKey(&s2, &p2);
  const Bytes message = Hex("00010203040506070809");
  Signature sig = crypto->Sign(s1, message);
  BOOST_TEST(crypto->Verify(p1, message, sig));
  BOOST_TEST(!crypto->Verify(p2, message, sig));
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    Bytes changed = message;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    BOOST_REQUIRE(!crypto->Verify(p1, changed, sig));
  }
  BOOST_TEST(!crypto->Verify(p1, ByteSpan(message).Sub(0, 9), sig));
  sig[63] ^= 1;
  BOOST_TEST(!crypto->Verify(p1, message, sig));
}

BOOST_AUTO_TEST_CASE(sealing_opens_in_place_at_every_length_and_hides_the_text) {
  auto crypto = NewStandInCrypto(6);
  SymmetricKey key;
  crypto->RandomBytes({key.data(), key.size()});
  const Bytes plain = Random(*crypto, 100);
  const Bytes ad = Random(*crypto, 9);
  for (std::size_t tag : {16, 8}) {
    for (std::size_t n = 0; n <= plain.size(); ++n) {
      Bytes buffer(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(n));
      buffer.resize(n + tag);
      crypto->Seal(key, n, ad, {buffer.data(), n}, tag, buffer.data());
      if (n >= 8) BOOST_REQUIRE((ByteSpan(buffer).Sub(0, n) != ByteSpan(plain).Sub(0, n)));
      BOOST_REQUIRE(crypto->Open(key, n, ad, buffer, tag, buffer.data()));
      BOOST_REQUIRE((ByteSpan(buffer).Sub(0, n) == ByteSpan(plain).Sub(0, n)));
    }
  }
}

BOOST_AUTO_TEST_CASE(any_change_of_frame_key_nonce_or_ad_fails_to_open) {
  auto crypto = NewStandInCrypto(7);
  SymmetricKey key;
  crypto->RandomBytes({key.data(), key.size()});
  const Bytes plain = Random(*crypto, 21);
  const Bytes ad = Random(*crypto, 5);
  for (std::size_t tag : {16, 8}) {
    Bytes sealed(plain.size() + tag), out(plain.size());
    crypto->Seal(key, 7, ad, plain, tag, sealed.data());
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
      Bytes forged = sealed;
      forged[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      BOOST_REQUIRE(!crypto->Open(key, 7, ad, forged, tag, out.data()));
    }
    for (std::size_t bit = 0; bit < 256; ++bit) {
      SymmetricKey other = key;
      other[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      BOOST_REQUIRE(!crypto->Open(other, 7, ad, sealed, tag, out.data()));
    }
    BOOST_TEST(!crypto->Open(key, 8, ad, sealed, tag, out.data()));
    BOOST_TEST(!crypto->Open(key, 7, ByteSpan(ad).Sub(1), sealed, tag, out.data()));
    BOOST_TEST(!crypto->Open(key, 7, ad, {}, tag, out.data()));
    BOOST_TEST(crypto->Open(key, 7, ad, sealed, tag, out.data()));
  }
}

BOOST_AUTO_TEST_CASE(ids_made_from_drawn_keys_do_not_collide) {
  auto crypto = NewStandInCrypto(8);
  std::set<std::array<std::uint8_t, 32>> keys;
  for (int i = 0; i < 5000; ++i) {
    SigningKey secret;
    VerifyKey pub;
    crypto->GenerateSigningKey(&secret, &pub);
    keys.insert(pub);
  }
  BOOST_TEST(keys.size() == 5000u);
}

}  // namespace selvage
