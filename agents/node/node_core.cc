#include "agents/node/node_core.h"

#include <algorithm>

#include "agents/node/node_impl.h"
#include "core/wire_types.h"

namespace selvage {
namespace {

constexpr Duration kHousekeeping = 1s;
constexpr Duration kExpiryGap = 60s;  // walks the whole map for what is an hour old
// Woken later than this, the process was held up: frames may sit unread in its sockets, and its
// neighbours on the same machine were probably held up too.
constexpr Duration kLate = 3ms;
constexpr Duration kExcuse = 5ms;
constexpr std::size_t kSpareMax = 64;

}  // namespace

NodeCore::Impl::Impl(Time now, Init init, Store& store)
    : identity_(std::move(init.identity)),
      anchor_(std::move(init.anchor)),
      epoch_(init.epoch),
      crypto_(std::move(init.crypto)),
      random_(init.seed),
      config_(std::move(init.config)),
      self_(identity_.certificate.id.Short()),
      discovery_(&random_),
      handshakes_(crypto_.get(), &identity_, &anchor_, epoch_),
      adjacencies_(256),
      map_(crypto_.get(), &identity_, &anchor_, epoch_, std::move(init.pool)),
      forwarder_(self_),
      end_to_end_(crypto_.get(), &identity_, &map_),
      receiver_(&end_to_end_, store),
      sender_(&end_to_end_, self_, epoch_,
              {config_.outbox_messages_max, config_.outbox_bytes_max}),
      custody_(now, self_, {config_.carried_messages_max, config_.carried_bytes_max}),
      paths_([this](ShortId to, TrafficClass c, const std::vector<ShortId>& avoid,
                    bool strict) { return forwarder_.CurrentPath(c, to, avoid, strict); },
             &random_),
      quarantine_(self_, [this](ShortId neighbor) { return AccessTo(neighbor); }, &random_),
      advertise_not_before_(now),
      last_advertised_(now),
      next_metric_check_(now + kMetricGap),
      next_save_(now + kSaveGap),
      next_model_save_(now + kModelSaveGap),
      next_housekeeping_(now + kHousekeeping),
      healer_(config_.model.healer),
      models_(crypto_.get()) {
  handshakes_.SetWall(init.wall);
  map_.SetWall(init.wall);
  map_.Load(now, store);
  sender_.SetPathTime([this](ShortId to, TrafficClass c) { return SlowRoundTrip(to, c); });
  sender_.Load(now, store);
  custody_.Load(now, store);
  LoadModels(now, store);
  quarantine_.Load(now, store);
  last_session_ = static_cast<std::uint16_t>(random_.U64());
  probe_port_ = static_cast<std::uint16_t>(1024 + random_.Below(kPortsEnd - 1024));
}

void NodeCore::Impl::Emit(Effect effect) {
  // Events are the only effects nobody waits for: they give way when the driver does not drain.
  if (effects_.size() >= kEffectsMax && std::holds_alternative<Event>(effect)) {
    ++counters_.events_dropped;
    return;
  }
  effects_.push_back(std::move(effect));
}

void NodeCore::Impl::Tell(Time now, std::string kind, std::string text,
                          std::map<std::string, std::string> fields) {
  Event e{++last_event_, now, std::move(kind), std::move(text), std::move(fields)};
  events_.push_back(e);
  if (events_.size() > kEventsKept) events_.pop_front();
  Emit(std::move(e));
}

std::string NodeCore::Impl::NameOf(ShortId id) const {
  const Certificate* c = map_.FindCertificate(id);
  if (c != nullptr) return c->name;
  Bytes b(4);
  ByteWriter w(b);
  w.U32(id.value);
  return ToHex(b);
}

void NodeCore::Impl::OnTimeout(Time now) {
  if (promised_wake_ != kNever && promised_wake_ != Time::min() && now - promised_wake_ > kLate) {
    late_ = std::max(late_, now - promised_wake_);
    for (Adjacency* a : present_) a->monitor.detector().Excuse(now + kExcuse);
  }
  discovery_.OnTimeout(now);
  handshakes_.OnTimeout(now);
  sender_.OnTimeout(now);
  if (now >= paths_.NextDeadline()) paths_.OnTimeout(now);
  custody_.OnTimeout(now);
  SendReceipts(now);
  if (now >= lab_.NextDeadline()) RunLab(now);
  for (Adjacency* a : present_) {
    if (now < a->deadline) continue;
    a->monitor.OnTimeout(now);
    FollowVerdict(now, a);
    if (!a->egress.empty()) DrainEgress(now, a);
    SendWanted(now, a);
  }
  if (now >= next_housekeeping_) {
    next_housekeeping_ = now + kHousekeeping;
    for (auto& slot : adjacencies_) {
      Adjacency* a = slot.get();
      if (a == nullptr) continue;
      if (a->previous != nullptr && now >= a->previous_until) {
        sessions_.erase(a->previous->local_session());
        a->previous.reset();
      }
      if (a->state != LinkState::kUp && !a->slow &&
          now - a->monitor.detector().last_heard() > kForgetNeighbor) {
        Remove(now, a->index, "silent for a minute");
        continue;
      }
      RekeyIfDue(now, a);
    }
    KeepAccounts(now);
    if (config_.model.enabled) WatchSecond(now);
    NameFaults(now);
    if (now >= next_expiry_) {
      next_expiry_ = now + kExpiryGap;
      map_.Expire(now);
    }
    Slander(now);
    SendTestimonies(now);  // to neighbours that are new
    receiver_.DropIdle(now);
    if (custody_.busy() || sender_.size() > 0) custody_.OnTick(now, OwnWaiting());
  }
  if (now >= next_metric_check_) {
    next_metric_check_ = now + kMetricGap + kMetricGap * random_.Below(1024) / 1024;
    for (auto& a : adjacencies_) {
      if (a != nullptr && Usable(*a) && Measure(*a) != a->advertised) {
        advertise_ = metric_due_ = true;
      }
    }
  }
  if (now >= next_save_) {
    next_save_ = now + kSaveGap;
    SaveMap(now);
  }
  if (now >= next_model_save_) {
    next_model_save_ = now + kModelSaveGap;
    SaveModels(now);
  }
  Settle(now);
}

void NodeCore::Impl::SaveMap(Time) {
  std::vector<StoreWrite> writes = map_.TakeWrites();
  if (!writes.empty()) Emit(Persist{0, std::move(writes)});
}

Time NodeCore::Impl::NextDeadline() const {
  Time at = std::min(discovery_.NextDeadline(), handshakes_.NextDeadline());
  at = std::min({at, sender_.NextDeadline(), next_housekeeping_, next_metric_check_, next_save_});
  at = std::min({at, map_.NextDeadline(), receiver_.NextDeadline()});
  at = std::min({at, progress_.NextDeadline(), paths_.NextDeadline(), lab_.NextDeadline()});
  at = std::min({at, custody_.NextDeadline(), quarantine_.NextDeadline()});
  if (quarantine_.book().pending()) at = std::min(at, next_testimonies_);
  if (advertise_) at = std::min(at, advertise_not_before_);
  if (map_.changed()) at = std::min(at, rebuilds_.ready());
  for (const Adjacency* a : present_) at = std::min(at, a->deadline);
  promised_wake_ = at;
  return at;
}

void NodeCore::Impl::Settle(Time now) {
  if (!handshakes_.idle()) RunHandshakes(now);
  if (!discovery_.idle()) SendBeacons(now);
  AdvertiseIfDue(now);
  if (map_.changed() && rebuilds_.Take(now, map_.database().records().size())) {
    map_.TakeChanged();
    SetRoutes(now);
    sender_.OnMapChanged(now);
    paths_.OnRoutesChanged(now);
    UpdateReach(now);
    by_address_.clear();
  }
  if (map_.TakeOutrun()) advertise_ = advertise_again_ = true;
  for (ControlFrame& f : map_.TakeFrames(now)) {
    Adjacency* a = FindAdjacency(f.to);
    if (a != nullptr) SendControl(now, a, f.content, std::move(f.origins), true);
  }
  for (const Sender::Doubt& d : sender_.TakeDoubts()) {
    if (!config_.healing) continue;
    paths_.OnDoubt(now, {d.to, TrafficClass::kCritical, true, true, d.packets, 0, d.silence,
                         d.round_trip});
  }
  if (now >= progress_.NextDeadline() || !paths_.idle()) SettlePaths(now);
  if (now >= quarantine_.NextDeadline() || !quarantine_.idle() || quarantine_.book().pending()) {
    SettleQuarantine(now);
  }
  if (now >= receiver_.NextDeadline()) SendReceipts(now);
  if (!custody_.idle()) SettleCustody(now);
  if (sender_.idle()) return;
  SendPackets(now, sender_.TakePackets());
  Settle(sender_.TakeExpired());
  std::vector<StoreWrite> writes = sender_.TakeWrites();
  if (!writes.empty()) Emit(Persist{0, std::move(writes)});
}

std::uint64_t NodeCore::Impl::Submit(Time now, Message message, std::string* reason) {
  if (message.payload.size() > kPayloadBytesMax) {
    *reason = "payload too large: " + std::to_string(message.payload.size()) + " bytes, at most " +
              std::to_string(kPayloadBytesMax);
    return 0;
  }
  const Certificate* c = map_.FindCertificate(message.to.Short());
  if (c == nullptr || c->id != message.to) {
    *reason = "unknown node";
    return 0;
  }
  if (message.port >= kPortsEnd) {
    *reason = "port must be below " + std::to_string(kPortsEnd);
    return 0;
  }
  OutgoingMessage out{message.to.Short(), message.traffic_class,      PayloadKind::kMessage,
                      message.port,       std::move(message.payload), message.deadline,
                      message.port == 0};
  if (message.to == identity_.certificate.id) {
    ++counters_.frames_delivered;
    Emit(Deliver{message.to, message.traffic_class, message.port, std::move(out.body)});
    Emit(MessageReport{++last_message_, MessageReport::What::kDelivered, ""});
    return last_message_;
  }
  if (WantsReceipt(message.traffic_class)) {
    if (!store_failure_.empty() && !out.store_late) {
      *reason = "cannot be stored: " + store_failure_;
      return 0;
    }
    StoreWrite write;
    const std::uint64_t number = sender_.Keep(now, std::move(out), &write);
    if (number == 0) {
      *reason = "queue full: " + std::to_string(sender_.size()) + " messages wait for receipts";
      return 0;
    }
    if (write.key.empty()) {  // accepted on trust: written if no receipt comes soon
      Emit(MessageReport{number, MessageReport::What::kAccepted, ""});
      sender_.OnTimeout(now);
      return number;
    }
    waiting_[++last_token_].message = number;
    Emit(Persist{last_token_, {std::move(write)}});
    return number;
  }
  if (SubmitDirect(now, out)) return ++last_message_;
  std::vector<OutgoingPacket> packets = sender_.SealNow(out);
  if (packets.empty()) {
    *reason = "cannot be sealed for its destination";
    return 0;
  }
  SendPackets(now, std::move(packets));
  return ++last_message_;
}

void NodeCore::Impl::Persisted(Time now, std::uint64_t token) {
  auto it = waiting_.find(token);
  if (it == waiting_.end()) return;
  WaitingPersist w = std::move(it->second);
  waiting_.erase(it);
  if (w.carried) {
    custody_.OnDurable(now, *w.carried);
    return;
  }
  if (w.message == 0) {
    receiver_.OnDurable(w.receipts);
    SendReceipts(now, std::move(w.receipts));
    for (const auto& [carrier, id] : w.confirm) custody_.Confirm(carrier, id);
    return;
  }
  if (!sender_.OnDurable(now, w.message)) return;  // withdrawn, or its time was up
  Emit(MessageReport{w.message, MessageReport::What::kAccepted, ""});
  sender_.OnTimeout(now);
}

// ---- NodeCore

NodeCore::NodeCore(Time now, Init init, Store& store)
    : impl_(std::make_unique<Impl>(now, std::move(init), store)) {
  impl_->Settle(now);
}
NodeCore::~NodeCore() = default;

void NodeCore::OnLinkUp(Time now, LinkId link, const LinkInfo& info) {
  impl_->LinkUp(now, link, info);
  impl_->Settle(now);
}

void NodeCore::OnLinkDown(Time now, LinkId link) {
  impl_->LinkDown(now, link);
  impl_->Settle(now);
}

void NodeCore::OnConfiguredPeer(Time now, LinkId link, const PeerAddress& peer) {
  impl_->discovery_.OnConfiguredPeer(now, link, peer);
}

void NodeCore::OnFrame(Time now, LinkId link, const PeerAddress& from, MutableByteSpan frame) {
  ++impl_->counters_.frames_received;
  auto it = impl_->links_.find(link);
  if (it == impl_->links_.end() || it->second.silenced || frame.size() == 0) return;
  const auto type = ParseTypeByte(frame.data()[0]);
  if (!type) {
    ++impl_->counters_.other_version;
    return;
  }
  switch (*type) {
    case FrameType::kSealed:
    case FrameType::kSealedSlow:
      impl_->OnSealed(now, link, from, frame);
      break;
    case FrameType::kBeacon:
      impl_->OnBeacon(now, link, from, frame);
      break;
    default:
      impl_->handshakes_.OnFrame(now, link, from, frame, impl_->NewSessionId(),
                                 Handshakes::RetryOf(it->second.info));
  }
  impl_->Settle(now);
}

void NodeCore::OnPersisted(Time now, std::uint64_t token) {
  impl_->Persisted(now, token);
  impl_->Settle(now);
}

void NodeCore::OnPersistRefused(Time now, std::uint64_t token) {
  impl_->PersistRefused(token);
  impl_->Settle(now);
}

void NodeCore::OnStoreFailed(Time now, const std::string& reason) {
  impl_->StoreFailed(reason);
  impl_->Settle(now);
}

void NodeCore::OnStoreWorks(Time now) {
  impl_->store_failure_.clear();
  impl_->Settle(now);
}

void NodeCore::OnWallClock(Time, WallSeconds wall) {
  impl_->handshakes_.SetWall(wall);
  impl_->map_.SetWall(wall);
}

void NodeCore::OnRadio(Time now, LinkId link, const PeerAddress& from,
                       const RadioReading& reading) {
  impl_->OnRadio(now, link, from, reading);
  impl_->Settle(now);
}

void NodeCore::OnMachine(Time now, const MachineReading& reading) {
  impl_->machine_ = reading;
  impl_->machine_at_ = now;
}

void NodeCore::OnStopping(Time now) {
  impl_->SaveMap(now);
  impl_->SaveModels(now);
}

void NodeCore::OnTimeout(Time now) { impl_->OnTimeout(now); }
Time NodeCore::NextDeadline() const { return impl_->NextDeadline(); }

std::uint64_t NodeCore::Submit(Time now, Message message, std::string* reason) {
  const std::uint64_t number = impl_->Submit(now, std::move(message), reason);
  impl_->Settle(now);
  return number;
}

std::optional<Effect> NodeCore::PollEffect() {
  if (impl_->effects_.empty()) return std::nullopt;
  std::optional<Effect> effect(std::move(impl_->effects_.front()));
  impl_->effects_.pop_front();
  return effect;
}

void NodeCore::Recycle(Bytes frame) {
  if (frame.capacity() > 0 && impl_->spare_.size() < kSpareMax) {
    impl_->spare_.push_back(std::move(frame));
  }
}

}  // namespace selvage
