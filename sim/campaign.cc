#include "sim/campaign.h"

#include <algorithm>
#include <queue>
#include <set>
#include <utility>

#include "ns3/simulator.h"

namespace selvage::sim {
namespace {

constexpr double kMeasureSeconds = 2;
constexpr std::uint32_t kChurnRelays = 3;  // silent one after the other

double NowSeconds() { return ns3::Simulator::Now().GetSeconds(); }

// Whether a and b reach each other without links between the halves.
bool ConnectedInHalf(const Layout& layout, std::uint32_t a, std::uint32_t b) {
  std::vector<bool> seen(layout.size(), false);
  std::queue<std::uint32_t> queue;
  queue.push(a);
  seen[a] = true;
  while (!queue.empty()) {
    const std::uint32_t at = queue.front();
    queue.pop();
    if (at == b) return true;
    for (const std::uint32_t next : layout.neighbours[at]) {
      if (seen[next] || layout.right[next] != layout.right[at]) continue;
      seen[next] = true;
      queue.push(next);
    }
  }
  return false;
}

}  // namespace

Campaign::Campaign(const Scenario& scenario, const Layout& layout, FaultActions* actions,
                   Usage* usage)
    : scenario_(scenario),
      layout_(layout),
      actions_(actions),
      usage_(usage),
      packets_min_(std::max(1u, static_cast<std::uint32_t>(scenario.rate * kMeasureSeconds / 10))),
      random_(scenario.seed * 49979687ull + 13) {}

void Campaign::Schedule() {
  const double step = scenario_.hold_s + scenario_.settle_s;
  for (std::uint32_t i = 0; i < scenario_.injections; ++i) {
    const double at = scenario_.fault_s + i * step;
    ns3::Simulator::Schedule(ns3::Seconds(at - kMeasureSeconds), [this] { usage_->Clear(); });
    ns3::Simulator::Schedule(ns3::Seconds(at), [this] { Begin(); });
  }
}

std::string Campaign::NextKind() {
  if (deck_.empty()) {
    deck_ = {"crash",     "silent",    "oneway", "gray", "ramp", "mtu",
             "blackhole", "partition", "churn",  "flap", "loss"};
    for (std::size_t i = deck_.size() - 1; i > 0; --i) {
      std::swap(deck_[i], deck_[random_.Below(i + 1)]);
    }
  }
  std::string kind = std::move(deck_.back());
  deck_.pop_back();
  return kind;
}

void Campaign::Begin() {
  Injection injection;
  injection.kind = NextKind();
  injection.target = "-";
  injection.begin_s = NowSeconds();
  injection.heal_s = injection.begin_s + scenario_.hold_s;
  injection.next_s = injection.heal_s + scenario_.settle_s;
  FaultEvent event;
  event.what = injection.kind;
  if (injection.kind == "partition") {
    Partition(&injection);
  } else if (injection.kind == "churn") {
    Churn(&injection);
  } else if (ConcernsLink(injection.kind) ? SelectLink(&event) : SelectRelay(&event)) {
    Break(event, &injection);
  }
  injections_.push_back(std::move(injection));
}

bool Campaign::SelectLink(FaultEvent* event) {
  const auto links = usage_->Links(packets_min_);
  if (links.empty()) return false;
  const auto& [from, to] = links[random_.Below(links.size())];
  event->a = static_cast<int>(from);
  event->b = static_cast<int>(to);
  return true;
}

bool Campaign::SelectRelay(FaultEvent* event) {
  std::vector<std::uint32_t> relays = usage_->Relays(packets_min_);
  relays.erase(std::remove_if(relays.begin(), relays.end(),
                              [this](std::uint32_t node) { return layout_.endpoint[node]; }),
               relays.end());
  if (relays.empty()) return false;
  event->a = static_cast<int>(relays[random_.Below(relays.size())]);
  return true;
}

void Campaign::Break(const FaultEvent& chosen, Injection* injection) {
  FaultEvent event = chosen;
  const auto a = static_cast<std::uint32_t>(event.a);
  injection->target = std::to_string(event.a);
  if (event.b >= 0) {
    const auto b = static_cast<std::uint32_t>(event.b);
    injection->target += "-" + std::to_string(event.b);
    Affect(usage_->FlowsOver(a, b, packets_min_), injection);
    if (event.what != "oneway" && event.what != "gray") {
      Affect(usage_->FlowsOver(b, a, packets_min_), injection);
    }
  } else {
    Affect(usage_->FlowsOver(a, packets_min_), injection);
  }
  if (event.what == "gray" || event.what == "loss") event.p = scenario_.loss_share;
  if (event.what == "ramp") event.p = 1;
  if (event.what == "mtu") event.p = scenario_.mtu_bytes;
  if (event.what == "flap") {
    Flap(event);
  } else {
    Apply(event);
  }
  event.what = "heal";
  Later(scenario_.hold_s, event);
}

void Campaign::Partition(Injection* injection) {
  for (std::uint32_t f = 0; f < layout_.flows.size(); ++f) {
    const Flow& flow = layout_.flows[f];
    if (!ConnectedInHalf(layout_, flow.src, flow.dst)) injection->parted.push_back(f);
  }
  for (const auto& [from, to] : usage_->Links(packets_min_)) {
    if (layout_.right[from] != layout_.right[to]) {
      Affect(usage_->FlowsOver(from, to, packets_min_), injection);
    }
  }
  FaultEvent event;
  event.what = "cut";
  Apply(event);
  event.what = "merge";
  Later(scenario_.hold_s, event);
}

void Campaign::Churn(Injection* injection) {
  const double each = scenario_.hold_s / kChurnRelays;
  std::vector<std::uint32_t> chosen;
  for (std::uint32_t i = 0; i < kChurnRelays; ++i) {
    FaultEvent event;
    if (!SelectRelay(&event)) return;
    const auto node = static_cast<std::uint32_t>(event.a);
    if (std::find(chosen.begin(), chosen.end(), node) != chosen.end()) continue;
    chosen.push_back(node);
    Affect(usage_->FlowsOver(node, packets_min_), injection);
    event.what = "down";
    if (i == 0) {
      Apply(event);
    } else {
      Later(each * i, event);
    }
    event.what = "up";
    Later(each * (i + 1), event);
  }
}

void Campaign::Flap(const FaultEvent& link) {
  for (const FaultEvent& event : FlapEvents(scenario_, link)) {
    if (event.t_s > 0) {
      Later(event.t_s, event);
    } else {
      Apply(event);
    }
  }
}

void Campaign::Apply(FaultEvent event) {
  event.t_s = NowSeconds();
  actions_->Apply(event, event.t_s);
  events_.push_back(std::move(event));
}

void Campaign::Later(double seconds, FaultEvent event) {
  ns3::Simulator::Schedule(ns3::Seconds(seconds),
                           [this, event = std::move(event)] { Apply(event); });
}

void Campaign::Affect(const std::set<std::uint32_t>& flows, Injection* injection) {
  for (const std::uint32_t f : flows) {
    if (std::binary_search(injection->parted.begin(), injection->parted.end(), f)) continue;
    const auto place = std::lower_bound(injection->affected.begin(), injection->affected.end(), f);
    if (place == injection->affected.end() || *place != f) injection->affected.insert(place, f);
  }
}

}  // namespace selvage::sim
