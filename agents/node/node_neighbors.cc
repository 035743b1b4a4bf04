// NodeCore: links, discovery, handshakes, sessions and what becomes of neighbours.
#include <algorithm>

#include "agents/node/node_impl.h"

namespace selvage {
namespace {

// A change of quality this large is told to the network (and no smaller one: noise is not news).
constexpr std::uint32_t kLossStepPermille = 30;
// Where all take turns on one channel collisions come and go with the load.
constexpr std::uint32_t kLossStepSharedPermille = 100;

constexpr std::uint64_t kFirstCounter = 1;
// A neighbour that was cleared of suspicion gets this long to tell what it received meanwhile.
constexpr Duration kCleared = 20ms;

// A MAC gives up on a frame after seven tries and some 12 ms (802.11, contention window doubling
// from 15 to 1023 slots of 9 us); several frames may be queued.
constexpr Duration kMacGivesUp = 12ms;
constexpr Duration kQueuedMax = 60ms;
constexpr Duration kSharedExcuse = 150ms;

// Each pair of neighbours on a slow radio holds a session, and its handshake, maps and hellos share
// the legal air time. So many are enough where the map reaches the others; and for a while after
// the radio came up, in which maps spread.
constexpr int kSlowNeighborsEnough = 4;
constexpr Duration kSlowYoung = 20min;

std::string Address(const PeerAddress& a) { return ToHex(a.Span()); }

// One-way latency in powers of two of a millisecond, one step of slack before it moves. Not for
// shared channels: delay there is load, and routing by load swings to and fro.
std::uint32_t LatencyStep(const Adjacency& a, const LinkInfo& info) {
  // Of the shortest round trip of late: what a full link's queue adds says nothing about the link.
  // Slow radios send too rarely for that, and a wait that is to be expected counts though it may
  // have been short of late.
  const bool any = a.monitor.queue().any();
  if (!any && (!a.slow || info.patience == Duration(0))) return a.advertised.latency_us;
  const Duration rtt =
      a.slow ? std::max(any ? a.monitor.srtt() : Duration(0), info.patience)
             : a.monitor.queue().base();
  const auto half_rtt = static_cast<std::uint64_t>(ToMicros(rtt) / 2);
  std::uint32_t step = 0;
  while (step < 60'000'000 && half_rtt > 2 * std::max<std::uint32_t>(step, 1000)) {
    step = step == 0 ? 2000 : step * 2;
  }
  if (step < a.advertised.latency_us && half_rtt * 2 > a.advertised.latency_us / 2) {
    return a.advertised.latency_us;
  }
  return step;
}

}  // namespace

void NodeCore::Impl::LinkUp(Time now, LinkId link, const LinkInfo& info) {
  LinkEntry& entry = links_[link];
  const bool was_up = entry.up;
  entry.info = info;
  entry.up = true;
  entry.changed = now;
  if (info.shared && !entry.channel) entry.channel = std::make_shared<SharedChannel>();
  discovery_.OnLinkUp(now, link, info.broadcast, info.slow, info.idle_gap, info.shared);
  paths_.flows().SetShared(std::any_of(links_.begin(), links_.end(), [](const auto& l) {
    return l.second.up && l.second.info.shared;
  }));
  if (!was_up) {
    Tell(now, "link-up", "link " + info.name + " is up", {{"link", info.name}});
    for (auto& a : adjacencies_) {
      if (a == nullptr || a->link != link) continue;
      a->monitor.detector().OnCarrierBack(now);
      Refresh(a.get());
      SendWanted(now, a.get());
    }
  }
  for (auto& a : adjacencies_) {
    if (a == nullptr || a->link != link) continue;
    a->monitor.SetIdleGap(info.idle_gap);
    if (Usable(*a)) MapUp(a.get());
  }
}

void NodeCore::Impl::KeepAccounts(Time now) {
  for (auto& [id, link] : links_) {
    if (!link.up || !link.paid()) continue;
    const bool was_ample = link.thrift.level() == Thrift::Level::kAmple;
    const Thrift::Level level = link.thrift.Judge(now);
    const bool ample = level == Thrift::Level::kAmple;
    for (Adjacency* a : present_) {
      if (a->link != id) continue;
      a->monitor.SetThrift(level);
      map_.SetNewsGap(a->index, Thrift::NewsGap(level));
      if (ample != was_ample) Refresh(a);
    }
    if (ample == was_ample) continue;
    Tell(now, "link-thrift",
         ample ? link.info.name + ": hellos and news are as usual again"
               : link.info.name + ": what the network's own bytes may cost is nearly spent, so " +
                     "hellos and news are rare from now on",
         {{"link", link.info.name}, {"left_bytes", std::to_string(link.thrift.left_bytes())}});
  }
}

void NodeCore::Impl::LinkDown(Time now, LinkId link) {
  auto it = links_.find(link);
  if (it == links_.end() || !it->second.up) return;
  it->second.up = false;
  it->second.changed = now;
  discovery_.OnLinkDown(link);
  handshakes_.OnLinkDown(link);
  Tell(now, "link-down", "link " + it->second.info.name + " is down",
       {{"link", it->second.info.name}});
  for (auto& a : adjacencies_) {
    if (a == nullptr || a->link != link) continue;
    a->monitor.detector().OnCarrierLost(now);
    FollowVerdict(now, a.get());
    Refresh(a.get());
  }
}

void NodeCore::Impl::OnBeacon(Time now, LinkId link, const PeerAddress& from, ByteSpan frame) {
  Beacon beacon;
  if (!Discovery::Decode(frame, &beacon)) {
    ++counters_.malformed;
    return;
  }
  const NodeId& own = identity_.certificate.id;
  if (beacon.id == own) return;
  for (const auto& a : adjacencies_) {
    if (a == nullptr || a->link != link || a->certificate.id != beacon.id) continue;
    // Known, and it did not restart: nothing to do. Anybody can say that it did, so the session in
    // use stays until a new one has proved itself.
    if (a->epoch == beacon.epoch && a->state == LinkState::kUp) return;
    if (a->epoch == beacon.epoch && now - a->monitor.detector().last_heard() < 2s) return;
  }
  auto it = links_.find(link);
  if (it == links_.end() || !it->second.up) return;
  if (it->second.info.slow) {
    const auto n = std::count_if(present_.begin(), present_.end(), [&](const Adjacency* a) {
      return a->link == link && a->state == LinkState::kUp;
    });
    const bool young = now - it->second.changed < kSlowYoung;
    if (n >= kSlowNeighborsEnough && (young || custody_.Reaches(beacon.id.Short()))) return;
  }
  if (own < beacon.id) {
    handshakes_.Initiate(now, link, from, NewSessionId(), Handshakes::RetryOf(it->second.info));
  } else {
    discovery_.Answer(now, link, from);
  }
}

void NodeCore::Impl::SendBeacons(Time) {
  std::vector<Discovery::Target> due = discovery_.TakeDue();
  if (due.empty()) return;
  const Bytes beacon = Discovery::Encode({identity_.certificate.id, epoch_});
  for (const auto& [link, to] : due) {
    auto it = links_.find(link);
    if (it == links_.end() || !it->second.up || it->second.silenced) continue;
    CountControl(ControlKind::kBeacon, beacon.size(), &it->second);
    Emit(SendFrame{link, to, beacon});
  }
}

void NodeCore::Impl::RunHandshakes(Time now) {
  for (Handshakes::Outgoing& o : handshakes_.TakeOutgoing()) {
    auto it = links_.find(o.link);
    if (it == links_.end() || !it->second.up || it->second.silenced) continue;
    CountControl(ControlKind::kHandshake, o.frame.size(), &it->second);
    Emit(SendFrame{o.link, o.to, std::move(o.frame)});
  }
  for (Established& e : handshakes_.TakeEstablished()) OnEstablished(now, std::move(e));
  for (Handshakes::Refusal& r : handshakes_.TakeRefusals()) {
    Tell(now, "certificate-refused",
         "a peer on link " + links_[r.link].info.name + " was refused: " + r.reason,
         {{"link", links_[r.link].info.name}, {"peer", Address(r.peer)}, {"reason", r.reason}});
  }
}

std::uint16_t NodeCore::Impl::NewSessionId() {
  do {
    ++last_session_;
  } while (last_session_ == 0 || sessions_.contains(last_session_));
  return last_session_;
}

Adjacency* NodeCore::Impl::FindAdjacency(LinkId link, const PeerAddress& peer) {
  for (auto& a : adjacencies_) {
    if (a != nullptr && a->link == link && a->address == peer) return a.get();
  }
  return nullptr;
}

void NodeCore::Impl::OnEstablished(Time now, Established e) {
  const NodeId& id = e.certificate.id;
  auto link = links_.find(e.link);
  if (id == identity_.certificate.id || link == links_.end() || !link->second.up) return;
  if (!map_.AddCertificate(e.certificate)) {
    ++counters_.short_id_conflicts;
    Tell(now, "certificate-refused", e.certificate.name + " has the short id of another member",
         {{"neighbor", e.certificate.name}, {"reason", "short id conflict"}});
    return;
  }
  Adjacency* a = nullptr;
  for (auto& slot : adjacencies_) {
    if (slot != nullptr && slot->link == e.link && slot->certificate.id == id) a = slot.get();
  }
  const bool restarted = a != nullptr && a->epoch != e.epoch;
  if (a != nullptr && a->epoch != e.epoch && e.epoch < a->epoch) return;  // an earlier life
  if (restarted) {
    Remove(now, a->index, "restarted");
    a = nullptr;
  }
  std::vector<HeldFrame> in_flight;
  if (a == nullptr) {
    for (std::size_t i = 0; i < kAdjacenciesMax; ++i) {
      last_index_ = last_index_ == 255 ? 1 : static_cast<std::uint8_t>(last_index_ + 1);
      if (adjacencies_[last_index_] == nullptr) break;
    }
    if (adjacencies_[last_index_] != nullptr) {
      Tell(now, "neighbor-refused", "no room for another neighbour: 255 adjacencies", {});
      return;
    }
    adjacencies_[last_index_] =
        std::make_unique<Adjacency>(now, link->second.info, link->second.channel);
    a = adjacencies_[last_index_].get();
    present_.insert(std::upper_bound(present_.begin(), present_.end(), last_index_,
                                     [](std::uint8_t index, const Adjacency* other) {
                                       return index < other->index.value;
                                     }),
                    a);
    a->index = AdjacencyIndex(last_index_);
    a->link = e.link;
    a->epoch = e.epoch;
    a->monitor.ExpectRtt(e.round_trip);
  } else {
    // Rekey: sequence numbers start over, so what is unacknowledged is sent again in the new
    // session (what did arrive is recognised there as the same walk over the same link).
    ++counters_.rekeys;
    in_flight = a->monitor.held().TakeAll();
    // A datagram to the neighbour itself is not recognised there: not sent twice on a guess.
    in_flight.erase(
        std::remove_if(in_flight.begin(), in_flight.end(),
                       [](const HeldFrame& f) { return f.kind == HeldFrame::Kind::kDirect; }),
        in_flight.end());
    a->monitor.ForgetOutstanding();
    a->monitor.received().Reset();
    if (a->previous != nullptr) sessions_.erase(a->previous->local_session());
    a->previous = std::move(a->cipher);
    a->previous_until = now + kPreviousSession;
  }
  const bool fresh = a->previous == nullptr;
  a->address = e.peer;
  a->certificate = std::move(e.certificate);
  a->cipher = std::make_unique<SessionCipher>(crypto_.get(), e.keys, e.local_session,
                                              e.remote_session, a->slow, kFirstCounter);
  a->keyed_at = now;
  sessions_[e.local_session] = a->index;
  discovery_.SetConnected(now, a->link, a->address, true);
  if (fresh) forwarder_.SetAdjacency(a->index, a->neighbor(), false);  // until its first hello
  OnLost(now, a, std::move(in_flight));
  SendWanted(now, a);  // a fresh adjacency begins with a hello: the neighbour learns our index
}

void NodeCore::Impl::MapUp(Adjacency* a) {
  const LinkInfo& info = links_[a->link].info;
  std::size_t frame_max = info.mtu_bytes;
  if (const std::size_t limit = a->monitor.quality().size_limit(); limit > 0) {
    frame_max = std::clamp<std::size_t>(limit, a->cipher->overhead_bytes(), frame_max);
  }
  map_.OnNeighborUp(a->index, a->neighbor(), frame_max - a->cipher->overhead_bytes(),
                    info.shared, info.slow);
}

void NodeCore::Impl::Remove(Time now, AdjacencyIndex index, const std::string& why) {
  Adjacency* a = FindAdjacency(index);
  if (a == nullptr) return;
  const std::string link = links_[a->link].info.name;
  Tell(now, "neighbor-removed", a->certificate.name + " on " + link + ": " + why,
       {{"neighbor", a->certificate.name}, {"link", link}, {"evidence", why}});
  KeepWatch(*a);
  std::vector<HeldFrame> held = TakeUnsent(a);
  forwarder_.SetAdjacency(index, a->neighbor(), false);
  ResendElsewhere(now, a, std::move(held));
  sessions_.erase(a->cipher->local_session());
  if (a->previous != nullptr) sessions_.erase(a->previous->local_session());
  discovery_.SetConnected(now, a->link, a->address, false);
  map_.OnNeighborGone(index);
  forwarder_.RemoveAdjacency(index);
  advertise_ = true;
  present_.erase(std::find(present_.begin(), present_.end(), a));
  adjacencies_[index.value].reset();
}

bool NodeCore::Impl::Usable(const Adjacency& a) const {
  if (a.remote_index.value == 0) return false;
  return !config_.healing || a.state == LinkState::kUp;
}

// What waits behind frames to a dead neighbour is late too, and when all are late it is the
// channel: one suspicion at a time.
void NodeCore::Impl::ExcuseOthers(Time now, const Adjacency& suspect) {
  for (auto& a : adjacencies_) {
    if (a == nullptr || a.get() == &suspect || a->link != suspect.link) continue;
    a->monitor.detector().Excuse(now + kSharedExcuse);
    Refresh(a.get());
  }
}

void NodeCore::Impl::AvoidOverdue(Time now) {
  Adjacency* oldest = nullptr;
  for (Adjacency* a : present_) {
    if (!a->shared || !Usable(*a)) continue;
    const bool overdue = config_.healing && a->monitor.overdue(now);
    if (a->overdue && !overdue) {
      a->overdue = false;
      forwarder_.SetAdjacency(a->index, a->neighbor(), true);
    } else if (!a->overdue && overdue && now >= a->queued_until &&
               (oldest == nullptr ||
                a->monitor.held().oldest_sent() < oldest->monitor.held().oldest_sent())) {
      oldest = a;
    }
  }
  if (oldest == nullptr) return;
  oldest->overdue = true;
  forwarder_.SetAdjacency(oldest->index, oldest->neighbor(), false, true, true);
  // What was sent to others waits behind what was sent to this one.
  const auto frames = static_cast<std::int64_t>(oldest->monitor.held().outstanding());
  const Time until = now + std::min(frames * kMacGivesUp, kQueuedMax);
  for (Adjacency* a : present_) {
    if (a != oldest && a->link == oldest->link) a->queued_until = until;
  }
}

void NodeCore::Impl::FollowVerdict(Time now, Adjacency* a) {
  const LinkState verdict = a->monitor.detector().state();
  const bool confirmed = a->monitor.detector().confirmed();
  if (verdict == a->state && confirmed == a->confirmed) return;
  const LinkState before = a->state;
  const bool told = verdict == before;
  a->state = verdict;
  a->confirmed = confirmed;
  a->symptoms.OnState(now, verdict, confirmed);
  const std::string link = links_[a->link].info.name;
  const std::string& evidence = a->monitor.detector().evidence();
  if (before == LinkState::kUp) {
    ++counters_.suspicions;
    if (links_[a->link].info.shared) ExcuseOthers(now, *a);
  }
  if (!told) {
    Tell(now, "neighbor-" + std::string(ToString(verdict)),
         a->certificate.name + " on " + link + " is " + std::string(ToString(verdict)) + ": " +
             evidence,
         {{"neighbor", a->certificate.name},
          {"link", link},
          {"state", std::string(ToString(verdict))},
          {"was", std::string(ToString(before))},
          {"evidence", evidence}});
  }
  const bool usable = Usable(*a);
  a->overdue = false;
  forwarder_.SetAdjacency(a->index, a->neighbor(), usable, !usable && !confirmed, a->shared);
  paths_.OnRoutesChanged(now);
  if (verdict == LinkState::kUp) {
    // Packets sent as a last resort meanwhile stay held: the link answers, so it will tell.
    a->monitor.held().DropProbes();
    a->monitor.ForgetOutstanding();
    a->monitor.detector().Excuse(now + kCleared);
    MapUp(a);
    sender_.OnPathsChanged(now);
  } else if (usable) {
    // Healing is off: the verdict is shown, nothing acts on it.
    a->monitor.held().TakeAll();
    a->monitor.ForgetOutstanding();
  } else if (before == LinkState::kUp || confirmed) {
    std::vector<HeldFrame> held = TakeUnsent(a);
    for (const HeldFrame& f : held) {
      if (f.kind != HeldFrame::Kind::kControl) continue;
      map_.OnFrameLost(now, a->index, f.origins);
      quarantine_.book().OnLost(a->index, f.origins);
    }
    if (confirmed) {
      map_.OnNeighborGone(a->index);
    } else {
      map_.OnNeighborSuspected(a->index);
    }
    a->monitor.ForgetOutstanding();
    ResendElsewhere(now, a, std::move(held));
  }
  // Suspicion stays here; the map hears of what is certain.
  if (confirmed || verdict == LinkState::kUp) advertise_ = true;
}

void NodeCore::Impl::FollowQuality(Time now, Adjacency* a) {
  LossDetector& quality = a->monitor.quality();
  if (!quality.TakeChanged()) return;
  Refresh(a);
  const std::size_t limit = quality.size_limit();
  a->symptoms.OnQuality(now, quality.degraded(), limit != 0);
  const std::size_t around = a->cipher->overhead_bytes() + kDataHeaderBytesMax;
  // A hole so low that no packet passes is told by the loss level alone.
  forwarder_.SetPayloadLimit(a->index, limit == 0 ? 0 : limit > around ? limit - around : 1);
  if (a->size_limit != limit) {
    a->size_limit = limit;
    if (Usable(*a)) MapUp(a);
  }
  const std::string& link = links_[a->link].info.name;
  const std::string now_is = quality.degraded() ? "degraded" : "good again";
  Tell(now, quality.degraded() ? "neighbor-degraded" : "neighbor-recovered",
       a->certificate.name + " on " + link + " is " + now_is + ": " + quality.evidence(),
       {{"neighbor", a->certificate.name},
        {"link", link},
        {"evidence", quality.evidence()},
        {"loss_permille", std::to_string(quality.loss_permille())},
        {"frame_bytes_max", std::to_string(limit)}});
  // Others hear of it now: until they do, their packets come here and are sent back.
  advertise_ = metric_due_ = true;
}

// What an edge costs others, in steps coarse enough to stay put while nothing is wrong.
EdgeMetric NodeCore::Impl::Measure(const Adjacency& a) const {
  const LinkInfo& info = links_.at(a.link).info;
  EdgeMetric m;
  m.slow = info.slow;
  m.tariff = info.tariff;
  m.rate_kbps =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(info.rate_bps / 1000, 0xffffffffu));
  if (!info.shared) m.latency_us = LatencyStep(a, info);
  // What the loss detector found counts at once; on a shared channel, where collisions come and go,
  // so does what adds up below its threshold.
  const std::uint32_t foreseen = a.patient.detour ? Healer::kDetourPermille : 0;
  const std::uint32_t found = std::max(a.monitor.quality().loss_permille(), foreseen);
  if (!info.shared && !info.slow) {
    m.loss_permille = found;
    return m;
  }
  const auto loss = static_cast<std::uint32_t>(a.monitor.loss_ppm() / 1000);
  const std::uint32_t known = a.advertised.loss_permille;
  const std::uint32_t change = loss > known ? loss - known : known - loss;
  const std::uint32_t step = info.shared ? kLossStepSharedPermille : kLossStepPermille;
  m.loss_permille = std::max(found, change >= step ? loss : known);
  return m;
}

void NodeCore::Impl::AdvertiseIfDue(Time now) {
  if (!advertise_ || now < advertise_not_before_) return;
  advertise_ = false;
  std::vector<AdvertisedAdjacency> list;
  for (auto& a : adjacencies_) {
    if (a == nullptr || a->remote_index.value == 0) continue;
    const bool listed = !config_.healing || a->state == LinkState::kUp || !a->confirmed;
    if (!listed) {
      a->listed = false;
      continue;
    }
    // Quality is looked at when it is time to, or along with a link that is new to the map.
    if (!a->listed || metric_due_) a->advertised = Measure(*a);
    a->listed = true;
    list.push_back({a->index, a->neighbor(), a->remote_index,
                    lab_.Lie(a->advertised)});
  }
  metric_due_ = false;
  // A link that was suspected and cleared is no news.
  if (!advertise_again_ && list == last_list_) return;
  advertise_again_ = false;
  last_list_ = list;
  // As carriers' link-state routers do: the first change at once, a row of them ever more slowly.
  advertise_gap_ = now - last_advertised_ >= 4 * kAdvertiseGapMax
                       ? kAdvertiseGap
                       : std::min<Duration>(2 * advertise_gap_, kAdvertiseGapMax);
  advertise_not_before_ = now + advertise_gap_;
  last_advertised_ = now;
  map_.Advertise(now, std::move(list), config_.addresses);
}

void NodeCore::Impl::RekeyIfDue(Time now, Adjacency* a) {
  const bool rare = links_[a->link].info.idle_gap > Duration(0) || a->monitor.quiet(now);
  const Duration after = rare ? kRekeyAfterQuiet : kRekeyAfter;
  const bool old =
      (!a->slow && now - a->keyed_at >= after) || a->cipher->sealed_frames() >= kRekeyFrames;
  if (!old || a->state != LinkState::kUp) return;
  // The lower id asks; the other one waits a while longer before it steps in.
  const bool first = identity_.certificate.id < a->certificate.id;
  if (!first && now - a->keyed_at < after + 30s) return;
  handshakes_.Initiate(now, a->link, a->address, NewSessionId(),
                       Handshakes::RetryOf(links_[a->link].info));
}

}  // namespace selvage
