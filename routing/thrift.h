// What a link whose bytes are paid for spends on the network itself, and when to say less there.
//
// A megabyte a day is what a metered link may cost while nobody uses it. Hellos and news fit into
// that where little happens; where nodes move about and links come and go they do not, so each end
// keeps an account. While it is well filled the link is treated like any other. When it runs low,
// what can wait waits and what was frequent becomes rare; what answers to traffic (feedback) is not
// counted, for it follows what somebody pays for anyway.
// Sans-I/O. Thread rule: one thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/time.h"

namespace selvage {

class Thrift {
 public:
  enum class Level : std::uint8_t { kAmple, kScarce, kSpent };

  // Both ends together 864 kB a day, besides the first kBurstBytes.
  static constexpr std::int64_t kBytesPerSecond = 5;
  static constexpr std::int64_t kBurstBytes = 65'536;
  static constexpr std::int64_t kCarrierBytes = 48;  // IPv6 and UDP headers are paid for too
  // Below and again above.
  static constexpr std::int64_t kScarceBytes = kBurstBytes / 4;
  static constexpr std::int64_t kAmpleBytes = kBurstBytes / 2;
  static constexpr std::int64_t kSpentBytes = 0;
  static constexpr std::int64_t kUnspentBytes = kBurstBytes / 8;

  // A frame of the network's own left.
  void Spend(std::size_t bytes) {
    left_ -= static_cast<std::int64_t>(bytes) + kCarrierBytes;
    left_ = std::max(left_, -kBurstBytes);  // a debt is forgiven some day
  }

  // To be called now and then; how things stand.
  Level Judge(Time now) {
    if (judged_ == Time::min()) judged_ = now;
    const std::int64_t earned = kBytesPerSecond * ((now - judged_) / Duration(1s));
    judged_ += (now - judged_) / Duration(1s) * Duration(1s);
    left_ = std::min(left_ + earned, kBurstBytes);
    const bool was_spent = level_ == Level::kSpent;
    const bool was_ample = level_ == Level::kAmple;
    level_ = left_ < (was_spent ? kUnspentBytes : kSpentBytes) ? Level::kSpent
             : left_ < (was_ample ? kScarceBytes : kAmpleBytes) ? Level::kScarce
                                                                : Level::kAmple;
    return level_;
  }

  Level level() const { return level_; }
  std::int64_t left_bytes() const { return left_; }

  // How far apart news may follow each other, ...
  static Duration NewsGap(Level level) {
    return level == Level::kAmple ? Duration(0) : level == Level::kScarce ? 2min : 10min;
  }
  // ... and how far apart a neighbour that does not answer is asked, at most.
  static Duration ProbeGap(Level level) {
    return level == Level::kAmple ? Duration(0) : level == Level::kScarce ? 10s : 30s;
  }

 private:
  std::int64_t left_ = kBurstBytes;
  Time judged_ = Time::min();
  Level level_ = Level::kAmple;
};

}  // namespace selvage
