// Links without radio: rate, delay, queue and loss, each direction for itself; no PHY, no MAC.
//
// One link for each pair of neighbours, as a cable or a directional radio is. A node therefore has
// one LinkId per neighbour, which keeps the links independent: a full queue or a loss on one does
// not touch the others, and each has a carrier of its own. (One link for all neighbours of a node
// would be a shared channel, and that is what the Wi-Fi world is for.)
//
// A frame waits for those before it, takes size / rate on the line, then the delay (and up to
// `jitter` more, never overtaking); it is lost at the tail of a full queue, at random, or to a
// fault when it is sent or when it would arrive. One simulator event per frame: cheap enough for
// thousands of nodes. Rules of the seed: the same seed loses the same frames.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "sim/carrier.h"
#include "sim/fault_table.h"
#include "sim/layout.h"
#include "sim/scenario.h"
#include "sim/scenario_random.h"

namespace selvage::sim {

// IPv4 and UDP header that a device would put around each frame: counted, and they take time.
inline constexpr std::uint32_t kCarrierBytes = 28;
inline constexpr std::uint32_t kAbstractMtuBytes = 1452;

class AbstractNetwork {
 public:
  // A node hands a frame of `bytes` (with kCarrierBytes) to a link. label null: no packet inside.
  using Sent = std::function<void(std::uint32_t node, std::uint32_t bytes, const PacketLabel*)>;
  // A frame with an application packet reached `at`.
  using Arrived = std::function<void(std::uint32_t from, std::uint32_t at, const PacketLabel&)>;

  // All arguments outlive this object.
  AbstractNetwork(const Scenario& scenario, const Layout& layout, FaultTable* faults, Sent sent,
                  Arrived arrived);

  // What node `node` sends and receives with; links in the order of Layout::neighbours. Must not
  // outlive this object. Once per node.
  std::unique_ptr<Carrier> NewCarrier(std::uint32_t node);

  // Of what `node` receives on `link`; the channel is the same both ways.
  double MarginDb(std::uint32_t node, LinkId link);
  // Of what `label.flow` sent over a fading link; called for each frame lost to the fade or ramp.
  using LostToFault = std::function<void(std::uint32_t from, std::uint32_t to, const PacketLabel&)>;
  void OnLost(LostToFault lost) { lost_ = std::move(lost); }

  std::uint64_t lost_at_random() const { return lost_at_random_; }
  std::uint64_t lost_to_faults() const { return lost_to_faults_; }
  std::uint64_t lost_to_queues() const { return lost_to_queues_; }

 private:
  friend class AbstractCarrier;
  struct Flight {
    Bytes frame;
    bool labelled = false;
    PacketLabel label;
  };
  // One direction of a link.
  struct Line {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    LinkId link_at_receiver;
    LinkQuality quality;
    double wander_db = 0;                 // of the signal; kept by the line to the higher node
    std::int64_t wandered_ns = 0;
    std::int64_t idle_at_ns = 0;          // when the last frame will have left
    std::int64_t last_arrival_ns = 0;     // frames do not overtake
    std::deque<std::int64_t> departures;  // of frames queued or on the line
    std::deque<Flight> flights;           // in order of arrival
  };

  void Send(std::uint32_t node, LinkId link, Bytes* frame, const PacketLabel* label);
  void Arrive(Line* line);
  double MarginOf(const Line& line);

  const Scenario& scenario_;
  const Layout& layout_;
  FaultTable* faults_;
  Sent sent_;
  Arrived arrived_;
  ScenarioRandom random_;
  ScenarioRandom radio_random_;
  LostToFault lost_;
  std::vector<std::vector<Line>> lines_;     // [node][link]
  std::vector<Carrier::Receive> receivers_;  // by node; empty: not open
  std::uint64_t lost_at_random_ = 0;
  std::uint64_t lost_to_faults_ = 0;
  std::uint64_t lost_to_queues_ = 0;
};

}  // namespace selvage::sim
