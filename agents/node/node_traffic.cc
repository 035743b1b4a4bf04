// NodeCore: frames in both directions, forwarding, resending, delivery.
#include <algorithm>
#include <map>
#include <cstdio>

#include "agents/node/node_impl.h"

namespace selvage {
namespace {

// Given to the same link at most this often; then the alternate has its turn.
constexpr std::uint8_t kAttemptsPerLink = 2;
// ... where there is no alternate. At 60 % loss one frame in 60 needs more.
constexpr std::uint8_t kAttemptsOnlyLink = 8;
// A link that loses this much is not tried twice when there is another way.
constexpr std::uint32_t kHopelessPermille = 500;

ControlKind KindOf(ByteSpan chunks) {
  switch (static_cast<ChunkType>(chunks.empty() ? 0 : chunks[0])) {
    case ChunkType::kLinkState:
    case ChunkType::kCertificate:
    case ChunkType::kSummary:
    case ChunkType::kRequest:
      return ControlKind::kMap;
    case ChunkType::kTestimony:
      return ControlKind::kTestimony;
    case ChunkType::kModelDigest:
      return ControlKind::kModel;
    default:
      return ControlKind::kOther;
  }
}

}  // namespace

void NodeCore::Impl::OnSealed(Time now, LinkId link, const PeerAddress& from,
                              MutableByteSpan frame) {
  const std::optional<std::uint16_t> session = SealedFrameSession(frame);
  auto it = session ? sessions_.find(*session) : sessions_.end();
  Adjacency* a = it == sessions_.end() ? nullptr : FindAdjacency(it->second);
  if (a == nullptr || a->link != link) {
    ++counters_.unknown_session;
    return;
  }
  SessionCipher* cipher =
      a->cipher->local_session() == *session ? a->cipher.get() : a->previous.get();
  if (cipher == nullptr) {
    ++counters_.unknown_session;
    return;
  }
  std::uint64_t counter = 0;
  MutableByteSpan content;
  switch (cipher->Open(frame, &counter, &content)) {
    case SessionCipher::OpenResult::kOk:
      break;
    case SessionCipher::OpenResult::kMalformed:
      ++counters_.malformed;
      return;
    case SessionCipher::OpenResult::kForged:
      ++counters_.forged;
      return;
    case SessionCipher::OpenResult::kReplayed:
      ++counters_.replayed;
      return;
  }
  if (a->address != from) a->address = from;  // it moved; the seal says that it is still it
  OnContent(now, a, counter, content, cipher == a->cipher.get());
}

void NodeCore::Impl::OnContent(Time now, Adjacency* a, std::uint64_t counter, ByteSpan content,
                               bool current) {
  // First pass: what kind of frame it is; nothing is acted upon if any of it is malformed.
  bool eliciting = false;
  bool data = false;
  ChunkReader scan(content);
  Chunk chunk;
  while (scan.Next(&chunk)) {
    data = data || chunk.type == ChunkType::kData || chunk.type == ChunkType::kDirect;
    eliciting = eliciting ||
                (chunk.type != ChunkType::kFeedback && chunk.type != ChunkType::kHello) ||
                (chunk.type == ChunkType::kHello && chunk.hello.wants_reply);
  }
  if (!scan.ok()) {
    ++counters_.malformed;
    return;
  }
  // A straggler of the session before speaks of sequence numbers that are over.
  if (current) a->monitor.OnFrame(now, counter, eliciting, data);
  const AdjacencyIndex index = a->index;
  ChunkReader reader(content);
  while (reader.Next(&chunk)) {
    switch (chunk.type) {
      case ChunkType::kFeedback: {
        if (!current) break;
        FeedbackOutcome outcome =
            a->monitor.OnFeedback(now, chunk.feedback, a->cipher->next_counter());
        if (a->watch != nullptr) WatchOutcome(now, a, outcome);
        FollowVerdict(now, a);
        FollowQuality(now, a);
        FollowPace(now, a, outcome);
        if (!outcome.lost.empty()) OnLost(now, a, std::move(outcome.lost));
        break;
      }
      case ChunkType::kHello: {
        a->monitor.OnHello(now, chunk.hello);
        if (chunk.hello.index != a->remote_index && chunk.hello.index.value != 0) {
          const bool first = a->remote_index.value == 0;
          a->remote_index = chunk.hello.index;
          advertise_ = true;
          a->overdue = false;
          forwarder_.SetAdjacency(a->index, a->neighbor(), Usable(*a));
          if (first) {
            const LinkInfo& info = links_[a->link].info;
            MapUp(a);
            Tell(now, "neighbor-up",
                 a->certificate.name + " on " + info.name + " is up: session established",
                 {{"neighbor", a->certificate.name},
                  {"link", info.name},
                  {"state", "up"},
                  {"evidence", "session established"}});
          }
        }
        map_.OnPeerDigest(now, a->index, chunk.hello.map_digest);
        FollowVerdict(now, a);
        break;
      }
      case ChunkType::kLinkState:
        map_.OnLinkState(now, index, chunk.body);
        break;
      case ChunkType::kCertificate:
        map_.OnCertificate(now, index, chunk.body);
        break;
      case ChunkType::kSummary:
        map_.OnSummary(now, index, chunk.body);
        break;
      case ChunkType::kRequest:
        map_.OnRequest(now, index, chunk.body);
        break;
      case ChunkType::kTestimony:
        OnTestimony(now, *a, chunk.body);
        break;
      case ChunkType::kModelDigest:
        OnModelDigest(now, *a, chunk.body);
        break;
      case ChunkType::kData:
        OnData(now, a, chunk.body);
        break;
      case ChunkType::kDirect:
        OnDirect(a, chunk.body);
        break;
      default:
        break;  // a later version's: skipped
    }
  }
  SendWanted(now, a);
}

void NodeCore::Impl::OnData(Time now, Adjacency* a, ByteSpan body) {
  DataHeader header;
  ByteSpan payload;
  if (!ReadDataHeader(body, &header, &payload)) {
    ++counters_.malformed;
    return;
  }
  Forward(now, header, payload, a->index);
}

AdjacencyIndex NodeCore::Impl::Forward(Time now, DataHeader header, ByteSpan payload,
                                       AdjacencyIndex in) {
  constexpr AdjacencyIndex kNowhere(0);
  if (header.destination == self_) {
    DeliverHere(now, header, payload, in);
    return kNowhere;
  }
  if (in.value != 0 && lab_.active() && !lab_again_) {
    if (lab_.ShouldDrop(header, &random_)) {
      CountDrop(&counters_.dropped_lab);
      return kNowhere;
    }
    if (lab_.Hold(now, header, payload, in)) return kNowhere;
    lab_.Remember(now, header, payload, in);
  }
  AvoidOverdue(now);
  const ShortId to = header.destination;
  if (in.value == 0 && config_.healing && cut_off_.IsSettled(now, to) &&
      forwarder_.CurrentRoute(header.traffic_class, to).first.value == 0 &&
      !cut_off_.TakeLook(now, to)) {
    CountDrop(&counters_.dropped_unreachable);
    return kNowhere;
  }
  const ForwardDecision d = forwarder_.Decide(now, &header, in, payload.size());
  switch (d.what) {
    case ForwardDecision::What::kSend:
      break;
    case ForwardDecision::What::kDeliver:
      return kNowhere;
    case ForwardDecision::What::kDuplicate:
      ++counters_.walk_duplicates;
      return kNowhere;
    case ForwardDecision::What::kDrop:
      CountDrop(d.reason == DropReason::kHopLimit     ? &counters_.dropped_hop_limit
                : d.reason == DropReason::kNoNeighbor ? &counters_.dropped_no_neighbor
                : d.reason == DropReason::kTooLong    ? &counters_.dropped_mtu
                                                      : &counters_.dropped_exhausted);
      return kNowhere;
  }
  Adjacency* a = FindAdjacency(d.out);
  if (in.value != 0) ++counters_.frames_forwarded;
  // A packet sent again or come back is being repaired, a second copy goes another way on purpose;
  // where new ones leave is what counts. One that its origin steers goes elsewhere than its fellows
  // for reasons told there.
  const bool steered =
      header.copy != 0 || (in.value != 0 && header.carried.size() > 0 &&
                           std::any_of(header.carried.begin(), header.carried.end(),
                                       [](EdgeId e) { return e.names_node(); }));
  if (!d.revisit && header.walk == 0 && !steered && note_routes_) NoteRoute(now, header, d.out);
  Transmit(now, a, header, payload, in, 1);
  return d.out;
}

void NodeCore::Impl::NoteRoute(Time now, const DataHeader& header, AdjacencyIndex out) {
  const auto change = watch_.OnForwarded(now, header.destination, header.traffic_class, out);
  if (!change) return;
  ++counters_.reroutes;
  const Adjacency* from = FindAdjacency(change->from);
  const Adjacency* to = FindAdjacency(change->to);
  const std::string from_name =
      from == nullptr ? "a neighbour that is gone" : from->certificate.name;
  const std::string from_link = from == nullptr ? "" : links_[from->link].info.name;
  const std::string to_link = links_[to->link].info.name;
  const std::vector<ShortId>& avoid = paths_.AvoidFor(change->destination, change->traffic_class);
  const std::string why =
      from == nullptr                 ? "the neighbour is gone"
      : from->state != LinkState::kUp ? from_name + " is " + std::string(ToString(from->state)) +
                                            ": " + from->monitor.detector().evidence()
      : from->monitor.quality().degraded()
          ? from_name + " is degraded: " + from->monitor.quality().evidence()
      : from->patient.detour && from->watch->last_alarm()
          ? from_name + " is left in time (" + std::string(ToString(from->patient.diagnosis)) +
                "): " + from->watch->last_alarm()->evidence
      : from->overdue ? from_name + " has not answered for longer than usual"
      : avoid.empty() ? "the map offers a better path"
                      : "it keeps off " + NamesOf(avoid) + ", which did not pass on what they took";
  Tell(now, "reroute",
       "traffic to " + NameOf(change->destination) + " moved from " + from_name + " (" + from_link +
           ") to " + to->certificate.name + " (" + to_link + "): " + why,
       {{"destination", NameOf(change->destination)},
        {"class", std::string(ToString(change->traffic_class))},
        {"from", from_name},
        {"from_link", from_link},
        {"to", to->certificate.name},
        {"to_link", to_link},
        {"evidence", why}});
}

void NodeCore::Impl::DeliverHere(Time now, const DataHeader& header, ByteSpan payload,
                                 AdjacencyIndex in) {
  // The header has the low half of the origin's epoch; the map knows the whole of a recent one.
  const LinkStateRecord* record = map_.database().Find(header.id.origin);
  if (record == nullptr) {
    CountDrop(&counters_.dropped_unknown_origin);
    return;
  }
  const std::uint32_t known = record->version.epoch.value;
  const auto delta = static_cast<std::int16_t>(header.id.epoch - static_cast<std::uint16_t>(known));
  const Epoch epoch(known + static_cast<std::uint32_t>(static_cast<std::int32_t>(delta)));
  NoteWayBack(header);
  HandUp(now, &header, in, receiver_.OnPacket(now, header, epoch, payload));
}

void NodeCore::Impl::HandUp(Time now, const DataHeader* header, AdjacencyIndex in,
                            std::vector<ReceivedMessage> messages) {
  for (ReceivedMessage& m : messages) {
    if (header != nullptr && OnPathMessage(now, *header, in, m)) continue;
    if (m.kind == PayloadKind::kCarry || m.kind == PayloadKind::kCustody) {
      m.kind == PayloadKind::kCarry ? OnCarry(now, m) : OnCustodyNotes(now, m);
      continue;
    }
    if (m.kind == PayloadKind::kReceipt) {
      Settle(sender_.OnReceipt(now, m.origin, m.body));
      continue;
    }
    ++counters_.frames_delivered;
    const Certificate* c = map_.FindCertificate(m.origin);
    Emit(Deliver{c->id, m.traffic_class, m.port, std::move(m.body)});
  }
}

void NodeCore::Impl::Settle(std::vector<Sender::Settled> settled) {
  std::vector<StoreWrite> writes;
  for (Sender::Settled& s : settled) {
    if (s.write) writes.push_back(*std::move(s.write));
    custody_.OnOwnSettled(s.id);
    Emit(MessageReport{s.number,
                       s.delivered ? MessageReport::What::kDelivered : MessageReport::What::kFailed,
                       std::move(s.reason)});
  }
  if (!writes.empty()) Emit(Persist{0, std::move(writes)});
}

// One token for all that is owed: the receipts leave when the disk has what they speak of. Where
// nothing was written, writes before it may still be under way; they are done in order.
void NodeCore::Impl::SendReceipts(Time now) {
  std::optional<ReceiptBatch> batch = receiver_.TakeReceipts(now);
  if (!batch) return;
  SendReceipts(now, std::move(batch->early));
  WaitingPersist& w = waiting_[++last_token_];
  w.receipts = std::move(batch->receipts);
  w.confirm = std::exchange(unconfirmed_, {});
  Emit(Persist{last_token_, std::move(batch->writes)});
}

void NodeCore::Impl::SendReceipts(Time now, std::vector<ReceiptBatch::Receipt> receipts) {
  for (ReceiptBatch::Receipt& r : receipts) {
    OutgoingMessage receipt;
    receipt.to = r.to;
    receipt.traffic_class = r.traffic_class;
    receipt.kind = PayloadKind::kReceipt;
    receipt.body = std::move(r.body);
    std::vector<OutgoingPacket> packets = sender_.SealNow(receipt);
    KeepReceipt(now, r.to, packets);
    SendReceipt(now, r.to, r.traffic_class, std::move(packets));
  }
}

Bytes NodeCore::Impl::TakeBuffer(std::size_t size) {
  Bytes b;
  if (!spare_.empty()) {
    b = std::move(spare_.back());
    spare_.pop_back();
  }
  b.resize(size);
  return b;
}

void NodeCore::Impl::CountControl(ControlKind kind, std::size_t bytes, LinkEntry* link) {
  // Feedback follows the traffic, which somebody pays for anyway.
  if (link->paid() && kind != ControlKind::kFeedback) link->thrift.Spend(bytes);
  ++counters_.control_frames_sent;
  counters_.control_bytes_sent += bytes;
  counters_.control_bytes_by_kind[static_cast<std::size_t>(kind)] += bytes;
}

void NodeCore::Impl::EmitFrame(Adjacency* a, Bytes frame, std::optional<ControlKind> control) {
  LinkEntry& link = links_[a->link];
  if (!link.up || link.silenced) return;
  if (control) {
    CountControl(*control, frame.size(), &link);
  } else {
    ++counters_.data_frames_sent;
    counters_.data_bytes_sent += frame.size();
  }
  Emit(SendFrame{a->link, a->address, std::move(frame), !control});
}

void NodeCore::Impl::SendControl(Time now, Adjacency* a, ByteSpan chunks,
                                 std::vector<ShortId> origins, bool eliciting) {
  SessionCipher& cipher = *a->cipher;
  constexpr std::size_t kExtraMax = 32;
  Bytes frame = TakeBuffer(cipher.overhead_bytes() + kExtraMax + chunks.size());
  ByteWriter w(MutableByteSpan(frame.data() + cipher.header_bytes(), kExtraMax + chunks.size()));
  const bool room =
      chunks.size() + cipher.overhead_bytes() + kExtraMax <= links_[a->link].info.mtu_bytes;
  if (room) {
    if (auto f = a->monitor.TakeFeedback(now)) WriteFeedback(*f, &w);
  }
  w.Put(chunks);
  std::uint64_t counter = 0;
  frame.resize(cipher.Seal(w.written(), frame, &counter));
  std::optional<HeldFrame> held;
  if (eliciting) {
    held.emplace();
    held->counter = counter;
    held->sent = now;
    held->kind = HeldFrame::Kind::kControl;
    held->bytes = static_cast<std::uint32_t>(frame.size());
    held->origins = std::move(origins);
  }
  a->monitor.OnSent(now, std::move(held));
  Refresh(a);
  EmitFrame(a, std::move(frame), KindOf(chunks));
}

void NodeCore::Impl::SendWanted(Time now, Adjacency* a) {
  const LinkMonitor::Wanted wanted = a->monitor.TakeWanted(now);
  if (wanted.quality) SendQualityProbe(now, a, wanted.quality_bytes);
  if (!wanted.frame) {
    Refresh(a);
    return;
  }
  SessionCipher& cipher = *a->cipher;
  constexpr std::size_t kContentMax = 48;
  Bytes frame = TakeBuffer(cipher.overhead_bytes() + kContentMax);
  ByteWriter w(MutableByteSpan(frame.data() + cipher.header_bytes(), kContentMax));
  if (auto f = a->monitor.TakeFeedback(now)) WriteFeedback(*f, &w);
  if (auto h = a->monitor.TakeHello(now, wanted.hello, map_.Digest())) {
    h->index = a->index;
    h->wants_reply = wanted.probe;
    WriteHello(*h, &w);
  }
  std::uint64_t counter = 0;
  frame.resize(cipher.Seal(w.written(), frame, &counter));
  std::optional<HeldFrame> held;
  if (wanted.probe) {
    held.emplace();
    held->counter = counter;
    held->sent = now;
    held->kind = HeldFrame::Kind::kProbe;
    held->bytes = static_cast<std::uint32_t>(frame.size());
  }
  a->monitor.OnSent(now, std::move(held));
  Refresh(a);
  EmitFrame(a, std::move(frame),
            wanted.probe   ? ControlKind::kProbe
            : wanted.hello ? ControlKind::kHello
                           : ControlKind::kFeedback);
}

void NodeCore::Impl::SendQualityProbe(Time now, Adjacency* a, std::size_t bytes) {
  SessionCipher& cipher = *a->cipher;
  constexpr std::size_t kChunkBytes = 3;  // type and length of the padding
  constexpr std::size_t kFeedbackMax = 16;
  const std::size_t mtu = links_[a->link].info.mtu_bytes;
  const std::size_t least = cipher.overhead_bytes() + kChunkBytes + kFeedbackMax;
  bytes = std::min(std::max(bytes, least), mtu);
  if (bytes < least) return;  // a link this narrow carries no probe
  const std::size_t room = bytes - cipher.overhead_bytes();
  Bytes frame = TakeBuffer(bytes + kTagBytes);
  ByteWriter w(MutableByteSpan(frame.data() + cipher.header_bytes(), room));
  if (a->monitor.received().pending()) {
    if (auto f = a->monitor.TakeFeedback(now)) WriteFeedback(*f, &w);
  }
  WriteBlob(ChunkType::kPadding, Bytes(room - w.size() - kChunkBytes), &w);
  HeldFrame held;
  frame.resize(cipher.Seal(w.written(), frame, &held.counter));
  held.sent = now;
  held.kind = HeldFrame::Kind::kQuality;
  held.bytes = static_cast<std::uint32_t>(frame.size());
  a->monitor.OnSent(now, std::move(held));
  Refresh(a);
  EmitFrame(a, std::move(frame), ControlKind::kQuality);
}

// Over the same link again, or another way? Where the link loses most of what it is given, at once
// another way, if there is one; where there is none, the same link until it gets through.
bool NodeCore::Impl::ShouldRepeat(const Adjacency& a, const HeldFrame& f) {
  if (!Usable(a)) return false;
  const LossDetector& quality = a.monitor.quality();
  const bool too_long = quality.size_limit() > 0 && f.bytes > quality.size_limit();
  const bool hopeless = too_long || quality.loss_permille() >= kHopelessPermille;
  if (f.attempts < (hopeless ? 1 : kAttemptsPerLink)) return true;
  if (too_long || f.attempts >= kAttemptsOnlyLink) return false;
  return forwarder_.AlternateRoute(f.header.traffic_class, f.header.destination, a.index)
             .first.value == 0;
}

void NodeCore::Impl::OnLost(Time now, Adjacency* a, std::vector<HeldFrame> lost) {
  std::vector<HeldFrame> elsewhere;
  for (HeldFrame& f : lost) {
    if (f.kind == HeldFrame::Kind::kControl) {
      map_.OnFrameLost(now, a->index, f.origins);
      quarantine_.book().OnLost(a->index, f.origins);
    } else if (f.kind == HeldFrame::Kind::kDirect) {
      if (f.attempts < kAttemptsPerLink && Usable(*a)) {
        ++counters_.resent_same_link;
        SendDirect(now, a, f.payload, static_cast<std::uint8_t>(f.attempts + 1));
      }
      a->monitor.held().Recycle(std::move(f.payload));
    } else if (f.kind == HeldFrame::Kind::kData) {
      if (ShouldRepeat(*a, f)) {
        ++counters_.resent_same_link;
        Transmit(now, a, f.header, f.payload, f.came_in, static_cast<std::uint8_t>(f.attempts + 1));
        a->monitor.held().Recycle(std::move(f.payload));
      } else {
        elsewhere.push_back(std::move(f));
      }
    }
  }
  if (!elsewhere.empty()) ResendElsewhere(now, a, std::move(elsewhere));
}

void NodeCore::Impl::ResendElsewhere(Time now, Adjacency* a, std::vector<HeldFrame> frames) {
  if (!config_.healing) return;
  for (HeldFrame& f : frames) {
    if (f.kind != HeldFrame::Kind::kData) continue;
    if (f.header.walk >= kWalkMax) {
      CountDrop(&counters_.dropped_resend_limit);
      continue;
    }
    // Where each frame is a bill, doubt is no reason to pay the same radio again.
    if (links_[a->link].info.idle_gap >= kNoHellos &&
        forwarder_.AlternateRoute(f.header.traffic_class, f.header.destination, a->index)
                .first.value == 0) {
      CountDrop(&counters_.dropped_exhausted);
      continue;
    }
    // The first walk may go on beyond the silence: this one must not be taken for it.
    ++f.header.walk;
    f.header.carried.Add({self_, a->index});
    if (a->shared && !Usable(*a) && a->neighbor() != f.header.destination) {
      f.header.carried.Add(EdgeId::WholeNode(a->neighbor()));
    }
    ++counters_.resent_alternate;
    Forward(now, f.header, f.payload, f.came_in);
    a->monitor.held().Recycle(std::move(f.payload));
  }
}

}  // namespace selvage
