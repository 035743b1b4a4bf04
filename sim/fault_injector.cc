#include "sim/fault_injector.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "ns3/simulator.h"

namespace selvage::sim {
namespace {

constexpr double kMeasureSeconds = 10;
constexpr int kChurnTriesMax = 1000;

bool OfLink(const std::string& what) {
  return what == "silent" || what == "oneway" || what == "gray" || what == "ramp";
}

}  // namespace

bool IsFaultEvent(const std::string& what) {
  return OfLink(what) || what == "crash" || what == "blackhole" || what == "down" || what == "up" ||
         what == "cut" || what == "merge";
}

FaultInjector::FaultInjector(const Scenario& scenario, const Layout& layout, FaultChannel* channel,
                             Usage* usage, Protocol* protocol)
    : scenario_(scenario),
      layout_(layout),
      channel_(channel),
      usage_(usage),
      protocol_(protocol),
      packets_min_(std::max(
          1u, static_cast<std::uint32_t>(std::lround(scenario.rate * kMeasureSeconds / 10)))),
      loss_random_(scenario.seed * 15485863ull + 3),
      churn_random_(scenario.seed * 32452843ull + 11) {}

void FaultInjector::Schedule(const std::vector<FaultEvent>& script) {
  ns3::Simulator::Schedule(ns3::Seconds(scenario_.fault_s - kMeasureSeconds),
                           [this] { usage_->Clear(); });
  for (const FaultEvent& event : script) {
    ns3::Simulator::Schedule(ns3::Seconds(event.t_s), [this, event] { Apply(event); });
  }
  ns3::Simulator::Schedule(ns3::Seconds(scenario_.fault_s), [this, scripted = !script.empty()] {
    if (!scripted) Resolve();
    if (scenario_.fault == "none" || scenario_.fault == "churn") AffectAll();
  });
}

bool FaultInjector::Passes(std::uint32_t from, std::uint32_t at, std::uint32_t flow) {
  const bool relayed = layout_.flows[flow].dst != at;
  usage_->Count(from, at, flow, relayed);
  if (blackhole_ == static_cast<int>(at) && relayed) return false;
  return !(gray_from_ == static_cast<int>(from) && gray_to_ == static_cast<int>(at) &&
           loss_random_.Uniform() < gray_share_);
}

std::string FaultInjector::Target() const {
  if (events_.empty() || events_[0].a < 0 || scenario_.fault == "churn") return "-";
  std::string text = std::to_string(events_[0].a);
  if (events_[0].b >= 0) text += "-" + std::to_string(events_[0].b);
  return fallback_ ? text + "(fallback)" : text;
}

bool FaultInjector::SelectTarget(FaultEvent* event) {
  const bool link = OfLink(event->what);
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
  if (kind == "none") return;
  if (kind == "churn") {
    ChurnStep();
  } else if (kind == "partition") {
    event.what = "cut";
    Apply(event);
    ns3::Simulator::Schedule(ns3::Seconds(scenario_.partition_s), [this] {
      FaultEvent merge;
      merge.t_s = ns3::Simulator::Now().GetSeconds();
      merge.what = "merge";
      Apply(merge);
    });
  } else if (SelectTarget(&event)) {
    if (kind == "gray") event.p = scenario_.loss_share;
    if (kind == "ramp") event.p = 1;
    Apply(event);
  }
}

void FaultInjector::Apply(FaultEvent event) {
  const auto a = static_cast<std::uint32_t>(std::max(0, event.a));
  const auto b = static_cast<std::uint32_t>(std::max(0, event.b));
  if (OfLink(event.what)) {
    Affect(usage_->FlowsOver(a, b, packets_min_));
    if (event.what == "silent" || event.what == "ramp") {
      Affect(usage_->FlowsOver(b, a, packets_min_));
    }
  }
  if (event.what == "crash" || event.what == "blackhole") {
    Affect(usage_->FlowsOver(a, packets_min_));
  }
  if (event.what == "crash" || event.what == "down" || event.what == "up") {
    channel_->SetSilent(a, event.what != "up");
  } else if (event.what == "silent" || event.what == "oneway") {
    channel_->Cut(a, b);
    if (event.what == "silent") channel_->Cut(b, a);
  } else if (event.what == "gray") {
    gray_from_ = event.a;
    gray_to_ = event.b;
    gray_share_ = event.p;
  } else if (event.what == "ramp") {
    channel_->Ramp(a, b, scenario_.ramp_s);
  } else if (event.what == "blackhole") {
    if (!protocol_->StopForwarding(a)) blackhole_ = event.a;
  } else if (event.what == "cut" || event.what == "merge") {
    channel_->SetPartitioned(event.what == "cut");
    for (std::uint32_t f = 0; f < layout_.flows.size(); ++f) {
      if (layout_.right[layout_.flows[f].src] != layout_.right[layout_.flows[f].dst]) {
        affected_.insert(f);
      }
    }
  }
  events_.push_back(std::move(event));
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

void FaultInjector::AffectAll() {
  for (std::uint32_t f = 0; f < layout_.flows.size(); ++f) affected_.insert(f);
}

void FaultInjector::Affect(const std::set<std::uint32_t>& flows) {
  affected_.insert(flows.begin(), flows.end());
}

}  // namespace selvage::sim
