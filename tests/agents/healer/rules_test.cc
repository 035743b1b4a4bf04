#define BOOST_TEST_MODULE rules
#include "agents/healer/rules.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

namespace selvage {
namespace {

constexpr std::size_t kSnr = 1;
constexpr std::size_t kLoss = 2;

Rule Weak() {
  Rule rule;
  rule.name = "weak";
  rule.when = {{kSnr, false, 6}};
  rule.hold = 3s;
  rule.action = Action::kDetour;
  return rule;
}

class World {
 public:
  explicit World(std::vector<Rule> r) : rules(std::move(r)) {}
  std::vector<RuleWatch::Change> Second(float snr, float loss = 0, const std::string& link = "w") {
    float row[12];
    std::fill(std::begin(row), std::end(row), NAN);
    row[kSnr] = snr;
    row[kLoss] = loss;
    now += 1s;
    return watch.OnRow(now, rules, false, link, row);
  }
  std::vector<Rule> rules;
  RuleWatch watch;
  Time now{};
};

BOOST_AUTO_TEST_CASE(a_rule_begins_when_its_condition_has_held_without_a_break) {
  World w({Weak()});
  for (float snr : {4.0F, 4.0F, 4.0F, 7.0F, 4.0F, 4.0F, 4.0F}) {
    BOOST_TEST(w.Second(snr).empty());
  }
  const auto changes = w.Second(4.5F);
  BOOST_TEST_REQUIRE(changes.size() == 1u);
  BOOST_TEST(changes[0].begins);
  BOOST_TEST(changes[0].evidence == "snr 4.5 dB is below 6");
  BOOST_TEST(w.watch.Asks(w.rules, Action::kDetour));
  BOOST_TEST(!w.watch.Asks(w.rules, Action::kAnnounce));
  BOOST_TEST(w.Second(4).empty());  // once
}

BOOST_AUTO_TEST_CASE(it_is_over_when_the_condition_has_not_held_for_five_seconds) {
  World w({Weak()});
  for (int i = 0; i < 5; ++i) w.Second(4);
  for (int i = 0; i < 5; ++i) BOOST_TEST(w.Second(9).empty());
  const auto changes = w.Second(9);
  BOOST_TEST_REQUIRE(changes.size() == 1u);
  BOOST_TEST(!changes[0].begins);
  BOOST_TEST(!w.watch.Asks(w.rules, Action::kDetour));
}

BOOST_AUTO_TEST_CASE(all_conditions_must_hold_and_a_missing_value_holds_none) {
  Rule both = Weak();
  both.when.push_back({kLoss, true, 0.1F});
  both.hold = 0s;
  World w({both});
  BOOST_TEST(w.Second(4, 0).empty());
  BOOST_TEST(w.Second(4, NAN).empty());
  BOOST_TEST(w.Second(NAN, 1).empty());
  BOOST_TEST(w.Second(4, 0.2F).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_rule_for_one_link_looks_at_no_other) {
  Rule one = Weak();
  one.hold = 0s;
  one.link = "wlan0";
  World w({one});
  BOOST_TEST(w.Second(4, 0, "wlan1").empty());
  BOOST_TEST(w.Second(4, 0, "wlan0").size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_was_refused_is_asked_for_again_after_half_a_minute) {
  World w({Weak()});
  std::size_t rule = 7;
  int again = 0;
  for (int i = 0; i < 70; ++i) {
    w.Second(4);
    again += w.watch.ShouldRepeat(w.now, w.rules, Action::kDetour, &rule) ? 1 : 0;
  }
  BOOST_TEST(again == 2);
  BOOST_TEST(rule == 0u);
}

}  // namespace
}  // namespace selvage
