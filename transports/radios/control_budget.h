// How much air the network's own frames may take in any 24 hours: 0.2 %, which is 172.8 s.
//
// Law allows a radio 1 % or so; what applications send needs nearly all of it. Frames of one unit
// (hellos, beacons) may use the whole budget, longer ones (handshakes, the map) half of it, so that
// a busy map never silences hellos. Kept over restarts: see Encode. No clock. Not thread safe.
#pragma once

#include "core/time.h"
#include "transports/lorawan/air/airtime_window.h"

namespace selvage {

class ControlBudget {
 public:
  static constexpr Duration kWindow = std::chrono::hours(24);
  static constexpr Duration kLimit = kWindow / 500;

  // Counts `airtime` and says yes, or says no and counts nothing.
  bool Take(Time now, Duration airtime, bool whole_frame) {
    if (!window_.Fits(now, airtime, whole_frame ? Duration(0) : kLimit / 2)) return false;
    window_.Add(now, airtime);
    return true;
  }
  double UsedShare(Time now) const {
    return ToSeconds(window_.Used(now)) / ToSeconds(Duration(kLimit));
  }
  Duration Used(Time now) const { return window_.Used(now); }
  std::string Encode(Time now) const { return window_.Encode(now); }
  // False, and everything counts as spent, when the record is malformed.
  bool Restore(Time now, Duration elapsed, ByteSpan record) {
    if (window_.Restore(now, elapsed, record)) return true;
    window_.Add(now, kLimit);
    return false;
  }

 private:
  lorawan::AirtimeWindow window_{kWindow, kLimit};
};

}  // namespace selvage
