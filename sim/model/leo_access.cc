#include "sim/model/leo_access.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ns3/double.h"
#include "ns3/nstime.h"

namespace selvage::sim {
namespace {

constexpr double kLightKmPerS = 299792.458;
constexpr double kPi = 3.14159265358979323846;
constexpr double kRadians = kPi / 180;

Duration FromSeconds(double s) { return Duration(std::llround(s * 1e9)); }
double Seconds(const ns3::Time& t) { return t.GetSeconds(); }

}  // namespace

NS_OBJECT_ENSURE_REGISTERED(LeoAccess);

LeoShell::LeoShell(std::vector<orbit::Elements> elements, double start_unix_s)
    : start_unix_s_(start_unix_s) {
  satellites_.reserve(elements.size());
  for (const orbit::Elements& e : elements) satellites_.emplace_back(e);
}

std::vector<orbit::Elements> LeoShell::Walker(double altitude_km, double inclination_deg,
                                              int planes, int per_plane, int phasing,
                                              double epoch_unix_s) {
  std::vector<orbit::Elements> out;
  const double axis_km = orbit::Wgs72::kRadiusKm + altitude_km;
  const double per_minute = 60 * std::sqrt(orbit::Wgs72::kMu / (axis_km * axis_km * axis_km));
  for (int plane = 0; plane < planes; ++plane) {
    for (int i = 0; i < per_plane; ++i) {
      orbit::Elements e;
      e.number = "00000";
      e.epoch_unix_s = epoch_unix_s;
      e.inclination = inclination_deg * kRadians;
      e.node = 2 * kPi * plane / planes;
      e.mean_motion = per_minute;
      const double turns = static_cast<double>(i) / per_plane +
                           static_cast<double>(phasing) * plane / (planes * per_plane);
      e.mean_anomaly = 2 * kPi * (turns - std::floor(turns));
      out.push_back(e);
    }
  }
  return out;
}

orbit::Look LeoShell::LookFrom(std::size_t satellite, Time now, const orbit::Site& site) const {
  const double unix_s = UnixSeconds(now);
  const auto state = satellites_[satellite].At(unix_s);
  if (!state) return {-90, 0};
  return orbit::LookAt(site, state->position_km, unix_s);
}

std::vector<LeoShell::Choice> LeoShell::Visible(Time now, const orbit::Site& terminal,
                                                const orbit::Site& gateway,
                                                double terminal_mask_deg,
                                                double gateway_mask_deg) {
  const double unix_s = UnixSeconds(now);
  if (computed_at_ != now) {
    computed_at_ = now;
    positions_.clear();
    for (const orbit::Sgp4& satellite : satellites_) {
      const auto state = satellite.At(unix_s);
      positions_.push_back(state ? std::optional(state->position_km) : std::nullopt);
    }
  }
  std::vector<Choice> out;
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    if (!positions_[i]) continue;
    Choice choice{i, orbit::LookAt(terminal, *positions_[i], unix_s), {}};
    if (choice.from_terminal.elevation_deg < terminal_mask_deg) continue;
    choice.from_gateway = orbit::LookAt(gateway, *positions_[i], unix_s);
    if (choice.from_gateway.elevation_deg >= gateway_mask_deg) out.push_back(choice);
  }
  return out;
}

ns3::TypeId LeoAccess::GetTypeId() {
  using Self = LeoAccess;
  const auto time = [](const char*) { return ns3::MakeTimeChecker(); };
  static const ns3::TypeId kId =
      ns3::TypeId("selvage::sim::LeoAccess")
          .SetParent<AccessModel>()
          .AddConstructor<Self>()
          .AddAttribute("TerminalMaskDeg", "Least elevation at the terminal.",
                        ns3::DoubleValue(25), ns3::MakeDoubleAccessor(&Self::terminal_mask_deg_),
                        ns3::MakeDoubleChecker<double>(-90, 90))
          .AddAttribute("GatewayMaskDeg", "Least elevation at the gateway.", ns3::DoubleValue(10),
                        ns3::MakeDoubleAccessor(&Self::gateway_mask_deg_),
                        ns3::MakeDoubleChecker<double>(-90, 90))
          .AddAttribute("SlotPhase", "Second of the UTC minute, modulo 15, in which slots begin.",
                        ns3::DoubleValue(12), ns3::MakeDoubleAccessor(&Self::phase_s_),
                        ns3::MakeDoubleChecker<double>(0, 60))
          .AddAttribute("Base", "One way: frames, processing, the way to the exchange.",
                        ns3::TimeValue(ns3::MicroSeconds(8700)),
                        ns3::MakeTimeAccessor(&Self::base_), time(""))
          .AddAttribute("WaitMedian", "One way: waiting for a turn, median.",
                        ns3::TimeValue(ns3::MicroSeconds(7900)),
                        ns3::MakeTimeAccessor(&Self::wait_median_), time(""))
          .AddAttribute("WaitSlotSigma", "Of the waiting's logarithm, drawn per slot.",
                        ns3::DoubleValue(0.62), ns3::MakeDoubleAccessor(&Self::wait_slot_sigma_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("WaitPacketSigma", "... drawn per packet.", ns3::DoubleValue(0.35),
                        ns3::MakeDoubleAccessor(&Self::wait_packet_sigma_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("SpikeAfter", "Packets wait so long after a boundary.",
                        ns3::TimeValue(ns3::MilliSeconds(140)),
                        ns3::MakeTimeAccessor(&Self::spike_after_), time(""))
          .AddAttribute("SpikeBefore", "... and from so long before it.",
                        ns3::TimeValue(ns3::MilliSeconds(75)),
                        ns3::MakeTimeAccessor(&Self::spike_before_), time(""))
          .AddAttribute("SpikeLoss", "Share of packets lost meanwhile.", ns3::DoubleValue(0.25),
                        ns3::MakeDoubleAccessor(&Self::spike_loss_),
                        ns3::MakeDoubleChecker<double>(0, 1))
          .AddAttribute("GapShare", "Of slots in which nothing passes for a while.",
                        ns3::DoubleValue(0.255), ns3::MakeDoubleAccessor(&Self::gap_share_),
                        ns3::MakeDoubleChecker<double>(0, 1))
          .AddAttribute("GapMin", "Shortest such gap.", ns3::TimeValue(ns3::MilliSeconds(500)),
                        ns3::MakeTimeAccessor(&Self::gap_min_), time(""))
          .AddAttribute("GapMedian", "What gaps are longer than that, median (lognormal).",
                        ns3::TimeValue(ns3::MilliSeconds(280)),
                        ns3::MakeTimeAccessor(&Self::gap_median_), time(""))
          .AddAttribute("GapSigma", "Of that logarithm.", ns3::DoubleValue(1.23),
                        ns3::MakeDoubleAccessor(&Self::gap_sigma_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("GapMax", "Longest.", ns3::TimeValue(ns3::Seconds(6)),
                        ns3::MakeTimeAccessor(&Self::gap_max_), time(""));
  return kId;
}

LeoAccess::LeoAccess() = default;
LeoAccess::~LeoAccess() = default;

void LeoAccess::Configure(std::shared_ptr<LeoShell> shell, const orbit::Site& terminal,
                          const orbit::Site& gateway) {
  shell_ = std::move(shell);
  terminal_ = terminal;
  gateway_ = gateway;
}

Time LeoAccess::SlotStart(Time now) const {
  const double unix_s = shell_->UnixSeconds(now);
  const double slot_s = ToSeconds(kSlot);
  const double since = std::fmod(unix_s - phase_s_, slot_s);
  const std::int64_t into = std::llround((since < 0 ? since + slot_s : since) * 1e9);
  // The simulation's start may be any fraction of a second of UTC: whole microseconds will do.
  return now - Duration(into / 1000 * 1000);
}

double LeoAccess::Normal() {
  // Box and Muller 1958.
  const double u = 1 - random_->Uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * kPi * random_->Uniform());
}

void LeoAccess::EnterSlot(Time now) {
  if (random_ == nullptr) random_ = std::make_unique<Random>(seed_);
  const Time start = SlotStart(now);
  if (slot_start_ != kNever && start < slot_start_ + kSlot / 2) return;
  slot_start_ = start;
  ++slots_;
  auto choices =
      shell_->Visible(start, terminal_, gateway_, terminal_mask_deg_, gateway_mask_deg_);
  const auto sinks = [&](const LeoShell::Choice& c) {
    const Time end = start + kSlot;
    return shell_->LookFrom(c.satellite, end, terminal_).elevation_deg < terminal_mask_deg_ ||
           shell_->LookFrom(c.satellite, end, gateway_).elevation_deg < gateway_mask_deg_;
  };
  choices.erase(std::remove_if(choices.begin(), choices.end(), sinks), choices.end());
  satellite_.reset();
  if (choices.empty()) {
    ++slots_without_;
  } else {
    satellite_ = choices[random_->Below(choices.size())].satellite;
  }
  slot_wait_ = Normal();
  gap_from_ = gap_until_ = start;
  if (random_->Uniform() < gap_share_) {
    const double length =
        Seconds(gap_min_) + Seconds(gap_median_) * std::exp(gap_sigma_ * Normal());
    // Anywhere in the slot: trees and bridges do not keep to slots.
    gap_from_ = start + FromSeconds(random_->Uniform() * ToSeconds(kSlot));
    gap_until_ = gap_from_ + FromSeconds(std::min(length, Seconds(gap_max_)));
  }
}

bool LeoAccess::Available(Time now) {
  EnterSlot(now);
  return satellite_.has_value();
}

std::optional<LeoShell::Choice> LeoAccess::Current(Time now) {
  EnterSlot(now);
  if (!satellite_) return std::nullopt;
  return LeoShell::Choice{*satellite_, shell_->LookFrom(*satellite_, now, terminal_),
                          shell_->LookFrom(*satellite_, now, gateway_)};
}

std::optional<Duration> LeoAccess::Propagation(Time now) {
  const auto choice = Current(now);
  if (!choice) return std::nullopt;
  return FromSeconds((choice->from_terminal.range_km + choice->from_gateway.range_km) /
                     kLightKmPerS);
}

AccessModel::Passage LeoAccess::Pass(Time now) {
  const std::optional<Duration> way = Propagation(now);
  if (!way || (now >= gap_from_ && now < gap_until_)) return {true, Duration(0)};
  Duration held(0);
  const Duration before(spike_before_.GetNanoSeconds());
  const Duration after(spike_after_.GetNanoSeconds());
  if (now < slot_start_ + after) {
    held = slot_start_ + after - now;
  } else if (now >= slot_start_ + kSlot - before) {
    held = slot_start_ + kSlot + after - now;
  }
  if (held > Duration(0) && random_->Uniform() < spike_loss_) return {true, Duration(0)};
  const double wait = Seconds(wait_median_) * std::exp(wait_slot_sigma_ * slot_wait_ +
                                                       wait_packet_sigma_ * Normal());
  return {false, *way + Duration(base_.GetNanoSeconds()) + FromSeconds(wait) + held};
}

}  // namespace selvage::sim
