#include "routing/link_state_database.h"

#include <utility>

#include "absl/container/flat_hash_set.h"

namespace selvage {

std::uint32_t LinkStateDatabase::DigestOf(ShortId origin, LinkStateVersion v) {
  std::uint64_t h = origin.value * 0x9e3779b97f4a7c15ull;
  h ^= (std::uint64_t{v.epoch.value} << 32) | v.sequence;
  h ^= h >> 29;
  h *= 0xbf58476d1ce4e5b9ull;
  h ^= h >> 32;
  return static_cast<std::uint32_t>(h);
}

LinkStateDatabase::Insert LinkStateDatabase::Put(Time now,
                                                 std::shared_ptr<const LinkStateRecord> record) {
  const ShortId origin = record->origin.Short();
  auto it = records_.find(origin.value);
  if (it == records_.end()) {
    if (records_.size() >= kNodesMax) return Insert::kFull;
    origins_digest_ ^= DigestOf(origin, {});
  } else {
    if (record->version == it->second->version) return Insert::kSame;
    if (record->version < it->second->version) return Insert::kOlder;
    digest_ ^= DigestOf(origin, it->second->version);
  }
  digest_ ^= DigestOf(origin, record->version);
  heard_[origin.value] = now;
  records_[origin.value] = std::move(record);
  return Insert::kNewer;
}

const LinkStateRecord* LinkStateDatabase::Find(ShortId origin) const {
  auto it = records_.find(origin.value);
  return it == records_.end() ? nullptr : it->second.get();
}

bool LinkStateDatabase::Wants(ShortId origin, LinkStateVersion version) const {
  const LinkStateRecord* r = Find(origin);
  return r == nullptr ? records_.size() < kNodesMax : r->version < version;
}

Topology LinkStateDatabase::BuildTopology() const {
  std::vector<AdvertisedNodeView> nodes;
  nodes.reserve(records_.size());
  for (const auto& [id, record] : records_) nodes.push_back({ShortId(id), record->adjacencies});
  return Topology::Of(std::move(nodes));
}

std::size_t LinkStateDatabase::Expire(Time now, ShortId self) {
  absl::flat_hash_set<std::uint32_t> listed;  // looked up only
  listed.reserve(records_.size());
  for (const auto& [id, record] : records_) {
    for (const AdvertisedAdjacency& a : record->adjacencies) listed.insert(a.neighbor.value);
  }
  std::size_t gone = 0;
  for (auto it = records_.begin(); it != records_.end();) {
    const bool stale = it->first != self.value && listed.count(it->first) == 0 &&
                       now - heard_[it->first] > kForgetAfter;
    if (!stale) {
      ++it;
      continue;
    }
    digest_ ^= DigestOf(ShortId(it->first), it->second->version);
    origins_digest_ ^= DigestOf(ShortId(it->first), {});
    heard_.erase(it->first);
    it = records_.erase(it);
    ++gone;
  }
  return gone;
}

}  // namespace selvage
