// Little-endian integers, which LoRaWAN sends, over the big-endian readers and writers of core.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/bytes.h"

namespace selvage::lorawan {

// The next n (1 to 8) bytes; 0 and a bad reader when there are fewer.
inline std::uint64_t TakeLittle(ByteReader& r, std::size_t n) {
  const ByteSpan s = r.Take(n);
  std::uint64_t v = 0;
  for (std::size_t i = s.size(); i > 0; --i) v = (v << 8) | s[i - 1];
  return v;
}

// Appends the low n bytes of `value`.
inline void PutLittle(Bytes* out, std::uint64_t value, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out->push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

inline void PutBytes(Bytes* out, ByteSpan s) { out->insert(out->end(), s.begin(), s.end()); }

}  // namespace selvage::lorawan
