// Frames given to a neighbour and not yet acknowledged by it: volatile custody.
//
// Every frame that asks for feedback is entered when sent and leaves when the neighbour reports it
// received, reports it missing, or is given up on: then whoever owns the buffer sends it again,
// over this link or another. Bounded in frames and bytes; when full the oldest is let go (counted),
// for the newest frames are the ones worth saving after a failure.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/bytes.h"
#include "core/frame.h"
#include "core/ids.h"
#include "core/ring_queue.h"
#include "core/time.h"
#include "routing/loss_detector.h"

namespace selvage {

struct HeldFrame {
  enum class Kind : std::uint8_t { kData, kDirect, kControl, kProbe, kQuality };
  std::uint64_t counter = 0;
  Time sent{};
  Kind kind = Kind::kProbe;
  std::uint32_t bytes = 0;  // of the whole frame
  // kProbe asks whether the neighbour lives, kQuality only how many of its like arrive.
  // kData: header and sealed payload to send again. kDirect: the chunk. kControl: empty.
  DataHeader header;
  Bytes payload;
  AdjacencyIndex came_in;        // where the packet came from; 0: from this node
  std::uint8_t attempts = 1;     // how often it was given to this link
  std::vector<ShortId> origins;  // kControl: whose advertisements it carried
  bool settled = false;          // inside the buffer: acknowledged, waiting to be shifted out
};

// What one feedback told.
struct FeedbackOutcome {
  int acknowledged = 0;         // frames newly known to have arrived
  std::array<int, LossDetector::kSizes> acknowledged_by_size{};
  std::size_t acknowledged_bytes = 0;
  std::vector<std::uint32_t> quality_arrived;  // bytes of each kQuality among them
  std::vector<HeldFrame> lost;                 // frames newly known not to have arrived
  bool has_rtt = false;
  Duration rtt{0};                  // of the highest counter, the peer's holding time taken off
  Time newest_acknowledged_sent{};  // when the newest acknowledged frame was sent
};

class HoldBuffer {
 public:
  static constexpr std::size_t kFramesMax = 1024;
  static constexpr std::size_t kBytesMax = 1024 * 1024;
  // A hole must be this many frames behind the highest before it counts as loss: carriers swap
  // neighbouring frames now and then (three, as TCP's duplicate acknowledgements, RFC 5681).
  static constexpr std::uint64_t kReorderFrames = 3;
  // Or this old, when no frames follow.
  static constexpr Duration kReorderTime = 8ms;

  // REQUIRES: counters in growing order.
  void Add(HeldFrame frame);
  // `next_counter` is the next counter this side would send: rebuilds the truncated highest.
  // Feedback on counters never sent is ignored (acknowledged == 0, nothing lost).
  FeedbackOutcome OnFeedback(Time now, const Feedback& f, std::uint64_t next_counter);
  // Forgets probes: what they asked has been answered otherwise.
  void DropProbes();
  // Everything unacknowledged, oldest first; the buffer is empty afterwards.
  std::vector<HeldFrame> TakeAll();

  // Unacknowledged frames; kQuality does not count, for its silence convicts nobody.
  std::size_t outstanding() const { return outstanding_ - quality_; }
  // REQUIRES outstanding() > 0.
  Time oldest_sent() const;
  std::size_t bytes() const { return bytes_; }
  // Unacknowledged bytes on the wire, all kinds.
  std::size_t flight_bytes() const { return flight_bytes_; }
  std::uint64_t overflowed() const { return overflowed_; }

  // Memory for payloads, reused.
  Bytes NewPayload(ByteSpan content);
  void Recycle(Bytes payload);

 private:
  void PopSettled();
  void Settle(HeldFrame* frame);

  RingQueue<HeldFrame> frames_;
  std::size_t outstanding_ = 0;  // all kinds
  std::size_t quality_ = 0;
  std::size_t flight_bytes_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t overflowed_ = 0;
  std::vector<Bytes> spare_;
};

}  // namespace selvage
