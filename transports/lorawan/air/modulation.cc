#include "transports/lorawan/air/modulation.h"

#include <algorithm>
#include <cassert>

namespace selvage::lorawan {

Duration LoraSymbolTime(const LoraModulation& m) {
  assert(m.spreading_factor >= 7 && m.spreading_factor <= 12);
  assert(m.bandwidth_hz == 125000 || m.bandwidth_hz == 250000 || m.bandwidth_hz == 500000);
  return Duration((std::int64_t{1} << m.spreading_factor) * 1'000'000'000 / m.bandwidth_hz);
}

Duration LoraTimeOnAir(const LoraModulation& m, std::size_t phy_bytes) {
  assert(m.coding_rate >= 1 && m.coding_rate <= 4 && m.preamble_symbols >= 0 && phy_bytes <= 255);
  const Duration symbol = LoraSymbolTime(m);
  const std::int64_t sf = m.spreading_factor;
  const std::int64_t low_rate = symbol >= 16ms ? 1 : 0;
  const std::int64_t bits = 8 * static_cast<std::int64_t>(phy_bytes) - 4 * sf + 28 +
                            (m.crc ? 16 : 0) - (m.explicit_header ? 0 : 20);
  const std::int64_t per_block = 4 * (sf - 2 * low_rate);
  const std::int64_t blocks = bits <= 0 ? 0 : (bits + per_block - 1) / per_block;
  const std::int64_t payload_symbols = 8 + blocks * (m.coding_rate + 4);
  // (preamble + 4.25) symbols in quarters; a symbol is a multiple of 4 ns at every legal setting.
  const std::int64_t preamble_quarters = 4 * std::int64_t{m.preamble_symbols} + 17;
  return symbol / 4 * preamble_quarters + symbol * payload_symbols;
}

Duration FskTimeOnAir(std::int64_t bits_per_second, std::size_t phy_bytes) {
  assert(bits_per_second > 0);
  const std::int64_t bits = 8 * (5 + 3 + 1 + static_cast<std::int64_t>(phy_bytes) + 2);
  return Duration((bits * 1'000'000'000 + bits_per_second - 1) / bits_per_second);
}

int RequiredSnrDeciDb(int spreading_factor) {
  assert(spreading_factor >= 7 && spreading_factor <= 12);
  return -75 - 25 * (spreading_factor - 7);
}

}  // namespace selvage::lorawan
