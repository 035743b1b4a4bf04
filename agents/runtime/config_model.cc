#include "agents/runtime/config_model.h"

#include <cstdio>
#include <utility>

#include "agents/anomaly/schema.h"
#include "agents/telemetry/telemetry.h"

namespace selvage {
namespace {

void ReadScorer(Section* section, ModelSection* model) {
  if (const auto onnx = section->Text("onnx", "\"/etc/selvage/model.onnx\"")) {
    model->onnx = *onnx;
    if (onnx->empty() || onnx->front() != '/') {
      section->Wrong("onnx", "is \"" + *onnx + "\"; write the whole path, from /");
    }
  }
  if (const auto scorer = section->Text("scorer", "\"/usr/lib/selvage/scorers/opencv.so\"")) {
    model->scorer = *scorer;
    if (scorer->empty() || scorer->front() != '/') {
      section->Wrong("scorer", "is \"" + *scorer + "\"; write the whole path, from /");
    } else if (!model->onnx.empty()) {
      section->Wrong("scorer", "is given beside 'onnx'; a node runs one of them");
    }
  }
  model->scorer_settings = section->Settings("scorer_settings");
  if (!model->scorer_settings.empty() && model->scorer.empty()) {
    section->Wrong("scorer_settings", "is for a plug-in; 'scorer' names none");
  }
  if (const auto output = section->Text("onnx_output", "\"reconstruction\"")) {
    if (*output == "reconstruction") {
      model->onnx_output = OnnxScorer::Output::kReconstruction;
    } else if (*output == "scores") {
      model->onnx_output = OnnxScorer::Output::kScores;
    } else if (*output != "by-shape") {
      section->Wrong("onnx_output",
                     "is \"" + *output + "\"; must be by-shape, reconstruction or scores");
    }
  }
  if (const auto budget = section->Integer("scorer_budget_us", "50")) {
    model->scorer_budget_us = *budget;
    if (*budget < 1 || *budget > ModelSection::kScorerBudgetMax) {
      section->Wrong("scorer_budget_us",
                     "must be 1 to " + std::to_string(ModelSection::kScorerBudgetMax));
    }
  }
}

// The features a rule may name, for messages.
std::string RuleFeatures(bool machine) {
  const anomaly::Schema& schema = machine ? anomaly::NodeSchema() : anomaly::LinkSchema();
  std::string names;
  for (std::size_t f = 0; f < schema.count; ++f) {
    if (!machine && !IsMeasured(f)) continue;
    names += (names.empty() ? "" : ", ") + std::string(schema.features[f].name);
  }
  return names;
}

bool ReadCondition(const toml::table& table, bool machine, ConfigProblems* problems,
                   RuleCondition* condition) {
  Section section(table, "'when' of [[healer.rule]]", problems);
  section.Require("feature", "\"snr\"");
  const auto feature = section.Text("feature", "\"snr\"");
  const auto above = section.Number("above", "0.05");
  const auto below = section.Number("below", "6.0");
  section.Finish();
  if (!feature) return false;
  const anomaly::Schema& schema = machine ? anomaly::NodeSchema() : anomaly::LinkSchema();
  const int column = anomaly::FindFeature(schema, feature->c_str());
  if (column < 0 || (!machine && !IsMeasured(static_cast<std::size_t>(column)))) {
    section.Wrong("feature", "is \"" + *feature + "\"; features of a " +
                                 (machine ? "machine" : "link") + " are: " + RuleFeatures(machine));
    return false;
  }
  if (above.has_value() == below.has_value()) {
    section.WrongHere("needs either 'above' or 'below'; for example: below = 6.0");
    return false;
  }
  const double limit = above ? *above : *below;
  const anomaly::Feature& f = schema.features[column];
  if (!(limit >= static_cast<double>(f.low) && limit <= static_cast<double>(f.high))) {
    char range[96];
    std::snprintf(range, sizeof(range), "must be %g to %g %s", static_cast<double>(f.low),
                  static_cast<double>(f.high), f.unit);
    section.Wrong(above ? "above" : "below", range);
    return false;
  }
  *condition = {static_cast<std::size_t>(column), above.has_value(), static_cast<float>(limit)};
  return true;
}

void ReadRule(const toml::table& table, ConfigProblems* problems, Rule* rule) {
  Section section(table, "[[healer.rule]]", problems);
  if (const auto name = section.Text("name", "\"rain\"")) {
    rule->name = *name;
    if (name->empty() || name->size() > Rule::kNameMax) {
      section.Wrong("name", "must be 1 to " + std::to_string(Rule::kNameMax) + " bytes");
    }
  }
  if (const auto scope = section.Text("scope", "\"link\"")) {
    rule->machine = *scope == "machine";
    if (!rule->machine && *scope != "link") {
      section.Wrong("scope", "is \"" + *scope + "\"; must be link or machine");
    }
  }
  if (const auto link = section.Text("link", "\"wlan0\"")) {
    rule->link = *link;
    if (rule->machine) section.Wrong("link", "is for rules about links; scope is \"machine\"");
  }
  section.Require("when", "[{ feature = \"snr\", below = 6.0 }]");
  for (const toml::table* when : section.Tables("when")) {
    RuleCondition condition;
    if (ReadCondition(*when, rule->machine, problems, &condition)) rule->when.push_back(condition);
  }
  if (rule->when.size() > Rule::kConditionsMax) {
    section.Wrong("when", "has more than " + std::to_string(Rule::kConditionsMax) + " conditions");
  }
  if (table.get_as<toml::array>("when") != nullptr && table.get_as<toml::array>("when")->empty()) {
    section.Wrong("when", "is empty; for example: when = [{ feature = \"snr\", below = 6.0 }]");
  }
  if (const auto hold = section.Number("hold_s", "5")) {
    const double most = ToSeconds(Rule::kHoldMax);
    if (*hold >= 0 && *hold <= most) {
      rule->hold = Duration(static_cast<std::int64_t>(*hold * 1e9));
    } else {
      section.Wrong("hold_s", "must be 0 to 3600");
    }
  }
  section.Require("action", "\"detour\"");
  if (const auto action = section.Text("action", "\"detour\"")) {
    if (!ParseAction(*action, &rule->action)) {
      section.Wrong("action", "is \"" + *action + "\"; actions are: detour, duplicate, announce");
    } else if (rule->machine && rule->action != Action::kAnnounce) {
      section.Wrong("action", "is \"" + *action + "\"; of a machine it can only be announce");
    }
  }
  rule->advise_only = section.Boolean("advise_only", "true").value_or(false);
  section.Finish();
}

}  // namespace

void ReadModel(const toml::table& table, ConfigProblems* problems, ModelSection* model) {
  Section section(table, "[model]", problems);
  model->enabled = section.Boolean("enabled", "true").value_or(model->enabled);
  model->thresholds_only = section.Boolean("thresholds_only", "false").value_or(false);
  model->share = section.Boolean("share", "true").value_or(model->share);
  if (const auto decades = section.Number("alarm_decades", "5.8")) {
    model->alarm_decades = *decades;
    if (!(*decades >= ModelSection::kDecadesMin && *decades <= ModelSection::kDecadesMax)) {
      section.Wrong("alarm_decades", "must be 3 to 9: one false alarm in 10^this samples");
    }
  }
  if (const auto actions = section.Integer("actions_per_hour", "60")) {
    model->actions_per_hour = *actions;
    if (*actions < 0 || *actions > ModelSection::kActionsMax) {
      section.Wrong("actions_per_hour",
                    "must be 0 to " + std::to_string(ModelSection::kActionsMax));
    }
  }
  for (const std::string& name : section.Texts("advise_only", "[\"detour\"]")) {
    Action action = Action::kNone;
    if (ParseAction(name, &action)) {
      model->advise.push_back(action);
    } else {
      section.Wrong("advise_only",
                    "names \"" + name + "\"; actions are: detour, duplicate, announce");
    }
  }
  ReadScorer(&section, model);
  section.Finish();
}

void ReadHealer(const toml::table& table, ConfigProblems* problems, ModelSection* model) {
  Section section(table, "[healer]", problems);
  const std::vector<const toml::table*> rules = section.Tables("rule");
  if (rules.size() > Rule::kRulesMax) {
    section.Wrong("rule", "are " + std::to_string(rules.size()) + "; at most " +
                              std::to_string(Rule::kRulesMax));
  }
  for (std::size_t r = 0; r < rules.size() && r < Rule::kRulesMax; ++r) {
    Rule rule;
    rule.name = std::to_string(r + 1);
    ReadRule(*rules[r], problems, &rule);
    model->rules.push_back(std::move(rule));
  }
  section.Finish();
}

}  // namespace selvage
