// Rules of the operator: features beyond limits for a time ask for an action of the healer's table.
//
// A rule is an opinion, not a finding: what it asks for goes through the same healer as the model's
// alarms, with the same budget, the same half of the links that stay as they are, and an event that
// says what was done and why. It begins when all of its conditions have held for `hold` without a
// break, and is over when they have not for as long (kEndMin at least): a value that dances around
// its limit does not make traffic dance. A value that is missing holds no condition.
// Sans-I/O. Thread rule: one thread at a time.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "agents/anomaly/schema.h"
#include "agents/healer/healer.h"
#include "core/time.h"

namespace selvage {

struct RuleCondition {
  std::size_t column = 0;  // of anomaly::LinkSchema(), or of NodeSchema() where the rule says so
  bool above = true;       // else below
  float limit = 0;         // in the feature's unit
};

struct Rule {
  static constexpr std::size_t kRulesMax = 32;
  static constexpr std::size_t kConditionsMax = 4;
  static constexpr std::size_t kNameMax = 64;
  static constexpr Duration kHoldMax = 3600s;

  std::string name;
  bool machine = false;  // looks at this machine, not at links
  std::string link;      // ... of this name alone; empty: at all
  std::vector<RuleCondition> when;
  Duration hold = 5s;
  Action action = Action::kNone;
  bool advise_only = false;  // told and not done
};

// How the rules stand with one neighbour on one link, or with the machine.
class RuleWatch {
 public:
  static constexpr Duration kEndMin = 5s;
  // What was refused is asked for again after this, while the rule holds.
  static constexpr Duration kAgain = 30s;

  struct Change {
    std::size_t rule = 0;
    bool begins = false;   // else it is over
    std::string evidence;  // "snr 4.2 dB is below 6"
  };

  // Once a second: a row of the machine's or a link's columns. What changed.
  std::vector<Change> OnRow(Time now, const std::vector<Rule>& rules, bool machine,
                            const std::string& link, const float* row);
  // Some rule that holds asks for `action`.
  bool Asks(const std::vector<Rule>& rules, Action action) const;
  // True when `action` should be asked for again; at most once in kAgain. `rule`: which.
  bool ShouldRepeat(Time now, const std::vector<Rule>& rules, Action action, std::size_t* rule);
  // Of the last row.
  std::string Evidence(const Rule& rule, const float* row) const;

 private:
  struct State {
    Time changed = Time::min();  // since when the conditions are what they are
    Time asked = Time::min();
    bool met = false;
    bool holds = false;
  };
  std::vector<State> states_;  // by rule; empty until the first row
};

}  // namespace selvage
