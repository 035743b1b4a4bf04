// The receiving end: opens, removes duplicates, puts fragments together, owes receipts.
//
// Only the destination drops duplicates of a packet, on (origin, epoch, flow, sequence). Telemetry
// and bulk: a window of 2,048 in memory. Critical and reliable: an interval set that is persisted
// before the receipt is sent, so that a message is handed up once over restarts and a receipt means
// "on disk". Everything is bounded; when a table is full its least recently used row goes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "agents/delivery/end_to_end_cipher.h"
#include "agents/delivery/interval_set.h"
#include "agents/delivery/payload.h"
#include "core/replay_window.h"
#include "core/store.h"
#include "core/time.h"

namespace selvage {

// A complete message for this node.
struct ReceivedMessage {
  ShortId origin;
  Epoch epoch;  // the origin's
  TrafficClass traffic_class = TrafficClass::kTelemetry;
  PayloadKind kind = PayloadKind::kMessage;
  std::uint16_t port = 0;
  Bytes body;
  // Critical and reliable: the first packet's id, for the receipt, and the writes that must be
  // durable before it is sent. A duplicate comes up with `duplicate` set: send the receipt again.
  PacketId first;
  bool wants_receipt = false;
  bool duplicate = false;
  std::vector<StoreWrite> writes;
};

class Receiver {
 public:
  static constexpr std::size_t kFlowsMax = 4096;
  static constexpr std::size_t kPartialsMax = 64;
  static constexpr std::size_t kPartialBytesMax = 4 * 1024 * 1024;
  static constexpr Duration kPartialLifetime = 10s;

  Receiver(EndToEndCipher* cipher, Store& store);

  // One packet addressed to this node; `epoch` is the origin's in full. The message that became
  // complete with it, if any.
  std::optional<ReceivedMessage> OnPacket(Time now, const DataHeader& header, Epoch epoch,
                                          ByteSpan sealed);

  // The writes of this message never reached the disk: the next packet of its flow brings them
  // again, and a duplicate of it is not receipted before they are durable.
  void OnWriteRefused(const ReceivedMessage& message);

  struct Counters {
    std::uint64_t forged = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t malformed = 0;
    std::uint64_t partial_dropped = 0;
    std::uint64_t refused_full = 0;  // too many gaps: left with the sender
  };
  const Counters& counters() const { return counters_; }

 private:
  using FlowKey = std::tuple<std::uint32_t, std::uint32_t, std::uint16_t>;  // origin, epoch, flow
  using PartialKey = std::tuple<FlowKey, std::uint64_t>;                    // ... first sequence
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

  std::optional<Bytes> Assemble(Time now, const DataHeader& header, const FlowKey& flow,
                                Bytes plain);
  std::optional<ReceivedMessage> Complete(ReceivedMessage message, const DataHeader& header,
                                          const FlowKey& flow, Bytes plain);
  void Save(const FlowKey& flow, ReceivedMessage* message);
  void DropPartials(Time now, bool room_for_one);
  std::map<PartialKey, Partial>::iterator OldestPartial();
  Window* WindowOf(const FlowKey& flow);

  EndToEndCipher* cipher_;
  std::map<FlowKey, Window> windows_;
  std::map<FlowKey, IntervalSet> received_;
  std::set<FlowKey> unsaved_;  // of received_: newer than what will be on the disk
  std::map<PartialKey, Partial> partials_;
  std::size_t partial_bytes_ = 0;
  std::uint64_t uses_ = 0;
  Counters counters_;
};

}  // namespace selvage
