// What this node remembers of packets in flight: where each came from and which links it was given.
//
// This is the memory behind the traversal rule (forwarder.h). A ring of the newest `capacity` walks
// behind a hash index; the oldest is forgotten first. At 40,000 packets a second 8,192 entries
// reach back 200 ms, a walk rarely lasts 50 ms. The ring is as large as traffic asks: it begins
// with kFirst walks and doubles when it is full of walks younger than kLifetime, so that an idle
// node, and each of thousands in one process, does without the 900 kB of a full one.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/frame.h"
#include "core/ids.h"
#include "core/time.h"

namespace selvage {

// One walk: a packet, its copy, and the numbers of its resends by the origin and by relays.
struct WalkId {
  PacketId packet;
  ShortId destination;  // sequence numbers count per destination and flow
  std::uint8_t copy = 0;
  std::uint8_t walk = 0;
  std::uint8_t fragment = 0;
  std::uint8_t attempt = 0;
  friend bool operator==(const WalkId& a, const WalkId& b) {
    return a.packet == b.packet && a.destination == b.destination && a.copy == b.copy &&
           a.walk == b.walk && a.fragment == b.fragment && a.attempt == b.attempt;
  }
};

// A set of adjacency indices.
class AdjacencySet {
 public:
  bool Contains(AdjacencyIndex i) const { return (words_[i.value >> 6] >> (i.value & 63)) & 1; }
  void Add(AdjacencyIndex i) { words_[i.value >> 6] |= std::uint64_t{1} << (i.value & 63); }

 private:
  std::array<std::uint64_t, 4> words_{};
};

struct Walk {
  WalkId id;
  Time created{};
  AdjacencyIndex first_in;  // 0: it began here
  AdjacencySet arrived_by;  // each direction of a link is walked at most once
  AdjacencySet given_to;
};

class WalkMemory {
 public:
  static constexpr std::size_t kFirst = 64;
  // After this long a packet with the same name is a new walk.
  static constexpr Duration kLifetime = 10s;

  explicit WalkMemory(std::size_t capacity = 8192);

  // nullptr when unknown or forgotten. Holds until the next Create.
  Walk* Find(Time now, const WalkId& id);
  // REQUIRES: Find(now, id) == nullptr. Forgets the oldest walk when full. Takes some 100 us when
  // the ring doubles to its last size.
  Walk* Create(Time now, const WalkId& id, AdjacencyIndex first_in);

  // Walks that there is room for now.
  std::size_t room() const { return ring_.size(); }

 private:
  static constexpr std::int32_t kNone = -1;
  static std::uint64_t Hash(const WalkId& id);
  std::size_t BucketOf(std::uint64_t hash) const { return hash & (buckets_.size() - 1); }
  static std::uint32_t TagOf(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

  void Grow();
  void Index(std::size_t slot);  // puts it at the head of its chain

  std::size_t capacity_;
  std::vector<Walk> ring_;
  // Chain through ring slots. Part of the hash lies beside it: a look-up touches the (large, cold)
  // ring only for the walk it finds.
  struct Next {
    std::int32_t slot = kNone;
    std::uint32_t tag = 0;  // of the walk in this slot
  };
  std::vector<Next> next_;
  std::vector<std::int32_t> buckets_;  // head slot; size is a power of two
  std::size_t used_ = 0;
  std::size_t head_ = 0;  // next slot to fill
};

}  // namespace selvage
