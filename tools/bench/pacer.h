// A periodic timer descriptor: so many packets a second in bursts of a fixed size, never too few.
//
// What a late reader missed is told at its next read, so the rate holds over time whatever the
// machine does.
#pragma once

#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdint>

namespace selvage::bench {

class Pacer {
 public:
  Pacer() : fd_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {}
  ~Pacer() { close(fd_); }
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;

  int fd() const { return fd_; }
  // REQUIRES: rate, burst > 0. `rate` in packets a second.
  void Start(double rate, int burst) {
    burst_ = burst;
    Set(static_cast<std::int64_t>(1e9 * burst / rate));
  }
  void Stop() { Set(0); }
  // Packets due since the last call; 0 when none.
  std::uint64_t Take() {
    std::uint64_t bursts = 0;
    if (read(fd_, &bursts, sizeof(bursts)) != sizeof(bursts)) return 0;
    return bursts * static_cast<std::uint64_t>(burst_);
  }

 private:
  void Set(std::int64_t ns) {
    itimerspec spec{};
    spec.it_value.tv_sec = ns / 1'000'000'000;
    spec.it_value.tv_nsec = ns % 1'000'000'000;
    spec.it_interval = spec.it_value;
    timerfd_settime(fd_, 0, &spec, nullptr);
  }
  int fd_;
  int burst_ = 1;
};

}  // namespace selvage::bench
