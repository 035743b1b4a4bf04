// Quarantine: checks of neighbours, and what this node says of them.
#include <algorithm>
#include <set>

#include "agents/quarantine/quarantine.h"

namespace selvage {
namespace {

// A frame lost twice goes another way: such a link leads an eighth around, and loses little.
constexpr std::uint32_t kTriedLossPermilleMax = 350;
constexpr Duration kSuspectLifetime = 60s;
// A check that could not begin, or told nothing, is tried again then, while it is wanted.
constexpr Duration kAgain = 5s;
constexpr std::uint64_t kSpreadNanos = std::chrono::nanoseconds(Quarantine::kSpreadShared).count();

}  // namespace

void Quarantine::OnDistrusted(Time now, ShortId node, ShortId destination) {
  if (node == self_ || node.value == 0 || Dropping(node)) return;
  if (!Passing(now, node)) {
    Say(now, {node, Word::What::kSuspect, destination, 0}, kSuspectLifetime);
  }
  WantCheck(now, node, destination, true);
}

void Quarantine::OnTestimony(Time now, ShortId witness) {
  const auto record = book_.records().find(witness.value);
  if (record == book_.records().end()) return;
  // Who accuses too many is not counted, but looked into: that is how it is found out.
  const bool heeded = !FalseWitness(witness);
  std::set<std::uint32_t> accused;
  for (const Word& w : record->second.testimony.words) {
    if (w.what == Word::What::kVouch) continue;
    if (w.node == self_) {
      const auto [it, first] = told_accused_.try_emplace(witness.value, now);
      if (first || now - it->second > kStrikeLife) {
        if (told_accused_.size() > kEntriesMax) told_accused_.erase(told_accused_.begin());
        Entry e;
        e.node = self_;
        e.witnesses = {witness};
        Tell(Finding::What::kAccused, e);
      }
      continue;
    }
    const Pair pair(witness.value, w.node.value);
    bool first = false;  // an accusation asks once more after a suspicion
    if (w.what == Word::What::kAccuse) {
      accused.insert(w.node.value);
      first = accused_.try_emplace(pair, now).second;
    }
    if (!heeded) continue;
    const std::optional<Access> access = access_(w.node);
    if (!access) continue;
    const auto asked = asked_.find(pair);
    // Who was caught before is looked at again sooner.
    const Duration gap = entries_.count(w.node.value) > 0 ? kCheckGap : kAskGap;
    if (asked != asked_.end() && !first && now - asked->second < gap) continue;
    if (asked_.size() >= kAsksMax) asked_.erase(asked_.begin());
    asked_[pair] = now;
    const Duration after =
        access->shared ? Duration(static_cast<std::int64_t>(random_->Below(kSpreadNanos)))
                       : Duration(0);
    WantCheck(now, w.node, w.destination, true, after);
  }
  for (auto it = accused_.lower_bound({witness.value, 0});
       it != accused_.end() && it->first.first == witness.value;) {
    it = accused.count(it->first.second) > 0 ? std::next(it) : accused_.erase(it);
  }
  Decide(now);
}

void Quarantine::WantCheck(Time now, ShortId node, ShortId destination, bool asked,
                           Duration after) {
  for (const auto& [check, by] : checks_) {
    if (check.neighbor() == node) return;
  }
  if (wanted_.size() >= kWantedMax && wanted_.count(node.value) == 0) return;
  const auto own = own_.find(node.value);
  Time from = now + after;
  if (own != own_.end() && asked) from = std::max(from, own->second.at + kCheckGap);
  const auto [it, fresh] = wanted_.try_emplace(node.value, Wanted{destination, from, asked});
  if (!fresh) {
    if (destination.value != 0) it->second.destination = destination;
    it->second.not_before = std::min(it->second.not_before, from);
  }
  StepChecks(now);
}

bool Quarantine::BeginCheck(Time now, ShortId node, const Wanted& w) {
  const std::optional<Access> access = access_(node);
  if (!access) return false;
  std::vector<ShortId> targets;
  auto add = [&](ShortId target) {
    if (target == self_ || target == node || target.value == 0 || map_.Find(target) < 0 ||
        targets.size() >= NeighborCheck::kTargetsMax ||
        std::find(targets.begin(), targets.end(), target) != targets.end()) {
      return;
    }
    // It has to be in reach around the neighbour as well, or silence says nothing.
    if (IsReachableAround(map_, self_, target, node)) targets.push_back(target);
  };
  // What bad links lose would be put down to the neighbour.
  if (LossBetween(map_, self_, node) > kTriedLossPermilleMax) return false;
  // A destination farther away says nothing: what is lost beyond the neighbour's own links may be
  // another's doing.
  if (AreNeighbors(map_, node, w.destination) &&
      LossBetween(map_, node, w.destination) <= kTriedLossPermilleMax) {
    add(w.destination);
  }
  for (ShortId n : NeighborsOf(map_, node)) {
    if (LossBetween(map_, node, n) <= kTriedLossPermilleMax) add(n);
  }
  if (targets.empty()) return false;
  ++counters_.checks;
  // What its links are known to lose, after the two tries of each hop.
  std::uint32_t worst = 0;
  for (ShortId t : targets) worst = std::max(worst, LossBetween(map_, node, t));
  const double allowance = (LossBetween(map_, self_, node) + worst) / 1000.0;
  checks_.emplace_back(
      NeighborCheck(now, node, std::move(targets), access->shared, access->wait, allowance),
      w.asked);
  return true;
}

void Quarantine::StepChecks(Time now) {
  for (auto it = wanted_.begin(); it != wanted_.end() && checks_.size() < kChecksMax;) {
    if (now < it->second.not_before) {
      ++it;
      continue;
    }
    BeginCheck(now, ShortId(it->first), it->second);
    it = wanted_.erase(it);
  }
  for (std::size_t i = 0; i < checks_.size();) {
    NeighborCheck& check = checks_[i].first;
    if (!access_(check.neighbor())) {  // its link fails or it restarts: that is no dropping
      checks_.erase(checks_.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    check.OnTimeout(now);
    for (const NeighborCheck::Probe& p : check.TakeProbes(now, random_)) {
      ++counters_.probes;
      probes_.push_back({check.neighbor(), p.to, p.nonce, p.through});
    }
    if (!check.done()) {
      ++i;
      continue;
    }
    const auto [ended, asked] = std::move(checks_[i]);
    checks_.erase(checks_.begin() + static_cast<std::ptrdiff_t>(i));
    EndCheck(now, ended, asked);
  }
}

void Quarantine::EndCheck(Time now, const NeighborCheck& check, bool asked) {
  const ShortId node = check.neighbor();
  const NeighborCheck::Result& r = check.result();
  const bool dropped = Dropping(node);
  if (r.verdict == NeighborCheck::Verdict::kUndecided) {
    // Too close to tell: what was known stands, and once more in a while if somebody still asks.
    if (asked && Count(node).accusers.size() > 0) {
      wanted_.try_emplace(node.value, Wanted{r.destination, now + kAgain, false});
    }
    return;
  }
  if (own_.size() >= kEntriesMax && own_.count(node.value) == 0) own_.erase(own_.begin());
  own_[node.value] = {r, now};
  if (r.verdict == NeighborCheck::Verdict::kDrops) {
    Say(now, {node, Word::What::kAccuse, r.destination, r.passed_permille()}, Duration::max());
    const auto e = entries_.find(node.value);
    if (dropped && e != entries_.end() && !e->second.probation &&
        e->second.cause == Cause::kEvidence) {  // it was tried again in vain
      e->second.hold = std::min<Duration>(2 * e->second.hold, kHoldMax);
      e->second.until = now + e->second.hold;
      next_ = std::min(next_, e->second.until);
      Save(e->second);
    }
  } else if (asked || dropped) {
    Say(now, {node, Word::What::kVouch, ShortId(0), r.passed_permille()}, kFresh);
    if (!dropped) {
      Entry e;
      e.node = node;
      Tell(Finding::What::kPassed, e);
    }
  } else {
    Unsay(node);
  }
  Decide(now);
}

bool Quarantine::OnAnswer(Time now, ShortId from, std::uint64_t nonce) {
  return std::any_of(checks_.begin(), checks_.end(),
                     [&](auto& c) { return c.first.OnAnswer(now, from, nonce); });
}

void Quarantine::Say(Time now, Word word, Duration lifetime) {
  if (said_.size() >= kWordsMax && said_.count(word.node.value) == 0) {
    // An accusation is worth more than what only asks or vouches.
    const auto less = std::find_if(said_.begin(), said_.end(), [](const auto& s) {
      return s.second.word.what != Word::What::kAccuse;
    });
    if (less == said_.end() || word.what != Word::What::kAccuse) return;
    said_.erase(less);
  }
  Said& s = said_[word.node.value];
  speak_ = speak_ || !(s.word == word);
  s.word = word;
  s.until = lifetime == Duration::max() ? kNever : now + lifetime;
}

void Quarantine::Unsay(ShortId node) {
  if (said_.erase(node.value) > 0) speak_ = true;
}

std::optional<std::vector<Word>> Quarantine::TakeStatement(Time now) {
  for (auto it = said_.begin(); it != said_.end();) {
    if (now < it->second.until) {
      ++it;
      continue;
    }
    it = said_.erase(it);
    speak_ = true;
  }
  const bool ever = last_statement_ != Time::min();
  const bool refresh = ever && !said_.empty() && now - last_statement_ >= kRefresh;
  if (!speak_ && !refresh) return std::nullopt;
  if (ever && now - last_statement_ < kStatementGap) return std::nullopt;
  speak_ = false;
  if (!ever && said_.empty()) return std::nullopt;
  last_statement_ = now;
  std::vector<Word> words;
  for (const auto& [id, s] : said_) words.push_back(s.word);
  return words;
}

}  // namespace selvage
