#define BOOST_TEST_MODULE relay_store_test
#include "agents/delivery/relay_store.h"

#include <boost/test/unit_test.hpp>

#include "tests/agents/delivery/carried.h"

namespace selvage {
namespace {

constexpr Time kStart = TimeFromNanos(1'000'000'000);
using Answer = RelayStore::Answer;

struct Disk {
  std::unique_ptr<Store> store = NewMemoryStore();
  void Do(const StoreWrite& write) {
    std::string error;
    store->Write({write}, &error);
  }
};

BOOST_AUTO_TEST_CASE(what_was_taken_is_there_after_a_restart_and_gone_after_a_drop) {
  Disk disk;
  StoreWrite write;
  const CarriedMessage m = MakeCarried(1, 2, 5, 300, 2);
  {
    RelayStore relay(ShortId(9), {});
    BOOST_TEST((relay.Take(kStart, ShortId(1), m, &write) == Answer::kTaken));
    BOOST_TEST(!relay.Envelope(kStart, m.id).has_value());  // not durable
    disk.Do(write);
    BOOST_TEST((relay.OnDurable(m.id) == ShortId(1)));
    BOOST_TEST((relay.Take(kStart, ShortId(1), m, &write) == Answer::kHave));
  }
  disk.Do({"carry/00", std::string("\1rubbish")});
  RelayStore relay(ShortId(9), {});
  relay.Load(kStart, *disk.store);
  BOOST_REQUIRE(relay.entries().size() == 1u);
  const auto envelope = relay.Envelope(kStart + 10min, m.id);
  BOOST_REQUIRE(envelope.has_value());
  const auto back = DecodeCarried(*envelope);
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST((back->id == m.id));
  BOOST_TEST(back->generation == 2);
  BOOST_TEST((back->lifetime == 50min));
  BOOST_TEST(back->packets[1].payload == m.packets[1].payload);
  const auto dropped = relay.Drop(m.id);
  BOOST_REQUIRE(dropped.has_value());
  disk.Do(dropped->write);
  BOOST_TEST(relay.bytes() == 0u);
  BOOST_TEST(!relay.Drop(m.id).has_value());
  RelayStore next(ShortId(9), {});
  next.Load(kStart, *disk.store);
  BOOST_TEST(next.entries().empty());
}

BOOST_AUTO_TEST_CASE(an_origin_gets_an_eighth_and_a_bringer_a_half) {
  RelayStore::Limits limits;
  limits.messages_max = 80;
  RelayStore relay(ShortId(9), limits);
  StoreWrite write;
  std::uint64_t n = 0;
  for (; n < 10; ++n) {
    BOOST_REQUIRE((relay.Take(kStart, ShortId(1), MakeCarried(1, 2, n), &write) == Answer::kTaken));
  }
  BOOST_TEST((relay.Take(kStart, ShortId(1), MakeCarried(1, 2, n), &write) == Answer::kRefused));
  // Naming others as the origin does not help one node to more than its half.
  for (; n < 50; ++n) {
    const auto origin = static_cast<std::uint32_t>(100 + n);
    BOOST_REQUIRE(
        (relay.Take(kStart, ShortId(1), MakeCarried(origin, 2, n), &write) == Answer::kTaken));
  }
  BOOST_TEST((relay.Take(kStart, ShortId(1), MakeCarried(70, 2, n), &write) == Answer::kRefused));
  BOOST_TEST((relay.Take(kStart, ShortId(3), MakeCarried(3, 2, n), &write) == Answer::kTaken));
  BOOST_TEST(relay.refused() == 2u);
  relay.Drop(MakeCarried(1, 2, 0).id);
  BOOST_TEST((relay.Take(kStart, ShortId(1), MakeCarried(1, 2, n), &write) == Answer::kTaken));
}

BOOST_AUTO_TEST_CASE(it_is_bounded_in_messages_and_bytes) {
  RelayStore::Limits limits;
  limits.messages_max = 16;
  RelayStore relay(ShortId(9), limits);
  StoreWrite write;
  for (std::uint32_t i = 0; i < 16; ++i) {
    const ShortId origin(100 + i);
    BOOST_REQUIRE(
        (relay.Take(kStart, origin, MakeCarried(origin.value, 2, i), &write) == Answer::kTaken));
  }
  BOOST_TEST((relay.Take(kStart, ShortId(7), MakeCarried(7, 2, 1), &write) == Answer::kRefused));
  limits.messages_max = 1000;
  limits.bytes_max = 16 * 1024;
  RelayStore small(ShortId(9), limits);
  BOOST_TEST((small.Take(kStart, ShortId(7), MakeCarried(7, 2, 1, 1200), &write) ==
              Answer::kTaken));
  BOOST_TEST((small.Take(kStart, ShortId(7), MakeCarried(7, 2, 2, 1200), &write) ==
              Answer::kRefused));  // beyond its eighth
  RelayStore none(ShortId(9), {0, 0});
  BOOST_TEST((none.Take(kStart, ShortId(7), MakeCarried(7, 2, 1), &write) == Answer::kRefused));
}

BOOST_AUTO_TEST_CASE(what_has_been_through_too_many_hands_or_is_too_old_is_refused) {
  RelayStore relay(ShortId(9), {});
  StoreWrite write;
  CarriedMessage m = MakeCarried(1, 2, 5);
  m.generation = RelayStore::kGenerationsMax + 1;
  BOOST_TEST((relay.Take(kStart, ShortId(3), m, &write) == Answer::kRefused));
  m.generation = RelayStore::kGenerationsMax;
  m.lifetime = 999ms;
  BOOST_TEST((relay.Take(kStart, ShortId(3), m, &write) == Answer::kRefused));
  m.lifetime = 5s;
  BOOST_TEST((relay.Take(kStart, ShortId(3), m, &write) == Answer::kTaken));
  relay.OnDurable(m.id);
  relay.NoteGiven(m.id, ShortId(4));
  BOOST_TEST((relay.NextDeadline() == kStart + 5s));
  BOOST_TEST(relay.Expire(kStart + 5s - Duration(1)).empty());
  const auto expired = relay.Expire(kStart + 5s);
  BOOST_REQUIRE(expired.size() == 1u);
  BOOST_TEST(!expired[0].write.value.has_value());
  BOOST_TEST((expired[0].given == std::vector<ShortId>{ShortId(4)}));
  BOOST_TEST((relay.NextDeadline() == kNever));
  // A lifetime that somebody made up ends nevertheless.
  m.lifetime = std::chrono::seconds(UINT32_MAX);
  BOOST_TEST((relay.Take(kStart, ShortId(3), m, &write) == Answer::kTaken));
  BOOST_TEST((relay.NextDeadline() == kStart + RelayStore::kLifetimeMax));
}

BOOST_AUTO_TEST_CASE(what_the_disk_refused_is_withdrawn_unless_it_is_durable) {
  RelayStore relay(ShortId(9), {});
  StoreWrite write;
  const CarriedMessage m = MakeCarried(1, 2, 5);
  relay.Take(kStart, ShortId(1), m, &write);
  const auto removal = relay.Withdraw(m.id);
  BOOST_REQUIRE(removal.has_value());
  BOOST_TEST(removal->key == write.key);
  BOOST_TEST(!relay.OnDurable(m.id).has_value());
  relay.Take(kStart, ShortId(1), m, &write);
  relay.OnDurable(m.id);
  BOOST_TEST(!relay.Withdraw(m.id).has_value());
}

}  // namespace
}  // namespace selvage
