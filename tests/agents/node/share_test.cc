#define BOOST_TEST_MODULE share
#include <boost/test/unit_test.hpp>

#include "agents/node/share_book.h"
#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

constexpr ShareBook::Kind kKind{77, 2};

Bytes Packet(float log_variance, std::uint32_t kind = kKind.hash, std::size_t count = 2) {
  anomaly::Digest d;
  d.kind = kind;
  d.count = count;
  d.samples = 4000;
  for (std::size_t f = 0; f < count; ++f) {
    d.features[f].known = true;
    d.features[f].log_variance = log_variance;
  }
  Bytes out(anomaly::Digest::kBytesMax);
  out.resize(d.Encode(out.data()));
  return out;
}

BOOST_AUTO_TEST_CASE(below_three_voices_there_is_no_prior_and_then_it_is_their_median) {
  ShareBook book;
  const Time now{100s};
  BOOST_TEST((book.OnDigest(now, ShortId(1), Packet(2), {kKind}) == ShareBook::Verdict::kTaken));
  BOOST_TEST((book.OnDigest(now, ShortId(2), Packet(3), {kKind}) == ShareBook::Verdict::kTaken));
  BOOST_TEST(!book.PriorOf(now, kKind, {}).has_value());
  BOOST_TEST((book.OnDigest(now, ShortId(3), Packet(40), {kKind}) == ShareBook::Verdict::kTaken));
  const auto prior = book.PriorOf(now, kKind, {});
  BOOST_TEST_REQUIRE(prior.has_value());
  BOOST_TEST(prior->voices == 3u);
  BOOST_TEST(prior->digest.features[0].log_variance == 3.0F);
}

BOOST_AUTO_TEST_CASE(own_models_of_the_kind_have_a_voice_too) {
  ShareBook book;
  const Time now{100s};
  book.OnDigest(now, ShortId(1), Packet(2), {kKind});
  book.OnDigest(now, ShortId(2), Packet(40), {kKind});
  anomaly::Digest own;
  own.kind = kKind.hash;
  own.count = kKind.features;
  own.features[0] = own.features[1] = {true, 1, 0, {}, 0, 1};
  const auto prior = book.PriorOf(now, kKind, {own});
  BOOST_TEST_REQUIRE(prior.has_value());
  BOOST_TEST(prior->digest.features[0].log_variance == 2.0F);
  own.kind = 78;
  BOOST_TEST(!book.PriorOf(now, kKind, {own}).has_value());
}

BOOST_AUTO_TEST_CASE(a_neighbour_has_one_voice_however_often_it_speaks) {
  ShareBook book;
  Time now{100s};
  for (int i = 0; i < 10; ++i) {
    book.OnDigest(now, ShortId(1), Packet(40), {kKind});
    now += 61s;
  }
  BOOST_TEST(book.size() == 1u);
  BOOST_TEST((book.OnDigest(now, ShortId(1), Packet(40), {kKind}) == ShareBook::Verdict::kTaken));
  BOOST_TEST(
      (book.OnDigest(now + 59s, ShortId(1), Packet(40), {kKind}) == ShareBook::Verdict::kTooSoon));
}

BOOST_AUTO_TEST_CASE(what_is_malformed_or_of_no_use_here_is_refused) {
  ShareBook book;
  const Time now{100s};
  Bytes broken = Packet(2);
  broken.pop_back();
  BOOST_TEST((book.OnDigest(now, ShortId(1), broken, {kKind}) == ShareBook::Verdict::kMalformed));
  BOOST_TEST((book.OnDigest(now, ShortId(1), Bytes(), {kKind}) == ShareBook::Verdict::kMalformed));
  BOOST_TEST(
      (book.OnDigest(now, ShortId(1), Packet(2, 78), {kKind}) == ShareBook::Verdict::kForeign));
  BOOST_TEST((book.OnDigest(now, ShortId(1), Packet(2, kKind.hash, 3), {kKind}) ==
              ShareBook::Verdict::kForeign));
  BOOST_TEST(book.size() == 0u);
}

BOOST_AUTO_TEST_CASE(voices_are_bounded_and_old_ones_are_not_heard) {
  ShareBook book;
  Time now{100s};
  for (std::uint32_t i = 0; i < 2 * ShareBook::kPeersMax; ++i) {
    book.OnDigest(now, ShortId(i + 1), Packet(2), {kKind});
    now += 1s;
  }
  BOOST_TEST(book.size() == ShareBook::kPeersMax);
  BOOST_TEST(book.PriorOf(now, kKind, {}).has_value());
  BOOST_TEST(!book.PriorOf(now + 25h, kKind, {}).has_value());
  std::vector<ShareBook::Kind> many;
  for (std::uint32_t k = 0; k < 3 * ShareBook::kKindsMax; ++k) many.push_back({1000 + k, 2});
  for (const ShareBook::Kind& k : many) {
    book.OnDigest(now, ShortId(1), Packet(2, k.hash), many);
  }
  BOOST_TEST(book.size() < ShareBook::kPeersMax + ShareBook::kKindsMax);
}

// A star: the hub talks to its leaves, so each end of each link learns.
struct Star {
  explicit Star(bool share, int leaves = 4) : mesh(31) {
    NodeConfig config;
    config.model.share = share;
    mesh.Add("hub", mesh.members(), config);
    for (int i = 0; i < leaves; ++i) {
      names.push_back("l" + std::to_string(i));
      mesh.Add(names.back(), mesh.members(), config);
      mesh.Join("hub", names.back());
    }
    mesh.StartAll();
    mesh.Run(2s);
  }
  void Talk(int seconds) {
    for (int i = 0; i < seconds * 2; ++i) {
      mesh.At(i * 500ms, [this] {
        for (const std::string& n : names) {
          mesh.Send("hub", n, TrafficClass::kTelemetry, Bytes(64, 1));
          mesh.Send(n, "hub", TrafficClass::kTelemetry, Bytes(64, 1));
        }
      });
    }
    mesh.Run(std::chrono::seconds(seconds));
  }
  void LoseEverything(const std::string& name) {
    mesh.Kill(name);
    mesh.Find(name).store = NewMemoryStore();
    mesh.Run(10s);
    mesh.Start(name);
    mesh.Run(3s);
  }
  Mesh mesh;
  std::vector<std::string> names;
};

BOOST_AUTO_TEST_CASE(a_node_that_begins_anew_begins_from_what_its_neighbours_have_learnt) {
  Star star(true);
  star.Talk(2000);
  BOOST_TEST(star.mesh.Counter("l0", "model_digests_sent_total") >= 1u);
  star.LoseEverything("hub");
  star.Talk(30);
  BOOST_TEST(star.mesh.Counter("hub", "model_digests_taken_total") == 4u);
  BOOST_TEST(star.mesh.Counter("hub", "model_digests_refused_total") == 0u);
  BOOST_TEST(star.mesh.Counter("hub", "model_priors_taken_total") >= 1u);
  for (const AnomalyInfo& a : star.mesh.Find("hub").core->Anomalies(star.mesh.now())) {
    BOOST_TEST(a.prior_voices >= 3u);
  }
}

BOOST_AUTO_TEST_CASE(a_node_that_does_not_share_neither_tells_nor_listens) {
  Star star(false);
  star.Talk(2000);
  star.LoseEverything("hub");
  star.Talk(30);
  BOOST_TEST(star.mesh.Counter("l0", "model_digests_sent_total") == 0u);
  BOOST_TEST(star.mesh.Counter("hub", "model_digests_taken_total") == 0u);
  for (const AnomalyInfo& a : star.mesh.Find("hub").core->Anomalies(star.mesh.now())) {
    BOOST_TEST(a.prior_voices == 0u);
  }
}

BOOST_AUTO_TEST_CASE(neighbours_are_told_every_half_hour_and_where_bytes_cost_every_day) {
  for (const bool metered : {false, true}) {
    Mesh mesh(33);
    if (metered) mesh.shape_link = [](LinkInfo* info) { info->tariff = Tariff::kMetered; };
    mesh.Add("a");
    mesh.Add("b");
    mesh.Join("a", "b");
    mesh.StartAll();
    mesh.Run(2s);
    for (int i = 0; i < 6000; ++i) {
      mesh.At(i * 1s, [&mesh] { mesh.Send("a", "b", TrafficClass::kTelemetry, Bytes(64, 1)); });
    }
    mesh.Run(6000s);
    BOOST_TEST(mesh.Counter("a", "model_digests_sent_total") == (metered ? 1u : 3u));
  }
}

}  // namespace
}  // namespace selvage
