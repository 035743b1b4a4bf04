#include "sim/model/cell_access.h"

#include <algorithm>
#include <cmath>

#include "ns3/abort.h"
#include "ns3/double.h"
#include "ns3/nstime.h"
#include "ns3/string.h"

namespace selvage::sim {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kGapMinSeconds = 0.5;  // what the measurement counts as one

Duration FromSeconds(double s) { return Duration(std::llround(s * 1e9)); }
Duration From(const ns3::Time& t) { return Duration(t.GetNanoSeconds()); }

}  // namespace

NS_OBJECT_ENSURE_REGISTERED(CellAccess);

const CellAccess::Quantiles& CellAccess::Measured(const std::string& network) {
  // Least, 5, 50, 95 and 99 % as published with the measurement; the end is ours (twice the last).
  static const Quantiles kAtt = {{0, 23}, {0.05, 40}, {0.5, 84}, {0.95, 119}, {0.99, 797},
                                 {1, 1594}};
  static const Quantiles kVerizon = {{0, 26}, {0.05, 44}, {0.5, 57}, {0.95, 196}, {0.99, 2038},
                                     {1, 4076}};
  NS_ABORT_MSG_UNLESS(network == "att" || network == "verizon",
                      "Network is \"" << network << "\", must be att or verizon");
  return network == "att" ? kAtt : kVerizon;
}

ns3::TypeId CellAccess::GetTypeId() {
  using Self = CellAccess;
  static const ns3::TypeId kId =
      ns3::TypeId("selvage::sim::CellAccess")
          .SetParent<AccessModel>()
          .AddConstructor<Self>()
          .AddAttribute("Network", "Whose measured round trips: att or verizon.",
                        ns3::StringValue("att"), ns3::MakeStringAccessor(&Self::network_),
                        ns3::MakeStringChecker())
          .AddAttribute("Hold", "How long a good or bad moment lasts, mean.",
                        ns3::TimeValue(ns3::Seconds(5)), ns3::MakeTimeAccessor(&Self::hold_),
                        ns3::MakeTimeChecker())
          .AddAttribute("GapsPerHour", "Outages over 0.5 s; measured: 58 (att), 90 (verizon).",
                        ns3::DoubleValue(58), ns3::MakeDoubleAccessor(&Self::gaps_per_hour_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("GapMedian", "What gaps are longer than 0.5 s, seconds, median.",
                        ns3::DoubleValue(0.41), ns3::MakeDoubleAccessor(&Self::gap_median_s_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("GapSigma", "Of that logarithm.", ns3::DoubleValue(1.67),
                        ns3::MakeDoubleAccessor(&Self::gap_sigma_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("GapMax", "Longest, seconds.", ns3::DoubleValue(12.8),
                        ns3::MakeDoubleAccessor(&Self::gap_max_s_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("WakeAfter", "A pause of so long puts the modem to sleep; 0: never.",
                        ns3::TimeValue(ns3::Seconds(10)), ns3::MakeTimeAccessor(&Self::wake_after_),
                        ns3::MakeTimeChecker())
          .AddAttribute("WakeMin", "Waking up takes at least (an estimate).",
                        ns3::TimeValue(ns3::MilliSeconds(50)),
                        ns3::MakeTimeAccessor(&Self::wake_min_), ns3::MakeTimeChecker())
          .AddAttribute("WakeMax", "... and at most.", ns3::TimeValue(ns3::MilliSeconds(150)),
                        ns3::MakeTimeAccessor(&Self::wake_max_), ns3::MakeTimeChecker())
          .AddAttribute("Edrx", "Paging cycle of a sleeping modem; 0: always reached.",
                        ns3::TimeValue(ns3::Seconds(0)), ns3::MakeTimeAccessor(&Self::edrx_),
                        ns3::MakeTimeChecker());
  return kId;
}

CellAccess::CellAccess() = default;
CellAccess::~CellAccess() = default;

double CellAccess::RoundTripMs(double share) const {
  const Quantiles& table = Measured(network_);
  for (std::size_t i = 1; i < table.size(); ++i) {
    const auto& [below, low] = table[i - 1];
    const auto& [above, high] = table[i];
    if (share > above && i + 1 < table.size()) continue;
    const double part = std::clamp((share - below) / (above - below), 0.0, 1.0);
    return low * std::pow(high / low, part);
  }
  return table.back().second;
}

double CellAccess::Normal() {
  const double u = 1 - random_->Uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * kPi * random_->Uniform());
}

void CellAccess::MoveOn(Time now) {
  if (random_ == nullptr) random_ = std::make_unique<Random>(seed_);
  while (now >= place_until_) {
    place_ = random_->Uniform();
    place_until_ += FromSeconds(-std::log(1 - random_->Uniform()) * hold_.GetSeconds());
  }
  while (gaps_per_hour_ > 0 && now >= gap_until_) {
    const double pause = -std::log(1 - random_->Uniform()) * 3600 / gaps_per_hour_;
    const double length =
        kGapMinSeconds + gap_median_s_ * std::exp(gap_sigma_ * Normal());
    gap_from_ = gap_until_ + FromSeconds(pause);
    gap_until_ = gap_from_ + FromSeconds(std::min(length, gap_max_s_));
  }
}

bool CellAccess::Available(Time now) {
  MoveOn(now);
  return now < gap_from_ || now >= gap_until_;
}

Duration CellAccess::HalfTrip() { return FromSeconds(RoundTripMs(place_) / 2000); }

AccessModel::Passage CellAccess::Up(Time now) {
  if (!Available(now)) return {true, Duration(0)};
  Duration delay = HalfTrip();
  const Duration pause = From(wake_after_);
  if (pause > Duration(0) && (last_used_ == Time::min() || now - last_used_ > pause)) {
    delay += From(wake_min_) + FromSeconds(random_->Uniform() *
                                           (wake_max_ - wake_min_).GetSeconds());
  }
  last_used_ = now;
  return {false, delay};
}

AccessModel::Passage CellAccess::Down(Time now) {
  if (!Available(now)) return {true, Duration(0)};
  Duration delay = HalfTrip();
  const Duration pause = From(wake_after_);
  if (pause > Duration(0) && (last_used_ == Time::min() || now - last_used_ > pause)) {
    // The network has to wait for the next paging occasion, then wakes the modem.
    const Duration cycle = From(edrx_);
    if (cycle > Duration(0)) delay += cycle - now.time_since_epoch() % cycle;
    delay += From(wake_min_) + FromSeconds(random_->Uniform() *
                                           (wake_max_ - wake_min_).GetSeconds());
  }
  last_used_ = now;
  return {false, delay};
}

}  // namespace selvage::sim
