// A network in memory on virtual time: frames with delay, loss, duplicates and cuts, from a seed.
//
// For tests of the node core: no socket, clock or thread. A *port* is one node's end of a link
// (what the core calls a LinkId); channels between ports are directed, so that a link can fail one
// way only. A port with several channels is a shared medium: a broadcast reaches all of them.
//
//   network.Send(now, port, to, frame);
//   while (auto d = network.Poll(now)) node_of(d->to).OnFrame(now, link, d->from, d->frame);
//   next = network.NextDeadline();
//
// Same seed, same calls: same deliveries in the same order. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"
#include "core/link.h"
#include "core/random.h"
#include "core/time.h"

namespace selvage {

// One end of a link; numbered from 0 in the order of AddPort().
using MemoryPort = StrongInt<struct MemoryPortTag, std::uint32_t>;

// What a channel does to frames, in one direction.
struct ChannelModel {
  Duration delay = 1ms;
  Duration jitter{0};    // added delay is uniform in [0, jitter); order is kept (a queue)
  double loss = 0;       // 0..1
  double duplicate = 0;  // 0..1: a second copy arrives one `delay` later
  double reorder = 0;    // 0..1: held back by `reorder_delay`, so that later frames overtake it
  Duration reorder_delay = 3ms;
  std::uint64_t rate_bps = 0;      // 0: infinite; otherwise frames wait for those before them
  std::uint32_t mtu_bytes = 1452;  // longer frames vanish without a word (an MTU hole)
};

struct MemoryDelivery {
  MemoryPort to;
  PeerAddress from;
  Bytes frame;
};

struct MemoryCounters {
  std::uint64_t sent = 0;  // frames offered to a channel (a broadcast counts once for each)
  std::uint64_t sent_bytes = 0;
  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;  // by chance
  std::uint64_t cut = 0;   // by Cut()
  std::uint64_t too_long = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t overflowed = 0;  // more than kInFlightMax under way
  std::uint64_t unknown_peer = 0;
};

class MemoryNetwork {
 public:
  // Frames under way at most; what comes on top is dropped and counted.
  static constexpr std::size_t kInFlightMax = 1 << 17;

  explicit MemoryNetwork(std::uint64_t seed) : random_(seed) {}

  MemoryPort AddPort();
  std::size_t ports() const { return outgoing_.size(); }

  // Joins two ports in both directions with the same model. Joined already: replaces the models.
  void Connect(MemoryPort a, MemoryPort b, const ChannelModel& model = {});
  // Adds or replaces one direction. Unknown ports and a port with itself: no effect.
  void SetChannel(MemoryPort from, MemoryPort to, const ChannelModel& model);
  // nullopt when the two are not joined in this direction.
  std::optional<ChannelModel> FindChannel(MemoryPort from, MemoryPort to) const;
  // From now on nothing goes this way (frames under way still arrive). No effect if not joined.
  void Cut(MemoryPort from, MemoryPort to);
  void Restore(MemoryPort from, MemoryPort to);
  // Forgets every frame on its way to or from the port, as when a node dies or a cable is pulled.
  void DropInFlight(MemoryPort port);

  static PeerAddress AddressOf(MemoryPort port);
  // nullopt for an address no MemoryNetwork made.
  static std::optional<MemoryPort> PortOf(const PeerAddress& address);

  // Broadcast goes to every channel of `from`, in the order of port numbers.
  void Send(Time now, MemoryPort from, const PeerAddress& to, ByteSpan frame);
  // When the next frame arrives; kNever when none is under way.
  Time NextDeadline() const;
  // The next frame that has arrived by `now`, in order of arrival, then of sending.
  std::optional<MemoryDelivery> Poll(Time now);

  const MemoryCounters& counters() const { return counters_; }

 private:
  struct Channel {
    ChannelModel model;
    bool cut = false;
    Time busy_until{};    // when the sender's radio is free again (rate_bps)
    Time last_arrival{};  // keeps order under jitter
  };
  struct InFlight {
    MemoryPort from;
    MemoryPort to;
    Bytes frame;
  };
  Channel* Find(MemoryPort from, MemoryPort to);
  void Offer(Time now, MemoryPort from, MemoryPort to, Channel* channel, ByteSpan frame);
  void Enqueue(Time arrival, MemoryPort from, MemoryPort to, ByteSpan frame);

  Random random_;
  std::uint64_t sequence_ = 0;
  std::vector<std::map<MemoryPort, Channel>> outgoing_;  // by port
  std::map<std::pair<Time, std::uint64_t>, InFlight> in_flight_;
  MemoryCounters counters_;
};

}  // namespace selvage
