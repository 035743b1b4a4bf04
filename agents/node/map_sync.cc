#include "agents/node/map_sync.h"

#include <algorithm>

#include "agents/node/link_state_codec.h"

namespace selvage {
namespace {

constexpr std::size_t kSummaryEntryBytes = 4 + 4 + 4;
constexpr std::uint8_t kWantLinkState = 1;
constexpr std::uint8_t kWantCertificate = 2;
constexpr std::size_t kRequestEntryBytes = 1 + 4;

std::string HexKey(const char* prefix, std::uint32_t id) {
  Bytes b(4);
  ByteWriter w(b);
  w.U32(id);
  return prefix + ToHex(b);
}

std::string AsString(const Bytes& b) { return std::string(b.begin(), b.end()); }

}  // namespace

MapSync::MapSync(Crypto* crypto, const Identity* identity, const TrustAnchor* anchor, Epoch epoch,
                 std::shared_ptr<RecordPool> pool)
    : crypto_(crypto),
      identity_(identity),
      anchor_(anchor),
      epoch_(epoch),
      pool_(pool != nullptr ? std::move(pool) : std::make_shared<RecordPool>()),
      scope_(identity->certificate.id.Short()),
      random_(identity->certificate.id.Short().value) {
  AddCertificate(identity->certificate);
}

void MapSync::Load(Time now, Store& store) {
  store.Scan("map/certificate/", [&](std::string_view, std::string_view value) {
    auto c = VerifyCertificate(*crypto_, *anchor_, ByteSpan::Of(value), wall_);
    if (c.ok()) AddCertificate(*c);
    return true;
  });
  store.Scan("map/link-state/", [&](std::string_view, std::string_view value) {
    auto record = pool_->Read(ByteSpan::Of(value));
    const Certificate* c = record ? FindCertificate(record->origin.Short()) : nullptr;
    if (c != nullptr && c->id == record->origin && c->id != identity_->certificate.id &&
        pool_->IsSigned(*crypto_, c->signing_key, *record)) {
      scope_.OnEntered(now, record->origin.Short(), record->version.epoch);
      database_.Put(now, std::move(record));
    }
    return true;
  });
  unsaved_.clear();
  unsaved_certificates_.clear();
  changed_ = true;
}

bool MapSync::AddCertificate(const Certificate& certificate) {
  const std::uint32_t id = certificate.id.Short().value;
  auto it = certificates_.find(id);
  if (it == certificates_.end() && certificates_.size() >= kCertificatesMax) return false;
  if (it != certificates_.end() && it->second->id != certificate.id) return false;
  if (it != certificates_.end() && it->second->serial >= certificate.serial) return true;
  if (it != certificates_.end()) {
    const auto name = names_.find(it->second->name);
    if (name != names_.end() && name->second == it->second.get()) names_.erase(name);
  }
  const auto shared = pool_->Share(certificate);
  certificates_[id] = shared;
  names_.erase(shared->name);  // the key lives in the certificate that it belongs to
  names_.emplace(shared->name, shared.get());
  unsaved_certificates_.insert(id);
  return true;
}

const Certificate* MapSync::FindCertificate(ShortId id) const {
  auto it = certificates_.find(id.value);
  return it == certificates_.end() ? nullptr : it->second.get();
}

std::optional<NodeId> MapSync::FindByName(const std::string& name) const {
  auto it = names_.find(name);
  if (it == names_.end()) return std::nullopt;
  return it->second->id;
}

void MapSync::OnNeighborUp(AdjacencyIndex index, ShortId neighbor, std::size_t content_bytes_max,
                           bool shared, bool slow) {
  Neighbor& n = neighbors_[index.value];
  // Said again because something about the link changed: what was told stays told.
  if (n.id == neighbor && ((slow && n.slow) || n.suspected)) {
    n.content_bytes_max = content_bytes_max;
    n.suspected = false;
    return;
  }
  n = Neighbor();
  n.slow = slow;
  n.id = neighbor;
  n.content_bytes_max = content_bytes_max;
  n.shared = shared;
  n.summary = true;
  n.summary_near = !all_near() && scope_.Reaches(neighbor);
}

void MapSync::Expire(Time now) {
  if (database_.Expire(now, identity_->certificate.id.Short()) > 0) scope_.Forget(database_);
}

void MapSync::Owe(Time now, Neighbor* n, std::uint32_t origin) {
  const bool near = n->slow || all_near() || scope_.Near(now, ShortId(origin));
  (near ? n->flood : n->far).insert(origin);
  (near ? n->far : n->flood).erase(origin);
}

void MapSync::OnNeighborSuspected(AdjacencyIndex index) {
  const auto it = neighbors_.find(index.value);
  if (it != neighbors_.end()) it->second.suspected = true;
}

void MapSync::OnNeighborGone(AdjacencyIndex index) { neighbors_.erase(index.value); }

void MapSync::SetNewsGap(AdjacencyIndex index, Duration gap) {
  const auto it = neighbors_.find(index.value);
  if (it == neighbors_.end() || it->second.news_gap == gap) return;
  it->second.news_gap = gap;
  it->second.flood_at = kNever;  // to be set anew
}

void MapSync::OnPeerDigest(Time now, AdjacencyIndex index, std::uint32_t digest) {
  auto it = neighbors_.find(index.value);
  if (it == neighbors_.end() || it->second.suspected || digest == Digest()) return;
  Neighbor& n = it->second;
  // What was flooded a moment ago is still on its way: only a lasting difference is worth a
  // summary.
  if (n.shared && now - last_news_ < kSummaryGap) return;
  const Duration gap = n.slow ? kSlowSummaryGap : std::max<Duration>(kSummaryGap, n.news_gap);
  if (!n.flood.empty() || now - n.last_summary < gap) return;
  n.summary = true;
  n.summary_near = false;
}

void MapSync::OnLinkState(Time now, AdjacencyIndex from, ByteSpan encoded) {
  std::shared_ptr<const LinkStateRecord> record = pool_->Read(encoded);
  if (record == nullptr) {
    ++counters_.malformed;
    return;
  }
  const ShortId origin = record->origin.Short();
  if (!database_.Wants(origin, record->version)) {
    ++counters_.stale;
    const LinkStateRecord* mine = database_.Find(origin);
    auto n = neighbors_.find(from.value);
    if (mine != nullptr && n != neighbors_.end()) {
      if (record->version < mine->version) {
        Owe(now, &n->second, origin.value);  // it should know better
      } else {
        n->second.flood.erase(origin.value);  // it knows
        n->second.far.erase(origin.value);
      }
    }
    return;
  }
  const Certificate* c = FindCertificate(origin);
  if (c == nullptr) {
    if (waiting_.size() >= kWaitingMax && waiting_.count(origin.value) == 0) {
      ++counters_.waiting_dropped;
      return;
    }
    waiting_[origin.value] = {encoded.ToBytes(), from};
    auto n = neighbors_.find(from.value);
    if (n != neighbors_.end()) Ask(&n->second, origin.value);
    return;
  }
  if (c->id != record->origin || !pool_->IsSigned(*crypto_, c->signing_key, *record)) {
    ++counters_.forged;
    return;
  }
  Accept(now, std::move(record), from);
}

void MapSync::Accept(Time now, std::shared_ptr<const LinkStateRecord> record,
                     AdjacencyIndex from) {
  const ShortId origin = record->origin.Short();
  if (record->origin == identity_->certificate.id) {
    // Our own signature under a later version than we know of: this node's state was set back (disk
    // restored from a copy). Go on from there, or nobody would believe us again.
    epoch_ = record->version.epoch;
    sequence_ = record->version.sequence;
    outrun_ = true;
    ++counters_.stale;
    return;
  }
  const bool urgent = all_near() || scope_.Urgent(now, *record);
  const Epoch epoch = record->version.epoch;
  if (database_.Put(now, std::move(record)) != LinkStateDatabase::Insert::kNewer) return;
  scope_.OnEntered(now, origin, epoch);
  ++counters_.accepted;
  changed_ = true;
  unsaved_.insert(origin.value);
  last_news_ = now;
  for (auto& [index, n] : neighbors_) {
    n.far.erase(origin.value);
    n.want.erase(origin.value);
    if (index == from.value) {
      n.flood.erase(origin.value);
    } else if (!HasIt(n, origin, from)) {
      (urgent || n.slow ? n.flood : n.far).insert(origin.value);
    }
  }
}

// On a shared channel each frame spared counts: the origin knows its own news, and whoever is a
// neighbour of the node that told this one is told by it. Should that fail, digests differ.
bool MapSync::HasIt(const Neighbor& n, ShortId origin, AdjacencyIndex from) const {
  if (!n.shared) return false;
  if (n.id == origin) return true;
  const auto teller = neighbors_.find(from.value);
  if (teller == neighbors_.end() || !teller->second.shared) return false;
  const LinkStateRecord* record = database_.Find(teller->second.id);
  if (record == nullptr) return false;
  return std::any_of(record->adjacencies.begin(), record->adjacencies.end(),
                     [&](const AdvertisedAdjacency& a) { return a.neighbor == n.id; });
}

void MapSync::OnCertificate(Time now, AdjacencyIndex, ByteSpan encoded) {
  absl::StatusOr<Certificate> c = VerifyCertificate(*crypto_, *anchor_, encoded, wall_);
  if (!c.ok() || !AddCertificate(*c)) {
    ++counters_.forged;
    return;
  }
  const std::uint32_t id = c->id.Short().value;
  for (auto& [index, n] : neighbors_) n.ask.erase(id);
  auto it = waiting_.find(id);
  if (it == waiting_.end()) return;
  const Waiting waiting = std::move(it->second);
  waiting_.erase(it);
  OnLinkState(now, waiting.from, waiting.encoded);
}

void MapSync::OnSummary(Time now, AdjacencyIndex from, ByteSpan body) {
  auto it = neighbors_.find(from.value);
  if (it == neighbors_.end()) return;
  Neighbor& n = it->second;
  if (body.empty() || (body.size() - 1) % kSummaryEntryBytes != 0) {
    ++counters_.malformed;
    return;
  }
  ByteReader in(body);
  // First byte: is this part the whole summary? Only then can absence be told.
  const bool whole = in.U8() == 1;
  std::set<std::uint32_t> listed;
  while (in.remaining() > 0) {
    const ShortId origin(in.U32());
    const LinkStateVersion version{Epoch(in.U32()), in.U32()};
    listed.insert(origin.value);
    const LinkStateRecord* mine = database_.Find(origin);
    if (database_.Wants(origin, version) && origin != identity_->certificate.id.Short()) {
      // Far news comes without being asked for, when there is room for it.
      if (mine == nullptr || scope_.Near(now, origin)) n.want.insert(origin.value);
    } else if (mine != nullptr && version < mine->version) {
      Owe(now, &n, origin.value);
    }
  }
  if (!whole) return;
  for (const auto& [id, record] : database_.records()) {
    if (listed.count(id) == 0) n.flood.insert(id);
  }
}

void MapSync::Ask(Neighbor* n, std::uint32_t origin) {
  if (n->ask.emplace(origin, Time::min()).second) n->ask_at = Time::min();
}

void MapSync::OnRequest(Time, AdjacencyIndex from, ByteSpan body) {
  auto it = neighbors_.find(from.value);
  if (it == neighbors_.end()) return;
  if (body.size() % kRequestEntryBytes != 0) {
    ++counters_.malformed;
    return;
  }
  ByteReader in(body);
  while (in.remaining() > 0) {
    const std::uint8_t what = in.U8();
    const std::uint32_t id = in.U32();
    if (what == kWantCertificate && certificates_.count(id) > 0) it->second.certificates.insert(id);
    if (what == kWantLinkState && database_.Find(ShortId(id)) != nullptr)
      it->second.flood.insert(id);
  }
}

void MapSync::OnFrameLost(Time now, AdjacencyIndex to, const std::vector<ShortId>& origins) {
  auto it = neighbors_.find(to.value);
  if (it == neighbors_.end()) return;
  if (origins.empty()) {  // a summary, request or certificate: let the exchange start over
    it->second.summary = true;
    for (auto& [id, asked] : it->second.ask) asked = Time::min();
    it->second.ask_at = Time::min();
  }
  for (ShortId o : origins) Owe(now, &it->second, o.value);
  Neighbor& n = it->second;
  if (n.slow && !origins.empty() && !n.lost) {
    n.lost = true;
    n.flood_at = now + kSlowFloodDelay * (1 << n.losses);
    n.losses = std::min(n.losses + 1, kSlowLossesMax);
  }
}

void MapSync::Advertise(Time now, std::vector<AdvertisedAdjacency> adjacencies,
                        std::vector<std::string> addresses) {
  LinkStateRecord record;
  record.origin = identity_->certificate.id;
  record.version = {epoch_, ++sequence_};
  record.adjacencies = std::move(adjacencies);
  record.addresses = std::move(addresses);
  SignLinkState(*crypto_, identity_->signing_key, &record);
  const std::uint32_t self = record.origin.Short().value;
  database_.Put(now, std::make_shared<const LinkStateRecord>(std::move(record)));
  changed_ = true;
  for (auto& [index, n] : neighbors_) {
    n.flood.insert(self);
    if (n.slow || n.news_gap > Duration(0)) continue;  // FloodDue says when
    n.flood_at = n.shared ? now + Spread() : now;  // nobody else can have told them
  }
}

void MapSync::Append(Neighbor* n, ControlFrame* frame, ChunkType type, ByteSpan body,
                     std::vector<ControlFrame>* out) {
  const std::size_t need = 3 + body.size();
  if (frame->content.size() + need > n->content_bytes_max && !frame->content.empty()) {
    out->push_back(*frame);
    frame->content.clear();
    frame->origins.clear();
  }
  const std::size_t at = frame->content.size();
  frame->content.resize(at + need);
  ByteWriter w(MutableByteSpan(frame->content.data() + at, need));
  WriteBlob(type, body, &w);
}

// A burst of frames from one node holds up the data of all around it.
Duration MapSync::Spread() {
  return Duration(static_cast<std::int64_t>(
      random_.Below(static_cast<std::uint64_t>(kSharedFloodDelay.count()))));
}

bool MapSync::FloodDue(Time now, Neighbor* n) {
  if (n->flood.empty()) {
    n->flood_at = kNever;
    return false;
  }
  if (n->slow) {
    if (n->flood_at == kNever) {
      n->flood_at = n->last_flood == Time::min()
                        ? now + kSlowFloodDelay
                        : std::max(now + kSlowFloodDelay, n->last_flood + kSlowFloodGap);
    }
    if (now < n->flood_at) return false;
    n->last_flood = now;
    if (!std::exchange(n->lost, false)) n->losses = 0;
    return true;
  }
  if (n->flood_at == kNever) {
    n->flood_at = n->shared ? now + kSharedFloodDelay + 2 * Spread()
                            : std::max(now, n->spent_until - (kFloodBurst - 1) * kFloodGap);
    if (n->news_gap > Duration(0) && n->last_flood != Time::min()) {
      n->flood_at = std::max(n->flood_at, n->last_flood + n->news_gap);
    }
  }
  if (now < n->flood_at) return false;
  if (n->shared) return n->granted || OwesOwn(*n);
  n->spent_until = std::max(n->spent_until, now) + kFloodGap;
  n->last_flood = now;
  return true;
}

void MapSync::GrantShared(Time now) {
  for (auto& [index, n] : neighbors_) n.granted = false;
  const auto worth = [](std::size_t bytes) {
    return Duration(1s) * static_cast<std::int64_t>(bytes) /
           static_cast<std::int64_t>(kSharedBytesPerSecond);
  };
  while (now >= shared_free_) {
    Neighbor* next = nullptr;
    for (auto& [index, n] : neighbors_) {
      const bool waits = n.shared && !n.slow && !n.suspected && !n.granted && !n.flood.empty() &&
                         n.flood_at <= now;
      if (waits && (next == nullptr || n.flood_at < next->flood_at)) next = &n;
    }
    if (next == nullptr) return;
    next->granted = true;
    std::size_t bytes = 0;
    for (const std::uint32_t origin : next->flood) {
      const LinkStateRecord* record = database_.Find(ShortId(origin));
      bytes += record == nullptr ? 0 : record->encoded.size() + 3;
    }
    const std::size_t frames = bytes / std::max<std::size_t>(1, next->content_bytes_max) + 1;
    shared_free_ = std::max(shared_free_, now - worth(kSharedBurstBytes)) +
                   worth(bytes + frames * kFrameBytes);
  }
}

Time MapSync::NextDeadline() const {
  Time at = kNever;
  for (const auto& [index, n] : neighbors_) {
    if (n.suspected) continue;
    if (!n.flood.empty()) {
      const bool paced = n.shared && !n.slow && n.flood_at != kNever && !OwesOwn(n);
      at = std::min(at, paced ? std::max(n.flood_at, shared_free_) : n.flood_at);
    }
    if (!n.far.empty()) at = std::min(at, far_free_);
  }
  return at;
}

void MapSync::AppendSummary(Time now, Neighbor* n, ControlFrame* frame,
                            std::vector<ControlFrame>* out) {
  n->summary = false;
  n->last_summary = now;
  const std::size_t per_chunk = std::max<std::size_t>(
      1, (std::min<std::size_t>(n->content_bytes_max, 60'000) - 4) / kSummaryEntryBytes);
  std::vector<const LinkStateDatabase::Records::value_type*> told;
  for (const auto& entry : database_.records()) {
    if (!n->summary_near || scope_.Near(now, ShortId(entry.first))) told.push_back(&entry);
  }
  const bool whole = !n->summary_near && told.size() <= per_chunk;
  auto it = told.begin();
  do {
    Bytes body(1 + std::min<std::size_t>(per_chunk, told.size()) * kSummaryEntryBytes);
    ByteWriter w(body);
    w.U8(whole ? 1 : 0);
    for (std::size_t i = 0; i < per_chunk && it != told.end(); ++i, ++it) {
      w.U32((*it)->first);
      w.U32((*it)->second->version.epoch.value);
      w.U32((*it)->second->version.sequence);
    }
    Append(n, frame, ChunkType::kSummary, w.written(), out);
  } while (it != told.end());
}

void MapSync::AppendRequests(Time now, Neighbor* n, ControlFrame* frame,
                             std::vector<ControlFrame>* out) {
  if (n->content_bytes_max < kRequestEntryBytes + 3) return;
  Bytes request;
  const auto ask = [&](std::uint8_t what, std::uint32_t id) {
    if (request.size() + kRequestEntryBytes + 3 > n->content_bytes_max) {
      Append(n, frame, ChunkType::kRequest, request, out);
      request.clear();
    }
    const std::size_t at = request.size();
    request.resize(at + kRequestEntryBytes);
    ByteWriter w(MutableByteSpan(request.data() + at, kRequestEntryBytes));
    w.U8(what);
    w.U32(id);
  };
  for (std::uint32_t id : n->want) ask(kWantLinkState, id);
  n->want.clear();
  if (now >= n->ask_at) {
    const Duration gap = n->slow ? kSlowRequestGap : kRequestGap;
    n->ask_at = kNever;
    while (n->ask.size() > kWaitingMax) n->ask.erase(n->ask.begin());
    for (auto& [id, asked] : n->ask) {
      if (asked == Time::min() || now - asked >= gap) {
        asked = now;
        ask(kWantCertificate, id);
      }
      n->ask_at = std::min(n->ask_at, asked + gap);
    }
  }
  if (!request.empty()) Append(n, frame, ChunkType::kRequest, request, out);
}

void MapSync::AppendLinkState(Neighbor* n, std::uint32_t origin, ControlFrame* frame,
                              std::vector<ControlFrame>* out) {
  const LinkStateRecord* record = database_.Find(ShortId(origin));
  if (record == nullptr || record->encoded.size() + 3 > n->content_bytes_max) return;
  Append(n, frame, ChunkType::kLinkState, record->encoded, out);
  frame->origins.push_back(ShortId(origin));
}

std::vector<ControlFrame> MapSync::TakeFrames(Time now) {
  std::vector<ControlFrame> out;
  GrantShared(now);
  for (auto& [index, n] : neighbors_) {
    if (n.suspected) continue;
    const bool flood = FloodDue(now, &n);
    if (!flood && n.certificates.empty() && n.want.empty() && now < n.ask_at && !n.summary) {
      continue;
    }
    ControlFrame frame;
    frame.to = AdjacencyIndex(index);
    if (n.summary) AppendSummary(now, &n, &frame, &out);
    AppendRequests(now, &n, &frame, &out);
    for (std::uint32_t id : n.certificates) {
      const Bytes& encoded = certificates_[id]->encoded;
      if (encoded.size() + 3 > n.content_bytes_max) continue;
      Append(&n, &frame, ChunkType::kCertificate, encoded, &out);
    }
    n.certificates.clear();
    if (flood && n.shared && !n.slow && !n.granted) {
      AppendLinkState(&n, self().value, &frame, &out);
      n.flood.erase(self().value);
    } else if (flood) {
      for (std::uint32_t id : n.flood) AppendLinkState(&n, id, &frame, &out);
      n.flood.clear();
      n.flood_at = kNever;
    }
    if (!frame.content.empty()) out.push_back(std::move(frame));
  }
  if (now >= far_free_) TakeFar(now, &out);
  return out;
}

void MapSync::TakeFar(Time now, std::vector<ControlFrame>* out) {
  auto turn = neighbors_.upper_bound(far_turn_);
  for (std::size_t i = 0; i < neighbors_.size(); ++i, ++turn) {
    if (turn == neighbors_.end()) turn = neighbors_.begin();
    if (!turn->second.far.empty() && !turn->second.suspected) break;
  }
  if (turn == neighbors_.end() || turn->second.far.empty() || turn->second.suspected) return;
  far_turn_ = turn->first;
  Neighbor& n = turn->second;
  ControlFrame frame;
  frame.to = AdjacencyIndex(turn->first);
  auto it = n.far.lower_bound(n.far_next);
  while (!n.far.empty()) {
    if (it == n.far.end()) it = n.far.begin();
    const LinkStateRecord* record = database_.Find(ShortId(*it));
    const std::size_t bytes = record == nullptr ? 0 : record->encoded.size() + 3;
    if (!frame.content.empty() && frame.content.size() + bytes > n.content_bytes_max) break;
    AppendLinkState(&n, *it, &frame, out);
    it = n.far.erase(it);
  }
  n.far_next = it == n.far.end() ? 0 : *it;
  const auto worth = [](std::size_t bytes) {
    return Duration(1s) * static_cast<std::int64_t>(bytes) /
           static_cast<std::int64_t>(kFarBytesPerSecond);
  };
  far_free_ = std::max(far_free_, now - worth(kFarBurstBytes)) + worth(frame.content.size());
  if (!frame.content.empty()) out->push_back(std::move(frame));
}

std::vector<StoreWrite> MapSync::TakeWrites() {
  std::vector<StoreWrite> out;
  for (std::uint32_t id : unsaved_certificates_) {
    out.push_back({HexKey("map/certificate/", id), AsString(certificates_[id]->encoded)});
  }
  for (std::uint32_t id : unsaved_) {
    const LinkStateRecord* r = database_.Find(ShortId(id));
    out.push_back({HexKey("map/link-state/", id),
                   r == nullptr ? std::nullopt : std::optional<std::string>(AsString(r->encoded))});
  }
  unsaved_.clear();
  unsaved_certificates_.clear();
  return out;
}

}  // namespace selvage
