#define BOOST_TEST_MODULE sensors
#include "agents/runtime/sensors.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace selvage {
namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/sensors-XXXXXX";
    root = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(root); }
  void Put(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  std::string root;
};

BOOST_FIXTURE_TEST_CASE(a_machine_without_files_has_no_values, Folder) {
  const MachineReading r = MachineSensors("/nonexistent", root).Read();
  BOOST_TEST(IsMissing(r.cpu));
  BOOST_TEST(IsMissing(r.memory));
  BOOST_TEST(IsMissing(r.temperature_c));
  BOOST_TEST(IsMissing(r.battery));
  BOOST_TEST(IsMissing(r.disk));
}

BOOST_FIXTURE_TEST_CASE(load_is_what_was_busy_since_the_last_reading, Folder) {
  MachineSensors sensors("/", root);
  Put("/proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3\n");
  BOOST_TEST(IsMissing(sensors.Read().cpu));
  Put("/proc/stat", "cpu  140 0 120 730 110 0 0 0 0 0\n");
  BOOST_TEST(sensors.Read().cpu == 0.6F, boost::test_tools::tolerance(1e-5F));
  BOOST_TEST(IsMissing(sensors.Read().cpu));  // no time has passed
}

BOOST_FIXTURE_TEST_CASE(memory_temperature_and_battery_are_read, Folder) {
  Put("/proc/meminfo", "MemTotal:  1000 kB\nMemFree: 100 kB\nMemAvailable:  250 kB\n");
  Put("/sys/class/thermal/thermal_zone0/temp", "41000\n");
  Put("/sys/class/thermal/thermal_zone1/temp", "57500\n");
  Put("/sys/class/power_supply/BAT0/capacity", "83\n");
  const MachineReading r = MachineSensors("/", root).Read();
  BOOST_TEST(r.memory == 0.75F);
  BOOST_TEST(r.temperature_c == 57.5F);
  BOOST_TEST(r.battery == 0.83F);
  BOOST_TEST(r.disk >= 0);
  BOOST_TEST(r.disk <= 1);
}

BOOST_FIXTURE_TEST_CASE(broken_files_are_missing_values, Folder) {
  Put("/proc/stat", "gpu 1 2 3");
  Put("/proc/meminfo", "MemTotal: none");
  Put("/sys/class/power_supply/BAT0/capacity", "full");
  MachineSensors sensors("/", root);
  sensors.Read();
  const MachineReading r = sensors.Read();
  BOOST_TEST(IsMissing(r.cpu));
  BOOST_TEST(IsMissing(r.memory));
  BOOST_TEST(IsMissing(r.battery));
}

BOOST_AUTO_TEST_CASE(a_margin_is_told_of_wifi_alone_and_is_the_smaller_of_two) {
  LinkTelemetry t;
  t.signal_dbm = -70;
  BOOST_TEST(ToRadioReading(t, "wifi").margin_db == 12.0F);
  t.snr_db = 9;
  BOOST_TEST(ToRadioReading(t, "wifi").margin_db == 4.0F);
  BOOST_TEST(IsMissing(ToRadioReading(t, "redcap").margin_db));
  BOOST_TEST(ToRadioReading(t, "redcap").rssi_dbm == -70.0F);
  BOOST_TEST(IsMissing(ToRadioReading(LinkTelemetry(), "wifi").margin_db));
}

}  // namespace
}  // namespace selvage
