// NodeCore: rules of the operator, through the same healer as the model's alarms.
#include "agents/node/node_impl.h"

namespace selvage {

void NodeCore::Impl::FollowRules(Time now, Adjacency* a) {
  const std::vector<Rule>& rules = config_.model.rules;
  if (rules.empty()) return;
  const std::string link = links_[a->link].info.name;
  const float* row = a->watch->row().data();
  for (const RuleWatch::Change& change : a->rules.OnRow(now, rules, false, link, row)) {
    const Rule& rule = rules[change.rule];
    if (change.begins) {
      ++counters_.rules_begun;
      ActOnRule(now, a, rule, change.evidence);
    } else {
      TellRuleOver(now, rule, a->certificate.name, link);
    }
  }
  std::size_t again = 0;
  if (!a->patient.detour && a->rules.ShouldRepeat(now, rules, Action::kDetour, &again)) {
    ActOnRule(now, a, rules[again], a->rules.Evidence(rules[again], row));
  }
}

void NodeCore::Impl::ActOnRule(Time now, Adjacency* a, const Rule& rule,
                               const std::string& evidence) {
  if (!config_.healing) return;
  Healer::Case c = CaseOf(Diagnosis::kRule);
  c.other_way = rule.action != Action::kDetour || HasOtherWay(*a);
  const std::string why = "rule \"" + rule.name + "\": " + evidence;
  const Healer::Verdict verdict = TakeAction(now, a, rule.action, c, why, rule.advise_only);
  // A rule foresees nothing, so its detours are not in vain when nothing more happens.
  if (verdict == Healer::Verdict::kAct) healer_.OnProof(&a->patient);
}

void NodeCore::Impl::FollowMachineRules(Time now) {
  const std::vector<Rule>& rules = config_.model.rules;
  if (rules.empty()) return;
  for (const RuleWatch::Change& change :
       machine_rules_.OnRow(now, rules, true, "", machine_row_.data())) {
    const Rule& rule = rules[change.rule];
    if (!change.begins) {
      TellRuleOver(now, rule, "", "");
      continue;
    }
    ++counters_.rules_begun;
    if (!config_.healing) continue;
    const Healer::Case c = CaseOf(Diagnosis::kRule);
    Healer::Patient none;
    const Healer::Verdict verdict =
        rule.advise_only ? Healer::Verdict::kAdvise : healer_.Consider(now, rule.action, c, &none);
    const bool done = verdict == Healer::Verdict::kAct;
    if (!done) ++counters_.treatments_refused;
    const std::string why = "rule \"" + rule.name + "\": " + change.evidence;
    const std::string outcome(Healer::Reason(verdict));
    Tell(now, done ? "healer-action" : "healer-advice",
         std::string(ToString(rule.action)) + " for this machine (rule, " + why + "): " + outcome,
         {{"diagnosis", std::string(ToString(Diagnosis::kRule))},
          {"action", std::string(ToString(rule.action))},
          {"evidence", why},
          {"outcome", outcome}});
  }
}

void NodeCore::Impl::TellRuleOver(Time now, const Rule& rule, const std::string& neighbor,
                                  const std::string& link) {
  std::map<std::string, std::string> fields = {{"rule", rule.name}};
  if (!neighbor.empty()) fields["neighbor"] = neighbor;
  if (!link.empty()) fields["link"] = link;
  Tell(now, "rule-over",
       "rule \"" + rule.name + "\" holds no more for " +
           (neighbor.empty() ? "this machine" : neighbor + " on " + link),
       std::move(fields));
}

}  // namespace selvage
