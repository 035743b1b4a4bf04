#include "agents/node/discovery.h"

#include <algorithm>

#include "core/wire_types.h"

namespace selvage {

void Discovery::OnLinkUp(Time now, LinkId link, bool broadcast, bool slow, Duration idle_gap,
                         bool shared) {
  gaps_[link] = idle_gap;
  met_[link].shared = shared;
  if (slow) {
    slow_.insert(link);
  } else {
    slow_.erase(link);
  }
  const Target all{link, PeerAddress::Broadcast()};
  if (broadcast) {
    timers_[all] = {now, First(link), false};
  } else {
    timers_.erase(all);
  }
  for (auto& [target, timer] : timers_) {
    if (target.first == link && timer.configured && timer.at != kNever) {
      timer = {now, First(link), true};
    }
  }
}

bool Discovery::AllMet(LinkId link) const {
  const auto it = met_.find(link);
  return it != met_.end() && !it->second.shared && it->second.any &&
         it->second.away.empty();
}

Duration Discovery::Longest(const Target& target, const Timer& timer) const {
  const auto it = gaps_.find(target.first);
  const Duration gap = it == gaps_.end() ? Duration(0) : it->second;
  // Whom a broadcast reaches is a neighbour already, and hears hellos: rarer than those.
  if (slow_.count(target.first) > 0) return std::max(Duration(kSteadySlow), 4 * gap);
  if (!timer.configured) {
    return std::max(Duration(AllMet(target.first) ? kSteadyMet : kSteady), 16 * gap);
  }
  return std::max(Duration(kPeerRetryMax), gap);
}

void Discovery::OnLinkDown(LinkId link) {
  met_.erase(link);
  for (auto it = timers_.begin(); it != timers_.end();) {
    it = it->first.first == link ? timers_.erase(it) : std::next(it);
  }
}

void Discovery::OnConfiguredPeer(Time now, LinkId link, const PeerAddress& peer) {
  if (peer.IsBroadcast() || timers_.count({link, peer}) > 0) return;
  timers_[{link, peer}] = {now, First(link), true};
}

void Discovery::SetConnected(Time now, LinkId link, const PeerAddress& peer, bool connected) {
  Met& met = met_[link];
  if (connected) {
    met.any = true;
    met.away.erase(peer);
  } else if (met.away.size() < kAwayMax) {
    met.away.insert(peer);
  }
  auto it = timers_.find({link, peer});
  if (it != timers_.end()) {
    it->second.at = connected ? kNever : now;
    it->second.gap = First(link);
  }
  if (connected) return;
  auto all = timers_.find({link, PeerAddress::Broadcast()});
  if (all != timers_.end()) all->second = {now, First(link), false};
}

void Discovery::Answer(Time now, LinkId link, const PeerAddress& peer) {
  const Target target{link, peer};
  auto it = answered_.find(target);
  if (it != answered_.end() && now - it->second < kAnswerGap) return;
  if (answered_.size() >= kAnswersMax) answered_.clear();  // forgetting only makes us answer sooner
  answered_[target] = now;
  due_.push_back(target);
}

void Discovery::OnTimeout(Time now) {
  for (auto& [target, timer] : timers_) {
    if (now < timer.at) continue;
    due_.push_back(target);
    const auto late = random_->Below(static_cast<std::uint64_t>(timer.gap.count()) / 4 + 1);
    timer.at = now + timer.gap * 7 / 8 + Duration(static_cast<std::int64_t>(late));
    timer.gap = std::min(timer.gap * 2, Longest(target, timer));
  }
}

Time Discovery::NextDeadline() const {
  Time at = due_.empty() ? kNever : Time::min();
  for (const auto& [target, timer] : timers_) at = std::min(at, timer.at);
  return at;
}

Bytes Discovery::Encode(const Beacon& b) {
  Bytes frame(1 + 16 + 4 + 1);
  ByteWriter w(frame);
  w.U8(MakeTypeByte(FrameType::kBeacon));
  w.Put(b.id.bytes);
  w.U32(b.epoch.value);
  w.U8(0);
  return frame;
}

bool Discovery::Decode(ByteSpan frame, Beacon* out) {
  ByteReader in(frame);
  in.U8();
  out->id.bytes = in.Array<16>();
  out->epoch = Epoch(in.U32());
  in.U8();
  return in.ok() && out->id.Short().value != 0;
}

}  // namespace selvage
