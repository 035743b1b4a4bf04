#define BOOST_TEST_MODULE carried_message_test
#include "agents/delivery/carried_message.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"
#include "tests/agents/delivery/carried.h"

namespace selvage {
namespace {

BOOST_AUTO_TEST_CASE(an_envelope_keeps_everything_but_the_walk) {
  CarriedMessage m = MakeCarried(1, 2, 77, 1299, 3);
  m.generation = 2;
  m.packets[1].header.walk = 2;
  m.packets[1].header.carried.Add({ShortId(9), AdjacencyIndex(1)});
  const auto back = DecodeCarried(EncodeCarried(m));
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST((back->id == m.id));
  BOOST_TEST(back->generation == 2);
  BOOST_TEST((back->lifetime == m.lifetime));
  BOOST_REQUIRE(back->packets.size() == 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST((back->packets[i].header.id == m.packets[i].header.id));
    BOOST_TEST(back->packets[i].header.fragment == i);
    BOOST_TEST(back->packets[i].header.walk == 0);
    BOOST_TEST(back->packets[i].header.carried.size() == 0u);
    BOOST_TEST(back->packets[i].payload == m.packets[i].payload);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_one_whole_protected_message_is_malformed) {
  const CarriedMessage good = MakeCarried(1, 2, 5, 50, 2);
  BOOST_TEST(DecodeCarried(EncodeCarried(good)).has_value());
  auto bad = [&](auto change) {
    CarriedMessage m = good;
    change(&m);
    return !DecodeCarried(EncodeCarried(m)).has_value();
  };
  BOOST_TEST(bad([](CarriedMessage* m) { m->packets.pop_back(); }));
  BOOST_TEST(bad([](CarriedMessage* m) { m->packets.clear(); }));
  BOOST_TEST(bad([](CarriedMessage* m) { std::swap(m->packets[0], m->packets[1]); }));
  BOOST_TEST(bad([](CarriedMessage* m) { m->generation = 0; }));
  BOOST_TEST(bad([](CarriedMessage* m) { m->id.epoch = Epoch(4); }));
  BOOST_TEST(bad([](CarriedMessage* m) { m->packets[1].header.destination = ShortId(3); }));
  BOOST_TEST(bad([](CarriedMessage* m) { m->packets[1].header.id.origin = ShortId(3); }));
  BOOST_TEST(bad([](CarriedMessage* m) { m->packets[1].header.id.sequence = 9; }));
  BOOST_TEST(bad([](CarriedMessage* m) {
    m->packets[0].header.traffic_class = TrafficClass::kTelemetry;
  }));
}

BOOST_AUTO_TEST_CASE(cut_and_changed_envelopes_are_survived) {
  Random random(1);
  const Bytes good = EncodeCarried(MakeCarried(1, 2, 5, 50, 2));
  for (std::size_t n = 0; n < good.size(); ++n) {
    BOOST_TEST(!DecodeCarried(ByteSpan(good).Sub(0, n)).has_value());
  }
  Bytes longer = good;
  longer.push_back(0);
  BOOST_TEST(!DecodeCarried(longer).has_value());
  for (int i = 0; i < 20000; ++i) {
    Bytes changed = good;
    changed[random.Below(changed.size())] = static_cast<std::uint8_t>(random.U64());
    if (const auto m = DecodeCarried(changed)) BOOST_TEST(m->packets.size() == 2u);
  }
  BOOST_TEST(!DecodeCarried(Bytes(CarriedMessage::kBytesMax + 1)).has_value());
}

BOOST_AUTO_TEST_CASE(notes_come_back_as_they_were_and_are_bounded) {
  std::vector<CustodyNote> notes(kCustodyNotesMax);
  for (std::size_t i = 0; i < notes.size(); ++i) {
    notes[i].what = i % 2 == 0 ? CustodyNote::What::kHeld : CustodyNote::What::kNeedless;
    notes[i].id = MakeCarried(1, 2, i).id;
  }
  const auto back = DecodeNotes(EncodeNotes(notes));
  BOOST_REQUIRE(back.has_value());
  BOOST_REQUIRE(back->size() == notes.size());
  for (std::size_t i = 0; i < notes.size(); ++i) {
    BOOST_TEST((back->at(i).what == notes[i].what));
    BOOST_TEST((back->at(i).id == notes[i].id));
  }
  notes.push_back(notes[0]);
  BOOST_TEST(!DecodeNotes(EncodeNotes(notes)).has_value());
  Bytes one = EncodeNotes({notes[0]});
  BOOST_TEST(!DecodeNotes(ByteSpan(one).Sub(0, 20)).has_value());
  one[0] = 2;
  BOOST_TEST(!DecodeNotes(one).has_value());
  BOOST_TEST(DecodeNotes(Bytes()).value().empty());
}

}  // namespace
}  // namespace selvage
