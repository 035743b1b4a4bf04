#include "routing/walk_memory.h"

namespace selvage {

WalkMemory::WalkMemory(std::size_t capacity) : ring_(capacity), next_(capacity) {
  std::size_t buckets = 16;
  while (buckets < capacity) buckets *= 2;
  buckets_.assign(buckets, kNone);
}

std::uint64_t WalkMemory::Hash(const WalkId& id) {
  std::uint64_t h = (std::uint64_t{id.packet.origin.value} << 32) |
                    (std::uint64_t{id.packet.epoch} << 16) | id.packet.flow;
  h ^= id.packet.sequence * 0x9e3779b97f4a7c15ull;
  h += id.destination.value * 0xff51afd7ed558ccdull;
  h += (std::uint64_t{id.attempt} << 18) | (std::uint64_t{id.copy} << 17) |
       (std::uint64_t{id.walk} << 9) | id.fragment;
  h ^= h >> 32;
  h *= 0xd6e8feb86659fd93ull;
  return h ^ (h >> 32);
}

Walk* WalkMemory::Find(Time now, const WalkId& id) {
  const std::uint64_t hash = Hash(id);
  std::int32_t next = kNone;
  for (std::int32_t s = buckets_[BucketOf(hash)]; s != kNone; s = next) {
    next = next_[static_cast<std::size_t>(s)].slot;
    if (next_[static_cast<std::size_t>(s)].tag != TagOf(hash)) continue;
    Walk& w = ring_[static_cast<std::size_t>(s)];
    if (w.id == id) return now - w.created <= kLifetime ? &w : nullptr;
  }
  return nullptr;
}

Walk* WalkMemory::Create(Time now, const WalkId& id, AdjacencyIndex first_in) {
  const std::size_t slot = head_;
  head_ = (head_ + 1) % ring_.size();
  if (used_ < ring_.size()) {
    ++used_;
  } else {
    std::int32_t* link = &buckets_[BucketOf(Hash(ring_[slot].id))];
    while (*link != static_cast<std::int32_t>(slot)) {
      link = &next_[static_cast<std::size_t>(*link)].slot;
    }
    *link = next_[slot].slot;
  }
  Walk& w = ring_[slot];
  w = Walk{};
  w.id = id;
  w.created = now;
  w.first_in = first_in;
  w.arrived_by.Add(first_in);
  const std::uint64_t hash = Hash(id);
  std::int32_t& bucket = buckets_[BucketOf(hash)];
  next_[slot] = {bucket, TagOf(hash)};
  bucket = static_cast<std::int32_t>(slot);
  return &w;
}

}  // namespace selvage
