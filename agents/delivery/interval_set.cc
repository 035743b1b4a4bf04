#include "agents/delivery/interval_set.h"

#include <algorithm>
#include <iterator>

#include "core/bytes.h"

namespace selvage {

bool IntervalSet::Contains(std::uint64_t n) const {
  auto it = intervals_.upper_bound(n);
  return it != intervals_.begin() && std::prev(it)->second >= n;
}

bool IntervalSet::Insert(std::uint64_t first, std::uint64_t last) {
  auto next = intervals_.upper_bound(first);
  if (first > last || Contains(first) || (next != intervals_.end() && next->first <= last)) {
    return false;
  }
  const bool joins_next = next != intervals_.end() && next->first == last + 1;
  const bool joins_previous = next != intervals_.begin() && std::prev(next)->second + 1 == first;
  if (!joins_next && !joins_previous && intervals_.size() >= kIntervalsMax) return false;
  if (joins_next) {
    last = next->second;
    next = intervals_.erase(next);
  }
  if (joins_previous) {
    std::prev(next)->second = last;
  } else {
    intervals_[first] = last;
  }
  return true;
}

bool IntervalSet::Close(std::uint64_t first, std::uint64_t last) {
  if (first > last) return true;
  auto it = intervals_.upper_bound(first);
  if (it != intervals_.begin() && std::prev(it)->second + 1 >= first) --it;
  const bool joins = it != intervals_.end() && it->first <= last + 1;
  if (!joins && intervals_.size() >= kIntervalsMax) return false;
  while (it != intervals_.end() && it->first <= last + 1) {
    first = std::min(first, it->first);
    last = std::max(last, it->second);
    it = intervals_.erase(it);
  }
  intervals_[first] = last;
  return true;
}

std::uint64_t IntervalSet::Floor() const {
  return intervals_.empty() || intervals_.begin()->first != 0 ? 0 : intervals_.begin()->second + 1;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> IntervalSet::Around(std::uint64_t n) const {
  auto it = intervals_.upper_bound(n);
  if (it == intervals_.begin() || std::prev(it)->second < n) return std::nullopt;
  return *std::prev(it);
}

std::string IntervalSet::Encode() const {
  Bytes b(intervals_.size() * 12);
  ByteWriter w(b);
  for (const auto& [first, last] : intervals_) {
    w.U48(first);
    w.U48(last);
  }
  return std::string(b.begin(), b.end());
}

std::optional<IntervalSet> IntervalSet::Decode(std::string_view encoded) {
  if (encoded.size() % 12 != 0 || encoded.size() / 12 > kIntervalsMax) return std::nullopt;
  IntervalSet set;
  ByteReader in(ByteSpan::Of(encoded));
  std::uint64_t after = 0;
  while (in.remaining() > 0) {
    const std::uint64_t first = in.U48();
    const std::uint64_t last = in.U48();
    if (first > last || (!set.intervals_.empty() && first <= after + 1)) return std::nullopt;
    set.intervals_[first] = last;
    after = last;
  }
  return set;
}

}  // namespace selvage
