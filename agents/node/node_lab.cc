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

void NodeCore::LabAccuse(bool flood) {
  if (impl_->config_.lab) impl_->lab_.Accuse(flood);
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

void NodeCore::Impl::Slander(Time now) {
  const LinkStateRecord* own = map_.database().Find(self_);
  if (!lab_.accuses() || own == nullptr) return;
  constexpr std::uint32_t kEverySeconds = 20;
  std::vector<Word> words;
  for (const Adjacency* a : present_) {
    if (words.size() < kWordsMax) {
      words.push_back({a->neighbor(), Word::What::kAccuse, ShortId(0), 0});
    }
  }
  if (slander_seconds_++ % kEverySeconds == 0) {
    Testify(now, words);
    if (first_slander_.empty()) {
      first_slander_ = quarantine_.book().records().at(self_.value).testimony.encoded;
    }
  }
  if (!lab_.floods()) return;
  constexpr int kFlood = 100;
  for (Adjacency* a : present_) {
    auto send = [&](ByteSpan body) {
      Bytes chunk(3 + body.size());
      ByteWriter w(chunk);
      WriteBlob(ChunkType::kTestimony, body, &w);
      SendControl(now, a, chunk, {}, false);
    };
    for (int i = 0; i < kFlood; ++i) {
      send(first_slander_);                       // replayed
      send(ByteSpan(first_slander_).Sub(0, 20));  // malformed
      for (const auto& [id, record] : map_.database().records()) {  // forged
        if (id == self_.value || id == a->neighbor().value) continue;
        Testimony t;
        t.witness = record->origin;
        t.version = {record->version.epoch, 1'000'000 + slander_seconds_};
        t.words = {{a->neighbor(), Word::What::kAccuse, ShortId(0), 0}};
        SignTestimony(*crypto_, identity_.signing_key, &t);
        send(t.encoded);
        break;
      }
    }
  }
}

}  // namespace selvage
