// How many credits a message modem may spend this month, and on the network's own frames today.
//
// Hard limits, counted when a session is settled and written down with what it settled, so that no
// restart forgets or repeats a bill. Days and months are those of UTC. Without a trusted clock no
// new one begins. No clock here; not thread safe.
#pragma once

#include <cstdint>
#include <string>

#include "core/bytes.h"
#include "core/store.h"
#include "core/time.h"

namespace selvage {

class CreditBudget {
 public:
  struct Limits {
    std::uint64_t month = 0;        // of everything, both directions
    std::uint64_t control_day = 0;  // of frames that no application sent
  };
  explicit CreditBudget(Limits limits) : limits_(limits) {}

  // What an earlier life left; a malformed record counts as everything spent.
  void Restore(WallSeconds wall, ByteSpan record);
  std::string Encode() const;
  // A new day or month may have begun.
  void Roll(WallSeconds wall);

  // From the bill: counts in any case.
  void Bill(std::uint64_t credits) { month_used_ += credits; }
  // Counts `credits` for a control frame and says yes, or says no and counts nothing.
  bool TakeControl(std::uint64_t credits);

  std::uint64_t month_left() const {
    return month_used_ < limits_.month ? limits_.month - month_used_ : 0;
  }
  std::uint64_t month_used() const { return month_used_; }
  std::uint64_t control_used() const { return control_used_; }
  const Limits& limits() const { return limits_; }

 private:
  const Limits limits_;
  std::uint32_t day_ = 0;    // since 1970
  std::uint32_t month_ = 0;  // since 1900
  std::uint64_t month_used_ = 0;
  std::uint64_t control_used_ = 0;
};

}  // namespace selvage
