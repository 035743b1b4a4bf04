// Frames that wait for a narrow radio: bounded, one at a time in parts, the urgent ones first.
//
// A frame is cut when its turn comes, by the size that units have then; all its parts go before the
// next frame begins. Frames of applications go before control frames, and among them those that
// fit one unit before those that do not: an alarm of 40 bytes does not wait for a map update of 20
// parts. Control frames keep their order: the last message of a handshake is longer than the hello
// behind it, which is worth nothing without. A frame that has waited too long is worth nothing and
// is dropped; so is, when the queue is full, the newest frame of its kind. No clock, no socket. Not
// thread safe.
#pragma once

#include <cstdint>
#include <deque>

#include "core/bytes.h"
#include "core/link.h"
#include "core/time.h"
#include "transports/small/fragments.h"
#include "transports/small/unit_carrier.h"

namespace selvage {

struct FrameQueueCounters {
  std::uint64_t frames_sent = 0;  // all parts taken
  std::uint64_t units_sent = 0;
  std::uint64_t bytes_sent = 0;  // of frames
  std::uint64_t dropped_full = 0;
  std::uint64_t dropped_late = 0;
  std::uint64_t dropped_too_big = 0;
  std::uint64_t dropped_budget = 0;  // control frames for which there is no budget: no waiting
  std::uint64_t dropped_refused = 0;
};

class FrameQueue {
 public:
  static constexpr std::size_t kFramesMax = 32;  // of each of three kinds
  static constexpr Duration kLate = std::chrono::minutes(5);

  // A frame that has waited for `late` is dropped.
  explicit FrameQueue(Duration late = kLate) : late_(late) {}

  // Copies the frame.
  void Add(Time now, const PeerAddress& to, ByteSpan frame, bool control);
  // Hands units to the carrier until it refuses or nothing is left.
  void Pump(Time now, UnitCarrier* carrier);
  // When Pump should be called again; kNever when nothing waits for a moment.
  Time NextDeadline() const;
  // The carrier can send again, earlier than it said.
  void Wake() { retry_at_ = Time::min(); }
  void Clear();
  std::size_t size() const;
  const FrameQueueCounters& counters() const { return counters_; }

 private:
  struct Frame {
    PeerAddress to;
    Bytes bytes;
    bool control = false;
    Time until{};
    bool cut_again = false;  // once; a carrier that refuses its own size ends there
  };
  void CutAgain();
  bool TakeNext(Time now, std::size_t unit_bytes);

  const Duration late_;
  // By kind: data that fits a unit, data, control.
  std::deque<Frame> waiting_[3];
  std::size_t unit_bytes_ = 51;  // as last seen: decides what "fits" means when a frame comes
  Frame current_;
  std::deque<Bytes> units_;  // of `current_`, still to send
  Time retry_at_ = Time::min();
  Fragmenter fragmenter_;
  FrameQueueCounters counters_;
};

}  // namespace selvage
