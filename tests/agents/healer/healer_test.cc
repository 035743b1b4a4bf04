#define BOOST_TEST_MODULE healer
#include "agents/healer/healer.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

constexpr Time kStart{100s};

Healer::Case Fading() {
  Healer::Case c;
  c.diagnosis = Diagnosis::kFading;
  c.links = 4;
  return c;
}

BOOST_AUTO_TEST_CASE(every_action_in_the_table_has_a_name_that_parses) {
  for (std::size_t d = 0; d < kDiagnoses; ++d) {
    for (Action a : Healer::TreatmentOf(static_cast<Diagnosis>(d)).actions) {
      if (a == Action::kNone) continue;
      Action parsed = Action::kNone;
      BOOST_TEST(ParseAction(ToString(a), &parsed));
      BOOST_TEST((parsed == a));
    }
  }
  Action parsed = Action::kNone;
  BOOST_TEST(!ParseAction("none", &parsed));
  BOOST_TEST(!ParseAction("cut", &parsed));
}

BOOST_AUTO_TEST_CASE(congestion_moves_nothing) {
  const auto t = Healer::TreatmentOf(Diagnosis::kCongestion);
  BOOST_TEST((t.actions[0] == Action::kNone));
}

BOOST_AUTO_TEST_CASE(a_detour_is_held_and_longer_after_a_relapse) {
  Healer healer{HealerOptions()};
  Healer::Patient p;
  BOOST_TEST((healer.Consider(kStart, Action::kDetour, Fading(), &p) == Healer::Verdict::kAct));
  BOOST_TEST(
      (healer.Consider(kStart + 1s, Action::kDetour, Fading(), &p) == Healer::Verdict::kAlready));
  healer.OnProof(&p);
  BOOST_TEST(!healer.ShouldReturn(kStart + 10s, true, &p));
  BOOST_TEST(healer.ShouldReturn(kStart + 11s, true, &p));
  const Time again = kStart + 20s;
  BOOST_TEST((healer.Consider(again, Action::kDetour, Fading(), &p) == Healer::Verdict::kAct));
  BOOST_TEST(!healer.ShouldReturn(again + 19s, true, &p));
  BOOST_TEST(healer.ShouldReturn(again + 20s, true, &p));
}

BOOST_AUTO_TEST_CASE(a_detour_lasts_while_anything_is_suspicious) {
  Healer healer{HealerOptions()};
  Healer::Patient p;
  healer.Consider(kStart, Action::kDetour, Fading(), &p);
  for (int s = 1; s < 300; ++s) {
    BOOST_TEST_REQUIRE(!healer.ShouldReturn(kStart + s * 1s, false, &p));
  }
  BOOST_TEST(!healer.ShouldReturn(kStart + 305s, true, &p));
  BOOST_TEST(healer.ShouldReturn(kStart + 310s, true, &p));
}

BOOST_AUTO_TEST_CASE(a_detour_for_nothing_makes_the_next_one_wait_ever_longer) {
  HealerOptions plenty;
  plenty.actions_per_hour = 100000;
  Healer healer(plenty);
  Healer::Patient p;
  Time now = kStart;
  Duration waited_last{0};
  for (int round = 0; round < 4; ++round) {
    BOOST_TEST_REQUIRE(
        (healer.Consider(now, Action::kDetour, Fading(), &p) == Healer::Verdict::kAct));
    while (!healer.ShouldReturn(now, true, &p)) now += 1s;
    const Time returned = now;
    while (healer.Consider(now, Action::kDetour, Fading(), &p) == Healer::Verdict::kMuted)
      now += 1s;
    BOOST_TEST((now - returned > waited_last));
    waited_last = now - returned;
    while (!healer.ShouldReturn(now, true, &p)) now += 1s;
    now = std::max(now, p.mute_until);
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_moved_where_there_is_no_other_way) {
  Healer healer{HealerOptions()};
  Healer::Patient p;
  Healer::Case c = Fading();
  c.other_way = false;
  BOOST_TEST((healer.Consider(kStart, Action::kDetour, c, &p) == Healer::Verdict::kNoOtherWay));
  BOOST_TEST(!p.detour);
}

BOOST_AUTO_TEST_CASE(at_most_half_of_the_links_are_avoided_and_one_always) {
  Healer healer{HealerOptions()};
  Healer::Case c = Fading();
  c.links = 1;
  Healer::Patient only;
  BOOST_TEST((healer.Consider(kStart, Action::kDetour, c, &only) == Healer::Verdict::kAct));
  c.links = 4;
  c.detours = 1;
  Healer::Patient second;
  BOOST_TEST((healer.Consider(kStart, Action::kDetour, c, &second) == Healer::Verdict::kAct));
  c.detours = 2;
  Healer::Patient third;
  BOOST_TEST((healer.Consider(kStart, Action::kDetour, c, &third) == Healer::Verdict::kWholeNode));
}

BOOST_AUTO_TEST_CASE(an_action_can_be_set_to_advice_and_then_is_not_taken) {
  HealerOptions options;
  options.advise_only[static_cast<std::size_t>(Action::kDetour)] = true;
  Healer healer(options);
  Healer::Patient p;
  BOOST_TEST((healer.Consider(kStart, Action::kDetour, Fading(), &p) == Healer::Verdict::kAdvise));
  BOOST_TEST(!p.detour);
  BOOST_TEST((healer.Consider(kStart, Action::kDuplicate, Fading(), &p) == Healer::Verdict::kAct));
}

BOOST_AUTO_TEST_CASE(the_budget_bounds_a_burst_and_refills_with_time) {
  HealerOptions options;
  options.actions_per_hour = 60;
  Healer healer(options);
  Healer::Patient p;
  int done = 0;
  for (int i = 0; i < 100; ++i) {
    done += healer.Consider(kStart, Action::kDuplicate, Fading(), &p) == Healer::Verdict::kAct;
  }
  BOOST_TEST(done == Healer::kBurst);
  BOOST_TEST((healer.Consider(kStart + 59s, Action::kDuplicate, Fading(), &p) ==
              Healer::Verdict::kNoBudget));
  BOOST_TEST(
      (healer.Consider(kStart + 61s, Action::kDuplicate, Fading(), &p) == Healer::Verdict::kAct));
}

}  // namespace
}  // namespace selvage
