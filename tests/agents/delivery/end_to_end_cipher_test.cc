#define BOOST_TEST_MODULE end_to_end_cipher_test
#include "agents/delivery/end_to_end_cipher.h"

#include <boost/test/unit_test.hpp>

#include "tests/agents/delivery/fixture.h"

namespace selvage {
namespace {

DataHeader Header(const TwoMembers& t, std::uint64_t sequence = 1) {
  DataHeader h;
  h.destination = t.ShortB();
  h.id = {t.ShortA(), static_cast<std::uint16_t>(t.epoch.value), 5, sequence};
  return h;
}
const Bytes kPlain{1, 2, 3, 4};

BOOST_AUTO_TEST_CASE(what_one_seals_the_other_opens_and_it_is_16_bytes_longer) {
  TwoMembers t;
  const auto sealed = t.a.Seal(Header(t), t.epoch, kPlain);
  BOOST_REQUIRE(sealed.has_value());
  BOOST_TEST(sealed->size() == kPlain.size() + 16);
  const auto opened = t.b.Open(Header(t), t.epoch, *sealed);
  BOOST_REQUIRE(opened.has_value());
  BOOST_TEST(*opened == kPlain);
}

BOOST_AUTO_TEST_CASE(whatever_relays_may_not_change_is_authenticated) {
  TwoMembers t;
  const Bytes sealed = *t.a.Seal(Header(t), t.epoch, kPlain);
  auto opens = [&](auto change) {
    DataHeader h = Header(t);
    change(&h);
    return t.b.Open(h, t.epoch, sealed).has_value();
  };
  BOOST_TEST(!opens([](DataHeader* h) { h->traffic_class = TrafficClass::kBulk; }));
  BOOST_TEST(!opens([](DataHeader* h) { h->id.epoch ^= 1; }));
  BOOST_TEST(!opens([](DataHeader* h) { h->id.flow ^= 1; }));
  BOOST_TEST(!opens([](DataHeader* h) { h->id.sequence ^= 1; }));
  BOOST_TEST(!opens([](DataHeader* h) { h->fragment = 1; }));
  BOOST_TEST(!opens([](DataHeader* h) { h->fragments = 2; }));
  // What relays do change is not.
  BOOST_TEST(opens([](DataHeader* h) { h->hop_limit = 3; }));
  BOOST_TEST(opens([](DataHeader* h) { h->walk = 2; }));
  BOOST_TEST(opens([](DataHeader* h) { h->copy = 1; }));
  BOOST_TEST(opens([](DataHeader* h) { h->carried.Add({ShortId(1), AdjacencyIndex(1)}); }));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes bad = sealed;
    bad[i] ^= 0x40;
    BOOST_TEST(!t.b.Open(Header(t), t.epoch, bad).has_value());
  }
  for (std::size_t n = 0; n < sealed.size(); ++n) {
    BOOST_TEST(!t.b.Open(Header(t), t.epoch, ByteSpan(sealed).Sub(0, n)).has_value());
  }
}

BOOST_AUTO_TEST_CASE(each_epoch_and_each_direction_has_a_key_of_its_own) {
  TwoMembers t;
  const Bytes one = *t.a.Seal(Header(t), t.epoch, kPlain);
  BOOST_TEST(!t.b.Open(Header(t), Epoch(t.epoch.value + 0x10000), one).has_value());
  const Bytes two = *t.a.Seal(Header(t), Epoch(t.epoch.value + 0x10000), kPlain);
  BOOST_TEST(one != two);
  DataHeader back = Header(t);
  std::swap(back.destination, back.id.origin);
  const Bytes three = *t.b.Seal(back, t.epoch, kPlain);
  BOOST_TEST(three != one);
  BOOST_TEST(t.a.Open(back, t.epoch, three).has_value());
}

BOOST_AUTO_TEST_CASE(a_third_member_opens_nothing) {
  TwoMembers t;
  const Identity idc = t.members.Admit("c");
  t.book.Add(idc.certificate);
  EndToEndCipher c(t.crypto.get(), &idc, &t.book);
  BOOST_TEST(!c.Open(Header(t), t.epoch, *t.a.Seal(Header(t), t.epoch, kPlain)).has_value());
}

BOOST_AUTO_TEST_CASE(without_a_certificate_nothing_is_sealed_or_opened) {
  TwoMembers t;
  DataHeader h = Header(t);
  h.destination = ShortId(12345);
  BOOST_TEST(!t.a.Seal(h, t.epoch, kPlain).has_value());
  h = Header(t);
  h.id.origin = ShortId(12345);
  BOOST_TEST(!t.b.Open(h, t.epoch, Bytes(40)).has_value());
}

BOOST_AUTO_TEST_CASE(keys_forgotten_at_the_bound_are_derived_anew) {
  TwoMembers t;
  const Bytes first = *t.a.Seal(Header(t), t.epoch, kPlain);
  for (std::uint32_t e = 0; e <= EndToEndCipher::kKeysMax; ++e) {
    BOOST_REQUIRE(t.a.Seal(Header(t), Epoch(e), kPlain).has_value());
  }
  BOOST_TEST(*t.a.Seal(Header(t), t.epoch, kPlain) == first);
}

}  // namespace
}  // namespace selvage
