// What a radio says of itself: one sample of optional values with unit and range.
//
// Drivers differ in what they know, so every value is optional: missing is missing, never zero.
// Ratios over counters are taken from one sample to the next by the transport, which knows when its
// counters wrap or start over; what stands here needs no memory to be understood. The table below
// names each field once for everybody: the control socket, plug-ins, the anomaly model.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "core/time.h"

namespace selvage {

struct LinkTelemetry {
  using Value = std::optional<double>;

  Time sampled_at{};
  // ---- how strong and how clean the signal is
  Value signal_dbm;  // received power: Wi-Fi, LoRa, RSSI of a cell
  Value noise_dbm;
  Value snr_db;   // or SINR
  Value rsrp_dbm;  // cellular: power of the reference signal
  Value rsrq_db;
  Value quality;  // as the modem sums it up, 0..1
  // ---- how the MAC fares
  Value tx_rate_kbps;  // PHY rate in use; stale on an idle link
  Value rx_rate_kbps;
  Value expected_rate_kbps;  // the driver's own estimate of throughput
  Value retry_ratio;         // repeated transmissions for each frame, since the last sample
  Value fail_ratio;          // frames given up, since the last sample
  Value rx_error_ratio;      // broken checksums for each frame received, since the last sample
  Value beacon_loss;         // beacons missed since the last sample
  Value inactive_s;          // nothing heard from the peer for so long
  Value channel_busy;        // share of time, 0..1
  // ---- what it costs
  Value duty_used;    // share of the legal air time of the hour, 0..1
  Value budget_used;  // share of the day's bytes or credits, 0..1
  // ---- satellites
  Value slot_phase_s;  // seconds since the last 15 s slot began
};

struct TelemetryField {
  std::string_view name;
  std::string_view unit;  // empty: a ratio or a count
  double least;
  double most;  // what lies outside is a driver's mistake, and is taken for missing
  LinkTelemetry::Value LinkTelemetry::*value;
};

inline constexpr TelemetryField kTelemetryFields[] = {
    {"signal_dbm", "dBm", -150, 20, &LinkTelemetry::signal_dbm},
    {"noise_dbm", "dBm", -150, 0, &LinkTelemetry::noise_dbm},
    {"snr_db", "dB", -30, 60, &LinkTelemetry::snr_db},
    {"rsrp_dbm", "dBm", -156, -31, &LinkTelemetry::rsrp_dbm},
    {"rsrq_db", "dB", -43, 20, &LinkTelemetry::rsrq_db},
    {"quality", "", 0, 1, &LinkTelemetry::quality},
    {"tx_rate_kbps", "kbit/s", 0, 1e8, &LinkTelemetry::tx_rate_kbps},
    {"rx_rate_kbps", "kbit/s", 0, 1e8, &LinkTelemetry::rx_rate_kbps},
    {"expected_rate_kbps", "kbit/s", 0, 1e8, &LinkTelemetry::expected_rate_kbps},
    {"retry_ratio", "", 0, 1000, &LinkTelemetry::retry_ratio},
    {"fail_ratio", "", 0, 1, &LinkTelemetry::fail_ratio},
    {"rx_error_ratio", "", 0, 1000, &LinkTelemetry::rx_error_ratio},
    {"beacon_loss", "", 0, 1e6, &LinkTelemetry::beacon_loss},
    {"inactive_s", "s", 0, 1e7, &LinkTelemetry::inactive_s},
    {"channel_busy", "", 0, 1, &LinkTelemetry::channel_busy},
    {"duty_used", "", 0, 10, &LinkTelemetry::duty_used},
    {"budget_used", "", 0, 10, &LinkTelemetry::budget_used},
    {"slot_phase_s", "s", 0, 15, &LinkTelemetry::slot_phase_s},
};
inline constexpr std::size_t kTelemetryFieldCount =
    sizeof(kTelemetryFields) / sizeof(kTelemetryFields[0]);

// The field called `name`; nullptr when there is none.
inline const TelemetryField* FindTelemetryField(std::string_view name) {
  for (const TelemetryField& f : kTelemetryFields) {
    if (f.name == name) return &f;
  }
  return nullptr;
}

// Takes `value` into the sample; false, and the field is missing, when it is out of range.
inline bool SetTelemetry(const TelemetryField& field, double value, LinkTelemetry* out) {
  LinkTelemetry::Value& slot = out->*field.value;
  if (!(value >= field.least && value <= field.most)) {
    slot.reset();
    return false;
  }
  slot = value;
  return true;
}

}  // namespace selvage
