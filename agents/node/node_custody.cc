// NodeCore: messages carried for others, and by others.
#include <deque>

#include "agents/node/node_impl.h"

namespace selvage {
namespace {

constexpr std::size_t kUnconfirmedMax = 1024;
constexpr std::size_t kBringersMax = 256;

}  // namespace

void NodeCore::Impl::OnCarry(Time now, const ReceivedMessage& m) {
  const std::optional<CarriedMessage> carried = DecodeCarried(m.body);
  if (!carried || carried->id.origin == self_ || WantsReceipt(m.traffic_class)) {
    ++counters_.malformed;
    return;
  }
  const MessageId& id = carried->id;
  if (id.destination != self_) {
    if (store_failure_.empty()) custody_.OnEnvelope(now, m.origin, *carried);
    return;
  }
  if (brought_by_.size() >= kBringersMax && brought_by_.count(id.origin.value) == 0) {
    brought_by_.erase(brought_by_.begin());
  }
  brought_by_[id.origin.value] = m.origin;
  // The envelope has the origin's epoch in full: its advertisement may be gone from the map.
  for (const SealedPacket& p : carried->packets) {
    HandUp(now, nullptr, AdjacencyIndex(0),
           receiver_.OnPacket(now, p.header, id.epoch, p.payload));
  }
  if ((id.flow & 0x3fffu) == kReceiptPort) {
    custody_.Confirm(m.origin, id);
  } else if (receiver_.Recorded(id) && unconfirmed_.size() < kUnconfirmedMax) {
    unconfirmed_.emplace_back(m.origin, id);
  }
}

void NodeCore::Impl::OnCustodyNotes(Time now, const ReceivedMessage& m) {
  const auto notes = DecodeNotes(m.body);
  if (!notes || WantsReceipt(m.traffic_class)) {
    ++counters_.malformed;
    return;
  }
  custody_.OnNotes(now, m.origin, *notes);
}

void NodeCore::Impl::SendAside(Time now, ShortId to, PayloadKind kind, Bytes body) {
  OutgoingMessage m;
  m.to = to;
  m.traffic_class = TrafficClass::kTelemetry;
  m.kind = kind;
  m.port = kControlPort;
  m.body = std::move(body);
  SendPackets(now, sender_.SealNow(m));
}

std::vector<Custody::Own> NodeCore::Impl::OwnWaiting() const {
  std::vector<Custody::Own> out;
  out.reserve(sender_.size());
  sender_.VisitWaiting([&](const Sender::Waiting& w) { out.push_back({w.id, w.since}); });
  return out;
}

// Breadth first over the map, from the links of this node that work.
void NodeCore::Impl::UpdateReach(Time now) {
  const Topology& topology = forwarder_.routes().topology();
  std::vector<Custody::InReach> reach;
  std::vector<char> seen(static_cast<std::size_t>(topology.size()), 0);
  std::deque<std::pair<int, std::size_t>> queue;  // node, and its place in `reach`
  auto visit = [&](int node, int hops, bool slow) {
    if (node < 0 || seen[static_cast<std::size_t>(node)] != 0) return;
    seen[static_cast<std::size_t>(node)] = 1;
    queue.emplace_back(node, reach.size());
    reach.push_back({topology.IdOf(node), hops, slow});
  };
  const int self = topology.Find(self_);
  if (self >= 0) seen[static_cast<std::size_t>(self)] = 1;
  for (const bool slow : {false, true}) {
    for (const Adjacency* a : present_) {
      if (a->slow != slow || a->remote_index.value == 0 || !Usable(*a)) continue;
      // The map has it too: a link counts only if both ends say so.
      if (topology.FindEdge({self_, a->index}) != nullptr) {
        visit(topology.Find(a->neighbor()), 1, slow);
      }
    }
  }
  while (!queue.empty()) {
    const auto [node, place] = queue.front();
    queue.pop_front();
    const Custody::InReach from = reach[place];
    for (const Topology::Edge& e : topology.EdgesOf(node)) visit(e.to, from.hops + 1, from.slow);
  }
  custody_.OnReach(now, reach, OwnWaiting());
  std::vector<ShortId> unreached;
  for (int node = 0; node < topology.size(); ++node) {
    if (seen[static_cast<std::size_t>(node)] == 0) unreached.push_back(topology.IdOf(node));
  }
  cut_off_.OnReach(now, unreached);
  for (Adjacency* a : present_) {
    const int node = topology.Find(a->neighbor());
    a->monitor.detector().SetOnlyWay(node >= 0 && seen[static_cast<std::size_t>(node)] == 0);
  }
}

void NodeCore::Impl::SettleCustody(Time now) {
  for (Custody::Write& w : custody_.TakeWrites()) {
    const std::uint64_t token = w.token ? ++last_token_ : 0;
    if (w.token) waiting_[token].carried = w.token;
    Emit(Persist{token, {std::move(w.write)}});
  }
  for (const auto& [to, notes] : custody_.TakeNotes()) {
    for (std::size_t at = 0; at < notes.size(); at += kCustodyNotesMax) {
      const std::size_t end = std::min(notes.size(), at + kCustodyNotesMax);
      SendAside(now, ShortId(to), PayloadKind::kCustody,
                EncodeNotes({notes.begin() + static_cast<std::ptrdiff_t>(at),
                             notes.begin() + static_cast<std::ptrdiff_t>(end)}));
    }
  }
  for (const Courier::Handing& h : custody_.TakeHandings()) {
    std::optional<Bytes> body = custody_.relay().Envelope(now, h.what);
    if (!body) {
      const auto own = sender_.Envelope(now, h.what);
      if (own) body = EncodeCarried(*own);
    }
    if (body) SendAside(now, h.to, PayloadKind::kCarry, *std::move(body));
  }
}

OutboxInfo NodeCore::Outbox(Time now) const {
  OutboxInfo out;
  out.messages = impl_->sender_.size();
  out.bytes = impl_->sender_.bytes();
  out.carried_messages = carried_messages();
  out.carried_bytes = impl_->custody_.relay().bytes();
  std::map<std::pair<std::uint32_t, std::uint32_t>, OutboxInfo::Line> own;
  std::map<std::pair<std::uint32_t, std::uint32_t>, OutboxInfo::Line> carried;
  auto line = [&](auto* lines, const MessageId& id) {
    OutboxInfo::Line& l = (*lines)[{id.origin.value, id.destination.value}];
    if (l.messages++ == 0) {
      l.from = impl_->NameOf(id.origin);
      l.to = impl_->NameOf(id.destination);
      l.reachable = impl_->custody_.Reaches(id.destination);
    }
    return &l;
  };
  impl_->sender_.VisitWaiting([&](const Sender::Waiting& w) {
    OutboxInfo::Line* l = line(&own, w.id);
    l->oldest = std::max(l->oldest, now - w.since);
  });
  for (const auto& [id, e] : impl_->custody_.relay().entries()) line(&carried, id);
  for (auto& [key, l] : own) out.lines.push_back(std::move(l));
  for (auto& [key, l] : carried) out.lines.push_back(std::move(l));
  return out;
}

void NodeCore::Impl::KeepReceipt(Time now, ShortId to,
                                 const std::vector<OutgoingPacket>& packets) {
  const auto bringer = brought_by_.find(to.value);
  if (bringer == brought_by_.end() || packets.empty() || custody_.Reaches(to)) return;
  CarriedMessage m;
  const DataHeader& h = packets[0].header;
  m.id = {self_, epoch_, to, h.id.flow, h.id.sequence};
  m.lifetime = Sender::kDeadlineReliable;
  for (const OutgoingPacket& p : packets) m.packets.push_back({p.header, p.payload});
  custody_.Keep(now, bringer->second, m);
}

}  // namespace selvage
