// The receiving end: opens, removes duplicates, puts fragments together and critical messages in
// order, owes receipts.
//
// Only the destination drops duplicates of a packet, on (origin, epoch, flow, sequence). Telemetry
// and bulk: a window of 2,048 in memory. Critical and reliable: an interval set that is on disk
// before the receipt is sent, so that a message is handed up once over restarts and a receipt means
// "on disk". Receipts are selective and batched: one tells of all that came in kReceiptGap, so a
// thousand messages a second cost a hundred receipts and at most as many synced writes.
//
// Critical messages are handed up in the order of their sequence numbers. One that comes before its
// turn waits in memory (reorder_buffer.h) and is reported as held; a gap closes when the message
// comes or its origin says that it never will. What is handed up and not yet on disk when this node
// dies is handed up again after its restart: some 10 ms of traffic, of which no receipt was sent.
//
// Everything is bounded; when a table is full its least recently used row goes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "agents/delivery/carried_message.h"
#include "agents/delivery/end_to_end_cipher.h"
#include "agents/delivery/flow_report.h"
#include "agents/delivery/interval_set.h"
#include "agents/delivery/payload.h"
#include "agents/delivery/reorder_buffer.h"
#include "core/replay_window.h"
#include "core/store.h"
#include "core/time.h"

namespace selvage {

// A complete message for this node: kMessage or kReceipt.
struct ReceivedMessage {
  ShortId origin;
  TrafficClass traffic_class = TrafficClass::kTelemetry;
  PayloadKind kind = PayloadKind::kMessage;
  std::uint16_t port = 0;
  Bytes body;
};

// What to tell others, and when.
struct ReceiptBatch {
  struct Receipt {
    ShortId to;
    TrafficClass traffic_class = TrafficClass::kReliable;
    Bytes body;
  };
  std::vector<Receipt> early;     // at once: what has come and is not on disk yet is held
  std::vector<Receipt> receipts;  // once `writes` are durable
  std::vector<StoreWrite> writes;
};

class Receiver {
 public:
  static constexpr std::size_t kFlowsMax = 4096;
  static constexpr std::size_t kPartialsMax = 64;
  static constexpr std::size_t kPartialBytesMax = 4 * 1024 * 1024;
  static constexpr Duration kPartialLifetime = 10s;
  // Between two batches. The first message after a pause is answered at once. A quarter of the
  // shortest time after which a sender tries again (RoundTrip::kTimeoutMin).
  static constexpr Duration kReceiptGap = 10ms;
  // So many messages of one flow beyond its floor do not wait for the gap to pass.
  static constexpr std::size_t kNewsMax = 64;

  Receiver(EndToEndCipher* cipher, Store& store);

  // One packet addressed to this node; `epoch` is the origin's in full. The messages that may be
  // handed up now because of it, in order.
  std::vector<ReceivedMessage> OnPacket(Time now, const DataHeader& header, Epoch epoch,
                                        ByteSpan sealed);

  // When receipts are due; kNever when none is owed.
  Time NextDeadline() const { return owed_.empty() ? kNever : receipts_due_; }
  // All receipts owed, if they are due. While an earlier batch still waits for the disk, critical
  // flows are told at once that what came is held: a slow disk is no reason to doubt the path.
  std::optional<ReceiptBatch> TakeReceipts(Time now);
  // The batch with these receipts is durable. Batches become durable in the order they were taken.
  void OnDurable(const std::vector<ReceiptBatch::Receipt>& receipts);
  // The writes of these receipts never reached the disk: the next receipts of their flows bring
  // them again.
  void OnRefused(const std::vector<ReceiptBatch::Receipt>& receipts);
  // It was handed up, or will never be; on the disk with the next batch of receipts at the latest.
  bool Recorded(const MessageId& id) const;
  // Once in a while: lets go what waits in vain.
  void DropIdle(Time now) { reorder_.DropIdle(now); }

  struct Counters {
    std::uint64_t forged = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t malformed = 0;
    std::uint64_t partial_dropped = 0;
    std::uint64_t refused_full = 0;   // too many gaps or too much out of order: the sender's
    std::uint64_t reordered = 0;      // critical messages that waited for their turn
    std::uint64_t gone = 0;           // gaps closed because the origin gave up
    std::uint64_t second_copies = 0;  // came first by the second path
  };
  const Counters& counters() const { return counters_; }
  const ReorderBuffer& reorder() const { return reorder_; }

 private:
  using FlowKey = ReceivedFlow;
  using PartialKey = std::tuple<FlowKey, std::uint64_t>;  // ... first sequence
  struct Partial {
    Time started{};
    std::vector<Bytes> pieces;
    std::size_t missing = 0;
    std::size_t bytes = 0;
  };
  struct Window {
    ReplayWindow window;
    std::uint64_t used = 0;
  };
  struct Owed {
    std::set<std::uint64_t> news;  // sequence numbers at or beyond the floor, to be reported
    bool changed = false;          // the interval set is not what the disk has
  };

  std::optional<Bytes> Assemble(Time now, const DataHeader& header, const FlowKey& flow,
                                Bytes plain);
  void Complete(Time now, const FlowKey& flow, const SequenceRange& range, ReceivedMessage message,
                std::vector<ReceivedMessage>* out);
  void InOrder(Time now, const FlowKey& flow, const SequenceRange& range, ReceivedMessage message,
               std::vector<ReceivedMessage>* out);
  // Hands up what has waited for `flow`'s floor.
  void Drain(Time now, const FlowKey& flow, std::vector<ReceivedMessage>* out);
  void OnGone(Time now, ShortId origin, ByteSpan body, std::vector<ReceivedMessage>* out);
  // The interval set of a flow; a new one may push out another flow's.
  IntervalSet* SetOf(const FlowKey& flow);
  void Owe(Time now, const FlowKey& flow, std::uint64_t sequence, bool changed);
  FlowReport ReportOf(const FlowKey& flow, const Owed& owed) const;
  // Puts a report into the packet of its origin and class.
  static void Append(const FlowKey& flow, const FlowReport& report,
                     std::vector<ReceiptBatch::Receipt>* out);
  void DropPartials(Time now, bool room_for_one);
  std::map<PartialKey, Partial>::iterator OldestPartial();
  Window* WindowOf(const FlowKey& flow);

  EndToEndCipher* cipher_;
  std::map<FlowKey, Window> windows_;
  std::map<FlowKey, IntervalSet> received_;
  std::set<FlowKey> unsaved_;  // of received_: newer than what will be on the disk
  std::map<PartialKey, Partial> partials_;
  std::size_t partial_bytes_ = 0;
  ReorderBuffer reorder_;
  std::map<FlowKey, Owed> owed_;
  std::map<FlowKey, std::uint64_t> durable_;  // critical flows: the floor that is on disk
  std::size_t batches_waiting_ = 0;           // for the disk
  Time receipts_due_{};
  Time last_batch_{};
  std::vector<StoreWrite> deleted_;  // rows pushed out, to leave the disk with the next batch
  std::uint64_t uses_ = 0;
  Counters counters_;
};

}  // namespace selvage
