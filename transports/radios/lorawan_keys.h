// The file that says which LoRaWAN devices there are, one a line, with their root keys.
//
//   # DevEUI          JoinEUI           AppKey                            class
//   70b3d57ed0000001  0000000000000001  000102030405060708090a0b0c0d0e0f  C
//
// Hexadecimal, most significant digit first, as printed on modems. Class A or C; LoRaWAN 1.0.x. A
// gateway's file lists all its devices, a device's has its own line alone. It holds secrets: only
// the agent should be able to read it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/bytes.h"

namespace selvage {

struct LorawanKeys {
  Bytes dev_eui, join_eui;  // 8 bytes each
  Bytes app_key;            // 16 bytes
  bool class_c = false;
};

inline constexpr std::size_t kLorawanDevicesMax = 256;

// InvalidArgument with file and line for what is malformed, listed twice, or too much.
absl::StatusOr<std::vector<LorawanKeys>> ReadLorawanKeys(const std::string& path);

}  // namespace selvage
