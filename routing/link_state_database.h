// The map: the newest advertisement of every node, and what of it has changed.
//
// Only verified advertisements enter (signatures are checked by the caller). (epoch, sequence) of
// an origin only grows, so an old advertisement can never come back, over restarts too. There is no
// age: a dead node's neighbours stop listing it, which takes it off the graph; its record goes when
// nobody has listed it for kForgetAfter. Bounded at kNodesMax records.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "core/bytes.h"
#include "core/ids.h"
#include "core/time.h"
#include "routing/topology.h"

namespace selvage {

// Orders the advertisements of one origin.
struct LinkStateVersion {
  Epoch epoch;
  std::uint32_t sequence = 0;
  friend bool operator<(LinkStateVersion a, LinkStateVersion b) {
    return a.epoch != b.epoch ? a.epoch < b.epoch : a.sequence < b.sequence;
  }
  friend bool operator==(LinkStateVersion a, LinkStateVersion b) {
    return a.epoch == b.epoch && a.sequence == b.sequence;
  }
};

struct LinkStateRecord {
  NodeId origin;
  LinkStateVersion version;
  std::vector<AdvertisedAdjacency> adjacencies;
  std::vector<std::string> addresses;
  Bytes encoded;  // as signed and received; what is passed on
};

class LinkStateDatabase {
 public:
  static constexpr std::size_t kNodesMax = 8192;
  static constexpr Duration kForgetAfter = std::chrono::hours(1);

  enum class Insert { kNewer, kSame, kOlder, kFull };
  // kNewer: stored. kOlder: what is here is newer; offer that to whoever sent this.
  Insert Put(Time now, std::shared_ptr<const LinkStateRecord> record);

  const LinkStateRecord* Find(ShortId origin) const;
  // True when `version` is newer than what is here, or nothing is here and there is room.
  bool Wants(ShortId origin, LinkStateVersion version) const;
  // By short id; never null. Records are shared with whoever else holds them.
  using Records = absl::btree_map<std::uint32_t, std::shared_ptr<const LinkStateRecord>>;
  const Records& records() const { return records_; }

  // Equal on two nodes when their maps are equal; 32 bits, for noticing differences only.
  std::uint32_t Digest() const { return digest_; }

  // Equal when both know the same nodes, whatever they know of them.
  std::uint32_t OriginsDigest() const { return origins_digest_; }

  Topology BuildTopology() const;
  // Forgets nodes that no other node lists and that did not speak for kForgetAfter; returns how
  // many.
  std::size_t Expire(Time now, ShortId self);

 private:
  static std::uint32_t DigestOf(ShortId origin, LinkStateVersion v);
  Records records_;
  absl::btree_map<std::uint32_t, Time> heard_;
  std::uint32_t digest_ = 0;
  std::uint32_t origins_digest_ = 0;
};

}  // namespace selvage
