// A set of 48-bit sequence numbers kept as disjoint intervals: what was received, exactly, for
// ever.
//
// Sequence numbers of a flow are contiguous, so the set is usually one interval. Unlike a replay
// window it never forgets: a stored message may arrive days late. Bounded at kIntervalsMax; a range
// that would need one more is not taken (the sender keeps it and tries again once gaps have
// closed).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace selvage {

class IntervalSet {
 public:
  static constexpr std::size_t kIntervalsMax = 1024;

  bool Contains(std::uint64_t n) const;
  // Adds first..last. False, and nothing changed, when any of it is there already or the set is
  // full.
  bool Insert(std::uint64_t first, std::uint64_t last);
  // Adds what of first..last is not there yet. False, and nothing changed, when the set is full.
  bool Close(std::uint64_t first, std::uint64_t last);
  // The smallest number such that all below it are in the set.
  std::uint64_t Floor() const;
  // The interval around `n`; nullopt when n is not in the set.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> Around(std::uint64_t n) const;
  std::size_t intervals() const { return intervals_.size(); }

  std::string Encode() const;
  static std::optional<IntervalSet> Decode(std::string_view encoded);

 private:
  std::map<std::uint64_t, std::uint64_t> intervals_;  // first -> last, inclusive
};

}  // namespace selvage
