// Keeps this node's map equal to its neighbours': verifies, stores, floods and repairs.
//
// Three ways news travels. Flooding: a newer advertisement goes to every other neighbour, urgent
// ones at once, far news at the pace of a budget (news_scope.h says which), several to a frame;
// frames that carry advertisements are acknowledged by the link like data, and a lost one puts its
// origins back on the list. Summaries: a new neighbour is told which versions are here and asks for
// what it lacks; one that the map reaches anyway, which has been told the far news by others, only
// of those nearby. Digest: every hello carries a hash over all versions (of more than
// NewsScope::kSmallNetwork nodes: over who is known, for far news arrives at different times);
// while two neighbours disagree they exchange summaries, at most one per kSummaryGap. Nothing is
// refreshed by the clock, so a quiet network stays quiet.
//
// Certificates travel on request: an advertisement of an origin without a certificate here waits
// (bounded) while the neighbour that sent it is asked. Only certificates signed by the network and
// advertisements signed by their origin enter.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/membership/certificate.h"
#include "agents/membership/certificate_book.h"
#include "agents/node/news_scope.h"
#include "agents/node/record_pool.h"
#include "core/crypto.h"
#include "core/frame.h"
#include "core/random.h"
#include "core/store.h"
#include "core/time.h"
#include "routing/link_state_database.h"

namespace selvage {

// One control frame's worth of chunks for a neighbour.
struct ControlFrame {
  AdjacencyIndex to;
  Bytes content;
  std::vector<ShortId> origins;  // whose advertisements it carries
};

class MapSync : public CertificateBook {
 public:
  static constexpr std::size_t kWaitingMax = 256;  // advertisements without a certificate
  static constexpr std::size_t kCertificatesMax = 8192;
  static constexpr Duration kSummaryGap = 1s;
  static constexpr Duration kRequestGap = 200ms;  // per certificate asked for
  // On a shared channel news of others waits this long, up to three times: by then most neighbours
  // have it from somebody else and said so by sending it here, and what is left goes in one frame.
  static constexpr Duration kSharedFloodDelay = 120ms;
  // Elsewhere the first kFloodBurst frames leave at once, which is what a fault or two take; in a
  // storm (a start, a merge) news gathers this long, and one frame carries several advertisements.
  static constexpr int kFloodBurst = 8;
  static constexpr Duration kFloodGap = 10ms;
  // Over a slow radio the first news leaves after a moment (an adjacency that has just come up is
  // worth it), more of it with the gap of a hello's promise: news of links that the radio's few
  // packets hardly use is not worth minutes of air time.
  static constexpr Duration kSlowFloodDelay = 20s;
  static constexpr Duration kSlowFloodGap = std::chrono::minutes(20);
  // What got lost on the way is not news: it leaves again after kSlowFloodDelay, or twice, four
  // times, ... as long where it is lost again and again.
  static constexpr int kSlowLossesMax = 5;
  static constexpr Duration kSlowSummaryGap = std::chrono::minutes(20);
  static constexpr Duration kSlowRequestGap = std::chrono::minutes(2);

  // What far news may cost this node, all neighbours together, counted as content; a row of changes
  // after a quiet time has kFarBurst. 24 B/s carry about one advertisement every 10 s.
  static constexpr std::size_t kFarBytesPerSecond = 24;
  static constexpr std::size_t kFarBurstBytes = 4096;
  // What all news of others may cost this node on shared channels, all neighbours together, with
  // kFrameBytes for each frame. Nodes that move about make more news than a channel can carry, most
  // of it outdated before it is sent: what waits is told in its newest version only. A network
  // that starts, or a move of everybody, has the burst.
  static constexpr std::size_t kSharedBytesPerSecond = 2000;
  static constexpr std::size_t kSharedBurstBytes = 24'000;
  static constexpr std::size_t kFrameBytes = 60;

  // `pool`: shared with other cores of the process and thread; nullptr: this node's own.
  MapSync(Crypto* crypto, const Identity* identity, const TrustAnchor* anchor, Epoch epoch,
          std::shared_ptr<RecordPool> pool = nullptr);

  void SetWall(WallSeconds wall) { wall_ = wall; }
  // Warm start from what was persisted; everything is verified again.
  void Load(Time now, Store& store);

  // ---- neighbours. A neighbour that may be flooded to; mtu in bytes of content. `shared`: over a
  // channel that all take turns on (LinkInfo::shared). `slow`: news goes there rarely.
  void OnNeighborUp(AdjacencyIndex index, ShortId neighbor, std::size_t content_bytes_max,
                    bool shared, bool slow = false);
  // Suspected: nothing leaves until it is up again, and what it is owed then is remembered, so that
  // a suspicion that is withdrawn costs no summaries.
  void OnNeighborSuspected(AdjacencyIndex index);
  void OnNeighborGone(AdjacencyIndex index);
  // News to this neighbour is at least so far apart from now on; 0: as usual there.
  void SetNewsGap(AdjacencyIndex index, Duration gap);
  void OnPeerDigest(Time now, AdjacencyIndex index, std::uint32_t digest);
  // A verified certificate learned from a handshake. False: its short id belongs to somebody else.
  bool AddCertificate(const Certificate& certificate);

  // ---- chunks from a neighbour
  void OnLinkState(Time now, AdjacencyIndex from, ByteSpan encoded);
  void OnCertificate(Time now, AdjacencyIndex from, ByteSpan encoded);
  void OnSummary(Time now, AdjacencyIndex from, ByteSpan body);
  void OnRequest(Time now, AdjacencyIndex from, ByteSpan body);
  void OnFrameLost(Time now, AdjacencyIndex to, const std::vector<ShortId>& origins);

  // ---- own advertisement: replaces it and floods.
  void Advertise(Time now, std::vector<AdvertisedAdjacency> adjacencies,
                 std::vector<std::string> addresses);

  // The map as routes see it now: tells near from far.
  void SetTopology(const Topology& topology) { scope_.SetTopology(topology); }
  // What hellos carry.
  std::uint32_t Digest() const {
    return all_near() ? database_.Digest() : database_.OriginsDigest();
  }
  // Drops what nobody lists any more; see LinkStateDatabase::Expire.
  void Expire(Time now);

  // The map changed; TakeChanged: true once.
  bool changed() const { return changed_; }
  bool TakeChanged() { return std::exchange(changed_, false); }
  // True once after the network was found to know a later advertisement of this node than this node
  // does: advertise again.
  bool TakeOutrun() { return std::exchange(outrun_, false); }
  // When TakeFrames has something that must wait until then; kNever: nothing waits.
  Time NextDeadline() const;
  // Control frames that are ready to leave.
  std::vector<ControlFrame> TakeFrames(Time now);
  // What is new since the last call, for the store.
  std::vector<StoreWrite> TakeWrites();

  const LinkStateDatabase& database() const { return database_; }
  LinkStateDatabase& database() { return database_; }
  const Certificate* FindCertificate(ShortId id) const override;
  std::optional<NodeId> FindByName(const std::string& name) const;

  struct Counters {
    std::uint64_t accepted = 0;
    std::uint64_t stale = 0;   // older than or equal to what is here
    std::uint64_t forged = 0;  // signature or certificate does not hold
    std::uint64_t malformed = 0;
    std::uint64_t waiting_dropped = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Neighbor {
    ShortId id;
    std::size_t content_bytes_max = 0;
    bool shared = false;
    bool slow = false;
    bool suspected = false;
    bool granted = false;                  // shared: the budget has room for its news now
    Duration news_gap{0};
    Time last_flood = Time::min();         // slow, or with a gap
    int losses = 0;                        // slow: of floods, one after the other
    bool lost = false;                     // ... the last one
    Time spent_until{};                    // kFloodGap for each flood so far
    std::set<std::uint32_t> flood;         // short ids whose advertisement is to be sent
    std::set<std::uint32_t> far;           // ... when the budget allows; never slow
    std::uint32_t far_next = 0;            // short id to go on from
    Time flood_at = kNever;                // when; set while `flood` waits
    std::set<std::uint32_t> certificates;  // short ids whose certificate is to be sent
    std::map<std::uint32_t, Time> ask;     // certificates wanted, and when asked last (min: never)
    Time ask_at = kNever;                  // no sooner is any of `ask` to be asked for
    std::set<std::uint32_t> want;          // advertisements to ask for
    bool summary = false;                  // owed
    bool summary_near = false;             // ... of nodes nearby only
    Time last_summary = Time::min();
  };
  struct Waiting {
    Bytes encoded;
    AdjacencyIndex from;
  };

  bool all_near() const { return database_.records().size() <= NewsScope::kSmallNetwork; }
  // `n` is to be told of `origin`: soon or late.
  void Owe(Time now, Neighbor* n, std::uint32_t origin);
  void AppendSummary(Time now, Neighbor* n, ControlFrame* frame, std::vector<ControlFrame>* out);
  void AppendRequests(Time now, Neighbor* n, ControlFrame* frame, std::vector<ControlFrame>* out);
  void AppendLinkState(Neighbor* n, std::uint32_t origin, ControlFrame* frame,
                       std::vector<ControlFrame>* out);
  // One frame of far news for the neighbour whose turn it is.
  void TakeFar(Time now, std::vector<ControlFrame>* out);
  bool HasIt(const Neighbor& n, ShortId origin, AdjacencyIndex from) const;
  Duration Spread();
  ShortId self() const { return identity_->certificate.id.Short(); }
  // This node's own news waits for no budget: nobody else can tell it.
  bool OwesOwn(const Neighbor& n) const { return n.flood.count(self().value) > 0; }
  // Whose turn it is on shared channels: who has waited longest, as far as the budget goes.
  void GrantShared(Time now);
  bool FloodDue(Time now, Neighbor* n);
  void Ask(Neighbor* n, std::uint32_t origin);
  void Accept(Time now, std::shared_ptr<const LinkStateRecord> record, AdjacencyIndex from);
  void Append(Neighbor* n, ControlFrame* frame, ChunkType type, ByteSpan body,
              std::vector<ControlFrame>* out);

  Crypto* crypto_;
  const Identity* identity_;
  const TrustAnchor* anchor_;
  Epoch epoch_;
  std::uint32_t sequence_ = 0;
  WallSeconds wall_ = 0;
  LinkStateDatabase database_;
  std::shared_ptr<RecordPool> pool_;
  absl::btree_map<std::uint32_t, std::shared_ptr<const Certificate>> certificates_;  // by short id
  absl::btree_map<std::string_view, const Certificate*> names_;  // both of `certificates_`
  std::map<std::uint8_t, Neighbor> neighbors_;  // by adjacency index
  std::map<std::uint32_t, Waiting> waiting_;    // by origin's short id
  std::set<std::uint32_t> unsaved_;
  std::set<std::uint32_t> unsaved_certificates_;
  Time last_news_{};  // when somebody else's advertisement last changed the map
  NewsScope scope_;
  Time shared_free_ = Time::min();  // when the budget allows the next news on shared channels
  Time far_free_{};                 // when the budget allows the next far news
  std::uint8_t far_turn_ = 0;  // adjacency that had far news last
  bool changed_ = false;
  bool outrun_ = false;
  Random random_;  // spreads floods
  Counters counters_;
};

}  // namespace selvage
