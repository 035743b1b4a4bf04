#include "agents/healer/rules.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace selvage {
namespace {

bool Met(const Rule& rule, const float* row) {
  return std::all_of(rule.when.begin(), rule.when.end(), [row](const RuleCondition& c) {
    const float value = row[c.column];
    return std::isfinite(value) && (c.above ? value > c.limit : value < c.limit);
  });
}

}  // namespace

std::string RuleWatch::Evidence(const Rule& rule, const float* row) const {
  const anomaly::Schema& schema = rule.machine ? anomaly::NodeSchema() : anomaly::LinkSchema();
  std::string text;
  for (const RuleCondition& c : rule.when) {
    char part[160];
    std::snprintf(part, sizeof(part), "%s %.4g %s is %s %.4g", schema.features[c.column].name,
                  static_cast<double>(row[c.column]), schema.features[c.column].unit,
                  c.above ? "above" : "below", static_cast<double>(c.limit));
    text += (text.empty() ? "" : ", ") + std::string(part);
  }
  return text;
}

std::vector<RuleWatch::Change> RuleWatch::OnRow(Time now, const std::vector<Rule>& rules,
                                                bool machine, const std::string& link,
                                                const float* row) {
  std::vector<Change> changes;
  states_.resize(rules.size());
  for (std::size_t r = 0; r < rules.size(); ++r) {
    const Rule& rule = rules[r];
    State& s = states_[r];
    if (rule.machine != machine || (!rule.link.empty() && rule.link != link)) continue;
    const bool met = Met(rule, row);
    if (met != s.met || s.changed == Time::min()) {
      s.met = met;
      s.changed = now;
    }
    const Duration needed = met ? rule.hold : std::max(rule.hold, kEndMin);
    if (s.met == s.holds || now - s.changed < needed) continue;
    s.holds = s.met;
    if (s.holds) s.asked = now;
    changes.push_back({r, s.holds, s.holds ? Evidence(rule, row) : ""});
  }
  return changes;
}

bool RuleWatch::Asks(const std::vector<Rule>& rules, Action action) const {
  for (std::size_t r = 0; r < states_.size(); ++r) {
    if (states_[r].holds && rules[r].action == action && !rules[r].advise_only) return true;
  }
  return false;
}

bool RuleWatch::ShouldRepeat(Time now, const std::vector<Rule>& rules, Action action,
                             std::size_t* rule) {
  for (std::size_t r = 0; r < states_.size(); ++r) {
    State& s = states_[r];
    if (!s.holds || rules[r].action != action || rules[r].advise_only) continue;
    if (now - s.asked < kAgain) continue;
    s.asked = now;
    *rule = r;
    return true;
  }
  return false;
}

}  // namespace selvage
