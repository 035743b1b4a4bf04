// A cellular terminal, driven by measured round trips and gaps: what a RedCap modem's traffic sees.
//
// This is not a model of NR: no scheduler, no radio, no handover procedure. It has the round-trip
// distribution and the outages of one of two networks measured on the road for two days (NUWiNS/
// starlink-measurement: AT&T, Verizon, 2022), whose modems were LTE and NR, and adds what a sleepy
// modem does: waking up after a pause, and paging cycles (eDRX) for what comes from the network.
//
// Round trips follow the measured quantiles (straight lines between them, in the logarithm). A
// place in the distribution is drawn for a while (exponential, 5 s) and holds for all packets in
// it, for a bad moment lasts; each direction takes half. Gaps begin at random (exponential), their
// lengths are 0.5 s and a lognormal. Time never goes back.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "sim/model/access_model.h"

namespace selvage::sim {

class CellAccess final : public AccessModel {
 public:
  // Share of round trips, milliseconds; ascending.
  using Quantiles = std::vector<std::pair<double, double>>;

  static ns3::TypeId GetTypeId();
  CellAccess();
  ~CellAccess() override;

  Passage Up(Time now) override;
  Passage Down(Time now) override;
  // False within a gap.
  bool Available(Time now) override;
  // What the measurement says of this share (0 to 1) of round trips.
  double RoundTripMs(double share) const;
  // The quantiles of a network, "att" or "verizon".
  static const Quantiles& Measured(const std::string& network);

 private:
  void MoveOn(Time now);
  double Normal();
  Duration HalfTrip();

  std::string network_;
  ns3::Time hold_;
  double gaps_per_hour_ = 0;
  double gap_median_s_ = 0;
  double gap_sigma_ = 0;
  double gap_max_s_ = 0;
  ns3::Time wake_after_;
  ns3::Time wake_min_;
  ns3::Time wake_max_;
  ns3::Time edrx_;

  std::unique_ptr<Random> random_;
  double place_ = 0;  // 0 to 1
  Time place_until_{};
  Time last_used_ = Time::min();
  Time gap_from_{};
  Time gap_until_{};
};

}  // namespace selvage::sim
