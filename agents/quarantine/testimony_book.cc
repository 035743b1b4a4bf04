#include "agents/quarantine/testimony_book.h"

#include <algorithm>

namespace selvage {

TestimonyBook::Offer TestimonyBook::Consider(Time now, AdjacencyIndex from, const Testimony& t,
                                             Epoch epoch) {
  const ShortId witness = t.witness.Short();
  const auto known = records_.find(witness.value);
  if (known != records_.end()) {
    const LinkStateVersion mine = known->second.testimony.version;
    if (!(mine < t.version)) {
      // It has what is here, or is told what is newer.
      const auto n = neighbors_.find(from.value);
      if (n != neighbors_.end() && mine == t.version) n->second.tell.erase(witness.value);
      if (n != neighbors_.end() && t.version < mine && known->second.live) {
        n->second.tell.insert(witness.value);
        pending_ = true;
      }
      return Offer::kStale;
    }
  } else if (records_.size() >= kWitnessesMax) {
    return Offer::kFull;
  }
  if (t.version.epoch != epoch) return Offer::kStale;
  Ration& r = rations_[from.value];
  r.left = std::min<double>(kOffersBurst,
                            r.left + ToSeconds(now - r.filled) * kOffersPerSecond);
  r.filled = now;
  if (r.left < 1) return Offer::kThrottled;
  r.left -= 1;
  if (known != records_.end() && now - known->second.arrived < kWitnessGap) {
    return Offer::kThrottled;
  }
  return Offer::kWanted;
}

void TestimonyBook::Put(Time now, Testimony t, AdjacencyIndex from) {
  const std::uint32_t witness = t.witness.Short().value;
  Record& r = records_[witness];
  r.testimony = std::move(t);
  r.arrived = now;
  r.live = true;
  for (auto& [index, n] : neighbors_) {
    if (index != from.value) n.tell.insert(witness);
  }
  pending_ = true;
  next_expiry_ = std::min(next_expiry_, now + kLifetime);
  live_ = static_cast<std::size_t>(std::count_if(
      records_.begin(), records_.end(), [](const auto& e) { return e.second.live; }));
}

void TestimonyBook::SetNeighbors(const std::vector<Listener>& neighbors) {
  for (auto it = neighbors_.begin(); it != neighbors_.end();) {
    const bool there = std::any_of(neighbors.begin(), neighbors.end(),
                                   [&](const Listener& n) { return n.index.value == it->first; });
    if (!there) rations_.erase(it->first);
    it = there ? std::next(it) : neighbors_.erase(it);
  }
  for (const Listener& n : neighbors) {
    const auto [it, fresh] = neighbors_.try_emplace(n.index.value);
    if (n.reachable && !it->second.reachable && !it->second.tell.empty()) pending_ = true;
    it->second.reachable = n.reachable;
    if (!fresh) continue;
    for (const auto& [witness, record] : records_) {
      if (!record.live) continue;
      it->second.tell.insert(witness);
      pending_ = true;
    }
  }
}

void TestimonyBook::OnLost(AdjacencyIndex to, const std::vector<ShortId>& witnesses) {
  const auto n = neighbors_.find(to.value);
  if (n == neighbors_.end()) return;
  for (ShortId witness : witnesses) {
    const auto it = records_.find(witness.value);
    if (it == records_.end() || !it->second.live) continue;
    n->second.tell.insert(witness.value);
    pending_ = true;
  }
}

bool TestimonyBook::Expire(Time now) {
  if (now < next_expiry_) return false;
  bool any = false;
  next_expiry_ = kNever;
  live_ = 0;
  for (auto& [witness, r] : records_) {
    if (r.live && now - r.arrived >= kLifetime) {
      r.live = false;
      r.testimony.words.clear();
      r.testimony.encoded.clear();
      any = true;
    }
    if (!r.live) continue;
    ++live_;
    next_expiry_ = std::min(next_expiry_, r.arrived + kLifetime);
  }
  return any;
}

std::vector<TestimonyBook::Message> TestimonyBook::TakeMessages(std::size_t neighbors_max) {
  std::vector<Message> out;
  std::size_t told = 0;
  for (std::size_t i = 0; i < neighbors_.size() && told < neighbors_max; ++i) {
    auto it = neighbors_.upper_bound(last_told_);
    if (it == neighbors_.end()) it = neighbors_.begin();
    last_told_ = it->first;
    if (!it->second.reachable) continue;
    const std::size_t before = out.size();
    for (std::uint32_t witness : it->second.tell) {
      const auto r = records_.find(witness);
      if (r == records_.end() || !r->second.live) continue;
      out.push_back({AdjacencyIndex(it->first), ShortId(witness), r->second.testimony.encoded});
    }
    it->second.tell.clear();
    told += out.size() > before ? 1 : 0;
  }
  pending_ = std::any_of(neighbors_.begin(), neighbors_.end(),
                         [](const auto& n) {
                           return n.second.reachable && !n.second.tell.empty();
                         });
  return out;
}

}  // namespace selvage
