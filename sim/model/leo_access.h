// A broadband terminal under a shell of low satellites, bent pipe: terminal, satellite, gateway.
//
// Geometry is the product's: SGP4 positions, elevations and ranges over WGS-84. Every 15 s, in step
// with the UTC minute (seconds 12, 27, 42, 57), each terminal gets a satellite, any of those that
// stay high enough for a slot at both ends; around the boundary packets wait, and in some slots
// nothing passes for a while. One way takes
//
//   (terminal to satellite + satellite to gateway) / c  + base + waiting
//
// where waiting is lognormal, with one share drawn per slot and one per packet, so that round trips
// jump every 15 s and are steadier in between. The defaults of base, waiting and gaps are fitted to
// one measurement (two days of driving with a Starlink terminal: NUWiNS/starlink-measurement) and
// are a model of nothing else. Boundary spikes: Garcia et al., arXiv 2601.08439.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/random.h"
#include "sim/model/access_model.h"
#include "transports/orbit/contact.h"
#include "transports/orbit/sgp4.h"

namespace selvage::sim {

// Satellites whose positions many terminals ask for; each slot is computed once.
class LeoShell {
 public:
  // Elements of real satellites.
  LeoShell(std::vector<orbit::Elements> elements, double start_unix_s);
  // A Walker delta shell of circular orbits: `planes` equally spaced, `per_plane` satellites in
  // each, `phasing` (0 to planes - 1) steps between neighbours, all at `epoch_unix_s`.
  static std::vector<orbit::Elements> Walker(double altitude_km, double inclination_deg,
                                             int planes, int per_plane, int phasing,
                                             double epoch_unix_s);

  struct Choice {
    std::size_t satellite = 0;
    orbit::Look from_terminal;
    orbit::Look from_gateway;
  };
  // The satellites that both ends see over their masks at a moment of the simulation.
  std::vector<Choice> Visible(Time now, const orbit::Site& terminal, const orbit::Site& gateway,
                              double terminal_mask_deg, double gateway_mask_deg);
  // Where one of them stands over a place.
  orbit::Look LookFrom(std::size_t satellite, Time now, const orbit::Site& site) const;
  double UnixSeconds(Time now) const { return start_unix_s_ + ToSeconds(now.time_since_epoch()); }
  std::size_t size() const { return satellites_.size(); }
  const orbit::Sgp4& satellite(std::size_t i) const { return satellites_[i]; }

 private:
  std::vector<orbit::Sgp4> satellites_;
  double start_unix_s_;
  Time computed_at_ = kNever;
  std::vector<std::optional<orbit::Vector3>> positions_;
};

class LeoAccess final : public AccessModel {
 public:
  static constexpr Duration kSlot = 15s;

  static ns3::TypeId GetTypeId();
  LeoAccess();
  ~LeoAccess() override;

  // Before the first packet.
  void Configure(std::shared_ptr<LeoShell> shell, const orbit::Site& terminal,
                 const orbit::Site& gateway);

  Passage Up(Time now) override { return Pass(now); }
  Passage Down(Time now) override { return Pass(now); }
  bool Available(Time now) override;
  // The propagation alone, one way; nullopt: no satellite in this slot.
  std::optional<Duration> Propagation(Time now);
  // The satellite of this slot.
  std::optional<LeoShell::Choice> Current(Time now);
  // Of the boundary before `now`, on the simulation's clock.
  Time SlotStart(Time now) const;

  std::uint64_t slots() const { return slots_; }
  std::uint64_t slots_without_satellite() const { return slots_without_; }

 private:
  Passage Pass(Time now);
  void EnterSlot(Time now);
  double Normal();

  std::shared_ptr<LeoShell> shell_;
  orbit::Site terminal_;
  orbit::Site gateway_;
  double terminal_mask_deg_ = 25;
  double gateway_mask_deg_ = 10;
  double phase_s_ = 12;
  ns3::Time base_;
  ns3::Time wait_median_;
  double wait_slot_sigma_ = 0;
  double wait_packet_sigma_ = 0;
  ns3::Time spike_after_;
  ns3::Time spike_before_;
  double spike_loss_ = 0;
  double gap_share_ = 0;
  ns3::Time gap_min_;
  ns3::Time gap_median_;
  double gap_sigma_ = 0;
  ns3::Time gap_max_;

  std::unique_ptr<Random> random_;
  Time slot_start_ = kNever;
  std::optional<std::size_t> satellite_;
  double slot_wait_ = 0;  // standard normal
  Time gap_from_{};
  Time gap_until_{};
  std::uint64_t slots_ = 0;
  std::uint64_t slots_without_ = 0;
};

}  // namespace selvage::sim
