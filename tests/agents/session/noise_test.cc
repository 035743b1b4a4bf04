#define BOOST_TEST_MODULE noise_test
#include "agents/session/noise.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"
#include "tests/hex.h"

namespace selvage {
namespace {

using Role = NoiseXx::Role;

// Noise_XX_25519_ChaChaPoly_BLAKE2b of the cacophony test vectors.
const char kPrologue[] = "4a6f686e2047616c74";
const char kInitStatic[] = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
const char kInitEphemeral[] = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
const char kRespStatic[] = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
const char kRespEphemeral[] = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";
const char kHandshakeHash[] =
    "8cf47d7b3cb5804c0109d48e8bcdbee2cbb65687d8ea2c92994ca361fb86151a"
    "d93627b98936cbb32de56e8abb21def3925011ac3e35db9cbeea73ab9a4392c2";
struct VectorMessage {
  const char* payload;
  const char* ciphertext;
};
constexpr int kHandshakeMessages = 3;  // the rest are transport messages, sender alternating
const VectorMessage kMessages[] = {
    {"4c756477696720766f6e204d69736573",
     "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d"
     "69736573"},
    {"4d757272617920526f746862617264",
     "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088430505b6745ce64a5f33f0e8e3"
     "b83f11ce8802bca507f4f2d8b564dbe277e1966116e132faa2dfd70b8b077b9f94b913df5056ae1319469b82"
     "4a98d54bbaa82c325595587064f978c4b6d104f7596e6f"},
    {"462e20412e20486179656b",
     "99579e1c1ee15e422a57ddd6b16d37087b17558e8369c18991b4b2ca3a824abf904cdcf5458b5431a75af034"
     "ca9e9b982de039eaaf156775e2d580cd4e5ebae89c3f8cb2594b556d8a8169"},
    {"4361726c204d656e676572", "fc56eea290b3f3a21aac0c70cd5787b5ee99be37d2f4d751329b55"},
    {"4a65616e2d426170746973746520536179",
     "bb31c9da10d5639a4cdb88a12f5c61de41bbc7df09bf75d94f8184fe4157f5c68f"},
    {"457567656e2042f6686d20766f6e2042617765726b",
     "f6199cadb152fb27f82be0a0891ec76a33598ae92a46cab2fb5a8ed5bf48b7f267f8370af7"},
};

std::shared_ptr<Crypto> sodium = NewSodiumCrypto();

struct Pair {
  explicit Pair(Crypto* crypto, ByteSpan init_prologue = {}, ByteSpan resp_prologue = {})
      : init(crypto, Role::kInitiator, init_prologue, Key(crypto, &init_public)),
        resp(crypto, Role::kResponder, resp_prologue, Key(crypto, &resp_public)) {}
  static PrivateKey Key(Crypto* crypto, PublicKey* pub) {
    PrivateKey secret;
    crypto->GenerateKeyPair(&secret, pub);
    return secret;
  }
  PublicKey init_public, resp_public;
  NoiseXx init, resp;
};

// Runs the handshake up to, not including, message `n`, and gives that message.
Bytes MessageNumber(int n, Pair* p, ByteSpan payload) {
  for (int i = 0;; ++i) {
    NoiseXx& from = i % 2 == 0 ? p->init : p->resp;
    NoiseXx& to = i % 2 == 0 ? p->resp : p->init;
    Bytes message = from.WriteMessage(payload);
    if (i == n) return message;
    BOOST_REQUIRE(to.ReadMessage(message));
  }
}
NoiseXx& ReceiverOf(int n, Pair* p) { return n % 2 == 0 ? p->resp : p->init; }

}  // namespace

BOOST_AUTO_TEST_CASE(handshake_and_transport_match_the_published_vector) {
  const Bytes prologue = Hex(kPrologue);
  NoiseXx init(sodium.get(), Role::kInitiator, prologue, HexArray<32>(kInitStatic),
               HexArray<32>(kInitEphemeral));
  NoiseXx resp(sodium.get(), Role::kResponder, prologue, HexArray<32>(kRespStatic),
               HexArray<32>(kRespEphemeral));
  for (int i = 0; i < kHandshakeMessages; ++i) {
    NoiseXx& from = i % 2 == 0 ? init : resp;
    NoiseXx& to = i % 2 == 0 ? resp : init;
    BOOST_TEST(!from.finished());
    const Bytes message = from.WriteMessage(Hex(kMessages[i].payload));
    BOOST_TEST(ToHex(message) == kMessages[i].ciphertext);
    const auto payload = to.ReadMessage(message);
    BOOST_REQUIRE(payload);
    BOOST_TEST(ToHex(*payload) == kMessages[i].payload);
  }
  BOOST_REQUIRE(init.finished());
  BOOST_REQUIRE(resp.finished());
  BOOST_TEST(ToHex(init.handshake_hash()) == kHandshakeHash);
  BOOST_TEST(ToHex(resp.handshake_hash()) == kHandshakeHash);
  BOOST_TEST((init.remote_static() == sodium->DerivePublic(HexArray<32>(kRespStatic))));
  BOOST_TEST((resp.remote_static() == sodium->DerivePublic(HexArray<32>(kInitStatic))));

  const NoiseXx::Keys init_keys = init.Split();
  const NoiseXx::Keys resp_keys = resp.Split();
  BOOST_TEST((init_keys.send == resp_keys.receive));
  BOOST_TEST((init_keys.receive == resp_keys.send));
  std::uint64_t nonce[2] = {0, 0};
  for (int i = kHandshakeMessages; i < 6; ++i) {
    const int sender = i % 2;  // 0: initiator
    const Bytes plain = Hex(kMessages[i].payload);
    Bytes sealed(plain.size() + kTagBytes);
    sodium->Seal(sender == 0 ? init_keys.send : resp_keys.send, nonce[sender]++, {}, plain,
                 kTagBytes, sealed.data());
    BOOST_TEST(ToHex(sealed) == kMessages[i].ciphertext);
  }
}

BOOST_AUTO_TEST_CASE(strangers_agree_on_keys_with_either_provider) {
  for (auto crypto : {NewSodiumCrypto(), NewStandInCrypto(1)}) {
    Pair p(crypto.get(), Hex("01"), Hex("01"));
    const Bytes last = MessageNumber(2, &p, Hex("aabb"));
    const auto payload = p.resp.ReadMessage(last);
    BOOST_REQUIRE(payload);
    BOOST_TEST(ToHex(*payload) == "aabb");
    BOOST_REQUIRE(p.init.finished());
    BOOST_REQUIRE(p.resp.finished());
    BOOST_TEST((p.init.Split().send == p.resp.Split().receive));
    BOOST_TEST((p.init.Split().receive == p.resp.Split().send));
    BOOST_TEST((p.init.Split().send != p.init.Split().receive));
    BOOST_TEST((p.init.remote_static() == p.resp_public));
    BOOST_TEST((p.resp.remote_static() == p.init_public));
  }
}

BOOST_AUTO_TEST_CASE(another_prologue_fails_at_the_first_sealed_message) {
  Pair p(sodium.get(), Hex("01"), Hex("02"));
  const auto first = p.resp.ReadMessage(p.init.WriteMessage({}));
  BOOST_REQUIRE(first);
  BOOST_TEST(!p.init.ReadMessage(p.resp.WriteMessage({})));
}

BOOST_AUTO_TEST_CASE(any_flipped_bit_of_a_sealed_message_fails_and_ends_the_handshake) {
  auto crypto = NewStandInCrypto(2);  // real curves would take minutes here
  for (int n : {1, 2}) {
    std::size_t bits = 1;
    for (std::size_t bit = 0; bit < bits; ++bit) {
      Pair p(crypto.get());
      Bytes message = MessageNumber(n, &p, Hex("0102"));
      bits = message.size() * 8;
      const Bytes intact = message;
      message[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      BOOST_REQUIRE(!ReceiverOf(n, &p).ReadMessage(message));
      BOOST_REQUIRE(!ReceiverOf(n, &p).ReadMessage(intact));
      BOOST_REQUIRE(!ReceiverOf(n, &p).finished());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_changed_first_message_is_noticed_by_the_initiator) {
  Pair p(sodium.get());
  Bytes first = p.init.WriteMessage(Hex("0102"));
  first.back() ^= 1;  // its payload is in the clear, but hashed
  BOOST_REQUIRE(p.resp.ReadMessage(first));
  BOOST_TEST(!p.init.ReadMessage(p.resp.WriteMessage({})));
}

BOOST_AUTO_TEST_CASE(truncated_messages_are_refused_at_every_length) {
  auto crypto = NewStandInCrypto(3);
  for (int n : {0, 1, 2}) {
    // With no payload, message one is its key alone and the others end in a tag.
    Pair whole(crypto.get());
    const std::size_t size = MessageNumber(n, &whole, {}).size();
    BOOST_TEST(size == (n == 0 ? 32u : n == 1 ? 96u : 64u));
    for (std::size_t cut = 0; cut < size; ++cut) {
      Pair p(crypto.get());
      const Bytes message = MessageNumber(n, &p, {});
      BOOST_REQUIRE(!ReceiverOf(n, &p).ReadMessage(ByteSpan(message).Sub(0, cut)));
    }
  }
}

BOOST_AUTO_TEST_CASE(an_ephemeral_key_of_low_order_ends_the_handshake_on_either_side) {
  const Bytes zeros(32);
  Pair a(sodium.get());
  BOOST_REQUIRE(a.resp.ReadMessage(zeros));  // nothing to combine it with yet
  BOOST_TEST(a.resp.WriteMessage({}).empty());
  BOOST_TEST(a.resp.WriteMessage({}).empty());
  BOOST_TEST(!a.resp.ReadMessage(zeros));

  Pair b(sodium.get());
  b.init.WriteMessage({});
  BOOST_TEST(!b.init.ReadMessage(Bytes(96)));
}

BOOST_AUTO_TEST_CASE(a_message_out_of_turn_is_refused_and_changes_nothing) {
  Pair p(sodium.get());
  BOOST_TEST(!p.init.ReadMessage(Bytes(96)));  // the initiator speaks first
  const Bytes first = p.init.WriteMessage({});
  BOOST_REQUIRE(p.resp.ReadMessage(first));
  BOOST_TEST(!p.resp.ReadMessage(first));  // a repeated first message
  BOOST_REQUIRE(p.init.ReadMessage(p.resp.WriteMessage({})));
  BOOST_REQUIRE(p.resp.ReadMessage(p.init.WriteMessage({})));
  BOOST_TEST(p.resp.finished());
  BOOST_TEST(!p.resp.ReadMessage(first));
  BOOST_TEST(p.resp.finished());
}

BOOST_AUTO_TEST_CASE(random_bytes_never_finish_a_handshake) {
  auto crypto = NewStandInCrypto(4);
  Random random(99);
  for (int i = 0; i < 3000; ++i) {
    const int n = 1 + i % 2;
    Pair p(crypto.get());
    MessageNumber(n, &p, {});
    Bytes noise(random.Below(300));
    for (auto& b : noise) b = static_cast<std::uint8_t>(random.U64());
    BOOST_REQUIRE(!ReceiverOf(n, &p).ReadMessage(noise));
    BOOST_REQUIRE(!ReceiverOf(n, &p).finished());
  }
}

BOOST_AUTO_TEST_CASE(a_message_longer_than_the_specification_allows_is_refused) {
  Pair p(sodium.get());
  BOOST_TEST(!p.resp.ReadMessage(Bytes(65536, 1)));
  Pair q(sodium.get());
  BOOST_TEST(q.resp.ReadMessage(Bytes(65535, 1)).has_value());
}

}  // namespace selvage
