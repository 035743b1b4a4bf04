// Quarantine: whose word counts, and what becomes of those who accuse nodes that work.
#include <algorithm>
#include <set>

#include "agents/quarantine/quarantine.h"

namespace selvage {
namespace {

constexpr std::size_t kAccusedFew = 2;

std::size_t Accusations(const Testimony& t) {
  return static_cast<std::size_t>(std::count_if(t.words.begin(), t.words.end(), [](const Word& w) {
    return w.what == Word::What::kAccuse;
  }));
}

}  // namespace

// Who sees most of those around it fail is what they have in common.
bool Quarantine::MayAccuse(ShortId witness, const Testimony& t) const {
  const std::size_t all = NeighborsOf(map_, witness).size();
  return Accusations(t) <= std::max(kAccusedFew, all / 2);
}

bool Quarantine::FalseWitness(ShortId witness) const {
  int n = 0;
  for (auto it = strikes_.lower_bound({witness.value, 0});
       it != strikes_.end() && it->first.first == witness.value; ++it) {
    ++n;
  }
  return n >= kStrikes;
}

Quarantine::Votes Quarantine::Count(ShortId node) const {
  Votes votes;
  for (const auto& [id, record] : book_.records()) {
    const ShortId witness(id);
    if (!record.live || witness == self_) continue;
    const auto word = std::find_if(record.testimony.words.begin(), record.testimony.words.end(),
                                   [&](const Word& w) { return w.node == node; });
    if (word == record.testimony.words.end() || word->what == Word::What::kSuspect) continue;
    if (FalseWitness(witness) || !AreNeighbors(map_, witness, node)) continue;
    const auto e = entries_.find(id);
    if (e != entries_.end() && e->second.active() &&
        (e->second.cause == Cause::kEvidence || e->second.cause == Cause::kOperator)) {
      continue;
    }
    if (word->what == Word::What::kVouch) {
      votes.vouchers.push_back(witness);
    } else if (MayAccuse(witness, record.testimony)) {
      votes.accusers.push_back(witness);
    }
  }
  return votes;
}

// Any two that are disjoint will do; all are named.
std::vector<ShortId> Quarantine::FindDisjoint(ShortId node,
                                              const std::vector<ShortId>& accusers) const {
  for (std::size_t i = 0; i < accusers.size(); ++i) {
    for (std::size_t j = i + 1; j < accusers.size(); ++j) {
      if (AreDisjoint(map_, self_, node, accusers[i], accusers[j])) return accusers;
    }
  }
  return {};
}

void Quarantine::Strike(Time now) {
  for (auto it = strikes_.begin(); it != strikes_.end();) {
    it = now - it->second >= kStrikeLife ? strikes_.erase(it) : std::next(it);
  }
  for (const auto& [pair, at] : strikes_) next_ = std::min(next_, at + kStrikeLife);
  std::set<Pair> standing;
  for (const auto& [id, record] : book_.records()) {
    if (!record.live || ShortId(id) == self_) continue;
    for (const Word& w : record.testimony.words) {
      if (w.what != Word::What::kAccuse || w.node == self_) continue;
      const Pair pair(id, w.node.value);
      const auto since = accused_.find(pair);
      if (since == accused_.end()) continue;
      const auto own = own_.find(w.node.value);
      const bool passed = Passing(now, w.node) && own->second.at >= since->second;
      const Votes votes = Count(w.node);
      // It is outvoted whether its own voice counts or not.
      const bool outvoted = votes.vouchers.size() >= 2 &&
                            votes.vouchers.size() > std::max<std::size_t>(votes.accusers.size(), 1);
      if (!passed && !outvoted) continue;
      standing.insert(pair);
      const Time first = contradicted_.try_emplace(pair, now).first->second;
      if (now - first >= kStrikeAfter) {
        counters_.strikes += strikes_.count(pair) == 0 ? 1 : 0;
        strikes_[pair] = now;
        next_ = std::min(next_, now + kStrikeLife);
      } else {
        next_ = std::min(next_, first + kStrikeAfter);
      }
    }
  }
  for (auto it = contradicted_.begin(); it != contradicted_.end();) {
    it = standing.count(it->first) == 0 ? contradicted_.erase(it) : std::next(it);
  }
}

}  // namespace selvage
