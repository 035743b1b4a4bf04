#include "routing/hold_buffer.h"

namespace selvage {
namespace {
constexpr std::size_t kSpareMax = 64;
}

void HoldBuffer::Add(HeldFrame frame) {
  while (!frames_.empty() &&
         (frames_.size() >= kFramesMax || bytes_ + frame.payload.size() > kBytesMax)) {
    if (!frames_.front().settled) {
      ++overflowed_;
      Settle(&frames_.front());
    }
    PopSettled();
  }
  bytes_ += frame.payload.size();
  flight_bytes_ += frame.bytes;
  ++outstanding_;
  if (frame.kind == HeldFrame::Kind::kQuality) ++quality_;
  frames_.push_back(std::move(frame));
}

void HoldBuffer::Settle(HeldFrame* frame) {
  frame->settled = true;
  --outstanding_;
  if (frame->kind == HeldFrame::Kind::kQuality) --quality_;
  bytes_ -= frame->payload.size();
  flight_bytes_ -= frame->bytes;
}

void HoldBuffer::PopSettled() {
  while (!frames_.empty() && frames_.front().settled) {
    Recycle(std::move(frames_.front().payload));
    frames_.pop_front();
  }
}

FeedbackOutcome HoldBuffer::OnFeedback(Time now, const Feedback& f, std::uint64_t next_counter) {
  FeedbackOutcome out;
  if (next_counter == 0) return out;
  // The largest counter below next_counter with these low bits.
  const std::uint64_t last = next_counter - 1;
  std::uint64_t highest = (last & ~std::uint64_t{0xffffffff}) | f.highest;
  if (highest > last) {
    if (highest < (std::uint64_t{1} << 32)) return out;  // never sent
    highest -= std::uint64_t{1} << 32;
  }
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    HeldFrame& frame = frames_[i];
    if (frame.counter > highest) break;
    if (frame.settled) continue;
    const std::uint64_t behind = highest - frame.counter;
    bool arrived = false;
    bool lost = false;
    if (behind == 0) {
      arrived = true;
      out.has_rtt = true;
      out.rtt = now - frame.sent - f.held;
      if (out.rtt < Duration(0)) out.rtt = Duration(0);
    } else if (behind <= kFeedbackHistory) {
      arrived = ((f.missing >> (behind - 1)) & 1) == 0;
      lost = !arrived && (behind >= kReorderFrames || now - frame.sent >= kReorderTime);
    } else {
      lost = true;  // beyond what feedback can tell: at best unknown
    }
    if (arrived) {
      ++out.acknowledged;
      ++out.acknowledged_by_size[static_cast<std::size_t>(LossDetector::SizeOf(frame.bytes))];
      out.acknowledged_bytes += frame.bytes;
      if (frame.kind == HeldFrame::Kind::kQuality) out.quality_arrived.push_back(frame.bytes);
      out.newest_acknowledged_sent = frame.sent;
      Settle(&frame);
    } else if (lost) {
      Settle(&frame);
      out.lost.push_back(std::move(frame));
      frame.payload.clear();
    }
  }
  PopSettled();
  return out;
}

void HoldBuffer::DropProbes() {
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    HeldFrame& frame = frames_[i];
    if (!frame.settled && frame.kind == HeldFrame::Kind::kProbe) Settle(&frame);
  }
  PopSettled();
}

std::vector<HeldFrame> HoldBuffer::TakeAll() {
  std::vector<HeldFrame> out;
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    if (!frames_[i].settled) out.push_back(std::move(frames_[i]));
  }
  frames_.clear();
  outstanding_ = quality_ = 0;
  bytes_ = flight_bytes_ = 0;
  return out;
}

Time HoldBuffer::oldest_sent() const {
  std::size_t i = 0;
  while (frames_[i].settled || frames_[i].kind == HeldFrame::Kind::kQuality) ++i;
  return frames_[i].sent;
}

Bytes HoldBuffer::NewPayload(ByteSpan content) {
  Bytes b;
  if (!spare_.empty()) {
    b = std::move(spare_.back());
    spare_.pop_back();
  }
  b.assign(content.begin(), content.end());
  return b;
}

void HoldBuffer::Recycle(Bytes payload) {
  if (payload.capacity() > 0 && spare_.size() < kSpareMax) spare_.push_back(std::move(payload));
}

}  // namespace selvage
