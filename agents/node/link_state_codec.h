// Link-state advertisements between their signed bytes and the routing floor's records.
#pragma once

#include <optional>

#include "core/bytes.h"
#include "core/crypto.h"
#include "routing/link_state_database.h"

namespace selvage {

// Largest advertisement taken: 255 adjacencies of about 30 bytes, addresses, signature.
inline constexpr std::size_t kLinkStateBytesMax = 12'000;
inline constexpr std::size_t kAddressesMax = 8;

// Signs `record` (everything but `encoded`) and fills in record->encoded.
void SignLinkState(Crypto& crypto, const SigningKey& key, LinkStateRecord* record);

// Form only: size, protobuf, ranges. nullopt when malformed. Verify before believing it.
std::optional<LinkStateRecord> ParseLinkState(ByteSpan encoded);
// The signature over the bytes as received.
bool VerifyLinkState(Crypto& crypto, const VerifyKey& key, ByteSpan encoded);

}  // namespace selvage
