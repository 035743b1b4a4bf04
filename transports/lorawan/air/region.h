// What a region allows: data rates, payload sizes, sub-bands with duty cycles, dwell time.
//
// Two regions are built in: EU868, ruled by duty cycle per sub-band, and US915, ruled by dwell time
// per channel. Values from RP002 and ETSI EN 300 220-2 (EU) and FCC 15.247 (US). Thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace selvage::lorawan {

// Overhead of a data frame with FPort and without FOpts: MHDR 1, FHDR 7, FPort 1, MIC 4.
inline constexpr std::size_t kDataOverheadBytes = 13;

struct DataRate {
  int index = 0;
  int spreading_factor = 0;          // 0: FSK
  std::int64_t bandwidth_hz = 0;     // LoRa only
  std::int64_t bits_per_second = 0;  // FSK only
  // Largest FRMPayload without FOpts ("N" in RP002); each byte of FOpts takes one away.
  std::size_t payload_bytes_max = 0;
  bool up = true;
  bool down = true;
};

// One slice of spectrum with one limit. A channel belongs to it when all of its bandwidth does.
struct SubBand {
  std::int64_t low_hz = 0;
  std::int64_t high_hz = 0;
  std::int64_t duty_inverse = 0;  // 100 for 1 %; 0: no duty cycle
  int eirp_dbm_max = 0;
};

struct Region {
  std::string_view name;  // "EU868", "US915"
  std::vector<DataRate> data_rates;
  std::vector<SubBand> sub_bands;
  std::vector<std::int64_t> join_channels_hz;  // where a device may join
  std::int64_t rx2_hz = 0;
  int rx2_data_rate = 0;
  // Longest single transmission on a 125 kHz channel, and the share of any `dwell_window` it may
  // occupy; zero: no limit. (FCC 15.247(a)(1)(i): 0.4 s within 20 s on one channel.)
  Duration dwell_max{0};
  Duration dwell_window{0};

  // nullptr when there is no such data rate.
  const DataRate* FindDataRate(int index) const;
  // Index into sub_bands, or -1 when no sub-band holds the whole channel: sending there is illegal.
  int FindSubBand(std::int64_t frequency_hz, std::int64_t bandwidth_hz) const;
  // Air time of a frame of `phy_bytes` at a data rate. `downlink` has no CRC.
  // REQUIRES: `rate` is one of data_rates; phy_bytes <= 255.
  Duration TimeOnAir(const DataRate& rate, std::size_t phy_bytes, bool downlink) const;
  // True when a data rate's frames fall under the dwell limit.
  bool HasDwellLimit(const DataRate& rate) const {
    return dwell_max > Duration(0) && rate.bandwidth_hz == 125000;
  }
};

const Region& Eu868();
const Region& Us915();
// nullptr for an unknown name.
const Region* FindRegion(std::string_view name);

// Timers all regions share (RP002 / LoRaWAN L2 1.0.4).
inline constexpr Duration kReceiveDelay1 = 1s;
inline constexpr Duration kReceiveDelay2 = 2s;
inline constexpr Duration kJoinAcceptDelay1 = 5s;
inline constexpr Duration kJoinAcceptDelay2 = 6s;

}  // namespace selvage::lorawan
