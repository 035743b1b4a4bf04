#include "transports/small/frame_queue.h"

#include <algorithm>
#include <utility>

namespace selvage {

void FrameQueue::Add(Time now, const PeerAddress& to, ByteSpan frame, bool control) {
  const bool fits = frame.size() + kSingleHeaderBytes <= unit_bytes_;
  std::deque<Frame>& queue = waiting_[control ? 2 : fits ? 0 : 1];
  if (queue.size() >= kFramesMax) {
    ++counters_.dropped_full;
    return;
  }
  queue.push_back({to, frame.ToBytes(), control, now + late_});
}

bool FrameQueue::TakeNext(Time now, std::size_t unit_bytes) {
  for (std::deque<Frame>& queue : waiting_) {
    while (!queue.empty()) {
      current_ = std::move(queue.front());
      queue.pop_front();
      if (current_.until <= now) {
        ++counters_.dropped_late;
        continue;
      }
      const std::vector<Bytes> units = fragmenter_.Split(current_.bytes, unit_bytes);
      if (units.empty()) {
        ++counters_.dropped_too_big;
        continue;
      }
      units_.assign(units.begin(), units.end());
      return true;
    }
  }
  return false;
}

// The parts that left are useless without the rest, which is cut differently: from the beginning.
void FrameQueue::CutAgain() {
  units_.clear();
  const std::vector<Bytes> units =
      current_.cut_again ? std::vector<Bytes>() : fragmenter_.Split(current_.bytes, unit_bytes_);
  current_.cut_again = true;
  units_.assign(units.begin(), units.end());
  if (units_.empty()) ++counters_.dropped_too_big;
}

void FrameQueue::Pump(Time now, UnitCarrier* carrier) {
  unit_bytes_ = carrier->unit_bytes_max();
  if (now < retry_at_) return;
  retry_at_ = Time::min();
  while (!units_.empty() || TakeNext(now, unit_bytes_)) {
    const SendAnswer answer =
        carrier->SendUnit(now, current_.to, units_.front(), current_.control);
    switch (answer.what) {
      case SendAnswer::What::kAccepted:
        ++counters_.units_sent;
        units_.pop_front();
        if (units_.empty()) {
          ++counters_.frames_sent;
          counters_.bytes_sent += current_.bytes.size();
        }
        continue;
      case SendAnswer::What::kBusy:
        retry_at_ = std::max(answer.retry_at, now + 1ms);
        return;
      case SendAnswer::What::kNoBudget:
        // Control traffic says how things are now: waiting for hours makes it worthless. What an
        // application sends may wait a while, and is not begun when it may not be finished.
        if (current_.control || answer.retry_at == kNever || answer.retry_at > current_.until) {
          units_.clear();
          ++counters_.dropped_budget;
          continue;
        }
        retry_at_ = std::max(answer.retry_at, now + 1ms);
        return;
      case SendAnswer::What::kTooBig:
        unit_bytes_ = carrier->unit_bytes_max();
        CutAgain();
        continue;
      case SendAnswer::What::kDown:
        Clear();
        return;
      case SendAnswer::What::kRefused:
        units_.clear();
        ++counters_.dropped_refused;
        continue;
    }
  }
}

Time FrameQueue::NextDeadline() const {
  return units_.empty() && size() == 0 ? kNever : retry_at_;
}

void FrameQueue::Clear() {
  for (std::deque<Frame>& queue : waiting_) queue.clear();
  units_.clear();
  retry_at_ = Time::min();
}

std::size_t FrameQueue::size() const {
  std::size_t n = units_.empty() ? 0 : 1;
  for (const std::deque<Frame>& queue : waiting_) n += queue.size();
  return n;
}

}  // namespace selvage
