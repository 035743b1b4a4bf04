#define BOOST_TEST_MODULE neighbor_check_test
#include <boost/test/unit_test.hpp>
#include <map>

#include "agents/quarantine/neighbor_check.h"

namespace selvage {
namespace {

constexpr ShortId kNeighbor(1);
const std::vector<ShortId> kTargets = {ShortId(2), ShortId(3), ShortId(4)};

Time At(Duration d) { return TimeFromNanos(1'000'000'000) + d; }

struct Outcome {
  NeighborCheck::Result result;
  Duration took{0};
};

// A neighbour that loses `drop` of what is for `only` (0: all), on a network that loses `around`.
Outcome Run(std::uint64_t seed, double drop, double around = 0, ShortId only = ShortId(0),
            bool shared = false, double allowance = 0) {
  Random random(seed);
  Random fate(seed * 77 + 1);
  NeighborCheck check(At(0s), kNeighbor, kTargets, shared, 300ms, allowance);
  Time now = At(0s);
  while (!check.done()) {
    check.OnTimeout(now);
    for (const NeighborCheck::Probe& p : check.TakeProbes(now, &random)) {
      const bool hit = p.through && (only.value == 0 || p.to == only);
      const double loss = 1 - (1 - around) * (1 - (hit ? drop : 0));
      if (fate.Uniform() >= loss) BOOST_TEST(check.OnAnswer(now, p.to, p.nonce));
    }
    if (!check.done()) {
      BOOST_REQUIRE(check.NextDeadline() > now);
      now = check.NextDeadline();
    }
    BOOST_REQUIRE(now < At(60s));
  }
  return {check.result(), now - At(0s)};
}

BOOST_AUTO_TEST_CASE(who_passes_nothing_on_is_blamed_within_two_seconds) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Outcome o = Run(seed, 1);
    BOOST_TEST((o.result.verdict == NeighborCheck::Verdict::kDrops));
    BOOST_TEST((o.took <= 500ms + NeighborCheck::kGrace));
    BOOST_TEST(o.result.passed_permille() == 0);
  }
}

BOOST_AUTO_TEST_CASE(a_queue_that_delivers_a_second_late_is_no_dropping) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    NeighborCheck check(At(0s), kNeighbor, kTargets, false, 300ms);
    std::multimap<Time, NeighborCheck::Probe> answers;
    for (Time now = At(0s); !check.done(); now += 1ms) {
      BOOST_REQUIRE(now < At(60s));
      for (; !answers.empty() && answers.begin()->first <= now; answers.erase(answers.begin())) {
        check.OnAnswer(now, answers.begin()->second.to, answers.begin()->second.nonce);
      }
      check.OnTimeout(now);
      for (const NeighborCheck::Probe& p : check.TakeProbes(now, &random)) {
        answers.emplace(now + (p.through ? 1000ms : 20ms), p);
      }
    }
    BOOST_TEST((check.result().verdict != NeighborCheck::Verdict::kDrops));
  }
}

BOOST_AUTO_TEST_CASE(who_passes_everything_on_is_cleared_within_a_second_and_a_half) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Outcome o = Run(seed, 0);
    BOOST_TEST((o.result.verdict == NeighborCheck::Verdict::kPasses));
    BOOST_TEST((o.took <= 1500ms));
  }
}

BOOST_AUTO_TEST_CASE(a_fifth_dropped_is_found_nineteen_times_in_twenty) {
  int found = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    found += Run(seed, 0.2).result.verdict == NeighborCheck::Verdict::kDrops;
  }
  BOOST_TEST(found >= 380);
}

BOOST_AUTO_TEST_CASE(loss_that_is_everywhere_is_nobodys) {
  for (const double around : {0.02, 0.1, 0.2, 0.3}) {
    int blamed = 0;
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
      blamed += Run(seed, 0, around).result.verdict == NeighborCheck::Verdict::kDrops;
    }
    BOOST_TEST_MESSAGE("loss " << around << ": " << blamed << " of 2000 blamed");
    BOOST_TEST(blamed <= 1);
  }
}

BOOST_AUTO_TEST_CASE(where_links_lose_much_only_who_passes_next_to_nothing_is_blamed) {
  int blamed = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    // Its own links may be worse than those around: that is not its doing.
    blamed += Run(seed, 0.3, 0.3).result.verdict == NeighborCheck::Verdict::kDrops;
    BOOST_TEST((Run(seed, 1, 0.3).result.verdict == NeighborCheck::Verdict::kDrops));
  }
  BOOST_TEST(blamed <= 4);
}

BOOST_AUTO_TEST_CASE(what_its_links_are_known_to_lose_is_not_put_down_to_the_neighbor) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Outcome o = Run(seed, 0.2, 0, ShortId(0), false, 0.2);
    BOOST_TEST((o.result.verdict != NeighborCheck::Verdict::kDrops));
    BOOST_TEST((Run(seed, 1, 0, ShortId(0), false, 0.6).result.verdict ==
                NeighborCheck::Verdict::kDrops));
  }
}

BOOST_AUTO_TEST_CASE(who_delays_what_it_passes_has_a_queue_and_is_not_blamed) {
  Random random(3);
  NeighborCheck check(At(0s), kNeighbor, kTargets, false, 300ms);
  std::multimap<Time, NeighborCheck::Probe> answers;
  Time now = At(0s);
  int round = 0;
  while (!check.done()) {
    for (auto it = answers.begin(); it != answers.end() && it->first <= now;
         it = answers.erase(it)) {
      check.OnAnswer(now, it->second.to, it->second.nonce);
    }
    check.OnTimeout(now);
    for (const NeighborCheck::Probe& p : check.TakeProbes(now, &random)) {
      if (p.through && ++round % 2 == 0) continue;  // half is lost
      answers.emplace(now + (p.through ? 150ms : 5ms), p);
    }
    now += 4ms;
  }
  BOOST_TEST(check.queued());
  BOOST_TEST((check.result().verdict != NeighborCheck::Verdict::kDrops));
}

BOOST_AUTO_TEST_CASE(a_fifth_dropped_is_not_cleared_where_others_lose_as_well) {
  int cleared = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    cleared += Run(seed, 0.2, 0.1).result.verdict == NeighborCheck::Verdict::kPasses;
  }
  BOOST_TEST(cleared <= 10);
}

BOOST_AUTO_TEST_CASE(one_destination_alone_in_vain_is_a_links_doing) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    BOOST_TEST((Run(seed, 1, 0, ShortId(3)).result.verdict != NeighborCheck::Verdict::kDrops));
  }
}

BOOST_AUTO_TEST_CASE(targets_that_answer_nobody_prove_nothing) {
  const Outcome o = Run(1, 0, 1);
  BOOST_TEST((o.result.verdict == NeighborCheck::Verdict::kUndecided));
}

BOOST_AUTO_TEST_CASE(on_a_shared_channel_a_fifth_is_the_load_and_all_is_not) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    BOOST_TEST((Run(seed, 0.2, 0.1, ShortId(0), true).result.verdict !=
                NeighborCheck::Verdict::kDrops));
    BOOST_TEST((Run(seed, 1, 0.1, ShortId(0), true).result.verdict ==
                NeighborCheck::Verdict::kDrops));
  }
}

BOOST_AUTO_TEST_CASE(strangers_answers_do_not_count) {
  Random random(1);
  NeighborCheck check(At(0s), kNeighbor, kTargets, false, 300ms);
  const auto probes = check.TakeProbes(At(0s), &random);
  BOOST_REQUIRE(!probes.empty());
  BOOST_TEST(!check.OnAnswer(At(1ms), ShortId(99), probes[0].nonce));
  BOOST_TEST(!check.OnAnswer(At(1ms), probes[0].to, probes[0].nonce + 1));
  BOOST_TEST(check.OnAnswer(At(1ms), probes[0].to, probes[0].nonce));
  BOOST_TEST(!check.OnAnswer(At(1ms), probes[0].to, probes[0].nonce));  // once
}

}  // namespace
}  // namespace selvage
