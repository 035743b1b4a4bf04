#include "sim/usage.h"

#include <algorithm>

namespace selvage::sim {
namespace {

std::set<std::uint32_t> AtLeast(const std::map<std::uint32_t, std::uint32_t>& flows,
                                std::uint32_t packets_min) {
  std::set<std::uint32_t> out;
  for (const auto& [flow, packets] : flows) {
    if (packets >= packets_min) out.insert(flow);
  }
  return out;
}

}  // namespace

void Usage::Count(std::uint32_t from, std::uint32_t at, std::uint32_t flow, bool relayed) {
  ++link_[{from, at}][flow];
  if (relayed) ++relay_[at][flow];
}

void Usage::Clear() {
  link_.clear();
  for (FlowPackets& flows : relay_) flows.clear();
}

int Usage::SelectRelay(const Layout& layout, std::uint32_t packets_min, bool* measured) const {
  std::vector<double> score(relay_.size(), 0);
  for (std::size_t i = 0; i < relay_.size(); ++i) {
    for (const auto& [flow, packets] : relay_[i]) {
      score[i] += packets + (packets >= packets_min ? 1e6 : 0);
    }
  }
  *measured = std::any_of(score.begin(), score.end(), [](double s) { return s > 0; });
  if (!*measured) score = layout.Betweenness();
  int best = -1;
  for (std::size_t i = 0; i < score.size(); ++i) {
    const int node = static_cast<int>(i);
    if (layout.endpoint[i] || (best >= 0 && score[i] <= score[best])) continue;
    if (layout.FlowsSurvive(node, -1, -1)) best = node;
  }
  return best;
}

bool Usage::SelectLink(const Layout& layout, std::uint32_t* from, std::uint32_t* to) const {
  std::uint64_t best = 0;
  for (const auto& [link, flows] : link_) {
    std::uint64_t packets = 0;
    for (const auto& [flow, count] : flows) packets += count;
    if (packets <= best) continue;
    if (!layout.FlowsSurvive(-1, static_cast<int>(link.first), static_cast<int>(link.second))) {
      continue;
    }
    best = packets;
    *from = link.first;
    *to = link.second;
  }
  return best > 0;
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> Usage::Links(std::uint32_t packets_min) const {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> out;
  for (const auto& [link, flows] : link_) {
    if (!AtLeast(flows, packets_min).empty()) out.push_back(link);
  }
  return out;
}

std::vector<std::uint32_t> Usage::Relays(std::uint32_t packets_min) const {
  std::vector<std::uint32_t> out;
  for (std::uint32_t i = 0; i < relay_.size(); ++i) {
    if (!AtLeast(relay_[i], packets_min).empty()) out.push_back(i);
  }
  return out;
}

std::set<std::uint32_t> Usage::FlowsOver(std::uint32_t relay, std::uint32_t packets_min) const {
  return AtLeast(relay_[relay], packets_min);
}

std::set<std::uint32_t> Usage::FlowsOver(std::uint32_t from, std::uint32_t to,
                                         std::uint32_t packets_min) const {
  const auto it = link_.find({from, to});
  return it == link_.end() ? std::set<std::uint32_t>{} : AtLeast(it->second, packets_min);
}

}  // namespace selvage::sim
