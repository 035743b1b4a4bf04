#include "agents/node/lab.h"

#include <algorithm>
#include <iterator>

namespace selvage {

void Lab::DropForwarded(double share, std::optional<TrafficClass> only,
                        std::optional<ShortId> to) {
  share_ = std::clamp(share, 0.0, 1.0);
  only_ = only;
  to_ = to;
}

void Lab::Delay(Duration delay) { delay_ = std::clamp<Duration>(delay, Duration(0), kDelayMax); }

void Lab::Off() {
  share_ = 0;
  only_.reset();
  to_.reset();
  factor_ = 1;
  delay_ = Duration(0);
  replay_ = false;
  accuse_ = flood_ = false;
}

bool Lab::ShouldDrop(const DataHeader& header, Random* random) const {
  if (share_ <= 0 || (only_ && *only_ != header.traffic_class) ||
      (to_ && *to_ != header.destination)) {
    return false;
  }
  return random->Uniform() < share_;
}

// The cost of a hop is part of the lie, or a link without latency could not be made dearer.
EdgeMetric Lab::Lie(const EdgeMetric& truth) const {
  if (factor_ == 1) return truth;
  EdgeMetric m = truth;
  const double base = static_cast<double>(kHopCostUs);
  m.latency_us = static_cast<std::uint32_t>(
      std::clamp((base + truth.latency_us) * factor_ - base, 0.0, 60e6));
  m.loss_permille =
      static_cast<std::uint32_t>(std::clamp(truth.loss_permille * factor_, 0.0, 1000.0));
  return m;
}

bool Lab::Hold(Time now, const DataHeader& header, ByteSpan payload, AdjacencyIndex in) {
  if (delay_ <= Duration(0) || held_.size() >= kPacketsMax) return false;
  held_.push_back({now + delay_, header, payload.ToBytes(), in});
  next_ = std::min(next_, now + delay_);
  return true;
}

void Lab::Remember(Time now, const DataHeader& header, ByteSpan payload, AdjacencyIndex in) {
  if (!replay_ || replays_.size() >= kPacketsMax) return;
  Packet p{now + kReplayAfter, header, payload.ToBytes(), in};
  p.header.walk = (p.header.walk + 1) & kWalkMax;
  next_ = std::min(next_, p.due);
  replays_.push_back(std::move(p));
}

void Lab::RememberFrame(Time now, LinkId link, const PeerAddress& to, const Bytes& frame) {
  if (!replay_ || frames_.size() >= kPacketsMax) return;
  next_ = std::min(next_, now + kReplayAfter);
  frames_.push_back({now + kReplayAfter, link, to, frame});
}

namespace {

// A delay that was changed meanwhile leaves packets out of order: all are looked at.
template <typename Item>
void Move(Time now, std::vector<Item>* waiting, std::vector<Item>* out) {
  auto later = std::stable_partition(waiting->begin(), waiting->end(),
                                     [&](const Item& i) { return i.due <= now; });
  std::move(waiting->begin(), later, std::back_inserter(*out));
  waiting->erase(waiting->begin(), later);
}

}  // namespace

std::vector<Lab::Packet> Lab::TakePackets(Time now) {
  std::vector<Packet> out;
  if (now < next_) return out;
  Move(now, &held_, &out);
  Move(now, &replays_, &out);
  return out;
}

std::vector<Lab::Frame> Lab::TakeFrames(Time now) {
  std::vector<Frame> out;
  if (now < next_) return out;
  Move(now, &frames_, &out);
  next_ = kNever;
  for (const Packet& p : held_) next_ = std::min(next_, p.due);
  for (const Packet& p : replays_) next_ = std::min(next_, p.due);
  for (const Frame& f : frames_) next_ = std::min(next_, f.due);
  return out;
}

}  // namespace selvage
