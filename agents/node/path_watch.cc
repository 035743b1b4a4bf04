#include "agents/node/path_watch.h"

#include <algorithm>
#include <utility>

namespace selvage {
namespace {

constexpr Duration kWaitMin = 150ms;
constexpr Duration kWaitMax = 1s;
constexpr Duration kWaitMargin = 100ms;
constexpr Duration kTrafficRecent = 2s;
constexpr std::size_t kAvoidRowsMax = 256;

bool Contains(const std::vector<ShortId>& nodes, ShortId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

PathWatch::PathWatch(FindPath find, Random* random) : find_(std::move(find)), random_(random) {}

// Those of the distrusted nodes and of the suspected path that can be avoided together: what cannot
// be avoided is not named, or the map would offer no path and nothing would be avoided.
const std::vector<ShortId>& PathWatch::AvoidFor(ShortId to, TrafficClass c) {
  if (!avoids_anything()) return nothing_;
  const Key key(to.value, c);
  const auto known = avoid_.find(key);
  if (known != avoid_.end()) return known->second;
  std::vector<ShortId> wanted;
  const auto open = cases_.find(key);
  if (open != cases_.end() && open->second.avoiding) wanted = open->second.around;
  for (ShortId node : distrust_.nodes()) wanted.push_back(node);
  std::vector<ShortId> avoid = Avoidable(to, c, {}, wanted);
  if (avoid_.size() >= kAvoidRowsMax) avoid_.clear();
  return avoid_[key] = std::move(avoid);
}

void PathWatch::Tell(Finding::What what, Key key, const Case& c) {
  Finding f;
  f.what = what;
  f.to = ShortId(key.first);
  f.traffic_class = key.second;
  f.alarm = c.alarm;
  f.path = c.path;
  f.hold = c.hold;
  if (c.avoiding) f.around = find_(f.to, f.traffic_class, AvoidFor(f.to, f.traffic_class), false);
  findings_.push_back(std::move(f));
}

// Those of `nodes` that can be avoided together, beside what is avoided already; the first ones
// first.
std::vector<ShortId> PathWatch::Avoidable(ShortId to, TrafficClass c, std::vector<ShortId> avoided,
                                          const std::vector<ShortId>& nodes) {
  std::vector<ShortId> out;
  for (ShortId node : nodes) {
    if (node == to || Contains(avoided, node) || avoided.size() >= kAvoidMax) continue;
    avoided.push_back(node);
    if (find_(to, c, avoided, true).empty()) {
      avoided.pop_back();
    } else {
      out.push_back(node);
    }
  }
  return out;
}

void PathWatch::Open(Time now, const FlowProgress::Alarm& alarm) {
  const Key key(alarm.to.value, alarm.traffic_class);
  flows_.Restart(now, alarm.to, alarm.traffic_class);
  auto it = cases_.find(key);
  if (it != cases_.end() && (it->second.trial != nullptr || now < it->second.not_before)) return;
  const std::vector<ShortId> avoided = AvoidFor(alarm.to, alarm.traffic_class);
  std::vector<ShortId> mirrored = avoided;
  std::vector<ShortId> path = find_(alarm.to, alarm.traffic_class, avoided, false);
  if (path.size() < 2) return;  // no relay to suspect
  if (it == cases_.end()) {
    if (cases_.size() >= kCasesMax) {
      cases_.erase(std::min_element(cases_.begin(), cases_.end(), [](const auto& a, const auto& b) {
        return a.second.opened < b.second.opened;
      }));
    }
    it = cases_.emplace(key, Case()).first;
  }
  Case& c = it->second;
  std::vector<ShortId> relays(path.begin(), path.end() - 1);
  std::vector<ShortId> around = Avoidable(alarm.to, alarm.traffic_class, avoided, relays);
  std::reverse(relays.begin(), relays.end());
  std::vector<ShortId> other = Avoidable(alarm.to, alarm.traffic_class, avoided, relays);
  if (other.size() > around.size()) around = std::move(other);
  c.alarm = alarm;
  c.opened = now;
  c.path = path;
  c.avoid_until = kNever;
  c.around = std::move(around);
  c.avoiding = !c.around.empty() && alarm.reporter && !c.way_back;
  Changed();
  Tell(Finding::What::kSuspected, key, c);
  if (c.around.empty()) {  // nothing else to do than to go on
    c.not_before = now + c.backoff;
    c.backoff = std::min<Duration>(2 * c.backoff, kBackoffMax);
    return;
  }
  for (ShortId node : c.around) mirrored.push_back(node);
  std::vector<ShortId> mirror = find_(alarm.to, alarm.traffic_class, mirrored, true);
  mirror.erase(std::remove_if(mirror.begin(), mirror.end(),
                              [&](ShortId node) { return Contains(path, node); }),
               mirror.end());
  if (mirror.size() > kAvoidMax) mirror.resize(kAvoidMax);
  c.mirror = mirror;
  const Duration wait = std::clamp<Duration>(alarm.round_trip + kWaitMargin, kWaitMin, kWaitMax);
  c.trial = std::make_unique<PathTrial>(
      now, alarm.stalled ? PathTrial::Kind::kStalled : PathTrial::Kind::kLossy, std::move(path),
      avoided, c.around, std::move(mirror), wait);
}

// Nobody is to blame. Once that is chance; soon again it is the path.
void PathWatch::Keep(Time now, Key key, Case* c) {
  const bool again = c->cleared != Time::min() && now - c->cleared < kAgain + c->hold;
  c->cleared = now;
  if (!again) {
    c->avoiding = false;
    c->hold = kHoldFirst;
    Changed();
    Tell(Finding::What::kCleared, key, *c);
    return;
  }
  if (again) c->hold = std::min<Duration>(2 * c->hold, kHoldMax);
  c->avoiding = true;
  c->avoid_until = now + c->hold;
  Changed();
  Tell(Finding::What::kAvoided, key, *c);
}

void PathWatch::Close(Time now, Key key, Case* c) {
  const std::unique_ptr<PathTrial> trial = std::move(c->trial);
  const PathTrial::Verdict v = trial->verdict();
  flows_.Restart(now, ShortId(key.first), key.second);
  switch (v.what) {
    case PathTrial::Verdict::What::kBlame: {
      c->avoiding = false;
      c->way_back = false;
      c->backoff = kBackoffFirst;
      distrust_.Add(now, v.node, ShortId(key.first), key.second);
      Changed();
      Tell(Finding::What::kDistrusted, key, *c);
      Finding& f = findings_.back();
      f.node = v.node;
      f.verdict = v;
      f.around = find_(f.to, f.traffic_class, AvoidFor(f.to, f.traffic_class), false);
      break;
    }
    case PathTrial::Verdict::What::kFine:
    case PathTrial::Verdict::What::kDestination:
      Keep(now, key, c);
      break;
    case PathTrial::Verdict::What::kWayBack:
      if (c->way_back) c->hold = std::min<Duration>(2 * c->hold, kHoldMax);
      c->way_back = true;
      c->around = c->mirror;
      c->avoiding = true;
      c->avoid_until = now + c->hold;
      Changed();
      Tell(Finding::What::kWayBack, key, *c);
      break;
    case PathTrial::Verdict::What::kInconclusive:
      c->avoiding = false;
      c->not_before = now + c->backoff;
      c->backoff = std::min<Duration>(2 * c->backoff, kBackoffMax);
      Changed();
      Tell(Finding::What::kGivenUp, key, *c);
      break;
  }
}

void PathWatch::News(Time now, Key key, FlowProgress::News news) {
  if (news == FlowProgress::News::kNone) return;
  const auto it = cases_.find(key);
  if (it == cases_.end() || it->second.trial == nullptr) return;
  Case& c = it->second;
  if (news == FlowProgress::News::kNothingLost && c.alarm.stalled) {
    c.trial.reset();
    c.avoiding = false;
    c.backoff = kBackoffFirst;
    Changed();
    Tell(Finding::What::kCleared, key, c);
  } else if (c.avoiding && now - c.opened > c.alarm.round_trip) {
    c.trial->OnProgressAround();
  }
}

void PathWatch::OnReport(Time now, ShortId from, const ProgressReport& report) {
  const FlowProgress::News news = flows_.OnReport(now, from, report);
  if (news != FlowProgress::News::kNone) {
    News(now, {from.value, static_cast<TrafficClass>(report.flow >> 14)}, news);
  }
}

void PathWatch::OnReceipt(Time now, ShortId from, std::uint16_t flow, std::uint64_t sequence) {
  News(now, {from.value, static_cast<TrafficClass>(flow >> 14)},
       flows_.OnReceipt(now, from, flow, sequence));
}

void PathWatch::OnAnswer(Time now, ShortId from, std::uint64_t nonce) {
  for (auto& [key, c] : cases_) {
    if (c.trial != nullptr && c.trial->OnAnswer(from, nonce)) return;
  }
  if (distrust_.OnAnswer(from, nonce)) StepDistrust(now);
}

void PathWatch::OnRoutesChanged(Time now) {
  Changed();
  flows_.OnRoutesChanged(now);
}

void PathWatch::StepTrials(Time now) {
  for (auto& [key, c] : cases_) {
    if (c.trial == nullptr) {
      if (now < c.avoid_until) continue;
      c.avoid_until = kNever;
      c.avoiding = false;
      c.cleared = now;
      Changed();
      Tell(Finding::What::kCleared, key, c);
      continue;
    }
    c.trial->OnTimeout(now);
    for (PathTrial::Probe& p : c.trial->TakeProbes(now, random_)) {
      probes_.push_back(
          {p.to, key.second, p.nonce, std::move(p.avoid), std::move(p.answer_avoid)});
    }
    if (c.trial->done()) Close(now, key, &c);
  }
}

void PathWatch::StepDistrust(Time now) {
  while (Distrust::Entry* e = distrust_.FindDue(now)) {
    if (now - flows_.last_sent() > kTrafficRecent) {
      distrust_.Postpone(now, e, true);
      continue;
    }
    std::vector<ShortId> avoid = AvoidFor(e->to, e->traffic_class);
    avoid.erase(std::remove(avoid.begin(), avoid.end(), e->node), avoid.end());
    const std::vector<ShortId> path = find_(e->to, e->traffic_class, avoid, false);
    if (path.size() < 2 || !Contains(path, e->node)) {
      distrust_.Postpone(now, e, false);
      continue;
    }
    Probe p{e->to, e->traffic_class, distrust_.NextProbe(now, e, random_), avoid, {}};
    for (std::size_t i = 0; i + 1 < path.size() && i < kAvoidMax; ++i) {
      p.answer_avoid.push_back(path[i]);
    }
    probes_.push_back(std::move(p));
  }
  for (ShortId node : distrust_.TakeTrusted(now)) {
    Changed();
    Finding f;
    f.what = Finding::What::kTrusted;
    f.node = node;
    findings_.push_back(std::move(f));
  }
}

void PathWatch::OnTimeout(Time now) {
  for (const FlowProgress::Alarm& alarm : flows_.TakeAlarms(now)) Open(now, alarm);
  StepTrials(now);
  if (!distrust_.empty()) StepDistrust(now);
}

Time PathWatch::NextDeadline() const {
  Time at = std::min(flows_.NextDeadline(), distrust_.NextDeadline());
  for (const auto& [key, c] : cases_) {
    at = std::min(at, c.trial != nullptr ? c.trial->NextDeadline() : c.avoid_until);
  }
  return at;
}

}  // namespace selvage
