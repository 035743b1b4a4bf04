// NodeCore: laboratory faults.
#include <algorithm>

#include "agents/node/node_impl.h"

namespace selvage {

bool NodeCore::LabSilence(LinkId link) {
  auto it = impl_->links_.find(link);
  if (!impl_->config_.lab || it == impl_->links_.end()) return false;
  it->second.silenced = true;
  return true;
}

void NodeCore::LabDropForwarded(double share, std::optional<TrafficClass> only) {
  LabDropForwarded(share, only, std::nullopt);
}

void NodeCore::LabDropForwarded(double share, std::optional<TrafficClass> only,
                                const std::optional<NodeId>& to) {
  if (!impl_->config_.lab) return;
  std::optional<ShortId> destination;
  if (to) destination = to->Short();
  impl_->lab_.DropForwarded(share, only, destination);
}

void NodeCore::LabLieMetric(double factor) {
  if (!impl_->config_.lab) return;
  impl_->lab_.LieMetric(factor);
  impl_->advertise_ = true;
}

void NodeCore::LabDelay(Duration delay) {
  if (impl_->config_.lab) impl_->lab_.Delay(delay);
}

void NodeCore::LabReplay() {
  if (impl_->config_.lab) impl_->lab_.Replay(true);
}

void NodeCore::LabOff() {
  impl_->lab_.Off();
  impl_->advertise_ = true;
  for (auto& [id, link] : impl_->links_) link.silenced = false;
}

bool NodeCore::lab_active() const {
  return impl_->lab_.active() || std::any_of(impl_->links_.begin(), impl_->links_.end(),
                                             [](const auto& l) { return l.second.silenced; });
}

void NodeCore::Impl::RunLab(Time now) {
  lab_again_ = true;
  for (Lab::Packet& p : lab_.TakePackets(now)) Forward(now, p.header, p.payload, p.in);
  lab_again_ = false;
  for (Lab::Frame& f : lab_.TakeFrames(now)) {
    const auto link = links_.find(f.link);
    if (link == links_.end() || !link->second.up || link->second.silenced) continue;
    Emit(SendFrame{f.link, f.to, std::move(f.frame)});
  }
}

}  // namespace selvage
