#define BOOST_TEST_MODULE custody_test
#include "agents/delivery/custody.h"

#include <boost/test/unit_test.hpp>

#include "tests/agents/delivery/carried.h"

namespace selvage {
namespace {

constexpr Time kStart = TimeFromNanos(1'000'000'000);
constexpr std::uint32_t kSelf = 9;

struct Node {
  Custody custody{kStart, ShortId(kSelf), RelayStore::Limits()};
  Time now = kStart + Custody::kSettle;
  std::vector<Custody::Own> own;

  void Reach(std::vector<std::uint32_t> nodes) {
    std::vector<Custody::InReach> reach;
    for (const std::uint32_t n : nodes) {
      reach.push_back({ShortId(n), static_cast<int>(reach.size()) + 1, false});
    }
    custody.OnReach(now, reach, own);
  }
  void Waits(std::uint32_t destination, std::uint64_t sequence) {
    own.push_back({MakeCarried(kSelf, destination, sequence).id, now});
  }
  void Tick(Duration after) {
    now += after;
    custody.OnTimeout(now);
    custody.OnTick(now, own);
  }
  // (to, sequence) of what is handed over now.
  std::vector<std::pair<std::uint32_t, std::uint64_t>> Handed() {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> out;
    for (const auto& h : custody.TakeHandings()) out.push_back({h.to.value, h.what.sequence});
    return out;
  }
  // Takes custody of a message and makes it durable.
  void Carry(std::uint32_t origin, std::uint32_t destination, std::uint64_t sequence,
             std::uint32_t from) {
    const CarriedMessage m = MakeCarried(origin, destination, sequence);
    custody.OnEnvelope(now, ShortId(from), m);
    for (const auto& w : custody.TakeWrites()) {
      if (w.token) custody.OnDurable(now, *w.token);
    }
  }
  void Hold(std::uint32_t from, const MessageId& id) {
    custody.OnNotes(now, ShortId(from), {{CustodyNote::What::kHeld, id}});
  }
};
using Handings = std::vector<std::pair<std::uint32_t, std::uint64_t>>;

BOOST_AUTO_TEST_CASE(custody_is_confirmed_after_the_write_and_again_to_who_asks_again) {
  Node n;
  const CarriedMessage m = MakeCarried(1, 2, 5);
  n.custody.OnEnvelope(n.now, ShortId(1), m);
  BOOST_TEST(n.custody.TakeNotes().empty());
  n.custody.OnEnvelope(n.now, ShortId(1), m);
  BOOST_TEST(n.custody.TakeNotes().empty());
  const auto writes = n.custody.TakeWrites();
  BOOST_REQUIRE(writes.size() == 1u);
  n.custody.OnDurable(n.now, *writes[0].token);
  auto notes = n.custody.TakeNotes();
  BOOST_REQUIRE(notes.count(1) == 1u);
  BOOST_TEST((notes[1][0].what == CustodyNote::What::kHeld));
  BOOST_TEST((notes[1][0].id == m.id));
  n.custody.OnEnvelope(n.now, ShortId(3), m);
  BOOST_TEST(n.custody.TakeNotes().count(3) == 1u);
  BOOST_TEST(n.custody.counters().taken == 1u);
}

BOOST_AUTO_TEST_CASE(what_the_disk_refuses_is_not_confirmed) {
  Node n;
  n.custody.OnEnvelope(n.now, ShortId(1), MakeCarried(1, 2, 5));
  n.custody.OnWriteRefused(*n.custody.TakeWrites()[0].token);
  BOOST_TEST(n.custody.TakeNotes().empty());
  BOOST_TEST(n.custody.relay().entries().empty());
  BOOST_TEST(n.custody.TakeWrites().size() == 1u);
}

BOOST_AUTO_TEST_CASE(who_comes_into_reach_gets_what_waits_unless_the_destination_is_there) {
  Node n;
  n.Reach({3});
  n.Waits(2, 5);
  BOOST_TEST(n.Handed().empty());
  n.Reach({3, 7});
  BOOST_TEST(n.Handed() == (Handings{{7, 5}}));
  n.Hold(7, n.own[0].id);
  n.Reach({3});
  n.Reach({3, 7});
  BOOST_TEST(n.Handed().empty());  // it has it
  n.custody.OnOwnSettled(n.own[0].id);
  auto notes = n.custody.TakeNotes();
  BOOST_REQUIRE(notes.count(7) == 1u);
  BOOST_TEST((notes[7][0].what == CustodyNote::What::kNeedless));
}

BOOST_AUTO_TEST_CASE(after_a_while_the_newest_arrival_and_the_nearest_get_it) {
  Node n;
  n.Reach({3, 4, 6});
  n.now += 10s;
  n.Reach({3, 4, 6, 7});
  n.Waits(2, 5);
  n.Tick(Custody::kPatience - Duration(1));
  BOOST_TEST(n.Handed().empty());
  n.Tick(Duration(1));
  BOOST_TEST(n.Handed() == (Handings{{7, 5}, {3, 5}}));
  n.Tick(100ms);
  BOOST_TEST(n.Handed().empty());
}

BOOST_AUTO_TEST_CASE(who_is_in_reach_of_a_slow_radio_alone_carries_nothing) {
  Node n;
  n.Waits(2, 5);
  n.custody.OnReach(n.now, {{ShortId(3), 1, true}}, n.own);
  n.now += 10s;
  n.custody.OnReach(n.now, {{ShortId(3), 1, true}, {ShortId(7), 1, true}}, n.own);
  n.Tick(Custody::kPatience);
  BOOST_TEST(n.Handed().empty());
  n.custody.OnReach(n.now, {{ShortId(3), 1, true}, {ShortId(4), 1, false}}, n.own);
  BOOST_TEST(n.Handed() == (Handings{{4, 5}}));
}

BOOST_AUTO_TEST_CASE(those_who_were_there_first_are_no_arrivals) {
  Node n;
  n.now = kStart + 1s;
  n.Waits(2, 5);
  n.Reach({3, 4, 6});
  BOOST_TEST(n.Handed().empty());
}

BOOST_AUTO_TEST_CASE(what_is_carried_goes_to_its_destination_and_is_dropped_when_confirmed) {
  Node n;
  n.Carry(1, 2, 6, 1);
  n.Carry(1, 2, 5, 1);
  n.Reach({7});
  n.Handed();
  for (const auto& [id, e] : n.custody.relay().entries()) n.Hold(7, id);  // a second carrier
  n.custody.TakeNotes();
  n.Reach({2});
  BOOST_TEST(n.Handed() == (Handings{{2, 5}, {2, 6}}));
  n.Hold(2, MakeCarried(1, 2, 5).id);
  BOOST_TEST(n.custody.relay().entries().size() == 1u);
  auto notes = n.custody.TakeNotes();
  BOOST_REQUIRE(notes.count(7) == 1u);
  BOOST_TEST((notes[7][0].what == CustodyNote::What::kNeedless));
  BOOST_TEST((notes[7][0].id == MakeCarried(1, 2, 5).id));
  BOOST_TEST(n.custody.counters().passed_on == 1u);
}

BOOST_AUTO_TEST_CASE(with_the_origin_in_reach_as_well_it_has_the_first_turn) {
  Node n;
  n.Carry(1, 2, 5, 1);
  n.Reach({1, 2});
  BOOST_TEST(n.Handed().empty());
  n.Tick(Custody::kOriginFirst - Duration(1));
  BOOST_TEST(n.Handed().empty());
  n.Tick(Duration(1));
  BOOST_TEST(n.Handed() == (Handings{{2, 5}}));
}

BOOST_AUTO_TEST_CASE(copies_do_not_go_back_and_do_not_multiply_for_ever) {
  Node n;
  n.Carry(1, 2, 5, 3);
  n.Reach({3});
  BOOST_TEST(n.Handed().empty());  // who brought it
  n.Reach({1});
  BOOST_TEST(n.Handed().empty());  // whose it is
  n.Reach({1, 6, 7, 8});
  BOOST_TEST(n.Handed() == (Handings{{6, 5}, {7, 5}}));
  CarriedMessage old = MakeCarried(1, 2, 9);
  old.generation = RelayStore::kGenerationsMax;
  n.custody.OnEnvelope(n.now, ShortId(3), old);
  for (const auto& w : n.custody.TakeWrites()) n.custody.OnDurable(n.now, *w.token);
  n.Reach({11});
  BOOST_TEST(n.Handed() == (Handings{{11, 5}}));
  n.Reach({2});
  BOOST_TEST(n.Handed().size() == 2u);  // the destination gets even that
}

BOOST_AUTO_TEST_CASE(only_those_who_would_know_say_that_it_is_needless) {
  Node n;
  const MessageId id = MakeCarried(1, 2, 5).id;
  n.Carry(1, 2, 5, 3);
  auto needless = [&](std::uint32_t from) {
    n.custody.OnNotes(n.now, ShortId(from), {{CustodyNote::What::kNeedless, id}});
    return n.custody.relay().entries().empty();
  };
  BOOST_TEST(!needless(4));
  BOOST_TEST(needless(3));
  for (const std::uint32_t knows : {1u, 2u}) {
    n.Carry(1, 2, 5, 3);
    BOOST_TEST(needless(knows));
  }
}

BOOST_AUTO_TEST_CASE(a_message_of_ones_own_goes_back_with_who_came) {
  Node n;
  n.Reach({3, 7});
  CarriedMessage receipt = MakeCarried(kSelf, 1, 5);
  n.custody.Keep(n.now, ShortId(7), receipt);
  BOOST_TEST(n.Handed() == (Handings{{7, 5}}));
  const auto writes = n.custody.TakeWrites();
  n.custody.OnDurable(n.now, *writes.at(0).token);
  BOOST_TEST(n.custody.TakeNotes().empty());  // nobody to confirm it to
  n.Hold(7, receipt.id);
  BOOST_TEST(n.custody.relay().entries().size() == 1u);
  n.Reach({1});
  n.Hold(1, receipt.id);
  BOOST_TEST(n.custody.relay().entries().empty());
}

}  // namespace
}  // namespace selvage
