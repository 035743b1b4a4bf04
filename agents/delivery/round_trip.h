// How long a receipt takes: smoothed, and from it when one is overdue and when to send again.
//
// RFC 6298 with two thresholds instead of one. Overdue (no floor but the batching of receipts) only
// arouses suspicion, which is cheap: packets then take two paths. The timeout sends again. A sample
// contains the path, the receiver's batching (Receiver::kReceiptGap) and its disk.
#pragma once

#include <algorithm>

#include "core/time.h"

namespace selvage {

class RoundTrip {
 public:
  // Before the first sample (RFC 6298 says 1 s; a satellite hop is answered in 0.6 s, and what is
  // sent once too often is recognised).
  static constexpr Duration kTimeoutFirst = 300ms;
  // Together with the way there below the 50 ms that a repair may take.
  static constexpr Duration kTimeoutMin = 40ms;
  // Twice Receiver::kReceiptGap: later than that no receipt is late by batching, and the rest of
  // the 50 ms is enough for a second copy to arrive.
  static constexpr Duration kOverdueMin = 20ms;
  static constexpr Duration kTimeoutMax = 10s;

  void OnSample(Duration rtt) {
    if (!known_) {
      known_ = true;
      srtt_ = rtt;
      rttvar_ = rtt / 2;
      return;
    }
    const Duration error = rtt > srtt_ ? rtt - srtt_ : srtt_ - rtt;
    rttvar_ += (error - rttvar_) / 4;
    srtt_ += (rtt - srtt_) / 8;
  }
  bool known() const { return known_; }
  Duration srtt() const { return srtt_; }
  // A receipt that takes longer is a reason to worry. kTimeoutFirst before the first sample.
  Duration Overdue() const {
    return known_ ? std::clamp(srtt_ + 4 * rttvar_, kOverdueMin, kTimeoutMax) : kTimeoutFirst;
  }
  // A packet that takes longer is sent again.
  Duration Timeout() const {
    return known_ ? std::clamp(Overdue() * 3 / 2, kTimeoutMin, kTimeoutMax) : kTimeoutFirst;
  }

 private:
  bool known_ = false;
  Duration srtt_{0};
  Duration rttvar_{0};
};

}  // namespace selvage
