// Bytes written as hexadecimal in a test, for vectors.
#pragma once

#include <boost/test/unit_test.hpp>
#include <string>

#include "core/bytes.h"

namespace selvage {

inline Bytes Hex(const std::string& hex) {
  Bytes out;
  BOOST_REQUIRE(FromHex(hex, &out));
  return out;
}

template <std::size_t N>
std::array<std::uint8_t, N> HexArray(const std::string& hex) {
  const Bytes bytes = Hex(hex);
  BOOST_REQUIRE_EQUAL(bytes.size(), N);
  std::array<std::uint8_t, N> out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

}  // namespace selvage
