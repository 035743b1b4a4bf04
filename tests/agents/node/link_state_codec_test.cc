#define BOOST_TEST_MODULE link_state_codec_test
#include "agents/node/link_state_codec.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"
#include "core/schema/link_state.pb.h"

namespace selvage {
namespace {

struct Signer {
  std::shared_ptr<Crypto> crypto = NewSodiumCrypto();
  SigningKey secret{};
  VerifyKey key{};
  Signer() { crypto->GenerateSigningKey(&secret, &key); }
  LinkStateRecord Signed(int adjacencies, int addresses = 0) {
    LinkStateRecord r;
    r.origin.bytes[0] = 1;
    r.version = {Epoch(7), 9};
    for (int i = 1; i <= adjacencies; ++i) {
      const auto n = static_cast<std::uint8_t>(i);
      r.adjacencies.push_back({AdjacencyIndex(n),
                               ShortId(1000u + n),
                               AdjacencyIndex(n),
                               {12'345, n % 1001u, 54'000, n % 2 == 0}});
    }
    for (int i = 0; i < addresses; ++i) r.addresses.push_back("10.99.0." + std::to_string(i));
    SignLinkState(*crypto, secret, &r);
    return r;
  }
};

Bytes Encode(const schema::LinkStateBody& body) {
  schema::LinkState m;
  m.set_body(body.SerializeAsString());
  m.set_signature(std::string(64, 's'));
  const std::string s = m.SerializeAsString();
  return Bytes(s.begin(), s.end());
}
schema::LinkStateBody Body() {
  schema::LinkStateBody b;
  b.set_origin(std::string(16, 'o'));
  b.set_epoch(1);
  auto* a = b.add_adjacency();
  a->set_index(1);
  a->set_neighbor(5);
  a->set_neighbor_index(2);
  return b;
}

BOOST_AUTO_TEST_CASE(an_advertisement_comes_back_whole_and_its_signature_holds) {
  Signer s;
  for (const int n : {0, 1, 3, 255}) {
    const LinkStateRecord r = s.Signed(n, 8);
    BOOST_TEST(r.encoded.size() <= kLinkStateBytesMax);
    const auto back = ParseLinkState(r.encoded);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((back->origin == r.origin));
    BOOST_TEST((back->version == r.version));
    BOOST_TEST(back->addresses == r.addresses);
    BOOST_TEST(back->encoded == r.encoded);
    BOOST_REQUIRE(back->adjacencies.size() == static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < back->adjacencies.size(); ++i) {
      BOOST_TEST((back->adjacencies[i].index == r.adjacencies[i].index));
      BOOST_TEST((back->adjacencies[i].neighbor == r.adjacencies[i].neighbor));
      BOOST_TEST((back->adjacencies[i].neighbor_index == r.adjacencies[i].neighbor_index));
      BOOST_TEST((back->adjacencies[i].metric == r.adjacencies[i].metric));
    }
    BOOST_TEST(VerifyLinkState(*s.crypto, s.key, r.encoded));
  }
}

BOOST_AUTO_TEST_CASE(a_changed_byte_or_another_key_is_noticed) {
  Signer s, other;
  const LinkStateRecord r = s.Signed(3);
  BOOST_TEST(!VerifyLinkState(*s.crypto, other.key, r.encoded));
  for (std::size_t i = 0; i < r.encoded.size(); ++i) {
    Bytes bad = r.encoded;
    bad[i] ^= 0x01;
    BOOST_TEST(!VerifyLinkState(*s.crypto, s.key, bad), "byte " << i);
  }
}

BOOST_AUTO_TEST_CASE(what_is_out_of_range_is_malformed) {
  BOOST_TEST(ParseLinkState(Encode(Body())).has_value());
  auto refused = [](auto change) {
    schema::LinkStateBody b = Body();
    change(&b);
    return !ParseLinkState(Encode(b)).has_value();
  };
  using B = schema::LinkStateBody;
  BOOST_TEST(refused([](B* b) { b->set_origin(std::string(15, 'o')); }));
  BOOST_TEST(refused([](B* b) { b->set_origin(std::string(16, '\0')); }));
  BOOST_TEST(refused([](B* b) { b->mutable_adjacency(0)->set_index(0); }));
  BOOST_TEST(refused([](B* b) { b->mutable_adjacency(0)->set_index(256); }));
  BOOST_TEST(refused([](B* b) { b->mutable_adjacency(0)->set_neighbor_index(0); }));
  BOOST_TEST(refused([](B* b) { b->mutable_adjacency(0)->set_neighbor_index(256); }));
  BOOST_TEST(refused([](B* b) { b->mutable_adjacency(0)->set_loss_permille(1001); }));
  BOOST_TEST(!refused([](B* b) { b->mutable_adjacency(0)->set_loss_permille(1000); }));
  BOOST_TEST(refused([](B* b) {
    for (int i = 0; i < 255; ++i) *b->add_adjacency() = b->adjacency(0);  // 256
  }));
  BOOST_TEST(refused([](B* b) {
    for (int i = 0; i < 9; ++i) b->add_address("10.0.0.1");
  }));
  BOOST_TEST(!refused([](B* b) { b->add_address(std::string(45, 'a')); }));
  BOOST_TEST(refused([](B* b) { b->add_address(std::string(46, 'a')); }));
  BOOST_TEST(!ParseLinkState(Bytes(kLinkStateBytesMax + 1)).has_value());
}

BOOST_AUTO_TEST_CASE(random_bytes_are_neither_read_as_nor_verified) {
  Signer s;
  Random random(1);
  const LinkStateRecord r = s.Signed(5);
  for (int i = 0; i < 5000; ++i) {
    Bytes b = r.encoded;
    for (int k = 0; k < 5; ++k) b[random.Below(b.size())] = static_cast<std::uint8_t>(random.U64());
    if (i % 2 == 0) b.resize(random.Below(b.size()));
    ParseLinkState(b);
    BOOST_REQUIRE(b == r.encoded || !VerifyLinkState(*s.crypto, s.key, b));
  }
}

}  // namespace
}  // namespace selvage
