// A field's Wi-Fi without PHY and MAC: who is within range hears, at a rate, after a delay, with a
// loss. For fields of a thousand nodes.
//
// A frame waits for those that its sender sent before and takes size / rate; then everybody within
// range (a broadcast) or the one it is for hears it. Senders do not wait for each other and do not
// collide: what air time costs in a crowd is not modelled, and delivery is better than on a full
// channel. One simulator event per frame sent. The same seed loses the same frames.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "ns3/node-container.h"
#include "sim/carrier.h"
#include "sim/scenario_random.h"

namespace selvage::sim {

class AbstractAir {
 public:
  struct Parameters {
    double range_m = 200;
    double rate_kbps = 6000;
    double delay_ms = 1;
    double loss = 0;  // 0 to 1, of each frame at each receiver
    std::uint64_t seed = 1;
  };

  // `nodes` have mobility models and outlive this.
  AbstractAir(const Parameters& parameters, const ns3::NodeContainer& nodes);

  // Puts a node of `nodes` on the air; must not outlive this object. Once per node.
  std::unique_ptr<Carrier> NewCarrier(std::uint32_t node);
  static PeerAddress AddressOf(std::uint32_t node);

  // Handed to the air by a node, with headers.
  std::uint64_t bytes_sent(std::uint32_t node) const { return bytes_sent_[node]; }
  std::uint64_t lost_to_queues() const { return lost_to_queues_; }

 private:
  class Terminal;
  using Cell = std::pair<std::int64_t, std::int64_t>;

  void Send(std::uint32_t from, const PeerAddress& to, Bytes* frame);
  void Arrive(std::uint32_t from, const std::vector<std::uint32_t>& to, const Bytes& frame);
  Cell CellOf(std::uint32_t node) const;
  // Where everybody is, again when the last look is too old.
  void Look();
  bool InRange(std::uint32_t a, std::uint32_t b) const;
  // In range of `node`, by number.
  std::vector<std::uint32_t> Hearers(std::uint32_t node) const;

  const Parameters parameters_;
  const ns3::NodeContainer& nodes_;
  ScenarioRandom random_;
  std::vector<Carrier::Receive> receivers_;  // by node; empty: not on the air
  std::vector<bool> present_;                // has a carrier
  std::vector<std::int64_t> idle_at_ns_;     // when the node's last frame will have left
  std::vector<std::uint64_t> bytes_sent_;
  std::vector<std::pair<double, double>> places_;
  std::map<Cell, std::vector<std::uint32_t>> cells_;  // squares of one range
  std::int64_t looked_at_ns_ = -1;
  std::uint64_t lost_to_queues_ = 0;
};

}  // namespace selvage::sim
