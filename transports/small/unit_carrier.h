// What a narrow radio offers to the queue above it: units of bytes, sent now or not now.
//
// The C++ side of the contract that plug-ins meet in C (selvage/transport.h): sending never blocks,
// a refusal says when to try again, and what the radio can do may change at any moment.
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "core/link.h"
#include "core/time.h"

namespace selvage {

struct SendAnswer {
  enum class What {
    kAccepted,  // on its way, or in the radio's own bounded buffer
    kBusy,      // try again at `retry_at`
    kNoBudget,  // legal air time or paid bytes are used up until `retry_at`; kNever: for this unit
                // never
    kTooBig,    // the radio's largest unit has just become smaller: ask again what it is
    kDown,
    kRefused,  // this unit will never be taken
  };
  What what = What::kAccepted;
  Time retry_at = kNever;
};

class UnitCarrier {
 public:
  virtual ~UnitCarrier() = default;
  // Largest unit now, in bytes.
  virtual std::size_t unit_bytes_max() const = 0;
  // `control`: not the traffic of applications; its share of the budget is small.
  virtual SendAnswer SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) = 0;
};

}  // namespace selvage
