#include "transports/satellite/sbd_codec.h"

#include <algorithm>
#include <vector>

namespace selvage::satellite {
namespace {

// "prefix: 1, 2,3" with exactly `count` numbers up to 65535; empty when it is anything else.
std::vector<std::uint16_t> Numbers(std::string_view line, std::string_view prefix,
                                   std::size_t count) {
  if (line.substr(0, prefix.size()) != prefix) return {};
  line.remove_prefix(prefix.size());
  std::vector<std::uint16_t> out;
  std::uint32_t value = 0;
  bool digit = false;
  for (std::size_t i = 0; i <= line.size(); ++i) {
    const char c = i < line.size() ? line[i] : ',';
    if (c == ' ' && !digit) continue;
    if (c == ',') {
      if (!digit) return {};
      out.push_back(static_cast<std::uint16_t>(value));
      value = 0;
      digit = false;
    } else if (c >= '0' && c <= '9') {
      value = value * 10 + static_cast<std::uint32_t>(c - '0');
      digit = true;
      if (value > 65535) return {};
    } else {
      return {};
    }
  }
  if (out.size() != count) return {};
  return out;
}

}  // namespace

std::uint16_t SbdChecksum(ByteSpan data) {
  std::uint32_t sum = 0;
  for (std::uint8_t b : data) sum += b;
  return static_cast<std::uint16_t>(sum);
}

Bytes EncodeSbdBlock(ByteSpan data) {
  Bytes out = data.ToBytes();
  const std::uint16_t sum = SbdChecksum(data);
  out.push_back(static_cast<std::uint8_t>(sum >> 8));
  out.push_back(static_cast<std::uint8_t>(sum));
  return out;
}

std::optional<SbdSession> ParseSbdSession(std::string_view line) {
  const std::vector<std::uint16_t> n = Numbers(line, "+SBDIX:", 6);
  if (n.empty() || n[0] > 99 || n[2] > 2 || n[4] > kMtBytesMax) return std::nullopt;
  return SbdSession{n[0], n[1], n[2], n[3], n[4], n[5]};
}

std::optional<SbdStatus> ParseSbdStatus(std::string_view line) {
  const std::vector<std::uint16_t> n = Numbers(line, "+SBDSX:", 6);
  if (n.empty() || n[0] > 1 || n[2] > 1 || n[4] > 1) return std::nullopt;
  return SbdStatus{n[0] == 1, n[1], n[2] == 1, n[3], n[4] == 1, n[5]};
}

std::uint32_t SbdCredits(std::size_t mo_bytes, std::size_t mt_bytes) {
  const auto credits = [](std::size_t n) {
    return static_cast<std::uint32_t>((n + kCreditBytes - 1) / kCreditBytes);
  };
  return std::max<std::uint32_t>(1, credits(mo_bytes) + credits(mt_bytes));
}

}  // namespace selvage::satellite
