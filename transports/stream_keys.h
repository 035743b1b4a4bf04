// CURVE keys of the stream lane and the question who may speak on it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

namespace selvage {

using CurveKey = std::array<std::uint8_t, 32>;  // Curve25519, as ZMQ_CURVE_PUBLICKEY in binary

// Made and stored by the caller: dialling peers have the public key in their configuration.
struct StreamKeys {
  CurveKey secret_key{};
  CurveKey public_key{};
  // Asked at each handshake and again for every message, on the reactor's thread: a key that is
  // revoked while connected is silenced at once. Must be cheap (a hash look-up) and not block.
  std::function<bool(const CurveKey& public_key)> is_allowed;
};

}  // namespace selvage
