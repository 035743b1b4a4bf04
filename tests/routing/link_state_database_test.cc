#define BOOST_TEST_MODULE link_state_database_test
#include "routing/link_state_database.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

using Insert = LinkStateDatabase::Insert;
const Time kStart = TimeFromNanos(1'000'000'000);

LinkStateRecord Plain(std::uint32_t origin, std::uint32_t epoch, std::uint32_t sequence) {
  LinkStateRecord r;
  for (int i = 0; i < 4; ++i) {
    r.origin.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(origin >> (24 - 8 * i));
  }
  r.version = {Epoch(epoch), sequence};
  return r;
}

std::shared_ptr<const LinkStateRecord> Record(std::uint32_t origin, std::uint32_t epoch,
                                              std::uint32_t sequence) {
  return std::make_shared<const LinkStateRecord>(Plain(origin, epoch, sequence));
}

AdvertisedAdjacency Line(std::uint32_t to) {
  return {AdjacencyIndex(1), ShortId(to), AdjacencyIndex(1), {}};
}

BOOST_AUTO_TEST_CASE(epoch_and_sequence_only_grow) {
  LinkStateDatabase db;
  BOOST_TEST((db.Put(kStart, Record(1, 2, 5)) == Insert::kNewer));
  BOOST_TEST((db.Put(kStart, Record(1, 2, 5)) == Insert::kSame));
  BOOST_TEST((db.Put(kStart, Record(1, 2, 4)) == Insert::kOlder));
  BOOST_TEST((db.Put(kStart, Record(1, 1, 999)) == Insert::kOlder));
  BOOST_TEST(!db.Wants(ShortId(1), {Epoch(2), 5}));
  BOOST_TEST(!db.Wants(ShortId(1), {Epoch(1), 999}));
  BOOST_TEST(db.Wants(ShortId(1), {Epoch(2), 6}));
  BOOST_TEST(db.Wants(ShortId(1), {Epoch(3), 0}));
  BOOST_TEST(db.Wants(ShortId(2), {Epoch(0), 0}));
  BOOST_TEST((db.Put(kStart, Record(1, 3, 1)) == Insert::kNewer));
  BOOST_TEST(db.Find(ShortId(1))->version.sequence == 1);
  BOOST_TEST(db.Find(ShortId(2)) == nullptr);
}

BOOST_AUTO_TEST_CASE(digests_agree_when_maps_do_whatever_the_order) {
  LinkStateDatabase a, b;
  a.Put(kStart, Record(1, 1, 1));
  a.Put(kStart, Record(2, 1, 1));
  a.Put(kStart, Record(1, 1, 2));
  b.Put(kStart, Record(2, 1, 1));
  BOOST_TEST(a.Digest() != b.Digest());
  b.Put(kStart, Record(1, 1, 2));
  BOOST_TEST(a.Digest() == b.Digest());
  b.Put(kStart, Record(1, 1, 1));  // refused
  BOOST_TEST(a.Digest() == b.Digest());
}

BOOST_AUTO_TEST_CASE(a_full_map_takes_news_of_known_nodes_only) {
  LinkStateDatabase db;
  for (std::uint32_t i = 1; i <= LinkStateDatabase::kNodesMax; ++i) {
    BOOST_REQUIRE((db.Put(kStart, Record(i, 1, 1)) == Insert::kNewer));
  }
  const auto digest = db.Digest();
  BOOST_TEST((db.Put(kStart, Record(1'000'000, 1, 1)) == Insert::kFull));
  BOOST_TEST(!db.Wants(ShortId(1'000'000), {Epoch(1), 1}));
  BOOST_TEST(db.Digest() == digest);
  BOOST_TEST((db.Put(kStart, Record(1, 1, 2)) == Insert::kNewer));
  BOOST_TEST(db.records().size() == LinkStateDatabase::kNodesMax);
}

BOOST_AUTO_TEST_CASE(a_node_is_forgotten_when_nobody_lists_it_for_an_hour) {
  LinkStateDatabase db;
  LinkStateRecord self = Plain(1, 1, 1);
  self.adjacencies = {Line(2)};
  db.Put(kStart, std::make_shared<const LinkStateRecord>(self));
  db.Put(kStart, Record(2, 1, 1));  // listed
  const auto two = db.Digest();
  db.Put(kStart, Record(3, 1, 1));  // not listed
  const Time hour = kStart + LinkStateDatabase::kForgetAfter;
  BOOST_TEST(db.Expire(hour, ShortId(1)) == 0);
  BOOST_TEST(db.Expire(hour + Duration(1), ShortId(1)) == 1);
  BOOST_TEST(db.Find(ShortId(3)) == nullptr);
  BOOST_TEST(db.Find(ShortId(2)) != nullptr);
  BOOST_TEST(db.Find(ShortId(1)) != nullptr);
  BOOST_TEST(db.Digest() == two);
}

BOOST_AUTO_TEST_CASE(the_graph_is_that_of_the_records) {
  LinkStateDatabase db;
  LinkStateRecord a = Plain(1, 1, 1), b = Plain(2, 1, 1);
  a.adjacencies = {Line(2)};
  b.adjacencies = {Line(1)};
  db.Put(kStart, std::make_shared<const LinkStateRecord>(a));
  BOOST_TEST(db.BuildTopology().EdgesOf(0).empty());
  db.Put(kStart, std::make_shared<const LinkStateRecord>(b));
  const Topology t = db.BuildTopology();
  BOOST_TEST(t.size() == 2);
  BOOST_TEST(t.EdgesOf(0).size() == 1);
}

}  // namespace
}  // namespace selvage
