#include "sim/field/radio_set.h"

#include <utility>

namespace selvage::sim {

RadioSet::RadioSet(std::vector<Radio> radios, Passes passes) : passes_(std::move(passes)) {
  for (Radio& radio : radios) slots_.push_back({std::move(radio), true, {}});
}

RadioSet::Slot* RadioSet::Find(RadioKind kind) {
  for (Slot& slot : slots_) {
    if (slot.radio.kind == kind) return &slot;
  }
  return nullptr;
}

RadioMeter RadioSet::MeterOf(RadioKind kind) const {
  const Slot* slot = const_cast<RadioSet*>(this)->Find(kind);
  return slot == nullptr ? RadioMeter() : slot->meter;
}

void RadioSet::Switch(RadioKind kind, bool on) {
  Slot* slot = Find(kind);
  if (slot == nullptr || slot->on == on) return;
  slot->on = on;
  if (!change_) return;
  const LinkId link(static_cast<std::uint16_t>(slot - slots_.data()));
  const LinkInfo info = slot->radio.carrier->Links()[0];
  change_(link, on ? &info : nullptr);
}

void RadioSet::Watch(Change change) {
  change_ = std::move(change);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].radio.carrier->Watch([this, i](LinkId, const LinkInfo* info) {
      if (slots_[i].on && change_) change_(LinkId(static_cast<std::uint16_t>(i)), info);
    });
  }
}

void RadioSet::Open(ns3::Ptr<ns3::Node> node, Receive receive) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].radio.carrier->Open(
        node, [this, i, receive](LinkId, const PeerAddress& from, MutableByteSpan frame) {
          Slot& slot = slots_[i];
          if (!slot.on) return;
          if (!passes_(slot.radio.kind, from, frame.size())) {
            ++slot.meter.frames_lost_to_faults;
            return;
          }
          ++slot.meter.frames_received;
          receive(LinkId(static_cast<std::uint16_t>(i)), from, frame);
        });
  }
}

void RadioSet::Close() {
  for (Slot& slot : slots_) slot.radio.carrier->Close();
}

std::vector<LinkInfo> RadioSet::Links() const {
  std::vector<LinkInfo> links;
  for (const Slot& slot : slots_) links.push_back(slot.radio.carrier->Links()[0]);
  return links;
}

std::vector<PeerAddress> RadioSet::Peers(LinkId link) const {
  return slots_[link.value].radio.carrier->Peers(LinkId(0));
}

std::optional<double> RadioSet::MarginDb(LinkId link, const PeerAddress& from) {
  return slots_[link.value].radio.carrier->MarginDb(LinkId(0), from);
}

std::optional<double> RadioSet::RetryRatio(LinkId link, const PeerAddress& to) {
  return slots_[link.value].radio.carrier->RetryRatio(LinkId(0), to);
}

RadioSet::Slot* RadioSet::Ready(LinkId link, std::size_t bytes) {
  if (link.value >= slots_.size() || !slots_[link.value].on) return nullptr;
  Slot* slot = &slots_[link.value];
  ++slot->meter.frames_sent;
  slot->meter.bytes_sent += bytes;
  return slot;
}

void RadioSet::Send(LinkId link, const PeerAddress& to, Bytes* frame, const PacketLabel* label) {
  if (Slot* slot = Ready(link, frame->size())) {
    slot->radio.carrier->Send(LinkId(0), to, frame, label);
  }
}

void RadioSet::SendControl(LinkId link, const PeerAddress& to, Bytes* frame) {
  if (Slot* slot = Ready(link, frame->size())) {
    slot->meter.control_bytes_sent += frame->size();
    slot->radio.carrier->SendControl(LinkId(0), to, frame);
  }
}

}  // namespace selvage::sim
