#include "sim/fault_actions.h"

#include <algorithm>

namespace selvage::sim {

bool ConcernsLink(const std::string& what) {
  static const std::set<std::string> kKinds = {"silent", "oneway", "gray", "ramp",
                                               "fade",   "mtu",    "flap", "loss"};
  return kKinds.count(what) > 0;
}

bool IsFaultEvent(const std::string& what) {
  return (ConcernsLink(what) && what != "flap") || what == "crash" || what == "blackhole" ||
         what == "drop20" || what == "accuse" || what == "lie" || what == "leave" ||
         what == "down" || what == "up" || what == "cut" || what == "merge" || what == "heal";
}

std::vector<FaultEvent> FlapEvents(const Scenario& scenario, const FaultEvent& link) {
  std::vector<FaultEvent> out;
  for (std::uint32_t i = 0; i < 2 * scenario.flap_times; ++i) {
    out.push_back(link);
    out.back().what = i % 2 == 0 ? "down" : "up";
    out.back().t_s = scenario.flap_half_s * i;
  }
  return out;
}

FaultActions::FaultActions(const Scenario& scenario, bool abstract, FaultTable* table,
                           Protocol* protocol)
    : scenario_(scenario),
      abstract_(abstract),
      table_(table),
      protocol_(protocol),
      random_(scenario.seed * 15485863ull + 3) {}

void FaultActions::Apply(const FaultEvent& event, double now_s) {
  const auto a = static_cast<std::uint32_t>(std::max(0, event.a));
  const std::string& what = event.what;
  if (what == "cut" || what == "merge") {
    table_->SetPartitioned(what == "cut");
  } else if (what == "heal") {
    Heal(event);
  } else if (event.b >= 0) {
    ApplyToLink(event, now_s);
  } else if (what == "crash" || what == "down" || what == "up") {
    table_->SetSilent(a, what != "up");
  } else if (what == "leave") {
    if (drive_away_) drive_away_(a);
  } else if (what == "blackhole") {
    if (!protocol_->SetForwarding(a, false)) blackholes_.insert(a);
  } else {
    protocol_->Misbehave(a, what);
  }
}

void FaultActions::ApplyToLink(const FaultEvent& event, double now_s) {
  const auto a = static_cast<std::uint32_t>(std::max(0, event.a));
  const auto b = static_cast<std::uint32_t>(event.b);
  const std::string& what = event.what;
  if (what == "silent" || what == "oneway" || what == "down" || what == "up") {
    table_->SetCut(a, b, what != "up");
    if (what != "oneway") table_->SetCut(b, a, what != "up");
  } else if (what == "gray" && !abstract_) {
    gray_from_ = event.a;
    gray_to_ = event.b;
    gray_share_ = event.p;
  } else if (what == "gray" || what == "loss") {
    table_->SetLoss(a, b, event.p);
    if (what == "loss") table_->SetLoss(b, a, event.p);
  } else if (what == "ramp") {
    table_->SetRamp(a, b, now_s, scenario_.ramp_s);
    table_->SetRamp(b, a, now_s, scenario_.ramp_s);
  } else if (what == "fade") {
    table_->SetFade(a, b, now_s, scenario_.ramp_s, event.p);
    table_->SetFade(b, a, now_s, scenario_.ramp_s, event.p);
  } else if (what == "mtu") {
    const auto bytes = static_cast<std::uint32_t>(std::max(1.0, event.p));
    table_->SetMtu(a, b, bytes);
    table_->SetMtu(b, a, bytes);
  }
}

void FaultActions::Heal(const FaultEvent& event) {
  const auto a = static_cast<std::uint32_t>(std::max(0, event.a));
  if (event.b < 0) {
    table_->SetSilent(a, false);
    if (blackholes_.erase(a) == 0) protocol_->SetForwarding(a, true);
    if (scenario_.fault == "attack") protocol_->Misbehave(a, "");
    return;
  }
  const auto b = static_cast<std::uint32_t>(event.b);
  table_->ClearLink(a, b);
  table_->ClearLink(b, a);
  if (gray_from_ == event.a && gray_to_ == event.b) gray_from_ = gray_to_ = -1;
}

bool FaultActions::PassesAboveMac(std::uint32_t from, std::uint32_t at, std::uint32_t bytes,
                                  const PacketLabel* label, bool relayed) {
  if (table_->TooLarge(from, at, bytes)) return false;
  if (label == nullptr) return true;
  if (relayed && blackholes_.count(at) > 0) return false;
  return !(gray_from_ == static_cast<int>(from) && gray_to_ == static_cast<int>(at) &&
           random_.Uniform() < gray_share_);
}

}  // namespace selvage::sim
