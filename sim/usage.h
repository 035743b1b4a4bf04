// Who carried which flow: counts of data packets per relay and per directed link.
//
// Counted where a packet comes up from the network device, the same for every protocol, so that
// "the relay or link that carries most" means the same for all of them. A packet counts each time.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "sim/layout.h"

namespace selvage::sim {

class Usage {
 public:
  explicit Usage(std::uint32_t nodes) : relay_(nodes) {}

  void Count(std::uint32_t from, std::uint32_t at, std::uint32_t flow, bool relayed);
  void Clear();

  // The node that ends no flow, whose removal cuts no flow, and which carried most: first by number
  // of flows, then by packets. A flow counts from `packets_min` packets. When nothing was carried:
  // the one with most shortest paths through it, and *measured is false. -1: no node qualifies.
  int SelectRelay(const Layout& layout, std::uint32_t packets_min, bool* measured) const;
  // The directed link that carried most packets and whose removal cuts no flow. False: none did.
  bool SelectLink(const Layout& layout, std::uint32_t* from, std::uint32_t* to) const;

  // Directed links and relays over which some flow had at least `packets_min` packets, ascending.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> Links(std::uint32_t packets_min) const;
  std::vector<std::uint32_t> Relays(std::uint32_t packets_min) const;

  // Flows with at least `packets_min` packets through the relay / over the directed link.
  std::set<std::uint32_t> FlowsOver(std::uint32_t relay, std::uint32_t packets_min) const;
  std::set<std::uint32_t> FlowsOver(std::uint32_t from, std::uint32_t to,
                                    std::uint32_t packets_min) const;

 private:
  using FlowPackets = std::map<std::uint32_t, std::uint32_t>;
  std::vector<FlowPackets> relay_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, FlowPackets> link_;
};

}  // namespace selvage::sim
