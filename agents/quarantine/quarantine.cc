#include "agents/quarantine/quarantine.h"

#include <algorithm>
#include <cstdio>
#include <set>

namespace selvage {
namespace {

constexpr char kPrefix[] = "quarantine/";

std::string Key(ShortId node) {
  char text[32];
  std::snprintf(text, sizeof(text), "%s%08x", kPrefix, node.value);
  return text;
}

}  // namespace

std::string_view ToString(Quarantine::Cause c) {
  switch (c) {
    case Quarantine::Cause::kOperator:
      return "operator";
    case Quarantine::Cause::kEvidence:
      return "evidence";
    case Quarantine::Cause::kWitnesses:
      return "witnesses";
    case Quarantine::Cause::kFalseWitness:
      return "false-witness";
  }
  return "?";
}

Quarantine::Quarantine(ShortId self, FindAccess access, Random* random)
    : self_(self), access_(std::move(access)), random_(random) {}

// What was found out in an earlier life holds until a check says otherwise; what others said then
// they say again.
void Quarantine::Load(Time now, Store& store) {
  store.Scan(kPrefix, [&](std::string_view key, std::string_view value) {
    unsigned id = 0;
    int cause = 0;
    int barred = 0;
    long long hold_s = 0;
    int at = 0;
    const std::string k(key.substr(sizeof(kPrefix) - 1));
    const std::string v(value);
    if (std::sscanf(k.c_str(), "%8x", &id) != 1 || id == 0 || id == self_.value ||
        std::sscanf(v.c_str(), "%d %d %lld %n", &cause, &barred, &hold_s, &at) < 3 || cause < 0 ||
        cause > 1 || entries_.size() >= kEntriesMax) {
      return true;
    }
    Entry e;
    e.node = ShortId(id);
    e.cause = static_cast<Cause>(cause);
    e.barred = barred != 0;
    e.since = now;
    e.evidence = v.substr(static_cast<std::size_t>(at));
    if (e.cause == Cause::kEvidence) {
      e.hold = std::clamp<Duration>(std::chrono::seconds(hold_s), kHoldFirst, kHoldMax);
      e.until = now + e.hold;
      Own own;
      own.result.verdict = NeighborCheck::Verdict::kDrops;
      own.at = now;
      own_[id] = own;
      next_ = std::min(next_, e.until);
    }
    entries_[id] = std::move(e);
    changed_ = true;
    return true;
  });
}

void Quarantine::Save(const Entry& e) {
  if (e.cause != Cause::kOperator && e.cause != Cause::kEvidence) return;
  std::optional<std::string> value;
  if (!e.probation) {
    value = std::to_string(static_cast<int>(e.cause)) + (e.barred ? " 1 " : " 0 ") +
            std::to_string(e.hold / 1s) + " " + e.evidence;
  }
  writes_.push_back({Key(e.node), std::move(value)});
}

void Quarantine::Tell(Finding::What what, const Entry& e) {
  Finding f;
  f.what = what;
  f.entry = e;
  const auto own = own_.find(e.node.value);
  if (own != own_.end()) f.result = own->second.result;
  findings_.push_back(std::move(f));
}

void Quarantine::OnMap(Time now, Topology map) {
  map_ = std::move(map);
  if (!entries_.empty() || book_.live() > 0) Decide(now);
}

bool Quarantine::Contains(ShortId node) const {
  const auto it = entries_.find(node.value);
  return it != entries_.end() && it->second.active();
}

void Quarantine::Restrict(Topology* map) const {
  for (const auto& [id, e] : entries_) {
    if (!e.active()) continue;
    if (e.barred) {
      map->Bar(e.node);
    } else {
      map->Deter(e.node);
    }
  }
}

bool Quarantine::Consents(ShortId node, std::pair<ShortId, ShortId>* cut) const {
  NodeSet without;
  for (const auto& [id, e] : entries_) {
    if (e.active() && e.node != node) without.insert(id);
  }
  *cut = FindCutOff(map_, without, node);
  return cut->second.value == 0;
}

Quarantine::Refusal Quarantine::Add(Time now, ShortId node, bool force,
                                    std::pair<ShortId, ShortId>* cut) {
  if (node == self_) return Refusal::kSelf;
  if (!Consents(node, cut) && !force) return Refusal::kCutsOff;
  if (entries_.size() >= kEntriesMax && entries_.count(node.value) == 0) return Refusal::kFull;
  Entry e;
  e.node = node;
  e.barred = force;
  e.since = now;
  entries_[node.value] = e;
  exempt_.erase(node.value);
  Save(e);
  changed_ = true;
  Tell(Finding::What::kQuarantined, e);
  return Refusal::kNone;
}

bool Quarantine::Remove(Time now, ShortId node) {
  const auto it = entries_.find(node.value);
  if (it == entries_.end()) return false;
  Entry e = it->second;
  entries_.erase(it);
  own_.erase(node.value);
  Unsay(node);
  e.probation = true;
  Save(e);
  if (exempt_.size() >= kEntriesMax) exempt_.erase(exempt_.begin());
  exempt_[node.value] = now + kExempt;
  changed_ = true;
  Tell(Finding::What::kReleased, e);
  return true;
}

bool Quarantine::Dropping(ShortId node) const {
  const auto it = own_.find(node.value);
  return it != own_.end() && it->second.result.verdict == NeighborCheck::Verdict::kDrops;
}

bool Quarantine::Passing(Time now, ShortId node) const {
  const auto it = own_.find(node.value);
  return it != own_.end() && it->second.result.verdict == NeighborCheck::Verdict::kPasses &&
         now - it->second.at < kFresh;
}

void Quarantine::Enter(Time now, ShortId node, Cause cause, std::vector<ShortId> witnesses) {
  const auto known = entries_.find(node.value);
  const bool relapse = known != entries_.end() && known->second.probation;
  const bool waiting = known != entries_.end() && known->second.withheld;
  if (known == entries_.end() && entries_.size() >= kEntriesMax) return;
  Entry& e = entries_[node.value];
  if (relapse) {
    e.hold = std::min<Duration>(2 * std::max<Duration>(e.hold, kHoldFirst), kHoldMax);
  } else if (!waiting) {
    e.hold = kHoldFirst;
  }
  e.node = node;
  e.cause = cause;
  e.witnesses = std::move(witnesses);
  e.probation = false;
  e.withheld = true;  // not yet in effect: asks about itself
  std::pair<ShortId, ShortId> cut;
  const bool free = Consents(node, &cut);
  if (!free && waiting) return;
  e.since = now;
  e.until = now + e.hold;
  e.cut = cut;
  e.withheld = !free;
  if (cause == Cause::kEvidence) {
    const NeighborCheck::Result& r = own_[node.value].result;
    e.evidence = std::to_string(r.answered) + " of " + std::to_string(r.sent) +
                 " probes through it were answered, " + std::to_string(r.around_answered) + " of " +
                 std::to_string(r.around_sent) + " around it";
    if (free) Save(e);
  }
  next_ = std::min(next_, e.until);
  if (free) changed_ = true;
  Tell(free ? Finding::What::kQuarantined : Finding::What::kWithheld, e);
}

void Quarantine::Leave(Time now, Entry* e) {
  const bool was_active = e->active();
  e->probation = true;
  e->withheld = false;
  e->since = now;
  e->until = now + kProbation;
  next_ = std::min(next_, e->until);
  Save(*e);
  if (!was_active) return;
  changed_ = true;
  Tell(Finding::What::kReleased, *e);
}

void Quarantine::DecideOn(Time now, ShortId node) {
  if (node == self_) return;
  const auto known = entries_.find(node.value);
  Entry* e = known == entries_.end() ? nullptr : &known->second;
  if (e != nullptr && e->cause == Cause::kOperator && !e->probation) return;
  if (exempt_.count(node.value) > 0) return;
  std::optional<Cause> wanted;
  std::vector<ShortId> witnesses;
  if (Dropping(node)) {
    wanted = Cause::kEvidence;
  } else if (!Passing(now, node)) {
    const Votes votes = Count(node);
    witnesses = FindDisjoint(node, votes.accusers);
    if (static_cast<int>(witnesses.size()) >= kWitnessesMin &&
        votes.accusers.size() > votes.vouchers.size()) {
      wanted = Cause::kWitnesses;
    }
  }
  if (!wanted && FalseWitness(node)) wanted = Cause::kFalseWitness;
  const bool in = e != nullptr && e->active();
  if (wanted && !in) {
    Enter(now, node, *wanted, std::move(witnesses));
  } else if (wanted && *wanted == Cause::kEvidence && e->cause != Cause::kEvidence) {
    e->cause = Cause::kEvidence;  // now on this node's own word: it ends by its own check
    e->until = now + e->hold;
    next_ = std::min(next_, e->until);
    Save(*e);
  } else if (!wanted && e != nullptr && !e->probation &&
             (e->cause == Cause::kEvidence || e->withheld || Passing(now, node) ||
              now >= e->until)) {
    Leave(now, e);
  }
}

// Own evidence first: the consent of the map goes to whom this node knows about.
void Quarantine::Decide(Time now) {
  Strike(now);
  std::set<std::uint32_t> nodes;
  for (const auto& [id, own] : own_) nodes.insert(id);
  for (std::uint32_t id : nodes) {
    if (Dropping(ShortId(id))) DecideOn(now, ShortId(id));
  }
  for (const auto& [id, e] : entries_) nodes.insert(id);
  for (const auto& [witness, record] : book_.records()) {
    for (const Word& w : record.testimony.words) {
      if (w.what == Word::What::kAccuse) nodes.insert(w.node.value);
    }
  }
  for (const auto& [pair, at] : strikes_) nodes.insert(pair.first);
  for (std::uint32_t id : nodes) {
    if (!Dropping(ShortId(id))) DecideOn(now, ShortId(id));
  }
}

void Quarantine::OnTimeout(Time now) {
  const bool expired = book_.Expire(now);
  bool decide = expired;
  if (now >= next_) {
    next_ = kNever;
    decide = true;
    for (auto it = entries_.begin(); it != entries_.end();) {
      Entry& e = it->second;
      if (e.probation && now >= e.until) {
        it = entries_.erase(it);
        continue;
      }
      if (e.cause == Cause::kEvidence && !e.probation && now >= e.until) {
        e.until = now + e.hold;  // should it not come to a check
        if (!access_(e.node)) {  // no neighbour any more: others know better
          own_.erase(e.node.value);
          Unsay(e.node);
        } else {
          WantCheck(now, e.node, own_[e.node.value].result.destination, false);
        }
      }
      if (e.until > now) next_ = std::min(next_, e.until);
      ++it;
    }
    for (auto it = exempt_.begin(); it != exempt_.end();) {
      it = now >= it->second ? exempt_.erase(it) : std::next(it);
    }
    for (const auto& [pair, since] : contradicted_) {
      if (since + kStrikeAfter > now) next_ = std::min(next_, since + kStrikeAfter);
    }
  }
  StepChecks(now);
  if (decide) Decide(now);
}

Time Quarantine::NextDeadline() const {
  Time at = std::min(next_, book_.NextDeadline());
  for (const auto& [check, asked] : checks_) at = std::min(at, check.NextDeadline());
  if (checks_.size() < kChecksMax) {
    for (const auto& [id, w] : wanted_) at = std::min(at, w.not_before);
  }
  if (speak_) at = std::min(at, last_statement_ == Time::min() ? Time::min()
                                                               : last_statement_ + kStatementGap);
  if (!said_.empty()) {
    at = std::min(at, last_statement_ + kRefresh);
    for (const auto& [id, s] : said_) at = std::min(at, s.until);
  }
  return at;
}

}  // namespace selvage
