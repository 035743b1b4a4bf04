// Certificates: the network's signed word on who a node is; and what a node needs to be one.
//
// Verification is pure: bytes, trust anchor and wall time in, certificate or reason out. A node
// without a wall clock passes 0 and expiry is then checked against the last persisted time by the
// caller: the last persisted time is a floor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "core/ids.h"
#include "core/time.h"

namespace selvage {

inline constexpr std::size_t kCertificateBytesMax = 512;
inline constexpr std::size_t kNameBytesMax = 64;

// What every member trusts: the network's name and its Ed25519 key.
struct TrustAnchor {
  std::string network;
  VerifyKey key{};
};

struct Certificate {
  NodeId id;
  std::string network;
  std::string name;
  VerifyKey signing_key{};
  PublicKey agreement_key{};
  std::uint64_t serial = 0;
  WallSeconds not_before = 0;
  WallSeconds not_after = 0;
  std::vector<std::string> roles;
  std::string tun_address;  // empty: none fixed
  Bytes encoded;            // as signed and as sent
};

// A node's own keys and certificate.
struct Identity {
  SigningKey signing_key{};
  PrivateKey agreement_key{};
  Certificate certificate;
};

// Names of networks, nodes and roles: 1 to 64 characters of a-z A-Z 0-9 . _ -, not beginning with
// '.' or '-'. They end up in terminals, file names and JSON; nothing else is let in.
bool IsValidName(std::string_view name);
// That rule as the rest of a sentence: "must be ...".
std::string DescribeNameRule();
// An IPv4 or IPv6 address in text, without prefix length.
bool IsValidAddress(const std::string& address);

// The id that belongs to a signing key: first 16 bytes of BLAKE2b-256.
NodeId NodeIdOf(Crypto& crypto, const VerifyKey& key);

// Checks size, form, network name, signature and, when `now` is not 0, the validity period.
// Errors: InvalidArgument (malformed), PermissionDenied (other network, bad signature),
// FailedPrecondition (expired or not yet valid).
absl::StatusOr<Certificate> VerifyCertificate(Crypto& crypto, const TrustAnchor& anchor,
                                              ByteSpan encoded, WallSeconds now);

// Signs `wanted` (its id and encoded are filled in) with the network's key.
// Errors: InvalidArgument (content VerifyCertificate would refuse, or larger than 512 bytes).
absl::StatusOr<Certificate> IssueCertificate(Crypto& crypto, const SigningKey& network_key,
                                             Certificate wanted);

}  // namespace selvage
