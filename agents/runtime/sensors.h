// Reads what the machine says of itself, and turns what radios say into what the model reads.
//
// Linux only: /proc, /sys and the file system of the state directory. Files that are not there
// leave their value missing; nothing here fails. Each call reads five small files of kernel memory,
// some 50 us once a second. Thread rule: the protocol thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agents/telemetry/telemetry.h"
#include "core/link_telemetry.h"

namespace selvage {

class MachineSensors {
 public:
  // `root` stands before /proc and /sys ("" on a device, a folder in tests); `state_dir` is where
  // the disk is asked about.
  explicit MachineSensors(std::string state_dir, std::string root = "");
  // The load of the processors since the last call; missing on the first.
  MachineReading Read();

 private:
  float ReadCpu();
  float ReadMemory() const;
  float ReadTemperature() const;  // of the hottest zone
  float ReadBattery() const;
  float ReadDisk() const;

  std::string state_dir_;
  std::string root_;
  std::uint64_t busy_ = 0;   // ticks
  std::uint64_t total_ = 0;  // 0: not read yet
};

// The margin is told only where the mode's need is known: Wi-Fi falls back to its slowest.
RadioReading ToRadioReading(const LinkTelemetry& telemetry, std::string_view transport);

}  // namespace selvage
