// How long a radio frame of so many bytes occupies the air: LoRa and FSK, exact to the nanosecond.
//
// Duty cycle, dwell time, receive windows and cost all follow from this figure, on devices and in
// the simulator alike. Thread safe (no state).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/time.h"

namespace selvage::lorawan {

// One LoRa setting of the SX127x and SX126x chips, as LoRaWAN uses them.
struct LoraModulation {
  int spreading_factor = 7;  // 7 to 12 (5 and 6 have other formulas, and no region uses them)
  std::int64_t bandwidth_hz = 125000;  // 125000, 250000 or 500000
  int coding_rate = 1;                 // 1 to 4 for 4/5 to 4/8
  int preamble_symbols = 8;            // programmed length, without the 4.25 symbols of sync
  bool explicit_header = true;
  bool crc = true;  // LoRaWAN: true up, false down
};

// Air time of `phy_bytes` (0 to 255; MHDR to MIC in LoRaWAN). Semtech AN1200.13, section 4:
//   Ts = 2^SF / BW;  DE = 1 when Ts >= 16 ms;
//   n = 8 + max(ceil((8 PL - 4 SF + 28 + 16 CRC - 20 IH) / (4 (SF - 2 DE))) * (CR + 4), 0)
//   T = (preamble + 4.25) Ts + n Ts.
// REQUIRES: values in the ranges above.
Duration LoraTimeOnAir(const LoraModulation& modulation, std::size_t phy_bytes);

// Length of one symbol, 2^SF / BW.
Duration LoraSymbolTime(const LoraModulation& modulation);

// Air time of an FSK frame: 5 bytes preamble, 3 sync, 1 length, the payload, 2 CRC (LoRaWAN
// regional parameters RP002, "FSK"). `bits_per_second` > 0.
Duration FskTimeOnAir(std::int64_t bits_per_second, std::size_t phy_bytes);

// Lowest signal-to-noise ratio at which a LoRa receiver still demodulates, in tenths of a dB:
// -75 at SF7 down to -200 at SF12 (SX1276 data sheet, table 13).
int RequiredSnrDeciDb(int spreading_factor);

}  // namespace selvage::lorawan
