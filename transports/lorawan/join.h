// Joining over the air: request, accept, and the keys that follow, for LoRaWAN 1.0.x and 1.1.
//
// The accept is encrypted with AES *decryption*, so that a device needs only the encrypting half.
// A device must never use a DevNonce twice and a server never a JoinNonce: whoever calls counts
// them up and keeps the count on disk first. All input is hostile. Thread safe. Source:
// LoRaWAN 1.0.2, section 6.2; LoRaWAN 1.1, section 6.2.
#pragma once

#include <cstdint>
#include <optional>

#include "core/bytes.h"
#include "transports/lorawan/block_cipher.h"
#include "transports/lorawan/frame.h"

namespace selvage::lorawan {

struct JoinRequest {
  std::uint64_t join_eui = 0;  // AppEUI in 1.0; as printed, most significant byte first
  std::uint64_t dev_eui = 0;
  std::uint16_t dev_nonce = 0;
};

struct JoinAccept {
  std::uint32_t join_nonce = 0;  // 24 bits; AppNonce in 1.0
  std::uint32_t net_id = 0;      // 24 bits
  std::uint32_t dev_addr = 0;
  bool opt_neg = false;                   // the network speaks 1.1
  std::uint8_t rx1_data_rate_offset = 0;  // 0 to 7
  std::uint8_t rx2_data_rate = 0;         // 0 to 15
  std::uint8_t rx_delay_s = 1;            // 0 to 15; 0 means 1
  std::optional<AesBlock> cf_list;        // channels, as the region defines
};

// 1.0: one root key does everything (AppKey). 1.1: network and application have one each.
struct RootKeys {
  Aes128Key nwk{};  // NwkKey; AppKey in 1.0
  Aes128Key app{};  // AppKey; the same in 1.0
};

Bytes SealJoinRequest(const JoinRequest& request, const Aes128Key& nwk_key);
// The fields alone, unauthenticated: to find the device's key.
std::optional<JoinRequest> ParseJoinRequest(ByteSpan phy);
bool CheckJoinRequestMic(ByteSpan phy, const Aes128Key& nwk_key);

// The accept for `request`. Fields out of range are cut to their width. With opt_neg the MIC
// is 1.1's, under JSIntKey and over the request; without it 1.0's, under the network root key.
Bytes SealJoinAccept(const JoinAccept& accept, const JoinRequest& request,
                     const Aes128Key& nwk_key);
std::optional<JoinAccept> OpenJoinAccept(ByteSpan phy, const JoinRequest& request,
                                         const Aes128Key& nwk_key);

// Keys of the session; which version follows from accept.opt_neg.
SessionKeys DeriveSessionKeys(const JoinAccept& accept, const JoinRequest& request,
                              const RootKeys& root);

// AES(NwkKey, 0x06 | DevEUI | pad): signs 1.1 accepts.
Aes128Key DeriveJoinIntegrityKey(const Aes128Key& nwk_key, std::uint64_t dev_eui);

}  // namespace selvage::lorawan
