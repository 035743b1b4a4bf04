// AES-128 and AES-CMAC as LoRaWAN needs them, from Nettle.
//
// libsodium, which everything else here uses, has neither a bare AES block nor CMAC. Nettle has
// both without allocation, global state or error paths, and is dual-licensed LGPL-3+ / GPL-2+,
// which goes with everything the tree links; OpenSSL and mbedTLS would be Apache-2.0 and larger.
// Thread safe.
#pragma once

#include <array>
#include <cstdint>

#include "core/bytes.h"

namespace selvage::lorawan {

using Aes128Key = std::array<std::uint8_t, 16>;
using AesBlock = std::array<std::uint8_t, 16>;

AesBlock AesEncrypt(const Aes128Key& key, const AesBlock& block);
AesBlock AesDecrypt(const Aes128Key& key, const AesBlock& block);

// AES-CMAC (RFC 4493) over `first` followed by `second`.
AesBlock AesCmac(const Aes128Key& key, ByteSpan first, ByteSpan second = {});

}  // namespace selvage::lorawan
