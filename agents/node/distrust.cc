#include "agents/node/distrust.h"

#include <algorithm>

namespace selvage {
namespace {

// How often an idle node looks whether there is traffic again that makes a trial worth while.
constexpr Duration kIdleRetry = 1s;

}  // namespace

bool Distrust::Add(Time now, ShortId node, ShortId to, TrafficClass c) {
  auto it = std::find_if(entries_.begin(), entries_.end(),
                         [&](const Entry& e) { return e.node == node; });
  Entry entry;
  entry.hold = kHoldFirst;
  if (it != entries_.end()) {
    if (!it->trusted) return false;
    entry.hold = std::min<Duration>(2 * std::max<Duration>(it->hold, kHoldFirst), kHoldRelapseMax);
    entries_.erase(it);
  }
  if (entries_.size() >= kNodesMax) entries_.erase(entries_.begin());
  entry.node = node;
  entry.to = to;
  entry.traffic_class = c;
  entry.since = now;
  entry.next = now + entry.hold;
  entries_.push_back(std::move(entry));
  return true;
}

std::vector<ShortId> Distrust::nodes() const {
  std::vector<ShortId> out;
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    if (!it->trusted) out.push_back(it->node);
  }
  return out;
}

Distrust::Entry* Distrust::FindDue(Time now) {
  for (Entry& e : entries_) {
    if (!e.trusted && e.sent < kProbes && now >= e.next) return &e;
  }
  return nullptr;
}

std::uint64_t Distrust::NextProbe(Time now, Entry* e, Random* random) {
  const std::uint64_t nonce = random->U64();
  e->nonces.emplace(nonce, e->to);
  ++e->sent;
  e->unused_since = kNever;
  e->next = now + (e->sent < kProbes ? Duration(kProbeGap) : Duration(kWait));
  return nonce;
}

void Distrust::Postpone(Time now, Entry* e, bool idle) {
  e->sent = e->answered = 0;
  e->nonces.clear();
  e->unused_since = std::min(e->unused_since, now);
  e->next = now + (idle ? Duration(kIdleRetry) : e->hold);
}

bool Distrust::OnAnswer(ShortId from, std::uint64_t nonce) {
  for (Entry& e : entries_) {
    const auto it = e.nonces.find(nonce);
    if (it == e.nonces.end() || it->second != from) continue;
    e.nonces.erase(it);
    ++e.answered;
    if (e.sent == kProbes && e.nonces.empty()) e.next = Time::min();  // no need to wait longer
    return true;
  }
  return false;
}

std::vector<ShortId> Distrust::TakeTrusted(Time now) {
  std::vector<ShortId> out;
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& e = *it;
    const bool ended = !e.trusted && e.sent == kProbes && now >= e.next;
    if (ended && e.answered >= kProbesAnsweredMin) {
      e.trusted = true;
      e.next = now + kProbation;
      out.push_back(e.node);
    } else if (ended) {
      e.hold = std::max(e.hold, std::min<Duration>(e.hold * 3 / 2, kHoldMax));
      e.next = now + e.hold;
    } else if (e.trusted && now >= e.next) {
      it = entries_.erase(it);
      continue;
    } else if (!e.trusted && e.unused_since != kNever && now - e.unused_since >= kForget) {
      out.push_back(e.node);
      it = entries_.erase(it);
      continue;
    }
    if (ended) {
      e.sent = e.answered = 0;
      e.nonces.clear();
    }
    ++it;
  }
  return out;
}

Time Distrust::NextDeadline() const {
  Time at = kNever;
  for (const Entry& e : entries_) at = std::min(at, e.next);
  return at;
}

}  // namespace selvage
