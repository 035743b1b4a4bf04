#define BOOST_TEST_MODULE testimony_test
#include <boost/test/unit_test.hpp>

#include "agents/quarantine/testimony.h"
#include "agents/quarantine/testimony_book.h"

namespace selvage {
namespace {

constexpr AdjacencyIndex kOne(1);
constexpr AdjacencyIndex kTwo(2);

struct Witness {
  std::shared_ptr<Crypto> crypto = NewSodiumCrypto();
  SigningKey key{};
  VerifyKey verify{};
  NodeId id;
  Witness() {
    crypto->GenerateSigningKey(&key, &verify);
    id.bytes = {9, 8, 7, 6, 5};
  }
  Testimony Say(std::uint32_t sequence, std::vector<Word> words, std::uint32_t epoch = 1) {
    Testimony t;
    t.witness = id;
    t.version = {Epoch(epoch), sequence};
    t.words = std::move(words);
    SignTestimony(*crypto, key, &t);
    return t;
  }
};

std::vector<Word> Words(std::size_t n) {
  std::vector<Word> out;
  for (std::size_t i = 0; i < n; ++i) {
    out.push_back({ShortId(static_cast<std::uint32_t>(0x01000000 + i)), Word::What::kAccuse,
                   ShortId(0x02000000), 137});
  }
  return out;
}

Time At(Duration d) { return TimeFromNanos(1'000'000'000) + d; }

BOOST_AUTO_TEST_CASE(what_is_signed_comes_back_and_verifies) {
  Witness w;
  const Testimony t = w.Say(3, Words(kWordsMax));
  BOOST_TEST(t.encoded.size() <= kTestimonyBytesMax);
  const auto back = ParseTestimony(t.encoded);
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST((back->witness == w.id));
  BOOST_TEST((back->version == t.version));
  BOOST_TEST((back->words == t.words));
  BOOST_TEST(VerifyTestimony(*w.crypto, w.verify, t.encoded));
}

BOOST_AUTO_TEST_CASE(one_changed_byte_anywhere_is_malformed_or_forged) {
  Witness w;
  const Testimony t = w.Say(3, Words(2));
  for (std::size_t i = 0; i < t.encoded.size(); ++i) {
    Bytes changed = t.encoded;
    changed[i] ^= 0x04;
    BOOST_TEST((!ParseTestimony(changed) || !VerifyTestimony(*w.crypto, w.verify, changed)));
  }
  for (std::size_t n = 0; n < t.encoded.size(); ++n) {
    BOOST_TEST(!VerifyTestimony(*w.crypto, w.verify, ByteSpan(t.encoded).Sub(0, n)));
  }
}

BOOST_AUTO_TEST_CASE(too_many_words_twice_the_same_node_or_oneself_are_malformed) {
  Witness w;
  BOOST_TEST(!ParseTestimony(w.Say(1, Words(kWordsMax + 1)).encoded));
  std::vector<Word> twice = Words(1);
  twice.push_back(twice[0]);
  BOOST_TEST(!ParseTestimony(w.Say(1, twice).encoded));
  BOOST_TEST(!ParseTestimony(w.Say(1, {{w.id.Short(), Word::What::kVouch, {}, 0}}).encoded));
  BOOST_TEST(!ParseTestimony(w.Say(1, {{ShortId(5), Word::What::kVouch, {}, 1001}}).encoded));
}

BOOST_AUTO_TEST_CASE(only_what_is_newer_and_of_the_present_life_enters) {
  using Offer = TestimonyBook::Offer;
  Witness w;
  TestimonyBook book;
  const Testimony second = w.Say(2, Words(1));
  BOOST_TEST((book.Consider(At(0s), kOne, second, Epoch(1)) == Offer::kWanted));
  book.Put(At(0s), second, kOne);
  BOOST_TEST((book.Consider(At(1s), kTwo, second, Epoch(1)) == Offer::kStale));
  BOOST_TEST((book.Consider(At(1s), kTwo, w.Say(1, {}), Epoch(1)) == Offer::kStale));
  BOOST_TEST((book.Consider(At(1s), kTwo, w.Say(9, {}), Epoch(2)) == Offer::kStale));
  BOOST_TEST((book.Consider(At(1s), kTwo, w.Say(3, {}), Epoch(1)) == Offer::kWanted));
  // Expired, its words are gone; its version is not.
  BOOST_TEST(book.Expire(At(TestimonyBook::kLifetime)));
  BOOST_TEST(book.live() == 0u);
  BOOST_TEST((book.Consider(At(400s), kTwo, second, Epoch(1)) == Offer::kStale));
}

BOOST_AUTO_TEST_CASE(a_flood_of_offers_from_one_neighbor_is_rationed_and_others_are_heard) {
  using Offer = TestimonyBook::Offer;
  Witness w;
  TestimonyBook book;
  int wanted = 0;
  const Testimony t = w.Say(7, Words(1));
  for (int i = 0; i < 10'000; ++i) {
    wanted += book.Consider(At(0s), kOne, t, Epoch(1)) == Offer::kWanted;
  }
  BOOST_TEST(wanted == TestimonyBook::kOffersBurst);
  BOOST_TEST((book.Consider(At(0s), kTwo, t, Epoch(1)) == Offer::kWanted));
  BOOST_TEST((book.Consider(At(1s), kOne, t, Epoch(1)) == Offer::kWanted));
}

BOOST_AUTO_TEST_CASE(news_goes_to_all_but_its_bringer_again_when_lost_and_to_who_comes_late) {
  Witness w;
  TestimonyBook book;
  book.SetNeighbors({{kOne, true}, {kTwo, true}});
  book.Put(At(0s), w.Say(1, Words(1)), kOne);
  std::vector<TestimonyBook::Message> m = book.TakeMessages();
  BOOST_REQUIRE(m.size() == 1u);
  BOOST_TEST((m[0].to == kTwo));
  BOOST_TEST(book.TakeMessages().empty());
  book.OnLost(kTwo, {w.id.Short()});
  BOOST_TEST(book.TakeMessages().size() == 1u);
  book.SetNeighbors({{kOne, true}, {kTwo, true}, {AdjacencyIndex(3), true}});
  m = book.TakeMessages();
  BOOST_REQUIRE(m.size() == 1u);
  BOOST_TEST((m[0].to == AdjacencyIndex(3)));
}

BOOST_AUTO_TEST_CASE(who_is_out_of_reach_for_a_while_is_told_later_and_nothing_twice) {
  Witness w;
  TestimonyBook book;
  book.SetNeighbors({{kOne, true}});
  book.Put(At(0s), w.Say(1, Words(1)), AdjacencyIndex(0));
  BOOST_TEST(book.TakeMessages().size() == 1u);
  book.SetNeighbors({{kOne, false}});
  book.SetNeighbors({{kOne, true}});
  BOOST_TEST(!book.pending());
  book.SetNeighbors({{kOne, false}});
  book.Put(At(1s), w.Say(2, Words(1)), AdjacencyIndex(0));
  BOOST_TEST(book.TakeMessages().empty());
  BOOST_TEST(!book.pending());
  book.SetNeighbors({{kOne, true}});
  BOOST_TEST(book.pending());
  BOOST_TEST(book.TakeMessages().size() == 1u);
}

BOOST_AUTO_TEST_CASE(neighbors_told_in_turn_are_spared_what_they_know_by_then) {
  Witness w;
  Witness other;
  other.id.bytes = {1, 2, 3, 4, 5};
  TestimonyBook book;
  book.SetNeighbors({{kOne, true}, {kTwo, true}, {AdjacencyIndex(3), true}});
  const Testimony news = w.Say(1, Words(1));
  book.Put(At(0s), news, AdjacencyIndex(0));
  book.Put(At(0s), other.Say(1, Words(2)), AdjacencyIndex(0));
  std::vector<TestimonyBook::Message> m = book.TakeMessages(1);
  BOOST_REQUIRE(m.size() == 2u);  // all for one
  BOOST_TEST((m[0].to == kOne));
  BOOST_TEST((m[1].to == kOne));
  BOOST_TEST(book.pending());
  BOOST_TEST((book.Consider(At(0s), kTwo, news, Epoch(1)) == TestimonyBook::Offer::kStale));
  m = book.TakeMessages(1);
  BOOST_REQUIRE(m.size() == 1u);
  BOOST_TEST((m[0].to == kTwo));
  BOOST_TEST((m[0].witness == other.id.Short()));
  book.OnLost(kOne, {w.id.Short()});
  m = book.TakeMessages(1);
  BOOST_REQUIRE(m.size() == 2u);
  BOOST_TEST((m[0].to == AdjacencyIndex(3)));
  BOOST_TEST(book.TakeMessages(1).size() == 1u);
  BOOST_TEST(!book.pending());
}

}  // namespace
}  // namespace selvage
