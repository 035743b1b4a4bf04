// Where nodes stand, who hears whom, and which flows run: everything drawn before time starts.
//
// Radio: log-distance loss, no fading; a link exists where the received power reaches ns-3's
// preamble detection threshold. Pure computation: no ns-3 type here, so it is tested by itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/scenario.h"

namespace selvage::sim {

// Radio constants of the log-distance model (ns-3's defaults, 802.11g).
inline constexpr double kTxDbm = 16.0206;
inline constexpr double kReferenceLossDb = 46.6777;  // at 1 m
inline constexpr double kLossExponent = 3.0;
// ns-3's ThresholdPreambleDetectionModel: weaker frames are not received. 51.4 m.
inline constexpr double kLinkDbm = -82.0;
// Weaker frames are not even noticed. ns-3's default is -101; measured: only CPU time differs.
inline constexpr double kRxSensitivityDbm = -88.0;
// Diagonals (42.4 m) are heard, two steps (60 m) are not: 8 neighbours.
inline constexpr double kGridSpacing = 30.0;

struct Position {
  double x = 0;
  double y = 0;
};

// One direction of an abstract link, where links differ.
struct LinkQuality {
  double rate_kbps = 0;
  double delay_ms = 0;
  double loss = 0;  // share lost at random
};

struct Flow {
  std::uint32_t src = 0;
  std::uint32_t dst = 0;
  double start_s = 0;
  std::uint32_t hops = 0;  // shortest path before the fault
  // Where flows differ. Empty and 0: what the scenario says, for all.
  std::string traffic_class = {};
  std::uint32_t payload_bytes = 0;
  double deadline_s = 0;
};

struct Layout {
  double field_m = 0;
  double range_m = 0;        // of a link; 0: NominalRangeMetres()
  bool radio = true;         // received powers matter: rx_dbm is filled in
  bool fixed_links = false;  // neighbours are given (random graph), not by distance
  std::vector<Position> positions;
  std::vector<std::vector<std::uint32_t>> neighbours;  // ascending
  // As `neighbours`: what the link there has. Empty: what the scenario says, for all.
  std::vector<std::vector<LinkQuality>> qualities;
  std::vector<double> rx_dbm;                          // [from * n + to]; empty without radio
  std::vector<Flow> flows;
  std::vector<bool> endpoint;  // the node begins or ends a flow
  std::vector<bool> right;     // half of the field (partition)

  std::uint32_t size() const { return static_cast<std::uint32_t>(positions.size()); }
  // Hops from `from` to everybody, -1 = unreachable, without `node` and without the link a-b (both
  // directions); -1 leaves everything in.
  std::vector<int> HopsFrom(std::uint32_t from, int node = -1, int a = -1, int b = -1) const;
  // Every flow still has a path without `node` and without the link a-b.
  bool FlowsSurvive(int node, int a, int b) const;
  // Share of shortest paths through each node (Brandes 2001). Used when nothing was measured.
  std::vector<double> Betweenness() const;
};

double NominalRangeMetres();

// Fills in what follows from positions and flows: neighbours, powers, ends, halves. With
// fixed_links the halves are grown along links from node 0, otherwise parted by place.
void CompleteLayout(Layout* layout);
// Only neighbours and powers: after nodes have moved.
void CompleteLinks(Layout* layout);

// Draws a layout from the seed. ResourceExhausted when none is found (rgg too sparse; too few pairs
// of nodes min_hops apart): the message says which and what to change.
absl::StatusOr<Layout> DrawLayout(const Scenario& scenario);

}  // namespace selvage::sim
