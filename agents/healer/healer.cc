#include "agents/healer/healer.h"

#include <algorithm>

namespace selvage {
namespace {

constexpr Healer::Treatment kTable[kDiagnoses] = {
    {{Action::kNone, Action::kNone}},         // none
    {{Action::kDetour, Action::kDuplicate}},  // fading
    {{Action::kNone, Action::kNone}},         // weakening: strong enough, watch it
    {{Action::kDetour, Action::kDuplicate}},  // loss
    {{Action::kNone, Action::kNone}},         // congestion: routing by load swings to and fro
    {{Action::kAnnounce, Action::kNone}},     // own node
    {{Action::kDetour, Action::kDuplicate}},  // neighbour
    {{Action::kAnnounce, Action::kNone}},     // machine
    {{Action::kNone, Action::kNone}},         // rule: each says what it wants
};

constexpr const char* kDiagnosisNames[kDiagnoses] = {
    "none", "fading", "weakening", "loss", "congestion", "own-node", "neighbor", "machine", "rule"};
constexpr const char* kActionNames[kActions] = {"none", "detour", "duplicate", "announce"};

Duration Doubled(Duration first, int times, Duration most) {
  Duration d = first;
  for (int i = 0; i < times && d < most; ++i) d *= 2;
  return std::min(d, most);
}

}  // namespace

std::string_view ToString(Diagnosis d) { return kDiagnosisNames[static_cast<std::size_t>(d)]; }
std::string_view ToString(Action a) { return kActionNames[static_cast<std::size_t>(a)]; }

bool ParseAction(std::string_view name, Action* out) {
  for (std::size_t i = 1; i < kActions; ++i) {
    if (name == kActionNames[i]) {
      *out = static_cast<Action>(i);
      return true;
    }
  }
  return false;
}

std::string_view Healer::Reason(Verdict v) {
  switch (v) {
    case Verdict::kAct:
      return "done";
    case Verdict::kAdvise:
      return "advised only, as configured";
    case Verdict::kAlready:
      return "in force already";
    case Verdict::kMuted:
      return "not done: the last ones on this link were for nothing";
    case Verdict::kNoBudget:
      return "not done: too many actions of late";
    case Verdict::kNoOtherWay:
      return "not done: the map has no other way";
    case Verdict::kWholeNode:
      return "not done: most links of this node look bad, so it is the node";
  }
  return "?";
}

Healer::Treatment Healer::TreatmentOf(Diagnosis d) { return kTable[static_cast<std::size_t>(d)]; }

bool Healer::TakeToken(Time now) {
  const double per_second = options_.actions_per_hour / 3600.0;
  if (filled_ != Time{}) tokens_ += ToSeconds(now - filled_) * per_second;
  tokens_ = std::min<double>(tokens_, kBurst);
  filled_ = now;
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

Healer::Verdict Healer::Consider(Time now, Action action, const Case& c, Patient* patient) {
  const bool detour = action == Action::kDetour;
  if (detour && patient->detour) {
    patient->hold_until = std::max(patient->hold_until, now + kHoldFirst);
    return Verdict::kAlready;
  }
  if (detour && now < patient->mute_until) return Verdict::kMuted;
  if (detour && !c.other_way) return Verdict::kNoOtherWay;
  // Half of the links may be avoided, and one always.
  if (detour && c.detours > 0 && 2 * (c.detours + 1) > c.links) return Verdict::kWholeNode;
  if (options_.advise_only[static_cast<std::size_t>(action)]) return Verdict::kAdvise;
  if (!TakeToken(now)) return Verdict::kNoBudget;
  if (!detour) return Verdict::kAct;
  const bool relapse = patient->returned != Time::min() && now - patient->returned < kRelapse;
  patient->relapses = relapse ? std::min(patient->relapses + 1, 16) : 0;
  patient->detour = true;
  patient->proved = false;
  patient->diagnosis = c.diagnosis;
  patient->since = now;
  patient->hold_until = now + Doubled(kHoldFirst, patient->relapses, kHoldMax);
  return Verdict::kAct;
}

void Healer::HandOver(Time now, Patient* patient) {
  patient->detour = false;
  patient->returned = now;
  patient->in_vain = 0;
}

bool Healer::ShouldReturn(Time now, bool quiet, Patient* patient) {
  if (!patient->detour) return false;
  if (!quiet) {
    patient->hold_until = std::max(patient->hold_until, now + kHoldFirst);
    return false;
  }
  if (now < patient->hold_until) return false;
  patient->detour = false;
  patient->returned = now;
  if (patient->proved) {
    patient->in_vain = 0;
  } else {
    patient->mute_until = now + Doubled(kMuteFirst, patient->in_vain, kMuteMax);
    patient->in_vain = std::min(patient->in_vain + 1, 16);
  }
  return true;
}

}  // namespace selvage
