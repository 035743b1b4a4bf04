// Nodes that change their place in steps, and which pairs have a path at all meanwhile.
//
// As in the mobility test of meshnet-lab (https://github.com/mwarning/meshnet-lab,
// tests/mobility1): every so many seconds each node is put up to so many metres away, in a random
// direction, and links follow from the new places at once. Nobody can deliver between parts that no
// link joins, so delivery is judged on pairs that had a path when the packet was sent. Pure
// computation: no ns-3 type here.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/layout.h"
#include "sim/scenario_random.h"

namespace selvage::sim {

class Mobility {
 public:
  // `layout` outlives this object; its links are those of time `start_s`.
  Mobility(Layout* layout, double step_m, double start_s, std::uint64_t seed);

  // Moves everybody; the layout's links are new from `now_s` on. Nodes stay inside the field.
  void Step(double now_s);

  // Whether a and b had a path of links at `at_s`, which is not before the start.
  bool Connected(double at_s, std::uint32_t a, std::uint32_t b) const;
  // Since when the links of `at_s` were as they were, seconds.
  double AgeAt(double at_s) const;
  std::uint32_t steps() const { return static_cast<std::uint32_t>(moments_.size()) - 1; }

 private:
  struct Moment {
    double since_s;
    std::vector<std::uint32_t> part;  // by node: the smallest node that it is connected to
  };
  const Moment& At(double at_s) const;
  void Remember(double now_s);

  Layout* layout_;
  double step_m_;
  ScenarioRandom random_;
  std::vector<Moment> moments_;  // ascending
};

// Moves one node by so many metres, straight away from the middle of the field and out of it if
// need be; the layout's links follow. From the very middle it goes along x.
void MoveOutward(Layout* layout, std::uint32_t node, double metres);

}  // namespace selvage::sim
