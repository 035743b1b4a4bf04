// The first byte of every frame on a link: wire version in the high nibble, frame type in the low.
//
// A receiver drops what it does not know, so both nibbles can grow: a new type needs no new version
// as long as the old ones keep their meaning.
#pragma once

#include <cstdint>
#include <optional>

namespace selvage {

inline constexpr std::uint8_t kWireVersion = 1;

// Numeric values are on the wire.
enum class FrameType : std::uint8_t {
  kBeacon = 0,      // "I am here": unauthenticated hint
  kHandshake1 = 1,  // Noise XX, first to third message
  kHandshake2 = 2,
  kHandshake3 = 3,
  kSealed = 4,      // session frame: 4-byte counter, 16-byte tag
  kSealedSlow = 5,  // session frame on a slow radio: 2-byte counter, 8-byte tag
};

constexpr std::uint8_t MakeTypeByte(FrameType type) {
  return static_cast<std::uint8_t>((kWireVersion << 4) | static_cast<std::uint8_t>(type));
}

// nullopt: another wire version or a type this version does not know.
constexpr std::optional<FrameType> ParseTypeByte(std::uint8_t byte) {
  if ((byte >> 4) != kWireVersion) return std::nullopt;
  if ((byte & 0x0f) > static_cast<std::uint8_t>(FrameType::kSealedSlow)) return std::nullopt;
  return static_cast<FrameType>(byte & 0x0f);
}

}  // namespace selvage
