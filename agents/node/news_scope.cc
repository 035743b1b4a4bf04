#include "agents/node/news_scope.h"

#include <algorithm>
#include <vector>

namespace selvage {

void NewsScope::SetTopology(const Topology& topology) {
  reached_.clear();
  near_.clear();
  const int self = topology.Find(self_);
  if (self < 0) return;
  std::vector<bool> seen(static_cast<std::size_t>(topology.size()));
  std::vector<int> queue{self};
  seen[static_cast<std::size_t>(self)] = true;
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::uint32_t id = topology.IdOf(queue[i]).value;
    reached_.insert(id);
    if (i <= kNearNodes) near_.insert(id);
    for (const Topology::Edge& e : topology.EdgesOf(queue[i])) {
      if (seen[static_cast<std::size_t>(e.to)]) continue;
      seen[static_cast<std::size_t>(e.to)] = true;
      queue.push_back(e.to);
    }
  }
}

void NewsScope::OnEntered(Time now, ShortId origin, Epoch epoch) {
  const auto [it, fresh] = lives_.try_emplace(origin.value, Life{epoch, now});
  if (!fresh && it->second.epoch != epoch) it->second = {epoch, now};
}

void NewsScope::Forget(const LinkStateDatabase& database) {
  for (auto it = lives_.begin(); it != lives_.end();) {
    it = database.Find(ShortId(it->first)) == nullptr ? lives_.erase(it) : std::next(it);
  }
}

bool NewsScope::Near(Time now, ShortId origin) const {
  if (small() || near_.count(origin.value) > 0 || !Reaches(origin)) return true;
  const auto life = lives_.find(origin.value);
  return life == lives_.end() || now - life->second.since < kYoung;
}

bool NewsScope::Urgent(Time now, const LinkStateRecord& record) const {
  const ShortId origin = record.origin.Short();
  if (Near(now, origin)) return true;
  const auto life = lives_.find(origin.value);
  if (life == lives_.end() || life->second.epoch != record.version.epoch) return true;
  return std::any_of(record.adjacencies.begin(), record.adjacencies.end(),
                     [&](const AdvertisedAdjacency& a) { return !Reaches(a.neighbor); });
}

}  // namespace selvage
