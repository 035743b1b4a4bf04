// NodeCore: telemetry, the alarms of the model, and what the healer makes of them.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "agents/node/node_impl.h"

namespace selvage {
namespace {

// Links with a model of their own, 4 kB each; the busiest come first by being first.
constexpr std::size_t kWatchesMax = 32;
// Alarms so close together have one cause.
constexpr Duration kTogether = 10s;
constexpr int kLinksForOwnNode = 3;
// A reading of the machine older than this is none.
constexpr Duration kMachineFresh = 5s;
constexpr Duration kMachineEpisode = 60s;

std::string Decimals(float value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", static_cast<double>(value));
  return text;
}

bool Recent(Time now, Time at) { return at != Time::min() && now - at <= kTogether; }

}  // namespace

void NodeCore::Impl::WatchOutcome(Time now, Adjacency* a, const FeedbackOutcome& outcome) {
  LinkWatch& w = *a->watch;
  if (outcome.has_rtt) w.OnRtt(outcome.rtt);
  if (a->monitor.detector().usable()) {
    w.OnOutcomes(now, outcome.acknowledged, static_cast<int>(outcome.lost.size()),
                 a->monitor.congested());
  }
  FollowAlarm(now, a);
}

void NodeCore::Impl::OnRadio(Time now, LinkId link, const PeerAddress& from,
                             const RadioReading& reading) {
  if (!config_.model.enabled) return;
  for (Adjacency* a : present_) {
    if (a->link != link || a->watch == nullptr) continue;
    if (!from.IsBroadcast() && a->address != from) continue;
    a->watch->OnRadio(now, reading);
    FollowAlarm(now, a);
  }
}

void NodeCore::Impl::WatchSecond(Time now) {
  std::size_t watches = 0;
  for (const Adjacency* a : present_) watches += a->watch != nullptr ? 1 : 0;
  for (Adjacency* a : present_) {
    a->doubted = false;
    if (a->watch == nullptr) {
      if (watches >= kWatchesMax || a->remote_index.value == 0 || !a->monitor.active(now)) continue;
      a->watch = std::make_unique<LinkWatch>(config_.model, a->shared);
      RestoreWatch(now, a);
      ++watches;
    }
    LinkWatch& w = *a->watch;
    LearnFromOthers(now, a);
    const bool usable = a->monitor.detector().usable();
    // What is dead is the failure detector's business, and its last values are no news.
    if (usable) {
      const std::uint64_t before = w.samples();
      w.OnSecond(now, a->monitor.held().bytes(), links_[a->link].info.rate_bps);
      counters_.model_samples += w.samples() - before;
      FollowAlarm(now, a);
      FollowRules(now, a);
    }
    if (!usable || w.Proved() || a->monitor.quality().degraded()) {
      if (a->patient.detour && !a->patient.proved) ++counters_.detours_proved;
      healer_.OnProof(&a->patient);
    }
    // Losses that are certain are on the map by themselves, and the loss detector proves their end.
    const bool certain =
        a->patient.diagnosis == Diagnosis::kLoss && a->monitor.quality().degraded();
    if (certain && a->patient.detour) {
      healer_.HandOver(now, &a->patient);
      EndDetour(now, a, "its losses are certain now and count on the map by themselves");
    } else if (const bool ruled = a->rules.Asks(config_.model.rules, Action::kDetour);
               healer_.ShouldReturn(now, usable && w.Quiet(now) && !ruled, &a->patient)) {
      EndDetour(now, a,
                a->patient.diagnosis == Diagnosis::kRule
                    ? "no rule asks for it any more"
                : a->patient.proved
                    ? "it had become as bad as foreseen and is good again"
                    : "what was foreseen did not come, so the next time waits longer");
    }
  }
  WatchMachine(now);
  ShareModels(now);
}

Diagnosis NodeCore::Impl::Correlate(Time now, const Adjacency& a, Diagnosis alone) const {
  int links = 0;
  int alarmed = 0;
  int to_neighbor = 0;
  int alarmed_to_neighbor = 0;
  for (const Adjacency* other : present_) {
    if (other->watch == nullptr || !other->monitor.detector().usable()) continue;
    const bool alarm = Recent(now, other->watch->last_alarm_at());
    ++links;
    alarmed += alarm ? 1 : 0;
    if (other->neighbor() != a.neighbor()) continue;
    ++to_neighbor;
    alarmed_to_neighbor += alarm ? 1 : 0;
  }
  // Where all take turns on one channel collisions come and go with the load.
  if (alone == Diagnosis::kLoss && a.shared) return Diagnosis::kCongestion;
  if (alone == Diagnosis::kCongestion || alone == Diagnosis::kWeakening) return alone;
  if (links >= kLinksForOwnNode && 2 * alarmed > links && alarmed > alarmed_to_neighbor) {
    return Diagnosis::kOwnNode;
  }
  return to_neighbor >= 2 && alarmed_to_neighbor == to_neighbor ? Diagnosis::kNeighbor : alone;
}

bool NodeCore::Impl::HasOtherWay(const Adjacency& a) {
  return forwarder_.AlternateRoute(TrafficClass::kTelemetry, a.neighbor(), a.index).first.value !=
         0;
}

void NodeCore::Impl::FollowAlarm(Time now, Adjacency* a) {
  const std::optional<LinkWatch::Alarm> alarm = a->watch->TakeAlarm();
  if (!alarm) return;
  ++counters_.anomalies;
  const Diagnosis diagnosis = Correlate(now, *a, alarm->diagnosis);
  const std::string& link = links_[a->link].info.name;
  std::map<std::string, std::string> fields = {{"neighbor", a->certificate.name},
                                               {"link", link},
                                               {"diagnosis", std::string(ToString(diagnosis))},
                                               {"feature", alarm->feature},
                                               {"score", Decimals(alarm->score)},
                                               {"evidence", alarm->evidence}};
  if (!IsMissing(alarm->seconds_to_failure)) {
    fields["seconds_to_failure"] = Decimals(alarm->seconds_to_failure);
  }
  Tell(now, "anomaly",
       a->certificate.name + " on " + link + " looks like " + std::string(ToString(diagnosis)) +
           ": " + alarm->evidence,
       std::move(fields));
  const bool named = diagnosis == Diagnosis::kLoss || diagnosis == Diagnosis::kFading ||
                     diagnosis == Diagnosis::kCongestion;
  switch (named ? diagnosis : alarm->diagnosis) {
    case Diagnosis::kLoss:
      a->symptoms.OnLossAlarm(now);
      break;
    case Diagnosis::kFading:
      a->symptoms.OnFadingAlarm(now);
      break;
    case Diagnosis::kCongestion:
      a->symptoms.OnCongestionAlarm(now);
      break;
    default:
      break;
  }
  Treat(now, a, diagnosis, *alarm);
}

Healer::Case NodeCore::Impl::CaseOf(Diagnosis diagnosis) const {
  Healer::Case c;
  c.diagnosis = diagnosis;
  for (const Adjacency* other : present_) {
    if (other->remote_index.value == 0 || !other->monitor.detector().usable()) continue;
    ++c.links;
    c.detours += other->patient.detour ? 1 : 0;
  }
  return c;
}

void NodeCore::Impl::Treat(Time now, Adjacency* a, Diagnosis diagnosis,
                           const LinkWatch::Alarm& alarm) {
  if (!config_.healing) return;
  Healer::Case c = CaseOf(diagnosis);
  for (Action action : Healer::TreatmentOf(diagnosis).actions) {
    if (action == Action::kNone) break;
    // What the loss detector has found already is on the map.
    if (diagnosis == Diagnosis::kLoss && a->monitor.quality().degraded()) break;
    c.other_way = action != Action::kDetour || HasOtherWay(*a);
    const Healer::Verdict verdict = TakeAction(now, a, action, c, alarm.evidence, false);
    // Without the detour there is nothing to bridge; a critical packet may still need its second.
    if (verdict == Healer::Verdict::kMuted) break;
  }
}

Healer::Verdict NodeCore::Impl::TakeAction(Time now, Adjacency* a, Action action,
                                           const Healer::Case& c, const std::string& evidence,
                                           bool advise_only) {
  const Healer::Verdict verdict = advise_only ? Healer::Verdict::kAdvise
                                              : healer_.Consider(now, action, c, &a->patient);
  if (verdict == Healer::Verdict::kAlready) return verdict;
  const bool done = verdict == Healer::Verdict::kAct;
  if (!done) ++counters_.treatments_refused;
  if (done && action == Action::kDuplicate) a->doubted = true;
  if (done && action == Action::kDetour) {
    ++counters_.detours;
    advertise_ = metric_due_ = true;
  }
  const std::string& link = links_[a->link].info.name;
  const std::string outcome(Healer::Reason(verdict));
  Tell(now, done ? "healer-action" : "healer-advice",
       std::string(ToString(action)) + " for " + a->certificate.name + " on " + link + " (" +
           std::string(ToString(c.diagnosis)) + ", " + evidence + "): " + outcome,
       {{"neighbor", a->certificate.name},
        {"link", link},
        {"diagnosis", std::string(ToString(c.diagnosis))},
        {"action", std::string(ToString(action))},
        {"evidence", evidence},
        {"outcome", outcome}});
  return verdict;
}

void NodeCore::Impl::EndDetour(Time now, Adjacency* a, const std::string& outcome) {
  if (!a->patient.proved) ++counters_.detours_in_vain;
  const std::string& link = links_[a->link].info.name;
  Tell(now, "healer-return",
       "the detour around " + a->certificate.name + " on " + link + " ends after " +
           Decimals(static_cast<float>(ToSeconds(now - a->patient.since))) + " s: " + outcome,
       {{"neighbor", a->certificate.name},
        {"link", link},
        {"diagnosis", std::string(ToString(a->patient.diagnosis))},
        {"action", "return"},
        {"outcome", outcome}});
  advertise_ = metric_due_ = true;
}

void NodeCore::Impl::WatchMachine(Time now) {
  if (machine_at_ == Time::min() || now - machine_at_ > kMachineFresh) return;
  if (machine_model_ == nullptr) {
    BeginMachineModel(now);
    machine_drops_ = counters_.frames_dropped;
  }
  const auto drops = static_cast<float>(counters_.frames_dropped - machine_drops_);
  machine_drops_ = counters_.frames_dropped;
  machine_row_ = MachineRow(machine_, drops, static_cast<float>(sender_.bytes()), late_);
  late_ = Duration(0);
  ++counters_.model_samples;
  FollowMachineRules(now);
  const anomaly::Verdict& verdict = machine_model_->OnSample(machine_row_.data());
  if (!verdict.onset) return;
  if (machine_alarm_at_ != Time::min() && now - machine_alarm_at_ < kMachineEpisode) return;
  const anomaly::Schema& schema = JudgedMachineSchema();
  std::size_t worst = schema.count;
  for (std::size_t f = 0; f < schema.count; ++f) {
    if (!IsWorse(schema.features[f].name, machine_model_->residual(f))) continue;
    if (worst == schema.count || machine_model_->blame()[f] > machine_model_->blame()[worst]) {
      worst = f;
    }
  }
  if (worst == schema.count) return;
  machine_alarm_at_ = now;
  ++counters_.anomalies;
  machine_evidence_ = std::string(schema.features[worst].name) + " is " +
                      Decimals(std::fabs(machine_model_->residual(worst))) +
                      " usual deviations off its level";
  Tell(now, "anomaly", "this machine: " + machine_evidence_,
       {{"diagnosis", std::string(ToString(Diagnosis::kMachine))},
        {"feature", schema.features[worst].name},
        {"score", Decimals(verdict.rarity)},
        {"evidence", machine_evidence_}});
}

namespace {

AnomalyInfo Describe(const anomaly::Model& model, const anomaly::Schema& schema) {
  AnomalyInfo info;
  info.state = anomaly::StateName(model.verdict().state);
  info.score = model.verdict().score;
  for (std::size_t f = 0; f < schema.count; ++f) {
    AnomalyInfo::Line line;
    line.feature = schema.features[f].name;
    line.unit = schema.features[f].unit;
    line.deviation = model.residual(f);
    line.blame = model.blame()[f];
    info.lines.push_back(std::move(line));
  }
  return info;
}

}  // namespace

std::vector<AnomalyInfo> NodeCore::Anomalies(Time now) const {
  std::vector<AnomalyInfo> out;
  for (const Adjacency* a : impl_->present_) {
    if (a->watch == nullptr) continue;
    const LinkWatch& w = *a->watch;
    AnomalyInfo info = Describe(w.model(), w.schema());
    for (AnomalyInfo::Line& line : info.lines) {
      const int column = anomaly::FindFeature(anomaly::LinkSchema(), line.feature.c_str());
      line.value = w.row()[static_cast<std::size_t>(column)];
    }
    info.neighbor = a->certificate.name;
    info.link = impl_->links_.at(a->link).info.name;
    info.alarm = !w.Quiet(now) || w.model().verdict().alarm;
    info.loss_decades = w.loss_decades();
    info.margin_db = w.radio().margin_db;
    if (!IsMissing(info.margin_db)) {
      info.margin_slope_db_s = w.forecast().slope;
      info.seconds_to_failure = w.forecast().seconds_to_failure;
    }
    info.samples = w.samples();
    info.bytes = w.bytes();
    info.prior_voices = w.prior_voices();
    if (w.last_alarm()) {
      info.diagnosis = std::string(ToString(w.last_alarm()->diagnosis));
      info.evidence = w.last_alarm()->evidence;
      info.alarm_age = now - w.last_alarm_at();
    }
    info.detour = a->patient.detour;
    if (const ScorerFeed* s = w.scorer()) {
      info.scorer = s->scorer().name();
      info.scorer_decades = s->outcome().decades;
      info.scorer_feature = anomaly::LinkSchema().features[s->outcome().feature].name;
      info.scorer_samples = s->samples();
      info.scorer_failures = s->failures();
      info.scorer_alarms = w.scorer_alarms();
    }
    out.push_back(std::move(info));
  }
  if (impl_->machine_model_ != nullptr) {
    const anomaly::Schema& schema = JudgedMachineSchema();
    AnomalyInfo info = Describe(*impl_->machine_model_, schema);
    for (std::size_t f = 0; f < schema.count; ++f) info.lines[f].value = impl_->machine_row_[f];
    info.alarm = impl_->machine_model_->verdict().alarm;
    info.bytes = impl_->machine_model_->bytes();
    if (impl_->machine_alarm_at_ != Time::min()) {
      info.diagnosis = std::string(ToString(Diagnosis::kMachine));
      info.evidence = impl_->machine_evidence_;
      info.alarm_age = now - impl_->machine_alarm_at_;
    }
    out.push_back(std::move(info));
  }
  return out;
}

}  // namespace selvage
