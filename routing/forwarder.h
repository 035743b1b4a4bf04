// Where a packet goes next: shortest path first, failures carried, every link tried at most once.
//
// In ordinary times the decision is one table look-up. A packet that meets a dead link takes the
// link's name along; every node routes on its own map minus what the packet carries
// (failure-carrying packets, Lakshminarayanan et al., SIGCOMM 2007). With equal maps that alone
// ends every walk. Maps may disagree, so a node also remembers which links it gave a packet to:
// seen again, the packet leaves by the best link not yet used, and goes back to where it first came
// from only when none is left. That is Tarry's traversal (1895) with SPF as its guide.
//
// Theorem. Let each node know which of its own links are dead and let live links work both ways
// without loss; let the memory outlast the walk. Then a walk crosses each live link at most once in
// each direction, so it ends within 2 * links hops, and it reaches its destination if that is
// connected to the origin by live links, whatever the maps say. (Tarry's rule: never enter the same
// directed link twice; use the link of first arrival last.)
// tests/routing/forwarder_property_test.cc drives this class over random graphs against this
// statement. Where links lose frames or work one way the walk still ends; what got lost is the
// business of resending (hold_buffer.h).
//
// What a packet carries may also say "not through this node" (EdgeId::WholeNode): its origin found
// that the node acknowledges what it is given and does not pass it on. That is a wish: where the
// map has no path around the node the packet takes the one through it, and the walk of last resort
// crosses it last. No packet is dropped for distrust, so the theorem holds with it.
//
// The hop limit bounds the walk in practice. Sans-I/O: a pure decision, the caller sends.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/frame.h"
#include "core/ids.h"
#include "core/time.h"
#include "routing/route_cache.h"
#include "routing/walk_memory.h"

namespace selvage {

enum class DropReason : std::uint8_t {
  kNone,
  kHopLimit,    // walked as far as its class may
  kExhausted,   // every live link was tried
  kNoNeighbor,  // this node has no live link at all
  kTooLong,     // no live link passes a packet of this length
};
std::string_view ToString(DropReason r);

struct ForwardDecision {
  enum class What : std::uint8_t {
    kDeliver,    // it is for this node
    kSend,       // give it to adjacency `out`; the header has been updated
    kDuplicate,  // the same walk arrived over the same link again: a resend; drop it
    kDrop,
  };
  What what = What::kDrop;
  AdjacencyIndex out;
  DropReason reason = DropReason::kNone;
  bool deviated = false;  // not the first choice of the clean map
  bool revisit = false;   // this walk has been here before
};

class Forwarder {
 public:
  explicit Forwarder(ShortId self, std::size_t memory_walks = 8192);

  RouteCache& routes() { return routes_; }

  // Tells which own adjacencies exist and may be used. `suspect` (only with !usable): it may still
  // work, so it is the last resort of packets that have no other path on the map. Leaving a suspect
  // is free only where there is somewhere to go.
  // `shared`: over a channel that all take turns on. There silence is the neighbour's rather than
  // the link's, so packets that leave it ask not to be led through it by others either.
  void SetAdjacency(AdjacencyIndex index, ShortId neighbor, bool usable, bool suspect = false,
                    bool shared = false);
  void RemoveAdjacency(AdjacencyIndex index);
  bool IsUsable(AdjacencyIndex index) const;
  // Packets with a payload longer than this do not pass there (a hole for large frames): they take
  // another way, and try it only where there is none. 0: no limit. Kept by SetAdjacency, forgotten
  // by RemoveAdjacency.
  void SetPayloadLimit(AdjacencyIndex index, std::size_t payload_bytes_max);

  // Decides for one packet that arrived by `in` (0: it begins here). On kSend the header's hop
  // limit and carried failures are the ones to send.
  ForwardDecision Decide(Time now, DataHeader* header, AdjacencyIndex in,
                         std::size_t payload_bytes = 0);

  // The next hop the clean map minus own dead links gives now; 0: none. For tables and reports.
  // `avoid`: not through these nodes, if there is another way.
  SpfEntry CurrentRoute(TrafficClass c, ShortId destination,
                        const std::vector<ShortId>& avoid = {});
  // The next hop were `without` to fail too.
  SpfEntry AlternateRoute(TrafficClass c, ShortId destination, AdjacencyIndex without,
                          const std::vector<ShortId>& avoid = {});
  // The nodes from the next hop to `destination` on the path a packet takes now that carries
  // `avoid`; `strict`: empty when there is none around them all. Empty: no path.
  std::vector<ShortId> CurrentPath(TrafficClass c, ShortId destination,
                                   const std::vector<ShortId>& avoid, bool strict);
  // What slow radios on the path that a packet takes now may add to its round trip although all is
  // well, as their nodes advertise it; 0: there are none. nullopt: there is no path. At most
  // kSlowRoundTripMax, whatever others claim.
  std::optional<Duration> SlowRoundTrip(TrafficClass c, ShortId destination);
  static constexpr Duration kSlowRoundTripMax = std::chrono::minutes(10);
  // Each way over a slow radio that has told no delay yet: a frame's air time is 0.1 s (SF7) to
  // 4 s (SF12), and others wait before it.
  static constexpr Duration kSlowHopMin = std::chrono::seconds(1);

 private:
  // Walks of a packet that may end in a hole for large frames which is the last way left.
  static constexpr int kWalksIntoHoles = 2;
  struct Adjacency {
    ShortId neighbor;
    bool present = false;
    bool usable = false;
    bool suspect = false;
    bool shared = false;
    std::size_t payload_max = 0;
  };
  // For the packet being decided on.
  bool Fits(AdjacencyIndex i) const {
    const std::size_t max = adjacencies_[i.value].payload_max;
    return max == 0 || deciding_bytes_ <= max;
  }
  EdgeId Own(AdjacencyIndex i) const { return {self_, i}; }
  AdjacencyIndex FollowMap(DataHeader* header, const Walk& walk, bool* deviated, bool* no_path);
  AdjacencyIndex LastResort(const DataHeader& header, const Walk& walk);
  AdjacencyIndex BestUntried(const DataHeader& header, const Walk& walk);
  FailureSet OwnFailures() const;
  // Where paths around the nodes to avoid end, through them.
  SpfEntry RouteAnyhow(TrafficClass c, const FailureSet& failed, ShortId destination);
  // There and back over an edge; 0 where it is no slow radio.
  Duration SlowTrip(const Topology::Edge& edge) const;

  ShortId self_;
  RouteCache routes_;
  WalkMemory memory_;
  std::vector<Adjacency> adjacencies_;  // by index
  std::size_t deciding_bytes_ = 0;
  int unusable_ = 0;                    // how many are present and not usable
};

}  // namespace selvage
