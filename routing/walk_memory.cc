#include "routing/walk_memory.h"

#include <algorithm>

namespace selvage {

WalkMemory::WalkMemory(std::size_t capacity) : capacity_(capacity) { Grow(); }

void WalkMemory::Grow() {
  std::rotate(ring_.begin(), ring_.begin() + static_cast<std::ptrdiff_t>(head_), ring_.end());
  ring_.resize(std::min(capacity_, std::max(kFirst, 2 * ring_.size())));
  next_.assign(ring_.size(), {});
  std::size_t buckets = 16;
  while (buckets < ring_.size()) buckets *= 2;
  buckets_.assign(buckets, kNone);
  head_ = used_;
  // Oldest first: of two walks of one name, one of them outlived, the younger is found.
  for (std::size_t slot = 0; slot < used_; ++slot) Index(slot);
}

void WalkMemory::Index(std::size_t slot) {
  const std::uint64_t hash = Hash(ring_[slot].id);
  std::int32_t& bucket = buckets_[BucketOf(hash)];
  next_[slot] = {bucket, TagOf(hash)};
  bucket = static_cast<std::int32_t>(slot);
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
  if (used_ == ring_.size() && ring_.size() < capacity_ &&
      now - ring_[head_].created <= kLifetime) {
    Grow();
  }
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
  Index(slot);
  return &w;
}

}  // namespace selvage
