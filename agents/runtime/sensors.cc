#include "agents/runtime/sensors.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

namespace selvage {
namespace {

constexpr int kZonesMax = 16;
constexpr int kSuppliesMax = 4;
// BPSK 1/2, the slowest mode of OFDM in 20 MHz: IEEE 802.11-2016, table 17-18 (minimum sensitivity
// -82 dBm, which allows for a noise figure of 10 dB and 5 dB of loss in the implementation).
constexpr double kWifiSensitivityDbm = -82;
constexpr double kWifiSnrNeededDb = 5;

// The first number of the file.
std::optional<double> NumberIn(const std::string& path) {
  std::ifstream in(path);
  double value = 0;
  if (!(in >> value)) return std::nullopt;
  return value;
}

}  // namespace

MachineSensors::MachineSensors(std::string state_dir, std::string root)
    : state_dir_(std::move(state_dir)), root_(std::move(root)) {}

MachineReading MachineSensors::Read() {
  MachineReading r;
  r.cpu = ReadCpu();
  r.memory = ReadMemory();
  r.temperature_c = ReadTemperature();
  r.battery = ReadBattery();
  r.disk = ReadDisk();
  return r;
}

// proc(5): cpu user nice system idle iowait irq softirq steal ...
float MachineSensors::ReadCpu() {
  std::ifstream in(root_ + "/proc/stat");
  std::string word;
  if (!(in >> word) || word != "cpu") return kMissing;
  std::uint64_t ticks[8] = {};
  for (std::uint64_t& t : ticks) {
    if (!(in >> t)) break;
  }
  std::uint64_t total = 0;
  for (const std::uint64_t t : ticks) total += t;
  const std::uint64_t busy = total - ticks[3] - ticks[4];
  const std::uint64_t busy_before = std::exchange(busy_, busy);
  const std::uint64_t total_before = std::exchange(total_, total);
  if (total_before == 0 || total <= total_before || busy < busy_before) return kMissing;
  return static_cast<float>(busy - busy_before) / static_cast<float>(total - total_before);
}

float MachineSensors::ReadMemory() const {
  std::ifstream in(root_ + "/proc/meminfo");
  double total = 0;
  double available = -1;
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string name;
    double kilobytes = 0;
    if (!(words >> name >> kilobytes)) continue;
    if (name == "MemTotal:") total = kilobytes;
    if (name == "MemAvailable:") available = kilobytes;
  }
  if (total <= 0 || available < 0) return kMissing;
  return static_cast<float>(1 - std::min(available / total, 1.0));
}

float MachineSensors::ReadTemperature() const {
  float hottest = kMissing;
  for (int i = 0; i < kZonesMax; ++i) {
    const auto milli =
        NumberIn(root_ + "/sys/class/thermal/thermal_zone" + std::to_string(i) + "/temp");
    if (!milli) continue;
    const auto celsius = static_cast<float>(*milli / 1000);
    if (IsMissing(hottest) || celsius > hottest) hottest = celsius;
  }
  return hottest;
}

float MachineSensors::ReadBattery() const {
  for (int i = 0; i < kSuppliesMax; ++i) {
    const auto percent =
        NumberIn(root_ + "/sys/class/power_supply/BAT" + std::to_string(i) + "/capacity");
    if (percent) return static_cast<float>(std::clamp(*percent / 100, 0.0, 1.0));
  }
  return kMissing;
}

float MachineSensors::ReadDisk() const {
  struct statvfs s {};
  if (statvfs(state_dir_.c_str(), &s) != 0 || s.f_blocks == 0) return kMissing;
  return 1 - static_cast<float>(s.f_bavail) / static_cast<float>(s.f_blocks);
}

RadioReading ToRadioReading(const LinkTelemetry& t, std::string_view transport) {
  RadioReading r;
  const auto& strength = t.signal_dbm ? t.signal_dbm : t.rsrp_dbm;
  if (strength) r.rssi_dbm = static_cast<float>(*strength);
  if (t.snr_db) r.snr_db = static_cast<float>(*t.snr_db);
  if (t.retry_ratio) r.retry_ratio = static_cast<float>(*t.retry_ratio);
  if (transport != "wifi") return r;
  if (t.signal_dbm) r.margin_db = static_cast<float>(*t.signal_dbm - kWifiSensitivityDbm);
  if (t.snr_db) {
    const auto over_noise = static_cast<float>(*t.snr_db - kWifiSnrNeededDb);
    if (IsMissing(r.margin_db) || over_noise < r.margin_db) r.margin_db = over_noise;
  }
  return r;
}

}  // namespace selvage
