// How many bytes a paid link may still move today and this month: hard limits, kept over restarts.
//
// Days and months are those of UTC, as on bills. What is on disk is always ahead of what was used,
// by a step that is asked for in time: a crash loses the rest of that step, never the limit.
// Without a trusted clock no new day begins. No clock here; not thread safe.
#pragma once

#include <cstdint>
#include <string>

#include "core/bytes.h"
#include "core/store.h"
#include "core/time.h"

namespace selvage {

class ByteBudget {
 public:
  struct Limits {
    std::uint64_t day_bytes = 0;  // 0: none
    std::uint64_t month_bytes = 0;
    bool any() const { return day_bytes != 0 || month_bytes != 0; }
  };
  explicit ByteBudget(Limits limits);

  // What an earlier life left. A malformed record counts as everything spent.
  void Restore(WallSeconds wall, ByteSpan record);
  // A new day or month may have begun. A clock that goes back begins none.
  void Roll(WallSeconds wall);
  // Whether the limits allow so much more.
  bool Fits(std::uint64_t bytes) const;
  // Whether the disk knows of so much more: asks NeedsWrite to be followed.
  bool Covered(std::uint64_t bytes) const;
  // Counts, in any case: what arrived was paid for.
  void Add(std::uint64_t bytes);

  // True when the record on disk should get its next step; Record() is it, and Written() is to be
  // called with it when it is durable.
  bool NeedsWrite() const;
  std::string Record();
  void Written(const std::string& record);
  // The disk did not take it: NeedsWrite again.
  void NotWritten();

  std::uint64_t day_used() const { return day_used_; }
  std::uint64_t month_used() const { return month_used_; }
  const Limits& limits() const { return limits_; }
  // Of the limit that is nearer, 0 to 1 and beyond.
  double UsedShare() const;

 private:
  const Limits limits_;
  const std::uint64_t step_;
  std::uint32_t day_ = 0;    // since 1970
  std::uint32_t month_ = 0;  // since 1900
  std::uint64_t day_used_ = 0;
  std::uint64_t month_used_ = 0;
  // What the disk says, or was asked to say, has been used by then.
  std::uint64_t day_covered_ = 0;
  std::uint64_t month_covered_ = 0;
  std::uint64_t day_asked_ = 0;
  std::uint64_t month_asked_ = 0;
};

}  // namespace selvage
