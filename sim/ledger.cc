#include "sim/ledger.h"

#include <algorithm>

namespace selvage::sim {

Ledger::Ledger(std::uint32_t nodes, std::uint32_t flows, double begin_s, double fault_s,
               double end_s)
    : flows_(flows),
      begin_s_(begin_s),
      fault_s_(fault_s),
      end_s_(end_s),
      sent_(static_cast<std::size_t>(nodes) * flows) {}

bool Ledger::MarkFirst(std::uint32_t node, const PacketLabel& label) {
  std::vector<bool>& sent = sent_[static_cast<std::size_t>(node) * flows_ + label.flow];
  if (label.sequence >= sent.size()) sent.resize(label.sequence + 256, false);
  if (sent[label.sequence]) return false;
  sent[label.sequence] = true;
  return true;
}

void Ledger::Count(double now_s, std::uint32_t node, std::uint32_t bytes,
                   const PacketLabel* label) {
  const bool first = label != nullptr && MarkFirst(node, *label);
  if (now_s < begin_s_ || now_s >= end_s_) return;
  ByteCounts& c = counts_[now_s < fault_s_ ? 0 : 1];
  if (first) {
    const std::uint32_t extra = std::min(label->extra_bytes, bytes);
    ++c.data_packets;
    c.data_bytes += bytes - extra;
    c.control_bytes += extra;
    return;
  }
  ++c.control_packets;
  c.control_bytes += bytes;
  if (label != nullptr) c.repeated_bytes += bytes;
}

}  // namespace selvage::sim
