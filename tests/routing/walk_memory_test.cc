#define BOOST_TEST_MODULE walk_memory_test
#include "routing/walk_memory.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"

namespace selvage {
namespace {

const Time kStart = TimeFromNanos(1'000'000'000);

WalkId Id(std::uint64_t n) { return {{ShortId(1), 2, 3, n}, ShortId(7), 0, 0, 0}; }

BOOST_AUTO_TEST_CASE(walks_are_told_apart_by_every_part_of_their_name) {
  WalkMemory memory(16);
  const WalkId base = Id(5);
  memory.Create(kStart, base, AdjacencyIndex(4));
  WalkId other = base;
  other.packet.origin = ShortId(2);
  BOOST_TEST(memory.Find(kStart, other) == nullptr);
  other = base;
  other.packet.epoch = 9;
  BOOST_TEST(memory.Find(kStart, other) == nullptr);
  other = base;
  other.packet.flow = 9;
  BOOST_TEST(memory.Find(kStart, other) == nullptr);
  other = base;
  other.packet.sequence = 9;
  BOOST_TEST(memory.Find(kStart, other) == nullptr);
  other = base;
  other.destination = ShortId(9);  // sequence numbers count per destination
  BOOST_TEST(memory.Find(kStart, other) == nullptr);
  other = base;
  other.copy = 1;
  BOOST_TEST(memory.Find(kStart, other) == nullptr);
  other = base;
  other.walk = 1;
  BOOST_TEST(memory.Find(kStart, other) == nullptr);
  other = base;
  other.fragment = 1;
  BOOST_TEST(memory.Find(kStart, other) == nullptr);
  const Walk* w = memory.Find(kStart, base);
  BOOST_REQUIRE(w != nullptr);
  BOOST_TEST(w->first_in.value == 4);
  BOOST_TEST(w->arrived_by.Contains(AdjacencyIndex(4)));
  BOOST_TEST(!w->given_to.Contains(AdjacencyIndex(4)));
}

BOOST_AUTO_TEST_CASE(exactly_the_newest_are_remembered) {
  constexpr std::uint64_t kCapacity = 100;
  WalkMemory memory(kCapacity);
  for (std::uint64_t n = 0; n < 1000; ++n) {
    BOOST_REQUIRE(memory.Find(kStart, Id(n)) == nullptr);
    memory.Create(kStart, Id(n), AdjacencyIndex(static_cast<std::uint8_t>(n)));
    for (std::uint64_t m = 0; m <= n; ++m) {
      const Walk* w = memory.Find(kStart, Id(m));
      BOOST_REQUIRE((w != nullptr) == (n - m < kCapacity));
      if (w != nullptr) BOOST_REQUIRE(w->first_in.value == static_cast<std::uint8_t>(m));
    }
  }
}

BOOST_AUTO_TEST_CASE(after_its_lifetime_a_walk_is_new) {
  WalkMemory memory(4);
  memory.Create(kStart, Id(1), AdjacencyIndex(1));
  BOOST_TEST(memory.Find(kStart + WalkMemory::kLifetime, Id(1)) != nullptr);
  const Time later = kStart + WalkMemory::kLifetime + Duration(1);
  BOOST_TEST(memory.Find(later, Id(1)) == nullptr);
  // The old entry is still in the ring: the new one is the one that is found, and stays when the
  // old one is overwritten.
  memory.Create(later, Id(1), AdjacencyIndex(2));
  for (std::uint64_t n = 10; n < 13; ++n) {
    memory.Create(later, Id(n), AdjacencyIndex(3));
    const Walk* w = memory.Find(later, Id(1));
    BOOST_REQUIRE(w != nullptr);
    BOOST_TEST(w->first_in.value == 2);
  }
  memory.Create(later, Id(13), AdjacencyIndex(3));
  BOOST_TEST(memory.Find(later, Id(1)) == nullptr);
}

BOOST_AUTO_TEST_CASE(the_memory_grows_with_traffic_up_to_its_capacity) {
  constexpr std::uint64_t kCapacity = 1000;
  WalkMemory memory(kCapacity);
  BOOST_TEST(memory.room() == WalkMemory::kFirst);
  // Slow traffic: what is in the way has outlived itself.
  Time now = kStart;
  for (std::uint64_t n = 0; n < 300; ++n, now += 1s) memory.Create(now, Id(n), AdjacencyIndex(1));
  BOOST_TEST(memory.room() == WalkMemory::kFirst);
  // Fast traffic, from the middle of the ring on: nobody young is forgotten.
  for (std::uint64_t n = 1000; n < 1000 + 2 * kCapacity; ++n) {
    memory.Create(now, Id(n), AdjacencyIndex(static_cast<std::uint8_t>(n)));
    for (std::uint64_t m = 1000; m <= n; ++m) {
      const Walk* w = memory.Find(now, Id(m));
      BOOST_REQUIRE((w != nullptr) == (n - m < kCapacity));
      if (w != nullptr) BOOST_REQUIRE(w->first_in.value == static_cast<std::uint8_t>(m));
    }
  }
  BOOST_TEST(memory.room() == kCapacity);
}

BOOST_AUTO_TEST_CASE(a_set_of_adjacencies_holds_all_255) {
  Random random(1);
  AdjacencySet set;
  std::array<bool, 256> naive{};
  for (int i = 0; i < 300; ++i) {
    const AdjacencyIndex index(static_cast<std::uint8_t>(random.Below(256)));
    set.Add(index);
    naive[index.value] = true;
    for (int k = 0; k < 256; ++k) {
      BOOST_REQUIRE(set.Contains(AdjacencyIndex(static_cast<std::uint8_t>(k))) ==
                    naive[static_cast<std::size_t>(k)]);
    }
  }
}

}  // namespace
}  // namespace selvage
