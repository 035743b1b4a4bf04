#define BOOST_TEST_MODULE record_pool_test
#include "agents/node/record_pool.h"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "agents/node/link_state_codec.h"
#include "agents/node/map_sync.h"
#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

const Time kStart = TimeFromNanos(1'000'000'000);

struct Members {
  std::shared_ptr<Crypto> crypto = NewSodiumCrypto();
  TestNetwork network{crypto};
  Identity a = network.Admit("a"), b = network.Admit("b");
  RecordPool pool;

  Bytes Signed(const Identity& id, std::uint32_t sequence) {
    LinkStateRecord r;
    r.origin = id.certificate.id;
    r.version = {Epoch(1), sequence};
    SignLinkState(*crypto, id.signing_key, &r);
    return r.encoded;
  }
};

BOOST_AUTO_TEST_CASE(the_same_bytes_are_the_same_record_parsed_and_verified_once) {
  Members m;
  const Bytes encoded = m.Signed(m.a, 1);
  const auto first = m.pool.Read(encoded);
  BOOST_REQUIRE(first != nullptr);
  BOOST_TEST(m.pool.Read(Bytes(encoded)) == first);
  BOOST_TEST(m.pool.parsed() == 1u);
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(m.pool.IsSigned(*m.crypto, m.a.certificate.signing_key, *first));
  }
  BOOST_TEST(m.pool.verified() == 1u);
  BOOST_TEST(m.pool.Read(m.Signed(m.a, 2)) != first);
}

BOOST_AUTO_TEST_CASE(a_signature_that_one_key_made_is_not_believed_of_another) {
  Members m;
  const auto record = m.pool.Read(m.Signed(m.a, 1));
  BOOST_REQUIRE(record != nullptr);
  BOOST_TEST(m.pool.IsSigned(*m.crypto, m.a.certificate.signing_key, *record));
  BOOST_TEST(!m.pool.IsSigned(*m.crypto, m.b.certificate.signing_key, *record));
  BOOST_TEST(m.pool.IsSigned(*m.crypto, m.a.certificate.signing_key, *record));
}

BOOST_AUTO_TEST_CASE(what_was_refused_once_is_refused_again) {
  Members m;
  Bytes encoded = m.Signed(m.a, 1);
  encoded.back() ^= 1;
  const auto forged = m.pool.Read(encoded);
  if (forged != nullptr) {
    for (int i = 0; i < 2; ++i) {
      BOOST_TEST(!m.pool.IsSigned(*m.crypto, m.a.certificate.signing_key, *forged));
    }
  }
  BOOST_TEST(m.pool.Read(Bytes(10)) == nullptr);
}

BOOST_AUTO_TEST_CASE(strangers_fill_no_memory) {
  Members m;
  const auto kept = m.pool.Read(m.Signed(m.b, 1));
  for (std::uint32_t i = 0; i < 10 * RecordPool::kSweepMin; ++i) {
    LinkStateRecord r;
    r.origin = m.a.certificate.id;
    r.version = {Epoch(1), i};
    SignLinkState(*m.crypto, m.a.signing_key, &r);
    BOOST_REQUIRE(m.pool.Read(r.encoded) != nullptr);  // and let go
  }
  BOOST_TEST(m.pool.entries() <= RecordPool::kSweepMin + 1);
  BOOST_TEST(m.pool.Read(kept->encoded) == kept);
}

BOOST_AUTO_TEST_CASE(nodes_that_share_a_pool_hold_one_record_and_one_certificate) {
  Members m;
  const TrustAnchor anchor = m.network.anchor();
  const auto pool = std::make_shared<RecordPool>();
  MapSync one(m.crypto.get(), &m.a, &anchor, Epoch(1), pool);
  MapSync two(m.crypto.get(), &m.a, &anchor, Epoch(1), pool);
  const Bytes encoded = m.Signed(m.b, 1);
  for (MapSync* node : {&one, &two}) {
    BOOST_TEST(node->AddCertificate(m.b.certificate));
    node->OnLinkState(kStart, AdjacencyIndex(1), encoded);
  }
  const ShortId b = m.b.certificate.id.Short();
  BOOST_REQUIRE(one.database().Find(b) != nullptr);
  BOOST_TEST(one.database().Find(b) == two.database().Find(b));
  BOOST_TEST(one.FindCertificate(b) == two.FindCertificate(b));
  BOOST_TEST(pool->verified() == 1u);
}

}  // namespace
}  // namespace selvage
