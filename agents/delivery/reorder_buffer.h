// Messages that came before their turn, per flow, in memory.
//
// The buffer never gives up on a gap: only the origin knows whether what is missing still comes. So
// whatever is let go here (bounds, time) was never acknowledged as received, and the origin sends
// it again. Bounded per flow and over all; when full over all, the flow that was longest without
// news loses what it holds. Time: what nobody has asked for in kIdle belongs to an origin that is
// gone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "agents/delivery/flow_report.h"
#include "core/bytes.h"
#include "core/ids.h"
#include "core/time.h"

namespace selvage {

// origin, its epoch, flow
using ReceivedFlow = std::tuple<std::uint32_t, std::uint32_t, std::uint16_t>;

struct HeldMessage {
  std::uint64_t last = 0;  // sequence number of its last packet
  std::uint16_t port = 0;
  Bytes body;
};

class ReorderBuffer {
 public:
  static constexpr std::size_t kFlowMessagesMax = 1024;
  static constexpr std::size_t kFlowBytesMax = 1024 * 1024;
  static constexpr std::size_t kBytesMax = 4 * 1024 * 1024;
  static constexpr std::size_t kFlowsMax = 256;
  static constexpr Duration kIdle = 30s;
  // What an entry costs beside its body.
  static constexpr std::size_t kEntryBytes = 96;

  // False, and nothing changed, when the flow's bounds are reached.
  // REQUIRES: no message of the flow that overlaps it is held.
  bool Add(Time now, const ReceivedFlow& flow, std::uint64_t first, HeldMessage message);
  // The message that begins with `first`, taken out.
  std::optional<HeldMessage> Take(const ReceivedFlow& flow, std::uint64_t first);
  // The run of held messages without a gap around `sequence`; nullopt when it is not held.
  std::optional<SequenceRange> Around(const ReceivedFlow& flow, std::uint64_t sequence) const;
  // Lets go what begins within the range: the origin has given it up.
  void Drop(const ReceivedFlow& flow, const SequenceRange& range);
  // Lets go flows without news for kIdle.
  void DropIdle(Time now);

  std::size_t messages() const { return messages_; }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t evicted() const { return evicted_; }  // messages let go for room or time

 private:
  struct Flow {
    std::map<std::uint64_t, HeldMessage> messages;  // by first sequence number
    std::size_t bytes = 0;
    Time used{};
  };
  using Flows = std::map<ReceivedFlow, Flow>;

  Flows::iterator Evict(Flows::iterator it);
  void Erase(Flow* flow, std::map<std::uint64_t, HeldMessage>::iterator it);

  Flows flows_;
  std::size_t messages_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace selvage
