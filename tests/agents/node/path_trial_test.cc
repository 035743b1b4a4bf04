#define BOOST_TEST_MODULE path_trial_test
#include "agents/node/path_trial.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>

namespace selvage {
namespace {

constexpr Time kStart = TimeFromNanos(1'000'000'000);
constexpr ShortId n1(1), n2(2), n3(3), kTo(4);
using What = PathTrial::Verdict::What;

bool Has(const std::vector<ShortId>& nodes, ShortId n) {
  return std::find(nodes.begin(), nodes.end(), n) != nodes.end();
}

// Runs a trial of n1 > n2 > n3 > to; `answers` says with which probability a probe is answered.
PathTrial::Verdict Run(PathTrial::Kind kind,
                       const std::function<double(const PathTrial::Probe&)>& answers,
                       std::vector<ShortId> around = {n1, n2, n3}, std::uint64_t seed = 1) {
  Random random(seed);
  PathTrial trial(kStart, kind, {n1, n2, n3, kTo}, {}, std::move(around), {ShortId(9)}, 150ms);
  Time now = kStart;
  for (int steps = 0; !trial.done() && steps < 1000; ++steps) {
    for (const PathTrial::Probe& p : trial.TakeProbes(now, &random)) {
      if (random.Uniform() >= answers(p)) continue;
      BOOST_TEST(!trial.OnAnswer(ShortId(77), p.nonce));  // somebody else's answer
      BOOST_TEST(trial.OnAnswer(p.to, p.nonce));
      BOOST_TEST(!trial.OnAnswer(p.to, p.nonce));  // counts once
    }
    now = std::max(now, trial.NextDeadline());
    trial.OnTimeout(now);
  }
  BOOST_TEST(trial.done());
  BOOST_TEST((now - kStart < (kind == PathTrial::Kind::kStalled ? 500ms : 2s)));
  return trial.verdict();
}

// The probe has to pass `bad`, unless it avoids it or is for it or for one before it.
bool Passes(const PathTrial::Probe& p, ShortId bad) { return !Has(p.avoid, bad) && bad < p.to; }

BOOST_AUTO_TEST_CASE(a_relay_that_forwards_nothing_is_blamed_wherever_it_is) {
  for (ShortId bad : {n1, n2, n3}) {
    const auto v = Run(PathTrial::Kind::kStalled,
                       [&](const PathTrial::Probe& p) { return Passes(p, bad) ? 0.0 : 1.0; });
    BOOST_TEST((v.what == What::kBlame));
    BOOST_TEST((v.node == bad));
    BOOST_TEST(v.through_answered == 0);
    BOOST_TEST(v.around_answered > 1);
  }
}

BOOST_AUTO_TEST_CASE(a_relay_that_answers_nobody_at_all_does_not_put_the_blame_on_the_one_before) {
  for (ShortId bad : {n1, n2, n3}) {
    const auto v = Run(PathTrial::Kind::kStalled, [&](const PathTrial::Probe& p) {
      return Passes(p, bad) || p.to == bad ? 0.0 : 1.0;
    });
    BOOST_TEST((v.what == What::kBlame));
    BOOST_TEST((v.node == bad));
  }
}

BOOST_AUTO_TEST_CASE(a_relay_that_drops_only_what_is_for_the_destination_is_found_by_its_absence) {
  for (ShortId bad : {n1, n2, n3}) {
    const auto v = Run(PathTrial::Kind::kStalled, [&](const PathTrial::Probe& p) {
      return p.to == kTo && Passes(p, bad) ? 0.0 : 1.0;
    });
    BOOST_TEST((v.what == What::kBlame));
    BOOST_TEST((v.node == bad));
  }
}

BOOST_AUTO_TEST_CASE(a_relay_in_the_only_passage_is_blamed_when_its_absence_alone_helps) {
  // n1 and n2 can be avoided together, n3 only without them: "around" passes n3.
  const auto v = Run(
      PathTrial::Kind::kStalled,
      [&](const PathTrial::Probe& p) { return Passes(p, n3) ? 0.0 : 1.0; }, {n1, n2});
  BOOST_TEST((v.what == What::kBlame));
  BOOST_TEST((v.node == n3));
}

BOOST_AUTO_TEST_CASE(nobody_is_blamed_when_everything_answers) {
  for (PathTrial::Kind kind : {PathTrial::Kind::kStalled, PathTrial::Kind::kLossy}) {
    BOOST_TEST((Run(kind, [](const PathTrial::Probe&) { return 1.0; }).what == What::kFine));
  }
}

BOOST_AUTO_TEST_CASE(nobody_is_blamed_when_the_destination_answers_over_no_path) {
  const auto v = Run(PathTrial::Kind::kStalled,
                     [](const PathTrial::Probe& p) { return p.to == kTo ? 0.0 : 1.0; });
  BOOST_TEST((v.what == What::kInconclusive));
}

BOOST_AUTO_TEST_CASE(an_answer_only_by_the_same_way_back_says_that_the_other_way_back_is_bad) {
  const auto v = Run(PathTrial::Kind::kStalled, [](const PathTrial::Probe& p) {
    return p.to == n1 || Has(p.answer_avoid, ShortId(9)) ? 1.0 : 0.0;
  });
  BOOST_TEST((v.what == What::kWayBack));
}

BOOST_AUTO_TEST_CASE(a_relay_that_drops_a_share_is_blamed_in_nearly_all_trials) {
  for (double share : {0.5, 0.7, 0.8}) {
    int right = 0;
    int wrong = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
      const ShortId bad = ShortId(1 + static_cast<std::uint32_t>(seed % 3));
      const auto v = Run(
          PathTrial::Kind::kLossy,
          [&](const PathTrial::Probe& p) { return Passes(p, bad) ? share : 1.0; }, {n1, n2, n3},
          seed);
      if (v.what != What::kBlame) continue;
      (v.node == bad ? right : wrong) += 1;
    }
    BOOST_TEST_MESSAGE(share << ": " << right << " right, " << wrong << " wrong");
    BOOST_TEST(right >= (share < 0.75 ? 90 : 75));
    BOOST_TEST(wrong <= 8);
  }
}

BOOST_AUTO_TEST_CASE(loss_that_is_everywhere_alike_is_nobody_s_fault) {
  int blamed = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const auto v = Run(
        PathTrial::Kind::kLossy, [](const PathTrial::Probe& p) { return 0.7; }, {n1, n2, n3}, seed);
    blamed += v.what == What::kBlame;
  }
  BOOST_TEST(blamed <= 20);
}

BOOST_AUTO_TEST_CASE(long_paths_cost_a_bounded_number_of_probes) {
  std::vector<ShortId> path;
  for (std::uint32_t i = 1; i <= 60; ++i) path.push_back(ShortId(i));
  Random random(1);
  PathTrial trial(kStart, PathTrial::Kind::kLossy, path, {}, {ShortId(1)}, {}, 150ms);
  std::size_t probes = 0;
  for (Time now = kStart; !trial.done() && now < kStart + 10s; now += 1ms) {
    probes += trial.TakeProbes(now, &random).size();
    trial.OnTimeout(now);
  }
  BOOST_TEST(trial.done());
  BOOST_TEST(probes <= 2 * (PathTrial::kRelaysMax + 3) * PathTrial::kRoundsLossyMin);
}

}  // namespace
}  // namespace selvage
