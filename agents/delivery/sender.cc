#include "agents/delivery/sender.h"

#include <algorithm>

namespace selvage {
namespace {

// Walks end by the traversal rule (routing/forwarder.h); this bounds them in practice.
constexpr std::uint8_t kHopLimit = 64;

bool IsCritical(std::uint16_t flow) {
  return flow >> 14 == static_cast<unsigned>(TrafficClass::kCritical);
}

// What the header calls attempt number n of a message: 0 for the first, unless an earlier life may
// have made attempts that relays still remember; 255 wraps to 1.
std::uint8_t AttemptName(std::uint8_t base, std::uint32_t n) {
  const std::uint32_t v = base + n;
  return static_cast<std::uint8_t>(v == 0 ? 0 : 1 + (v - 1) % 255);
}

}  // namespace

Sender::Sender(EndToEndCipher* cipher, ShortId self, Epoch epoch, Limits limits)
    : cipher_(cipher), self_(self), limits_(limits), epoch_(epoch) {}

// The time a message has left counts from anew after a restart: this node has no clock that goes on
// while it is off.
void Sender::Load(Time now, Store& store) {
  store.Scan(kOutboxPrefix, [&](std::string_view key, std::string_view value) {
    const auto number = ParseOutboxKey(key);
    std::optional<OutboxRecord> record = DecodeOutboxRecord(value);
    if (!number || !record) return true;
    Kept k;
    static_cast<OutboxRecord&>(k) = *std::move(record);
    k.durable = true;
    k.stored = true;
    k.attempt_base = static_cast<std::uint8_t>(1 + (epoch_.value * 37) % 200);
    k.expires = now + k.message.deadline;
    Insert(*number, std::move(k));
    return outbox_.size() < limits_.messages_max && bytes_ < limits_.bytes_max;
  });
  for (auto& [key, flow] : flows_) Release(now, key, &flow);
}

std::uint64_t Sender::NextSequence(ShortId to, std::uint16_t flow, std::uint64_t count) {
  std::uint64_t& next = flows_[{to.value, flow}].next_sequence;
  const std::uint64_t first = next;
  next += count;
  return first;
}

void Sender::Seal(const OutboxRecord& r, std::uint8_t attempt, OutgoingPacket::Paths paths,
                  std::vector<OutgoingPacket>* out) {
  const OutgoingMessage& m = r.message;
  const std::uint64_t fragments = r.last - r.sequence + 1;
  for (std::uint64_t i = 0; i < fragments; ++i) {
    OutgoingPacket p;
    p.header.traffic_class = m.traffic_class;
    p.header.attempt = attempt;
    p.header.hop_limit = kHopLimit;
    p.header.destination = m.to;
    p.header.id = {self_, static_cast<std::uint16_t>(r.epoch.value), r.flow, r.sequence + i};
    p.header.fragment = static_cast<std::uint8_t>(i);
    p.header.fragments = static_cast<std::uint8_t>(fragments);
    const ByteSpan piece = ByteSpan(m.body).Sub(i * kFragmentBodyBytes, kFragmentBodyBytes);
    std::optional<Bytes> sealed =
        cipher_->Seal(p.header, r.epoch, MakePlain(m.kind, m.port, piece));
    if (!sealed) return;
    p.payload = *std::move(sealed);
    p.paths = paths;
    out->push_back(std::move(p));
  }
}

std::vector<OutgoingPacket> Sender::SealNow(const OutgoingMessage& m) {
  std::vector<OutgoingPacket> out;
  OutboxRecord r;
  r.message = m;
  r.epoch = epoch_;
  const bool reports = m.kind == PayloadKind::kReceipt || m.kind == PayloadKind::kGone;
  r.flow = FlowOf(m.traffic_class, reports ? kReceiptPort : m.port);
  const std::uint64_t fragments = FragmentsOf(m.body.size());
  r.sequence = NextSequence(m.to, r.flow, fragments);
  r.last = r.sequence + fragments - 1;
  Seal(r, 0, OutgoingPacket::Paths::kOne, &out);
  return out;
}

std::uint64_t Sender::Keep(Time now, OutgoingMessage message, StoreWrite* write) {
  *write = {};
  if (outbox_.size() >= limits_.messages_max ||
      bytes_ + message.body.size() > limits_.bytes_max) {
    return 0;
  }
  Kept k;
  k.epoch = epoch_;
  k.flow = FlowOf(message.traffic_class, message.port);
  const std::uint64_t fragments = FragmentsOf(message.body.size());
  k.sequence = NextSequence(message.to, k.flow, fragments);
  k.last = k.sequence + fragments - 1;
  if (message.deadline <= Duration(0)) {
    message.deadline =
        message.traffic_class == TrafficClass::kCritical ? kDeadlineCritical : kDeadlineReliable;
  }
  k.expires = now + message.deadline;
  k.message = std::move(message);
  const std::uint64_t number = (std::uint64_t{epoch_.value} << 32) | ++last_number_;
  if (k.message.store_late) {
    k.durable = true;
    k.store_at = now + kStoreLate;
  } else {
    k.stored = true;
    *write = {OutboxKey(number), EncodeOutboxRecord(k)};
  }
  Kept* kept = Insert(number, std::move(k));
  const FlowKey key(kept->message.to.value, kept->flow);
  Release(now, key, &flows_[key]);
  return number;
}

Sender::Kept* Sender::Insert(std::uint64_t number, Kept k) {
  bytes_ += k.message.body.size();
  flows_[{k.message.to.value, k.flow}].pending[{k.epoch.value, k.sequence}] = number;
  Kept* kept = &outbox_.emplace(number, std::move(k)).first->second;
  Schedule(number, kept);
  return kept;
}

bool Sender::OnDurable(Time now, std::uint64_t number) {
  auto it = outbox_.find(number);
  if (it == outbox_.end()) return false;
  it->second.durable = true;
  const FlowKey key(it->second.message.to.value, it->second.flow);
  Release(now, key, &flows_[key]);
  return true;
}

// Leaves a gap in its flow, which is told to be gone as soon as the destination waits for it.
std::optional<StoreWrite> Sender::Withdraw(std::uint64_t number) {
  auto it = outbox_.find(number);
  if (it == outbox_.end() || it->second.durable) return std::nullopt;
  Remove(it);
  return StoreWrite{OutboxKey(number), std::nullopt};
}

void Sender::Release(Time now, const FlowKey& key, Flow* flow) {
  if (flow->pending.empty()) return;
  const Place head = flow->pending.begin()->first;
  for (auto it = flow->pending.lower_bound(flow->next_release); it != flow->pending.end(); ++it) {
    const auto [epoch, sequence] = it->first;
    const bool waits =
        IsCritical(key.second) && (epoch != head.first || sequence >= head.second + kFlowWindow);
    Kept& k = outbox_.at(it->second);
    if (waits || !k.durable) return;
    k.released = true;
    k.next_attempt = now;
    Schedule(it->second, &k);
    flow->next_release = {epoch, sequence + 1};
  }
}

void Sender::Schedule(std::uint64_t number, Kept* k) {
  const Time at = std::min({k->next_attempt, k->overdue_at, k->store_at, k->expires});
  if (at == k->scheduled) return;
  if (k->scheduled != kNever) deadlines_.erase({k->scheduled, number});
  k->scheduled = at;
  if (at != kNever) deadlines_.emplace(at, number);
}

void Sender::Remove(Outbox::iterator it) {
  Kept& k = it->second;
  LeaveWindow(it->first, &k);
  bytes_ -= k.message.body.size();
  Flow& flow = flows_[{k.message.to.value, k.flow}];
  flow.pending.erase({k.epoch.value, k.sequence});
  if (k.held) --flow.held;
  if (k.scheduled != kNever) deadlines_.erase({k.scheduled, it->first});
  outbox_.erase(it);
}

Sender::Settled Sender::Deliver(Outbox::iterator it) {
  Settled s{it->first, true, "", std::nullopt, IdOf(it->second)};
  if (it->second.stored) s.write = StoreWrite{OutboxKey(it->first), std::nullopt};
  Remove(it);
  return s;
}

void Sender::Expire(Outbox::iterator it) {
  ++counters_.expired;
  const auto waited =
      std::chrono::duration_cast<std::chrono::milliseconds>(it->second.message.deadline).count();
  Settled s{it->first, false, "no receipt within " + std::to_string(waited) + " ms", std::nullopt,
            IdOf(it->second)};
  if (it->second.stored) s.write = StoreWrite{OutboxKey(it->first), std::nullopt};
  expired_.push_back(std::move(s));
  Remove(it);
}

std::vector<Sender::Settled> Sender::OnReceipt(Time now, ShortId from, ByteSpan body) {
  std::vector<Settled> out;
  const auto reports = DecodeReports(body);
  if (!reports) return out;
  Measured measured;
  for (const FlowReport& report : *reports) OnReport(now, from, report, &measured, &out);
  auto peer = peers_.find(from.value);
  if (peer == peers_.end()) return out;
  if (measured.slow >= Duration(0)) peer->second.slow_rtt.OnSample(measured.slow);
  if (measured.rtt >= Duration(0)) {
    peer->second.rtt.OnSample(measured.rtt);
    Hurry(now, from, &peer->second);
  }
  return out;
}

void Sender::OnReport(Time now, ShortId from, const FlowReport& report, Measured* measured,
                      std::vector<Settled>* out) {
  const FlowKey key(from.value, report.flow);
  const auto found = flows_.find(key);
  if (found == flows_.end() || found->second.pending.empty()) return;
  Flow& flow = found->second;
  const std::uint32_t epoch = report.epoch.value;
  Peer& peer = peers_[key.first];
  // The longest trip of those that were sent once (Karn): it contains the receiver's batching.
  auto measure = [&](const Kept& k) {
    if (k.attempts != 1 || k.held || k.late_copy) return;
    Duration* sample = k.sent_slow ? &measured->slow : &measured->rtt;
    *sample = std::max(*sample, now - k.last_sent);
    if (!k.second && k.last_sent > peer.worry_began) peer.worries = 0;
  };
  auto settle = [&](std::uint64_t first, std::uint64_t last) {
    for (auto it = flow.pending.lower_bound({epoch, first});
         it != flow.pending.end() && it->first <= Place(epoch, last);) {
      const auto kept = outbox_.find((it++)->second);
      const Kept& k = kept->second;
      if (k.attempts == 0 && !k.handed) continue;  // it cannot have what was never sent
      measure(k);
      peer.window.OnAnswered(k.in_window);
      out->push_back(Deliver(kept));
    }
  };
  if (report.floor > 0) settle(0, report.floor - 1);
  for (const SequenceRange& range : report.ranges) {
    if (!IsCritical(report.flow)) {
      settle(range.first, range.last);
      continue;
    }
    for (auto it = flow.pending.lower_bound({epoch, range.first});
         it != flow.pending.end() && it->first <= Place(epoch, range.last); ++it) {
      Kept& k = outbox_.at(it->second);
      if (k.attempts == 0 && !k.handed) continue;
      measure(k);
      peer.window.OnAnswered(k.in_window);
      LeaveWindow(it->second, &k);
      if (!k.held) ++flow.held;
      k.held = true;
      k.overdue_at = kNever;
      k.next_attempt = now + (k.slow > Duration(0) ? Pause(peer, k) : kHeldPause);
      Schedule(it->second, &k);
    }
  }
  if (flow.held > 0) ReportGone(now, key, report.epoch, report.floor, &flow);
  Release(now, key, &flow);
}

// The destination has messages beyond `floor` and waits for that one. Unless it is still to come,
// all that is neither settled nor pending is told to be gone.
void Sender::ReportGone(Time now, const FlowKey& key, Epoch epoch, std::uint64_t floor,
                        Flow* flow) {
  const Place end(epoch.value + 1, 0);
  auto it = flow->pending.lower_bound({epoch.value, 0});
  if (now < flow->gone_not_before || it == flow->pending.end() || it->first >= end ||
      it->first.second <= floor) {
    return;
  }
  FlowReport gone;
  gone.epoch = epoch;
  gone.flow = key.second;
  gone.floor = it->first.second;
  std::uint64_t next = outbox_.at(it->second).last + 1;
  for (++it; it != flow->pending.end() && it->first < end; ++it) {
    if (gone.ranges.size() == kReportRangesMax) break;
    if (it->first.second > next) gone.ranges.push_back({next, it->first.second - 1});
    next = outbox_.at(it->second).last + 1;
  }
  const Kept& head = outbox_.at(flow->pending.lower_bound({epoch.value, 0})->second);
  flow->gone_not_before = now + std::max(peers_[key.first].rtt.Timeout(), PathTimeOf(head));
  ++counters_.gone_reports;
  OutgoingMessage m;
  m.to = ShortId(key.first);
  m.traffic_class = TrafficClass::kCritical;
  m.kind = PayloadKind::kGone;
  m.body = EncodeReport(gone);
  for (OutgoingPacket& p : SealNow(m)) {
    if (worried(now, m.to)) p.paths = OutgoingPacket::Paths::kTwo;
    packets_.push_back(std::move(p));
  }
}

void Sender::Hurry(Time now, ShortId to, Peer* peer) {
  if (!peer->window.EndPatience()) return;
  const Time at = now + peer->window.Timeout(peer->rtt);
  for (auto f = flows_.lower_bound({to.value, 0}); f != flows_.end() && f->first.first == to.value;
       ++f) {
    for (const auto& [place, number] : f->second.pending) {
      Kept& k = outbox_.at(number);
      if (k.next_attempt == kNever || k.next_attempt <= at || k.held) continue;
      if (k.slow > Duration(0)) continue;  // LeaveSlow's
      k.next_attempt = at;
      Schedule(number, &k);
    }
  }
}

void Sender::OnMapChanged(Time now) {
  for (auto& [to, peer] : peers_) {
    if (peer.map_heeded != Time::min() && now - peer.map_heeded < kMapPause) continue;
    peer.map_heeded = now;
    Hurry(now, ShortId(to), &peer);
  }
  OnPathsChanged(now);
}

void Sender::OnPathsChanged(Time now) {
  for (auto& [to, peer] : peers_) {
    if (peer.slow_under_way) LeaveSlow(now, ShortId(to), &peer);
  }
}

void Sender::LeaveSlow(Time now, ShortId to, Peer* peer) {
  peer->slow_under_way = false;
  for (auto f = flows_.lower_bound({to.value, 0}); f != flows_.end() && f->first.first == to.value;
       ++f) {
    for (const auto& [place, number] : f->second.pending) {
      Kept& k = outbox_.at(number);
      if (k.slow <= Duration(0)) continue;
      const Duration slow = PathTimeOf(k);
      if (slow >= k.slow) {  // a copy more over the same radios would change nothing
        peer->slow_under_way = true;
        continue;
      }
      k.slow = slow;
      if (slow > Duration(0)) {
        peer->slow_under_way = true;
        k.slow_until = now + slow;
      }
      const Time at = slow > Duration(0) ? k.slow_until : now + peer->window.Timeout(peer->rtt);
      if (k.next_attempt == kNever || k.next_attempt <= at || k.held) continue;
      k.next_attempt = at;
      Schedule(number, &k);
    }
  }
}

Duration Sender::PathTimeOf(const Kept& k) const {
  if (!path_time_) return Duration(0);
  return path_time_(k.message.to, k.message.traffic_class);
}

Duration Sender::Pause(const Peer& peer, const Kept& k) const {
  if (k.slow <= Duration(0)) return peer.window.Timeout(peer.rtt);
  Duration pause = std::max<Duration>(k.slow, peer.slow_rtt.srtt() * 3 / 2);
  for (int i = 1; i < k.slow_tries && pause < kSlowPauseMax; ++i) pause *= 2;
  return std::min<Duration>(pause, kSlowPauseMax);
}

MessageId Sender::IdOf(const OutboxRecord& r) const {
  return {self_, r.epoch, r.message.to, r.flow, r.sequence};
}

void Sender::VisitWaiting(const std::function<void(const Waiting&)>& visit) const {
  for (const auto& [number, k] : outbox_) {
    if (k.durable && k.stored && k.released) {
      visit({IdOf(k), k.expires - k.message.deadline});
    }
  }
}

std::optional<CarriedMessage> Sender::Envelope(Time now, const MessageId& id) {
  const auto flow = flows_.find({id.destination.value, id.flow});
  if (flow == flows_.end() || id.origin != self_) return std::nullopt;
  const auto place = flow->second.pending.find({id.epoch.value, id.sequence});
  if (place == flow->second.pending.end()) return std::nullopt;
  Kept& k = outbox_.at(place->second);
  std::vector<OutgoingPacket> packets;
  Seal(k, 0, OutgoingPacket::Paths::kOne, &packets);
  if (!k.stored || k.expires <= now || packets.empty()) return std::nullopt;
  k.handed = true;
  CarriedMessage m;
  m.id = id;
  m.lifetime = k.expires - now;
  for (OutgoingPacket& p : packets) m.packets.push_back({p.header, std::move(p.payload)});
  return m;
}

bool Sender::worried(Time now, ShortId to) const {
  const auto it = peers_.find(to.value);
  return it != peers_.end() && now < it->second.worried_until;
}

void Sender::BeginWorry(Time now, ShortId to, Peer* peer) {
  ++counters_.worries;
  peer->worried_until = now + kWorry * (1 << std::min(peer->worries, kWorryDoublings));
  peer->worry_began = now;
  ++peer->worries;
  if (peer->worries < kWorriesToDoubt) return;
  Doubt doubt;
  doubt.to = to;
  doubt.round_trip = peer->rtt.Overdue();
  for (auto f = flows_.lower_bound({to.value, 0}); f != flows_.end() && f->first.first == to.value;
       ++f) {
    if (!IsCritical(f->first.second)) break;
    for (const auto& [place, number] : f->second.pending) {
      const Kept& k = outbox_.at(number);
      if (k.attempts == 0 || k.held || k.second) continue;
      ++doubt.packets;
      doubt.silence = std::max(doubt.silence, now - k.last_sent);
    }
  }
  doubts_.push_back(doubt);
}

// What is under way to `to` and not on two paths yet: now it is.
void Sender::Worry(Time now, ShortId to) {
  Peer& peer = peers_[to.value];
  if (now >= peer.worried_until) BeginWorry(now, to, &peer);
  peer.worried_until = std::max(peer.worried_until, now + kWorry);
  int left = kSecondsMax;
  for (auto f = flows_.lower_bound({to.value, 0}); f != flows_.end() && f->first.first == to.value;
       ++f) {
    if (!IsCritical(f->first.second)) break;  // flows of the class have the lowest numbers
    for (auto& [place, number] : f->second.pending) {
      Kept& k = outbox_.at(number);
      if (k.attempts == 0 || k.held || k.second) continue;
      if (left-- == 0) return;
      k.second = k.late_copy = true;
      Seal(k, AttemptName(k.attempt_base, k.attempts - 1), OutgoingPacket::Paths::kSecondOnly,
           &packets_);
    }
  }
}

void Sender::LeaveWindow(std::uint64_t number, Kept* k) {
  if (!k->released) return;
  Peer& peer = peers_[k->message.to.value];
  peer.window.Leave(k->in_window);
  k->in_window = 0;
  peer.queue.erase({!IsCritical(k->flow), number});
  if (!peer.queue.empty()) ready_.insert(k->message.to.value);
}

void Sender::OnDue(Time now, std::uint64_t number, Kept* k) {
  if (now < k->slow_until) {
    // A faster path came and went: the copy that is with the slow radios still has its time.
    const Duration slow = PathTimeOf(*k);
    if (slow > Duration(0)) {
      k->slow = slow;
      peers_[k->message.to.value].slow_under_way = true;
      k->next_attempt = k->slow_until;
      return;
    }
  }
  if (k->attempts > 0 && !k->held) {
    peers_[k->message.to.value].window.OnTimeout(now, k->last_sent);
  }
  LeaveWindow(number, k);
  if (k->attempts == 0 && IsCritical(k->flow)) {
    Attempt(now, k);
    return;
  }
  k->overdue_at = kNever;
  k->next_attempt = kNever;
  peers_[k->message.to.value].queue.emplace(!IsCritical(k->flow), number);
  ready_.insert(k->message.to.value);
}

void Sender::Pump(Time now, Peer* peer) {
  while (!peer->queue.empty()) {
    const auto first = peer->queue.begin();
    const std::uint64_t number = first->second;
    Kept& k = outbox_.at(number);
    const int packets = static_cast<int>(k.last - k.sequence + 1);
    if (!peer->window.Admit(packets)) return;
    peer->window.Enter(packets);
    k.in_window = packets;
    peer->queue.erase(first);
    Attempt(now, &k);
    Schedule(number, &k);
  }
}

void Sender::Attempt(Time now, Kept* k) {
  Peer& peer = peers_[k->message.to.value];
  if (k->attempts > 0) ++counters_.retries;
  const bool critical = IsCritical(k->flow);
  k->second = critical && now < peer.worried_until;
  k->late_copy = false;
  Seal(*k, AttemptName(k->attempt_base, k->attempts),
       k->second ? OutgoingPacket::Paths::kTwo : OutgoingPacket::Paths::kOne, &packets_);
  if (k->held) --flows_[{k->message.to.value, k->flow}].held;
  k->held = false;
  ++k->attempts;
  k->last_sent = now;
  k->slow = PathTimeOf(*k);
  k->sent_slow = k->slow > Duration(0);
  k->slow_tries += k->sent_slow;
  k->next_attempt = now + Pause(peer, *k);
  if (k->sent_slow) {
    peer.slow_under_way = true;
    k->slow_until = k->next_attempt;
  }
  k->overdue_at = critical && !k->sent_slow ? now + peer.rtt.Overdue() : kNever;
}

void Sender::OnTimeout(Time now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const std::uint64_t number = deadlines_.begin()->second;
    const auto it = outbox_.find(number);
    Kept& k = it->second;
    if (now >= k.expires) {
      const FlowKey key(k.message.to.value, k.flow);
      const Epoch epoch = k.epoch;
      const std::uint64_t sequence = k.sequence;
      const bool critical = IsCritical(k.flow);
      Expire(it);
      Flow& flow = flows_[key];
      if (critical && flow.held > 0) ReportGone(now, key, epoch, sequence, &flow);
      Release(now, key, &flow);
      continue;
    }
    if (now >= k.store_at) {
      k.store_at = kNever;
      k.stored = true;
      ++counters_.stored_late;
      writes_.push_back({OutboxKey(number), EncodeOutboxRecord(k)});
    }
    if (now >= k.overdue_at) {
      k.overdue_at = kNever;
      Worry(now, k.message.to);
    }
    if (now >= k.next_attempt) OnDue(now, number, &k);
    Schedule(number, &k);
  }
  for (const std::uint32_t to : std::exchange(ready_, {})) Pump(now, &peers_[to]);
}

Time Sender::NextDeadline() const {
  if (!ready_.empty()) return Time::min();
  return deadlines_.empty() ? kNever : deadlines_.begin()->first;
}

}  // namespace selvage
