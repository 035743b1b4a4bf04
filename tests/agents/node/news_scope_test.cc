#define BOOST_TEST_MODULE news_scope_test
#include "agents/node/news_scope.h"

#include <boost/test/unit_test.hpp>

#include "agents/node/link_state_codec.h"
#include "agents/node/map_sync.h"
#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

constexpr std::size_t kNodes = 200;
const Time kStart = TimeFromNanos(1'000'000'000);
const AdjacencyIndex kLeft(1);
const AdjacencyIndex kRight(2);

// 200 members in a row; the first one is this node, its map whole and older than young.
struct Row {
  std::shared_ptr<Crypto> crypto = NewStandInCrypto(1);
  TestNetwork members{crypto};
  TrustAnchor anchor = members.anchor();
  std::vector<Identity> ids;
  std::unique_ptr<MapSync> map;
  Time now = kStart;

  Row() {
    for (std::size_t i = 0; i < kNodes; ++i) ids.push_back(members.Admit("n" + std::to_string(i)));
    map = std::make_unique<MapSync>(crypto.get(), &ids[0], &anchor, Epoch(1));
    map->SetWall(1000);
    for (std::size_t i = 1; i < kNodes; ++i) {
      map->AddCertificate(ids[i].certificate);
      Tell(i, 1, Links(i));
    }
    map->Advertise(now, Links(0), {});
    map->SetTopology(map->database().BuildTopology());
    now += NewsScope::kYoung;
    map->OnNeighborUp(kLeft, ShortId(0), 1400, false);
    while (!map->TakeFrames(now).empty()) {
    }
  }
  ShortId IdOf(std::size_t i) const { return ids[i].certificate.id.Short(); }
  std::vector<AdvertisedAdjacency> Links(std::size_t i, bool right = true) const {
    std::vector<AdvertisedAdjacency> out;
    if (i > 0) out.push_back({kLeft, IdOf(i - 1), kRight, {}});
    if (right && i + 1 < kNodes) out.push_back({kRight, IdOf(i + 1), kLeft, {}});
    return out;
  }
  Bytes Signed(std::size_t i, std::uint32_t sequence, std::vector<AdvertisedAdjacency> links,
               std::uint32_t epoch = 1) {
    LinkStateRecord r;
    r.origin = ids[i].certificate.id;
    r.version = {Epoch(epoch), sequence};
    r.adjacencies = std::move(links);
    SignLinkState(*crypto, ids[i].signing_key, &r);
    return r.encoded;
  }
  // It comes from the right.
  void Tell(std::size_t i, std::uint32_t sequence, std::vector<AdvertisedAdjacency> links,
            std::uint32_t epoch = 1) {
    map->OnLinkState(now, kRight, Signed(i, sequence, std::move(links), epoch));
  }
  // Ids told to the left neighbour now; bytes are added up.
  std::vector<ShortId> Told() {
    std::vector<ShortId> out;
    for (const ControlFrame& f : map->TakeFrames(now)) {
      bytes += f.content.size();
      out.insert(out.end(), f.origins.begin(), f.origins.end());
    }
    return out;
  }
  std::size_t bytes = 0;
};

BOOST_FIXTURE_TEST_CASE(near_news_goes_at_once_whatever_far_news_waits, Row) {
  for (std::size_t i = 100; i < kNodes; ++i) Tell(i, 2, Links(i));
  Tell(5, 2, Links(5));
  const auto told = Told();
  BOOST_TEST((std::find(told.begin(), told.end(), IdOf(5)) != told.end()));
  BOOST_TEST(told.size() < 100u);
}

BOOST_FIXTURE_TEST_CASE(far_news_costs_no_more_than_its_budget_and_all_of_it_comes, Row) {
  std::set<std::uint32_t> told;
  for (std::size_t i = 100; i < kNodes; ++i) Tell(i, 2, Links(i));
  const Time begin = now;
  while (told.size() < 100 && now < begin + 3600s) {
    for (const ShortId id : Told()) told.insert(id.value);
    const auto spent = static_cast<std::size_t>((now - begin) / 1s);
    BOOST_REQUIRE(bytes <= MapSync::kFarBurstBytes + 1400 + spent * MapSync::kFarBytesPerSecond);
    now = std::max(now + 1s, std::min(map->NextDeadline(), now + 60s));
  }
  BOOST_TEST(told.size() == 100u);
  BOOST_TEST((map->NextDeadline() == kNever));
}

BOOST_FIXTURE_TEST_CASE(of_far_news_only_the_newest_version_is_told, Row) {
  for (std::size_t i = 100; i < kNodes; ++i) Tell(i, 2, Links(i));
  while (!Told().empty()) {
  }
  for (std::uint32_t sequence = 3; sequence < 50; ++sequence) Tell(150, sequence, Links(150));
  int times = 0;
  for (int i = 0; i < 100; ++i, now += 60s) {
    for (const ShortId id : Told()) times += id == IdOf(150);
  }
  BOOST_TEST(times == 1);
}

BOOST_FIXTURE_TEST_CASE(news_of_a_node_that_begins_its_life_is_urgent_everywhere, Row) {
  for (std::size_t i = 100; i < 199; ++i) Tell(i, 2, Links(i));
  Told();
  Tell(199, 1, {}, 2);  // restarted
  BOOST_TEST(Told().size() == 1u);
  now += NewsScope::kYoung - 1s;
  Tell(199, 2, Links(199), 2);  // and found its neighbours
  const auto told = Told();
  BOOST_TEST((std::find(told.begin(), told.end(), IdOf(199)) != told.end()));
}

BOOST_FIXTURE_TEST_CASE(what_mends_a_partition_is_urgent_everywhere, Row) {
  // The row breaks behind node 150, and everybody has heard of that.
  Tell(150, 2, Links(150, false));
  map->SetTopology(map->database().BuildTopology());
  for (std::size_t i = 70; i < 149; ++i) Tell(i, 2, Links(i));
  while (!Told().empty()) {
  }
  Tell(150, 3, Links(150));
  auto told = Told();
  BOOST_TEST((std::find(told.begin(), told.end(), IdOf(150)) != told.end()));
  Tell(180, 2, Links(180));  // from the other side: out of reach until routes are made anew
  told = Told();
  BOOST_TEST((std::find(told.begin(), told.end(), IdOf(180)) != told.end()));
}

BOOST_FIXTURE_TEST_CASE(a_neighbour_that_is_in_reach_anyway_is_told_what_is_near_alone, Row) {
  map->OnNeighborUp(kLeft, IdOf(3), 1400, false);
  std::size_t bytes_near = 0;
  for (const ControlFrame& f : map->TakeFrames(now)) bytes_near += f.content.size();
  BOOST_TEST(bytes_near >= NewsScope::kNearNodes * 12);
  BOOST_TEST(bytes_near < (NewsScope::kNearNodes + 3) * 12);
  map->OnNeighborUp(kLeft, ShortId(7), 1400, false);  // a stranger to the map: everything
  std::size_t bytes_all = 0;
  for (const ControlFrame& f : map->TakeFrames(now)) bytes_all += f.content.size();
  BOOST_TEST(bytes_all >= kNodes * 12);
}

BOOST_FIXTURE_TEST_CASE(maps_that_differ_in_far_news_alone_have_one_digest, Row) {
  const std::uint32_t before = map->Digest();
  Tell(150, 2, Links(150));
  BOOST_TEST(map->Digest() == before);
  const Identity stranger = members.Admit("stranger");
  map->AddCertificate(stranger.certificate);
  LinkStateRecord r;
  r.origin = stranger.certificate.id;
  r.version = {Epoch(1), 1};
  SignLinkState(*crypto, stranger.signing_key, &r);
  map->OnLinkState(now, kRight, r.encoded);
  BOOST_TEST(map->Digest() != before);
}

BOOST_AUTO_TEST_CASE(a_small_network_knows_no_far_news) {
  NewsScope scope(ShortId(1));
  std::vector<AdvertisedNode> nodes;
  const auto count = static_cast<std::uint32_t>(NewsScope::kSmallNetwork);
  for (std::uint32_t i = 1; i <= count; ++i) {
    AdvertisedNode n{ShortId(i), {}};
    if (i > 1) n.adjacencies.push_back({kLeft, ShortId(i - 1), kRight, {}});
    if (i < count) n.adjacencies.push_back({kRight, ShortId(i + 1), kLeft, {}});
    nodes.push_back(n);
  }
  scope.SetTopology(Topology(nodes));
  for (std::uint32_t i = 1; i <= count; ++i) {
    scope.OnEntered(kStart, ShortId(i), Epoch(1));
    BOOST_TEST(scope.Near(kStart + 3600s, ShortId(i)));
  }
}

}  // namespace
}  // namespace selvage
