#include "routing/route_cache.h"

#include <algorithm>

namespace selvage {

void RouteCache::SetTopology(Topology topology) {
  topology_ = std::move(topology);
  self_node_ = topology_.Find(self_);
  tables_.items.clear();
  rankings_.items.clear();
  for (int c = 0; c < kTrafficClasses; ++c) {
    if (!clean_ready_[c]) continue;
    clean_ready_[c] = false;
    Precompute(static_cast<TrafficClass>(c));
  }
}

void RouteCache::Precompute(TrafficClass c) {
  const auto* clean = Table(c, FailureSet());
  std::vector<bool> used(256, false);
  for (const SpfEntry& e : *clean) used[e.first.value] = true;
  if (self_node_ < 0) return;
  for (const Topology::Edge& e : topology_.EdgesOf(self_node_)) {
    if (!used[e.index.value]) continue;
    FailureSet without;
    without.Add(e.id);
    Table(c, without);
  }
}

const std::vector<SpfEntry>* RouteCache::Table(TrafficClass c, const FailureSet& failed) {
  if (failed.empty()) {
    const auto i = static_cast<std::size_t>(c);
    if (!clean_ready_[i]) {
      clean_ready_[i] = true;
      clean_[i] = ComputeSpf(topology_, self_node_, c, failed);
      ++tables_computed_;
      Precompute(c);
    }
    return &clean_[i];
  }
  Key key{c, failed, 0};
  auto it = tables_.items.find(key);
  if (it == tables_.items.end()) {
    Evict(&tables_, kTablesMax - 1);
    auto item = std::make_unique<Lru<std::vector<SpfEntry>>::Item>();
    item->value = ComputeSpf(topology_, self_node_, c, failed);
    ++tables_computed_;
    it = tables_.items.emplace(std::move(key), std::move(item)).first;
  }
  it->second->used = ++uses_;
  return &it->second->value;
}

SpfEntry RouteCache::Route(TrafficClass c, const FailureSet& failed, ShortId destination) {
  const int node = topology_.Find(destination);
  if (node < 0 || self_node_ < 0) return {};
  return (*Table(c, failed))[static_cast<std::size_t>(node)];
}

const std::vector<PathCost>* RouteCache::DistancesTo(TrafficClass c, const FailureSet& failed,
                                                     ShortId destination) {
  Key key{c, failed, destination.value};
  auto it = rankings_.items.find(key);
  if (it == rankings_.items.end()) {
    Evict(&rankings_, kRankingsMax - 1);
    auto item = std::make_unique<Lru<std::vector<PathCost>>::Item>();
    item->value = ComputeDistancesTo(topology_, topology_.Find(destination), c, failed, self_node_);
    it = rankings_.items.emplace(std::move(key), std::move(item)).first;
  }
  it->second->used = ++uses_;
  return &it->second->value;
}

template <typename Value>
void RouteCache::Evict(Lru<Value>* cache, std::size_t keep) {
  while (cache->items.size() > keep) {
    // Iteration order of the hash map does not matter: `used` values are unique.
    auto oldest = cache->items.begin();
    for (auto it = cache->items.begin(); it != cache->items.end(); ++it) {
      if (it->second->used < oldest->second->used) oldest = it;
    }
    cache->items.erase(oldest);
  }
}

}  // namespace selvage
