#include "sim/fault_injector.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "ns3/simulator.h"
#include "sim/attackers.h"

namespace selvage::sim {
namespace {

constexpr double kMeasureSeconds = 10;
constexpr int kChurnTriesMax = 1000;

}  // namespace

FaultInjector::FaultInjector(const Scenario& scenario, const Layout& layout, FaultActions* actions,
                             Usage* usage)
    : scenario_(scenario),
      layout_(layout),
      actions_(actions),
      usage_(usage),
      packets_min_(std::max(
          1u, static_cast<std::uint32_t>(std::lround(scenario.rate * kMeasureSeconds / 10)))),
      churn_random_(scenario.seed * 32452843ull + 11) {}

void FaultInjector::Schedule(const std::vector<FaultEvent>& script) {
  ns3::Simulator::Schedule(ns3::Seconds(std::max(0.0, scenario_.fault_s - kMeasureSeconds)),
                           [this] { usage_->Clear(); });
  if (scenario_.fault == "drift" && script.empty()) ScheduleDrift();
  for (const FaultEvent& event : script) {
    ns3::Simulator::Schedule(ns3::Seconds(event.t_s), [this, event] { Apply(event); });
  }
  ns3::Simulator::Schedule(ns3::Seconds(scenario_.fault_s), [this, scripted = !script.empty()] {
    if (!scripted) Resolve();
    if (scenario_.fault == "none" || scenario_.fault == "churn" || scenario_.fault == "drift") {
      AffectAll();
    }
  });
}

std::string FaultInjector::Target() const {
  if (events_.empty() || events_[0].a < 0 || scenario_.fault == "churn" ||
      scenario_.fault == "drift") {
    return "-";
  }
  if (scenario_.fault == "attack") {
    std::string all;
    for (const FaultEvent& e : events_) all += (all.empty() ? "" : "+") + std::to_string(e.a);
    return all;
  }
  std::string text = std::to_string(events_[0].a);
  if (events_[0].b >= 0) text += "-" + std::to_string(events_[0].b);
  return fallback_ ? text + "(fallback)" : text;
}

bool FaultInjector::SelectTarget(FaultEvent* event) {
  const bool link = ConcernsLink(scenario_.fault);
  if (scenario_.target != "measured") {
    const auto dash = scenario_.target.find('-');
    event->a = std::atoi(scenario_.target.c_str());
    if (link) event->b = std::atoi(scenario_.target.c_str() + dash + 1);
    return true;
  }
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  if (link && usage_->SelectLink(layout_, &from, &to)) {
    event->a = static_cast<int>(from);
    event->b = static_cast<int>(to);
    return true;
  }
  bool measured = false;
  event->a = usage_->SelectRelay(layout_, packets_min_, &measured);
  fallback_ = link || !measured;
  if (event->a < 0) return false;  // every relay is needed: nothing can be broken fairly
  if (link) event->b = static_cast<int>(layout_.neighbours[event->a][0]);
  return true;
}

void FaultInjector::Resolve() {
  const std::string& kind = scenario_.fault;
  FaultEvent event;
  event.t_s = scenario_.fault_s;
  event.what = kind;
  if (kind == "none" || kind == "drift") return;
  if (kind == "churn") {
    ChurnStep();
  } else if (kind == "partition") {
    event.what = "cut";
    Apply(event);
    event.what = "merge";
    Later(scenario_.partition_s, event);
  } else if (kind == "attack") {
    const auto carries = [this](std::uint32_t node) {
      return !usage_->FlowsOver(node, packets_min_).empty();
    };
    for (const auto& [node, how] : DrawAttackers(scenario_, layout_, carries)) {
      event.what = how;
      event.a = static_cast<int>(node);
      Apply(event);
    }
  } else if (SelectTarget(&event)) {
    if (kind == "gray" || kind == "loss") event.p = scenario_.loss_share;
    if (kind == "ramp") event.p = 1;
    if (kind == "fade") event.p = scenario_.fade_db;
    if (kind == "mtu") event.p = scenario_.mtu_bytes;
    if (kind == "flap") {
      StartFlap(event);
    } else {
      Apply(event);
    }
    if (scenario_.heal_s > 0) {
      event.what = "heal";
      Later(scenario_.heal_s, event);
    }
  }
}

void FaultInjector::Later(double seconds, FaultEvent event) {
  event.t_s = ns3::Simulator::Now().GetSeconds() + seconds;
  ns3::Simulator::Schedule(ns3::Seconds(seconds),
                           [this, event = std::move(event)] { Apply(event); });
}

void FaultInjector::StartFlap(const FaultEvent& link) {
  for (const FaultEvent& event : FlapEvents(scenario_, link)) {
    if (event.t_s > 0) {
      Later(event.t_s, event);
    } else {
      Apply(event);
    }
  }
}

void FaultInjector::Apply(FaultEvent event) {
  AffectBy(event);
  actions_->Apply(event, ns3::Simulator::Now().GetSeconds());
  events_.push_back(std::move(event));
}

void FaultInjector::AffectBy(const FaultEvent& event) {
  const auto a = static_cast<std::uint32_t>(std::max(0, event.a));
  if (event.what == "cut" || event.what == "merge") {
    for (std::uint32_t f = 0; f < layout_.flows.size(); ++f) {
      if (layout_.right[layout_.flows[f].src] != layout_.right[layout_.flows[f].dst]) {
        affected_.insert(f);
      }
    }
  } else if (event.what == "up" || event.what == "heal" || scenario_.fault == "churn" ||
             scenario_.fault == "drift") {
    return;
  } else if (event.b >= 0) {
    const auto b = static_cast<std::uint32_t>(event.b);
    Affect(usage_->FlowsOver(a, b, packets_min_));
    if (event.what != "oneway" && event.what != "gray") {
      Affect(usage_->FlowsOver(b, a, packets_min_));
    }
  } else if (event.what == "crash" || event.what == "blackhole" || event.what == "drop20" ||
             event.what == "lie" || event.what == "leave") {
    Affect(usage_->FlowsOver(a, packets_min_));
  }
}

void FaultInjector::ChurnStep() {
  FaultEvent event;
  event.t_s = ns3::Simulator::Now().GetSeconds();
  const int previous = churn_down_;
  if (churn_down_ >= 0) {
    event.what = "up";
    event.a = churn_down_;
    Apply(event);
    churn_down_ = -1;
  }
  if (event.t_s >= scenario_.end_s() - 1e-9) return;
  for (int tries = 0; tries < kChurnTriesMax && churn_down_ < 0; ++tries) {
    const int node = static_cast<int>(churn_random_.Below(layout_.size()));
    if (!layout_.endpoint[node] && node != previous && layout_.FlowsSurvive(node, -1, -1)) {
      churn_down_ = node;
    }
  }
  if (churn_down_ < 0) return;
  event.what = "down";
  event.a = churn_down_;
  Apply(event);
  ns3::Simulator::Schedule(ns3::Seconds(scenario_.churn_every_s), [this] { ChurnStep(); });
}

// Half of the changes are losses of a link, drawn among those that are there; the other half are
// their returns. From the beginning of the traffic, so that both go on when measuring begins.
void FaultInjector::ScheduleDrift() {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> links;
  for (std::uint32_t a = 0; a < layout_.size(); ++a) {
    for (const std::uint32_t b : layout_.neighbours[a]) {
      if (a < b) links.emplace_back(a, b);
    }
  }
  const double gap_s = 60 / (scenario_.drift_share / 2 * static_cast<double>(links.size()));
  std::map<std::size_t, double> back_s;  // of links that were lost
  double t_s = std::max(0.0, scenario_.traffic_start_s()) + gap_s * churn_random_.Uniform();
  for (; t_s < scenario_.end_s(); t_s += gap_s) {
    const std::size_t drawn = churn_random_.Below(links.size());
    FaultEvent event;
    event.t_s = t_s;
    event.what = "down";
    event.a = static_cast<int>(links[drawn].first);
    event.b = static_cast<int>(links[drawn].second);
    const auto lost = back_s.find(drawn);
    if (lost != back_s.end() && lost->second >= t_s) continue;  // it is not there now
    back_s[drawn] = t_s + scenario_.drift_hold_s;
    ns3::Simulator::Schedule(ns3::Seconds(t_s), [this, event] { Apply(event); });
    FaultEvent back = event;
    back.what = "up";
    back.t_s += scenario_.drift_hold_s;
    ns3::Simulator::Schedule(ns3::Seconds(back.t_s), [this, back] { Apply(back); });
  }
}

void FaultInjector::AffectAll() {
  for (std::uint32_t f = 0; f < layout_.flows.size(); ++f) affected_.insert(f);
}

void FaultInjector::Affect(const std::set<std::uint32_t>& flows) {
  affected_.insert(flows.begin(), flows.end());
}

}  // namespace selvage::sim
