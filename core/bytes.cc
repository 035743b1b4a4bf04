#include "core/bytes.h"

namespace selvage {

std::uint64_t ByteReader::Varint(int bytes_max) {
  std::uint64_t v = 0;
  for (int i = 0; i < bytes_max; ++i) {
    const std::uint8_t b = U8();
    if (!ok_) return 0;
    if (i == 9 && b > 1) break;  // would not fit 64 bits
    v |= std::uint64_t{b & 0x7fu} << (7 * i);
    if ((b & 0x80) == 0) return v;
  }
  ok_ = false;
  return 0;
}

ByteSpan ByteReader::Take(std::size_t n) {
  if (!ok_ || remaining() < n) {
    ok_ = false;
    return {};
  }
  ByteSpan s = in_.Sub(at_, n);
  at_ += n;
  return s;
}

void ByteWriter::Varint(std::uint64_t v) {
  while (v >= 0x80) {
    U8((v & 0x7f) | 0x80);
    v >>= 7;
  }
  U8(v);
}

std::string ToHex(ByteSpan in) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(in.size() * 2);
  for (std::uint8_t b : in) {
    out.push_back(kDigits[b >> 4]);
    out.push_back(kDigits[b & 15]);
  }
  return out;
}

bool FromHex(std::string_view hex, Bytes* out) {
  if (hex.size() % 2 != 0) return false;
  Bytes result;
  result.reserve(hex.size() / 2);
  int high = -1;
  for (char c : hex) {
    int d;
    if (c >= '0' && c <= '9')
      d = c - '0';
    else if (c >= 'a' && c <= 'f')
      d = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F')
      d = c - 'A' + 10;
    else
      return false;
    if (high < 0) {
      high = d;
    } else {
      result.push_back(static_cast<std::uint8_t>(high * 16 + d));
      high = -1;
    }
  }
  *out = std::move(result);
  return true;
}

}  // namespace selvage
