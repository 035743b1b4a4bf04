// Access networks: round trips and gaps of a cell and of a satellite terminal, and the geometry.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "ns3/double.h"
#include "ns3/nstime.h"
#include "ns3/simulator.h"
#include "sim/model/access_helper.h"
#include "sim/validate/validate.h"

namespace selvage::sim {
namespace {

constexpr double kStartUnix = 1767225600;  // 2026-01-01T00:00:00Z
constexpr double kGapSeconds = 0.5;

// Starlink's first shell: 72 planes of 22 satellites, 550 km, 53 degrees (FCC filing of 2019).
std::shared_ptr<LeoShell> FirstShell() {
  return std::make_shared<LeoShell>(LeoShell::Walker(550, 53, 72, 22, 39, kStartUnix), kStartUnix);
}

double Quantile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (place - static_cast<double>(low)) * (sorted[high] - sorted[low]);
}

// Small packets at a steady pace, sent back at once by the far end.
class Pinger {
 public:
  Pinger(ns3::Ptr<AccessNetDevice> near, ns3::Ptr<AccessNetDevice> far, double seconds,
         double every_ms)
      : near_(near), far_(far), count_(static_cast<std::uint32_t>(seconds * 1000 / every_ms)),
        every_(ns3::NanoSeconds(std::llround(every_ms * 1e6))) {
    far_->SetReceiveCallback(ns3::MakeCallback(&Pinger::Return, this));
    near_->SetReceiveCallback(ns3::MakeCallback(&Pinger::Back, this));
  }

  void Run() {
    Next(0);
    ns3::Simulator::Run();
  }

  ValidationRow Row() {
    std::vector<double> trips;
    std::vector<double> gaps;
    std::size_t last = 0;
    const double every_s = every_.GetSeconds();
    for (std::size_t i = 0; i < trips_ms_.size(); ++i) {
      if (trips_ms_[i] < 0) continue;
      trips.push_back(trips_ms_[i]);
      const double gap = static_cast<double>(i - last) * every_s;
      if (gap > kGapSeconds + every_s) gaps.push_back(gap);
      last = i;
    }
    std::sort(trips.begin(), trips.end());
    std::sort(gaps.begin(), gaps.end());
    const double hours = static_cast<double>(trips_ms_.size()) * every_s / 3600;
    return {{"packets", static_cast<double>(trips_ms_.size())},
            {"lost", static_cast<double>(trips_ms_.size() - trips.size())},
            {"rtt_min", trips.empty() ? 0 : trips.front()},
            {"rtt_p5", Quantile(trips, 0.05)},
            {"rtt_p25", Quantile(trips, 0.25)},
            {"rtt_p50", Quantile(trips, 0.5)},
            {"rtt_p75", Quantile(trips, 0.75)},
            {"rtt_p95", Quantile(trips, 0.95)},
            {"rtt_p99", Quantile(trips, 0.99)},
            {"rtt_p10", Quantile(trips, 0.1)},
            {"rtt_p90", Quantile(trips, 0.9)},
            {"rtt_p98", Quantile(trips, 0.98)},
            {"gaps_per_hour", static_cast<double>(gaps.size()) / hours},
            {"gap_p50", Quantile(gaps, 0.5)},
            {"gap_p90", Quantile(gaps, 0.9)},
            {"gap_max", gaps.empty() ? 0 : gaps.back()}};
  }
  const std::vector<double>& trips_ms() const { return trips_ms_; }

 private:
  void Next(std::uint32_t i) {
    if (i >= count_) return;
    trips_ms_.push_back(-1);
    sent_.push_back(ns3::Simulator::Now());
    const auto* number = reinterpret_cast<const std::uint8_t*>(&i);
    near_->Send(ns3::Create<ns3::Packet>(number, sizeof(i)), far_->GetAddress(), 0);
    ns3::Simulator::Schedule(every_, &Pinger::Next, this, i + 1);
  }
  bool Return(ns3::Ptr<ns3::NetDevice>, ns3::Ptr<const ns3::Packet> packet, std::uint16_t,
              const ns3::Address& from) {
    return far_->Send(packet->Copy(), from, 0);
  }
  bool Back(ns3::Ptr<ns3::NetDevice>, ns3::Ptr<const ns3::Packet> packet, std::uint16_t,
            const ns3::Address&) {
    std::uint32_t i = 0;
    packet->CopyData(reinterpret_cast<std::uint8_t*>(&i), sizeof(i));
    trips_ms_[i] = (ns3::Simulator::Now() - sent_[i]).GetSeconds() * 1000;
    return true;
  }

  ns3::Ptr<AccessNetDevice> near_;
  ns3::Ptr<AccessNetDevice> far_;
  const std::uint32_t count_;
  const ns3::Time every_;
  std::vector<double> trips_ms_;  // by packet; < 0: lost
  std::vector<ns3::Time> sent_;
};

orbit::Site SiteOf(const ValidationParameters& p) {
  return {p.at("latitude"), p.at("longitude"), 0.1};
}

// Some 150 km from the terminal.
orbit::Site GatewayOf(const ValidationParameters& p) {
  return {p.at("latitude") + 1, p.at("longitude") + 1, 0.1};
}

// How alike round trips are that lie so many seconds apart, over all pairs that arrived.
double Correlation(const std::vector<double>& trips, std::size_t apart) {
  double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i + apart < trips.size(); ++i) {
    if (trips[i] < 0 || trips[i + apart] < 0) continue;
    const double a = std::log(trips[i]);
    const double b = std::log(trips[i + apart]);
    n += 1, x += a, y += b, xx += a * a, yy += b * b, xy += a * b;
  }
  const double spread = std::sqrt((xx - x * x / n) * (yy - y * y / n));
  return spread > 0 ? (xy - x * y / n) / spread : 0;
}

}  // namespace

ValidationRow ValidateLeoTrips(const ValidationParameters& p) {
  AccessHelper access;
  const auto dish = access.InstallLeo(ns3::CreateObject<ns3::Node>(), FirstShell(), SiteOf(p),
                                      GatewayOf(p));
  const auto host = access.InstallFixed(ns3::CreateObject<ns3::Node>(), ns3::Seconds(0));
  access.AssignStreams(static_cast<std::int64_t>(p.at("seed")));
  const auto model = ns3::DynamicCast<LeoAccess>(dish->model());
  if (p.at("spikes") == 0) {
    model->SetAttribute("SpikeAfter", ns3::TimeValue(ns3::Seconds(0)));
    model->SetAttribute("SpikeBefore", ns3::TimeValue(ns3::Seconds(0)));
  }
  Pinger pinger(dish, host, p.at("seconds"), p.at("every_ms"));
  pinger.Run();
  ValidationRow row = pinger.Row();
  const auto per_second = static_cast<std::size_t>(1000 / p.at("every_ms"));
  row.emplace_back("alike_7s", Correlation(pinger.trips_ms(), 7 * per_second));
  row.emplace_back("alike_1s", Correlation(pinger.trips_ms(), per_second));
  row.emplace_back("alike_15s", Correlation(pinger.trips_ms(), 15 * per_second));
  row.emplace_back("alike_20s", Correlation(pinger.trips_ms(), 20 * per_second));
  row.emplace_back("slots", static_cast<double>(model->slots()));
  row.emplace_back("slots_without_satellite",
                   static_cast<double>(model->slots_without_satellite()));
  ns3::Simulator::Destroy();
  return row;
}

ValidationRow ValidateCellTrips(const ValidationParameters& p) {
  AccessHelper access;
  const auto modem = access.InstallCell(ns3::CreateObject<ns3::Node>(),
                                        p.at("network") == 0 ? "att" : "verizon");
  const auto host = access.InstallFixed(ns3::CreateObject<ns3::Node>(), ns3::Seconds(0));
  access.AssignStreams(static_cast<std::int64_t>(p.at("seed")));
  Pinger pinger(modem, host, p.at("seconds"), p.at("every_ms"));
  pinger.Run();
  ValidationRow row = pinger.Row();
  ns3::Simulator::Destroy();
  return row;
}

ValidationRow ValidateLeoGeometry(const ValidationParameters& p) {
  auto shell = FirstShell();
  LeoAccess model;
  model.Configure(shell, SiteOf(p), GatewayOf(p));
  model.AssignStreams(static_cast<std::int64_t>(p.at("seed")));
  const Time now = TimeFromNanos(std::llround(p.at("second") * 1e9));
  const auto choice = model.Current(now);
  if (!choice) return {{"visible", 0}};
  const double unix_s = shell->UnixSeconds(now);
  const auto position = shell->satellite(choice->satellite).At(unix_s)->position_km;
  const orbit::Site gateway = GatewayOf(p);
  return {{"visible", 1},
          {"unix_s", unix_s},
          {"slot_start_unix_s", shell->UnixSeconds(model.SlotStart(now))},
          {"x_km", position[0]},
          {"y_km", position[1]},
          {"z_km", position[2]},
          {"elevation_deg", choice->from_terminal.elevation_deg},
          {"range_km", choice->from_terminal.range_km},
          {"gateway_latitude", gateway.latitude_deg},
          {"gateway_longitude", gateway.longitude_deg},
          {"gateway_range_km", choice->from_gateway.range_km},
          {"one_way_us", static_cast<double>(model.Propagation(now)->count()) / 1000}};
}

}  // namespace selvage::sim
