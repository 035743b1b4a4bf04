// Elapsed real time, for programs that measure.
#pragma once

#include <chrono>

namespace selvage::bench {

class Stopwatch {
 public:
  double nanoseconds() const {
    return std::chrono::duration<double, std::nano>(Clock::now() - begin_).count();
  }
  double microseconds() const { return nanoseconds() / 1e3; }
  double seconds() const { return nanoseconds() / 1e9; }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin_ = Clock::now();
};

}  // namespace selvage::bench
