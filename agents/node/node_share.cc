// NodeCore: models learn from neighbours' models; agents/anomaly/digest.h says what is told.
#include <algorithm>

#include "agents/node/node_impl.h"

namespace selvage {
namespace {

constexpr Duration kCheck = 10s;  // one neighbour at a time
constexpr Duration kGap = 30min;
// Where bytes are paid for, or air is scarce.
constexpr Duration kGapScarce = 24h;
constexpr std::size_t kSharedMax = 1024;
// Samples below which a model has nothing to lose by beginning again from a prior.
constexpr std::uint64_t kYoung = 300;

ShareBook::Kind KindOf(const LinkInfo& info, const anomaly::Schema& schema) {
  return {anomaly::Digest::Kind(info.transport.c_str(), schema.features, schema.count),
          schema.count};
}

bool Scarce(const LinkInfo& info) { return info.slow || info.tariff != Tariff::kFree; }

}  // namespace

std::vector<ShareBook::Kind> NodeCore::Impl::OwnKinds() const {
  std::vector<ShareBook::Kind> kinds;
  for (const auto& [id, link] : links_) {
    for (const bool radio : {false, true}) {
      const ShareBook::Kind kind = KindOf(link.info, JudgedLinkSchema(radio));
      if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(kind);
    }
  }
  return kinds;
}

std::vector<anomaly::Digest> NodeCore::Impl::OwnDigests() const {
  std::vector<anomaly::Digest> digests;
  for (const Adjacency* a : present_) {
    anomaly::Digest digest;
    if (a->watch == nullptr || !a->watch->model().GetDigest(&digest)) continue;
    digest.kind = KindOf(links_.at(a->link).info, a->watch->schema()).hash;
    digests.push_back(digest);
  }
  return digests;
}

void NodeCore::Impl::ShareModels(Time now) {
  if (!config_.model.share || now < next_share_) return;
  next_share_ = now + kCheck;
  Adjacency* to = nullptr;
  for (Adjacency* a : present_) {
    if (a->remote_index.value == 0 || !a->monitor.detector().usable()) continue;
    const bool scarce = Scarce(links_[a->link].info);
    const auto it = shared_.find(a->neighbor().value);
    if (it != shared_.end() && it->second.epoch == a->epoch &&
        now - it->second.at < (scarce ? kGapScarce : kGap)) {
      continue;
    }
    if (to == nullptr || (Scarce(links_[to->link].info) && !scarce)) to = a;
  }
  if (to == nullptr) return;
  std::vector<anomaly::Digest> own = OwnDigests();
  if (own.empty()) return;
  if (shared_.size() >= kSharedMax) shared_.erase(shared_.begin());
  shared_[to->neighbor().value] = {now, to->epoch};
  const std::size_t room = links_[to->link].info.mtu_bytes - to->cipher->overhead_bytes();
  std::size_t kinds = 0;
  while (!own.empty() && kinds++ < ShareBook::kKindsMax) {
    // One digest for all links of a kind.
    const std::uint32_t kind = own.front().kind;
    std::vector<const anomaly::Digest*> alike;
    for (const anomaly::Digest& d : own) {
      if (d.kind == kind && alike.size() < anomaly::Digest::kAggregateMax) alike.push_back(&d);
    }
    anomaly::Digest told;
    const bool sane = anomaly::Digest::Aggregate(alike.data(), alike.size(), &told);
    own.erase(std::remove_if(own.begin(), own.end(),
                             [kind](const anomaly::Digest& d) { return d.kind == kind; }),
              own.end());
    Bytes packet(anomaly::Digest::kBytesMax);
    if (!sane) continue;
    packet.resize(told.Encode(packet.data()));
    constexpr std::size_t kChunkHeader = 3;
    Bytes chunk(kChunkHeader + packet.size());
    ByteWriter w(chunk);
    WriteBlob(ChunkType::kModelDigest, packet, &w);
    if (chunk.size() > room) continue;
    ++counters_.model_digests_sent;
    SendControl(now, to, chunk, {}, true);
  }
}

void NodeCore::Impl::OnModelDigest(Time now, const Adjacency& from, ByteSpan packet) {
  if (!config_.model.enabled || !config_.model.share) return;
  if (book_.OnDigest(now, from.neighbor(), packet, OwnKinds()) == ShareBook::Verdict::kTaken) {
    ++counters_.model_digests_taken;
  } else {
    ++counters_.model_digests_refused;
  }
}

void NodeCore::Impl::LearnFromOthers(Time now, Adjacency* a) {
  LinkWatch& w = *a->watch;
  if (!config_.model.share || w.prior_voices() > 0 || w.samples() > kYoung) return;
  if (book_.size() == 0) return;
  const auto prior = book_.PriorOf(now, KindOf(links_.at(a->link).info, w.schema()), OwnDigests());
  if (prior && w.TakePrior(prior->digest, prior->voices)) ++counters_.model_priors_taken;
}

}  // namespace selvage
