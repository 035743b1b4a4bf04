// NodeCore: quarantine: checks of neighbours, testimonies in and out, and what it does to routes.
#include <algorithm>

#include "agents/node/node_impl.h"

namespace selvage {
namespace {

// Long enough to tell what waits in a queue from what is dropped.
constexpr Duration kWaitMin = 600ms;
constexpr Duration kWaitMax = 1500ms;
constexpr Duration kWaitMargin = 250ms;
// About the size of small telemetry, so that probes cost little and look like data.
constexpr std::size_t kProbeBodyBytes = 64;
// On a shared channel one neighbour is told at a time: a dozen neighbours who flood what five
// witnesses say at once fill it for half a second, and meanwhile many hear it from another.
constexpr Duration kTellGapShared = 40ms;
constexpr std::size_t kChunkHeaderBytes = 3;  // type and length

}  // namespace

std::optional<Quarantine::Access> NodeCore::Impl::AccessTo(ShortId neighbor) const {
  if (!config_.quarantine) return std::nullopt;
  for (const Adjacency* a : present_) {
    if (a->neighbor() != neighbor || a->slow || !Usable(*a)) continue;
    // Full: what waits here would be put down to the neighbour.
    if (a->pacer().on() || a->queue().standing() > NeighborCheck::kQueue) continue;
    return Quarantine::Access{
        a->shared, std::clamp<Duration>(4 * a->monitor.srtt() + kWaitMargin, kWaitMin, kWaitMax)};
  }
  return std::nullopt;
}

void NodeCore::Impl::SetRoutes(Time now) {
  Topology map = map_.database().BuildTopology();
  quarantine_.OnMap(now, map);
  quarantine_.Restrict(&map);
  forwarder_.routes().SetTopology(std::move(map));
  map_.SetTopology(forwarder_.routes().topology());
  ++counters_.routes_made;
}

void NodeCore::Impl::OnTestimony(Time now, const Adjacency& from, ByteSpan encoded) {
  if (!config_.quarantine) return;
  std::optional<Testimony> t = ParseTestimony(encoded);
  if (!t) {
    ++counters_.testimonies_malformed;
    return;
  }
  if (t->witness == identity_.certificate.id) return;  // our own, come back
  const ShortId witness = t->witness.Short();
  const LinkStateRecord* record = map_.database().Find(witness);
  const Certificate* c = map_.FindCertificate(witness);
  if (record == nullptr || c == nullptr || c->id != t->witness) {
    ++counters_.testimonies_unknown;  // nobody on the map: the network does not hear it
    return;
  }
  switch (quarantine_.book().Consider(now, from.index, *t, record->version.epoch)) {
    case TestimonyBook::Offer::kWanted:
      break;
    case TestimonyBook::Offer::kStale:
      ++counters_.testimonies_stale;
      return;
    case TestimonyBook::Offer::kThrottled:
    case TestimonyBook::Offer::kFull:
      ++counters_.testimonies_throttled;
      return;
  }
  if (!VerifyTestimony(*crypto_, c->signing_key, encoded)) {
    ++counters_.testimonies_forged;
    return;
  }
  ++counters_.testimonies_accepted;
  quarantine_.book().Put(now, *std::move(t), from.index);
  quarantine_.OnTestimony(now, witness);
}

void NodeCore::Impl::Testify(Time now, std::vector<Word> words) {
  const LinkStateRecord* own = map_.database().Find(self_);
  if (own == nullptr) return;
  Testimony t;
  t.witness = identity_.certificate.id;
  t.version = {own->version.epoch, ++testimony_sequence_};
  t.words = std::move(words);
  SignTestimony(*crypto_, identity_.signing_key, &t);
  ++counters_.testimonies_sent;
  quarantine_.book().Put(now, std::move(t), AdjacencyIndex(0));
}

void NodeCore::Impl::SendTestimonies(Time now) {
  TestimonyBook& book = quarantine_.book();
  if (book.live() == 0) return;
  std::vector<TestimonyBook::Listener> neighbors;
  bool shared = false;
  for (const Adjacency* a : present_) {
    if (a->slow || (a->confirmed && a->state != LinkState::kUp)) continue;
    neighbors.push_back({a->index, Usable(*a) && now >= links_[a->link].testimonies_not_before});
    shared = shared || a->shared;
  }
  book.SetNeighbors(neighbors);
  if (!book.pending() || now < next_testimonies_) return;
  if (shared) next_testimonies_ = now + kTellGapShared;
  const std::vector<TestimonyBook::Message> messages = book.TakeMessages(shared ? 1 : 255);
  for (std::size_t i = 0; i < messages.size();) {
    Adjacency* a = FindAdjacency(messages[i].to);
    const std::size_t mtu = a == nullptr ? 0 : links_[a->link].info.mtu_bytes;
    const std::size_t room = mtu - std::min(mtu, a == nullptr ? 0 : a->cipher->overhead_bytes());
    // As many as fit into a frame; one that does not fit alone is not for this link.
    Bytes chunks(room);
    ByteWriter w(chunks);
    std::vector<ShortId> witnesses;
    for (const AdjacencyIndex to = messages[i].to; i < messages.size() && messages[i].to == to;
         ++i) {
      const std::size_t size = kChunkHeaderBytes + messages[i].encoded.size();
      if (size > room) continue;
      if (w.size() + size > room) break;
      WriteBlob(ChunkType::kTestimony, messages[i].encoded, &w);
      witnesses.push_back(messages[i].witness);
    }
    if (witnesses.empty()) continue;
    SendControl(now, a, w.written(), std::move(witnesses), true);
    LinkEntry& link = links_[a->link];
    if (link.paid()) link.testimonies_not_before = now + Thrift::NewsGap(link.thrift.level());
  }
}

void NodeCore::Impl::SendCheckProbe(Time now, const Quarantine::Probe& p) {
  if (LeadsOverSlow(p.to)) return;
  OutgoingMessage probe;
  probe.to = p.to;
  probe.traffic_class = TrafficClass::kTelemetry;
  probe.kind = PayloadKind::kProbe;
  probe.port = probe_port_;
  probe.body.resize(kProbeBodyBytes);
  ByteWriter w(probe.body);
  w.U64(p.nonce);
  w.U8(1);
  w.U32(p.neighbor.value);
  if (!p.through) {
    SendAround(now, sender_.SealNow(probe), {p.neighbor});
    return;
  }
  for (OutgoingPacket& packet : sender_.SealNow(probe)) {
    const auto a = std::find_if(present_.begin(), present_.end(), [&](const Adjacency* other) {
      return other->neighbor() == p.neighbor && !other->slow && Usable(*other);
    });
    if (a == present_.end()) return;
    ++counters_.frames_originated;
    --packet.header.hop_limit;
    Transmit(now, *a, packet.header, packet.payload, AdjacencyIndex(0), 1);
  }
}

void NodeCore::Impl::SettleQuarantine(Time now) {
  if (now >= quarantine_.NextDeadline()) quarantine_.OnTimeout(now);
  if (auto words = quarantine_.TakeStatement(now); words && !lab_.accuses()) {
    Testify(now, *std::move(words));
  }
  for (const Quarantine::Probe& p : quarantine_.TakeProbes()) SendCheckProbe(now, p);
  if (quarantine_.TakeChanged()) {
    SetRoutes(now);
    paths_.OnRoutesChanged(now);
  }
  for (const Quarantine::Finding& f : quarantine_.TakeFindings()) TellQuarantine(now, f);
  std::vector<StoreWrite> writes = quarantine_.TakeWrites();
  if (!writes.empty()) Emit(Persist{0, std::move(writes)});
  SendTestimonies(now);
}

void NodeCore::Impl::TellQuarantine(Time now, const Quarantine::Finding& f) {
  using What = Quarantine::Finding::What;
  using Cause = Quarantine::Cause;
  const Quarantine::Entry& e = f.entry;
  const std::string node = NameOf(e.node);
  std::string witnesses;
  for (ShortId w : e.witnesses) witnesses += (witnesses.empty() ? "" : ", ") + NameOf(w);
  std::string why;
  switch (e.cause) {
    case Cause::kOperator:
      why = e.barred ? "by hand and by force" : "by hand";
      break;
    case Cause::kEvidence:
      why = e.evidence;
      if (f.result.destination.value != 0) {
        why += ", of those to " + NameOf(f.result.destination) + " too few";
      }
      break;
    case Cause::kWitnesses:
      why = std::to_string(e.witnesses.size()) + " neighbours accuse it: " + witnesses;
      break;
    case Cause::kFalseWitness:
      why = "it accuses nodes that pass packets on";
      break;
  }
  std::map<std::string, std::string> fields = {
      {"node", node}, {"cause", std::string(ToString(e.cause))}, {"evidence", why}};
  if (!witnesses.empty()) fields["witnesses"] = witnesses;
  switch (f.what) {
    case What::kQuarantined: {
      ++counters_.quarantines;
      const std::string hold =
          e.hold > Duration(0) ? " for " + std::to_string(e.hold / 1s) + " s at least" : "";
      Tell(now, "node-quarantined", node + " is in quarantine" + hold + ": " + why,
           std::move(fields));
      if (e.cause == Cause::kEvidence || e.cause == Cause::kWitnesses) {
        NameDropper(now, e.node, why);
      }
      break;
    }
    case What::kWithheld:
      fields["cut_off"] = NameOf(e.cut.first) + ", " + NameOf(e.cut.second);
      Tell(now, "node-quarantine-withheld",
           node + " is not put in quarantine: " + NameOf(e.cut.second) + " would be cut off from " +
               NameOf(e.cut.first) + "; " + why,
           std::move(fields));
      break;
    case What::kReleased:
      fields["evidence"] = "";
      Tell(now, "node-released", node + " is out of quarantine, on probation", std::move(fields));
      ClearDropper(now, e.node);
      break;
    case What::kPassed:
      fields = {{"node", node},
                {"evidence", std::to_string(f.result.answered) + " of " +
                                 std::to_string(f.result.sent) +
                                 " probes through it were answered"}};
      Tell(now, "node-cleared",
           node + " was accused and passes packets on: " + fields["evidence"], std::move(fields));
      break;
    case What::kAccused:
      fields = {{"witness", witnesses}, {"evidence", "a signed testimony"}};
      Tell(now, "accused", witnesses + " says that packets given to this node get lost",
           std::move(fields));
      break;
  }
}

std::string NodeCore::QuarantineAdd(Time now, const NodeId& node, bool force) {
  std::pair<ShortId, ShortId> cut;
  std::string refusal;
  switch (impl_->quarantine_.Add(now, node.Short(), force, &cut)) {
    case Quarantine::Refusal::kNone:
      break;
    case Quarantine::Refusal::kSelf:
      refusal = "this is the node itself";
      break;
    case Quarantine::Refusal::kCutsOff:
      refusal = impl_->NameOf(cut.second) + " would be cut off from " + impl_->NameOf(cut.first) +
                "; --force does it nevertheless";
      break;
    case Quarantine::Refusal::kFull:
      refusal = "the table is full: " + std::to_string(Quarantine::kEntriesMax) + " nodes";
      break;
  }
  impl_->Settle(now);
  return refusal;
}

bool NodeCore::QuarantineRemove(Time now, const NodeId& node) {
  const bool done = impl_->quarantine_.Remove(now, node.Short());
  impl_->Settle(now);
  return done;
}

std::vector<QuarantineInfo> NodeCore::Quarantined(Time now) const {
  std::vector<QuarantineInfo> out;
  for (const auto& [id, e] : impl_->quarantine_.entries()) {
    QuarantineInfo q;
    q.name = impl_->NameOf(e.node);
    q.state = e.withheld ? "withheld" : e.probation ? "probation" : e.barred ? "barred"
                                                                             : "quarantined";
    q.cause = std::string(ToString(e.cause));
    q.evidence = e.evidence;
    for (ShortId w : e.witnesses) q.witnesses.push_back(impl_->NameOf(w));
    q.since = now - e.since;
    if (e.until != kNever) q.left = std::max<Duration>(e.until - now, Duration(0));
    out.push_back(std::move(q));
  }
  return out;
}

std::vector<AccusationInfo> NodeCore::Accusations(Time now) const {
  std::vector<AccusationInfo> out;
  for (const auto& [id, record] : impl_->quarantine_.book().records()) {
    for (const Word& w : record.testimony.words) {
      const char* what = w.what == Word::What::kAccuse    ? "accuses"
                         : w.what == Word::What::kSuspect ? "suspects"
                                                          : "vouches";
      out.push_back({impl_->NameOf(ShortId(id)), impl_->NameOf(w.node), what,
                     now - record.arrived});
    }
  }
  return out;
}

}  // namespace selvage
