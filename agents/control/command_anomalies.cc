// What the anomaly model thinks of each link in use and of the machine.
#include <cmath>

#include "agents/control/commands.h"

namespace selvage {
namespace control {
namespace {

double Rounded(float value) { return std::round(static_cast<double>(value) * 1000.0) / 1000.0; }

// What is not known, or not finite, is left out: JSON has neither.
void Put(const char* name, float value, Json* out) {
  if (std::isfinite(value)) (*out)[name] = Rounded(value);
}

}  // namespace

Answer Anomalies(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {}); !s.ok()) return s;
  Json out = Json::array();
  for (const AnomalyInfo& a : agent.Anomalies()) {
    Json features = Json::array();
    for (const AnomalyInfo::Line& line : a.lines) {
      Json feature{{"name", line.feature}, {"unit", line.unit}};
      Put("value", line.value, &feature);
      Put("deviation", line.deviation, &feature);
      Put("blame", line.blame, &feature);
      features.push_back(std::move(feature));
    }
    Json item{{"neighbor", a.neighbor},   {"link", a.link},
              {"state", a.state},         {"alarm", a.alarm},
              {"samples", a.samples},     {"state_bytes", a.bytes},
              {"diagnosis", a.diagnosis}, {"evidence", a.evidence},
              {"detour", a.detour},       {"features", std::move(features)},
              {"peers", a.prior_voices}};
    Put("score", a.score, &item);
    Put("loss_decades", a.loss_decades, &item);
    Put("margin_db", a.margin_db, &item);
    Put("margin_slope_db_s", a.margin_slope_db_s, &item);
    Put("seconds_to_failure", a.seconds_to_failure, &item);
    if (!a.scorer.empty()) {
      Json scorer{{"name", a.scorer},
                  {"feature", a.scorer_feature},
                  {"samples", a.scorer_samples},
                  {"failures", a.scorer_failures},
                  {"alarms", a.scorer_alarms}};
      Put("decades", a.scorer_decades, &scorer);
      item["scorer"] = std::move(scorer);
    }
    if (!a.diagnosis.empty()) item["alarm_age_s"] = ToSeconds(a.alarm_age);
    out.push_back(std::move(item));
  }
  return out;
}

}  // namespace control
}  // namespace selvage
