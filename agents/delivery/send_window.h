// How much may be under way to one destination: congestion control of promised messages.
//
// Retries must not be what fills a channel. The window is TCP's (RFC 5681) in packets: it doubles
// within a round trip while receipts come (slow start) up to half of what last proved too much,
// grows by one per round trip beyond, and is halved by a timeout, at most once for what left before
// the last halving. Timeouts double likewise until a message that left once is answered (RFC 6298,
// 5.5, and Karn's rule), so that patience finds the round trip of a full channel. The window grows
// only when it was used up (RFC 7661).
//
// Thread rule: one thread at a time.
#pragma once

#include <algorithm>

#include "agents/delivery/round_trip.h"
#include "core/time.h"

namespace selvage {

class SendWindow {
 public:
  // RFC 6928 begins with ten; a message of alarms is shorter than a segment.
  static constexpr double kFirst = 32;
  static constexpr double kMin = 2;
  static constexpr double kMax = 1024;
  static constexpr Duration kPauseMax = std::chrono::seconds(10);

  // Room for so many packets more? What does not fit into the smallest window goes alone.
  bool Admit(int packets) {
    const bool room = in_flight_ == 0 || in_flight_ + packets <= size_;
    used_up_ |= !room;
    return room;
  }
  void Enter(int packets) {
    if (in_flight_ + packets < size_ / 2) used_up_ = false;
    in_flight_ += packets;
  }
  void Leave(int packets) { in_flight_ -= packets; }
  // They were answered; call Leave as well.
  void OnAnswered(int packets) {
    if (!used_up_) return;
    size_ = std::min(kMax, size_ + (size_ < enough_ ? packets : packets / size_));
  }
  // What left at `sent` was not answered in time.
  void OnTimeout(Time now, Time sent) {
    if (sent < shrunk_) return;
    shrunk_ = now;
    enough_ = std::max(kMin, std::min(size_, std::max(in_flight_, kMin)) / 2);
    size_ = enough_;
    if (doublings_ < kDoublingsMax) ++doublings_;
  }

  Duration Timeout(const RoundTrip& rtt) const {
    return std::min(rtt.Timeout() * (1 << doublings_), kPauseMax);
  }
  // The way works, or may work again. False: patience was not longer than the round trip asks for.
  bool EndPatience() {
    const bool had = doublings_ > 0;
    doublings_ = 0;
    return had;
  }

  double size() const { return size_; }
  double in_flight() const { return in_flight_; }

 private:
  static constexpr int kDoublingsMax = 8;  // 40 ms to kPauseMax
  double size_ = kFirst;
  double enough_ = kMax;  // slow start ends here
  double in_flight_ = 0;
  bool used_up_ = false;
  Time shrunk_ = Time::min();
  int doublings_ = 0;
};

}  // namespace selvage
