// What is broken at the moment: silent nodes, a divided field, and per direction of a link whether
// it is cut, how much it loses and how large a frame it passes.
//
// Every medium asks this table about every frame, so that a fault means the same on Wi-Fi and on
// abstract links. Faults of one link add up: what any of them takes is gone. Pure state: no ns-3
// type here.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sim/layout.h"
#include "sim/scenario_random.h"

namespace selvage::sim {

class FaultTable {
 public:
  // `layout` (for the halves of the field) must outlive this object.
  FaultTable(const Layout* layout, std::uint64_t seed);

  void SetSilent(std::uint32_t node, bool silent) { silent_[node] = silent; }
  bool silent(std::uint32_t node) const { return silent_[node]; }
  // The halves of the field (Layout::right) cannot hear each other.
  void SetPartitioned(bool on) { partitioned_ = on; }

  // Of what `from` sends to `to`: nothing arrives (also used for each dead second of a flap).
  void SetCut(std::uint32_t from, std::uint32_t to, bool on);
  // A share of 0 to 1 is lost at random.
  void SetLoss(std::uint32_t from, std::uint32_t to, double share);
  // Lost with a probability that grows from 0 at `start_s` to 1 in `seconds` and stays at 1.
  void SetRamp(std::uint32_t from, std::uint32_t to, double start_s, double seconds);
  // The signal falls by `depth_db` from `start_s` on, in `seconds`, and stays there.
  void SetFade(std::uint32_t from, std::uint32_t to, double start_s, double seconds,
               double depth_db);
  // How much weaker the signal of this direction is than ever.
  double FadeDb(double now_s, std::uint32_t from, std::uint32_t to) const;
  // Frames larger than this are lost, all others pass; 0: no such fault.
  void SetMtu(std::uint32_t from, std::uint32_t to, std::uint32_t bytes);
  // Whatever is set for this direction is gone; silence and partition stay.
  void ClearLink(std::uint32_t from, std::uint32_t to) { links_.erase(Key(from, to)); }

  // Whether nothing at all passes: what a receiver's radio would be asked before any chance.
  bool Blocked(std::uint32_t from, std::uint32_t to) const;
  // Whether this frame is lost. Draws a random number where a share decides; `bytes` 0: the size is
  // not known here, the size fault does not apply.
  bool Loses(double now_s, std::uint32_t from, std::uint32_t to, std::uint32_t bytes);
  // Whether the size fault alone takes a frame of `bytes`.
  bool TooLarge(std::uint32_t from, std::uint32_t to, std::uint32_t bytes) const;

 private:
  struct LinkFault {
    bool cut = false;
    double loss = 0;
    double ramp_start_s = 0;
    double ramp_seconds = 0;  // 0: no ramp
    double fade_start_s = 0;
    double fade_seconds = 1;
    double fade_db = 0;
    std::uint32_t mtu_bytes = 0;
  };
  static std::uint64_t Key(std::uint32_t from, std::uint32_t to) {
    return (std::uint64_t{from} << 32) | to;
  }
  const LinkFault* Find(std::uint32_t from, std::uint32_t to) const;

  const Layout* layout_;
  std::vector<bool> silent_;
  bool partitioned_ = false;
  std::unordered_map<std::uint64_t, LinkFault> links_;  // looked up only, never walked over
  ScenarioRandom random_;
};

}  // namespace selvage::sim
