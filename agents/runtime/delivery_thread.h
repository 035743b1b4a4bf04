// Calls functions of the embedding program, one at a time, in order, on a thread of its own.
//
// Bounded twice: what may be lost (telemetry, events) up to kOptionalMax waiting calls, what may
// not up to kRequiredMax. Thread safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace selvage {

class DeliveryThread {
 public:
  static constexpr std::size_t kOptionalMax = 4096;
  static constexpr std::size_t kRequiredMax = 4 * kOptionalMax;

  DeliveryThread() = default;
  ~DeliveryThread() { Stop(); }

  // False when the system has no thread to give.
  bool Start();
  // Returns when no call is under way; what still waits is not called. REQUIRES: not from a call.
  void Stop();
  // False, and counted, when too much waits.
  bool Add(bool required, std::function<void()> call);
  std::uint64_t dropped() const { return dropped_; }

 private:
  void Run();

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> calls_;
  bool stop_ = false;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace selvage
