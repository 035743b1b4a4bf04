#include "agents/membership/certificate.h"

#include <arpa/inet.h>  // inet_pton: pure text to address, no socket

#include <algorithm>

#include "core/schema/certificate.pb.h"

namespace selvage {
namespace {

constexpr char kSigningContext[] = "selvage certificate 1";  // keeps other signatures out
constexpr int kRolesMax = 16;
constexpr std::size_t kRoleBytesMax = 32;

std::string ToString(ByteSpan s) { return s.ToString(); }

std::string SignedText(const std::string& body) { return kSigningContext + body; }

template <std::size_t N>
bool CopyExact(const std::string& from, std::array<std::uint8_t, N>* to) {
  if (from.size() != N) return false;
  std::copy(from.begin(), from.end(), to->begin());
  return true;
}

// Why the content cannot be a member's, or empty. The same rule when issuing and when checking.
std::string ContentFault(const Certificate& c) {
  if (!IsValidName(c.network)) return "network name " + DescribeNameRule();
  if (!IsValidName(c.name)) return "node name " + DescribeNameRule();
  if (c.id.Short() == ShortId(0)) {
    return "the key's short id is zero, which is reserved: make another identity";
  }
  if (c.agreement_key == PublicKey{}) return "agreement key is zero";
  if (c.not_after < c.not_before) return "validity ends before it begins";
  if (c.roles.size() > kRolesMax) return "more than 16 roles";
  for (const std::string& role : c.roles) {
    if (!IsValidName(role) || role.size() > kRoleBytesMax) return "a role is malformed";
  }
  if (!c.tun_address.empty() && !IsValidAddress(c.tun_address)) {
    return "fixed address is not an IPv4 or IPv6 address";
  }
  return {};
}

}  // namespace

bool IsValidName(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax || name[0] == '.' || name[0] == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string DescribeNameRule() {
  return "must be 1 to 64 characters of a-z A-Z 0-9 . _ - and not begin with . or -";
}

bool IsValidAddress(const std::string& address) {
  std::uint8_t parsed[16];
  return inet_pton(AF_INET, address.c_str(), parsed) == 1 ||
         inet_pton(AF_INET6, address.c_str(), parsed) == 1;
}

NodeId NodeIdOf(Crypto& crypto, const VerifyKey& key) {
  const auto hash = crypto.Hash32(key);
  NodeId id;
  std::copy_n(hash.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

absl::StatusOr<Certificate> VerifyCertificate(Crypto& crypto, const TrustAnchor& anchor,
                                              ByteSpan encoded, WallSeconds now) {
  // Before the parser: what a stranger can make us allocate is bounded by this line.
  if (encoded.size() > kCertificateBytesMax) {
    return absl::InvalidArgumentError("certificate is larger than 512 bytes");
  }
  schema::Certificate outer;
  if (!outer.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    return absl::InvalidArgumentError("certificate does not parse");
  }
  Signature signature;
  if (!CopyExact(outer.signature(), &signature)) {
    return absl::InvalidArgumentError("certificate signature is not 64 bytes");
  }
  // Over the bytes as received: two encoders need not agree.
  if (!crypto.Verify(anchor.key, ByteSpan::Of(SignedText(outer.body())), signature)) {
    return absl::PermissionDeniedError("certificate is not signed by the key of network " +
                                       anchor.network);
  }
  schema::CertificateBody body;
  if (!body.ParseFromString(outer.body())) {
    return absl::InvalidArgumentError("certificate body does not parse");
  }
  Certificate c;
  if (!CopyExact(body.signing_key(), &c.signing_key) ||
      !CopyExact(body.agreement_key(), &c.agreement_key)) {
    return absl::InvalidArgumentError("certificate key is not 32 bytes");
  }
  c.id = NodeIdOf(crypto, c.signing_key);
  c.network = body.network();
  c.name = body.name();
  c.serial = body.serial();
  c.not_before = body.not_before();
  c.not_after = body.not_after();
  c.roles.assign(body.roles().begin(), body.roles().end());
  c.tun_address = body.tun_address();
  c.encoded = encoded.ToBytes();
  if (std::string fault = ContentFault(c); !fault.empty()) {
    return absl::InvalidArgumentError("certificate: " + fault);
  }
  if (c.network != anchor.network) {
    return absl::PermissionDeniedError("certificate is for network " + c.network + ", not " +
                                       anchor.network);
  }
  if (now != 0 && now < c.not_before) {
    return absl::FailedPreconditionError("certificate of " + c.name + " is not valid before " +
                                         std::to_string(c.not_before) + " (now " +
                                         std::to_string(now) + ")");
  }
  if (now != 0 && now > c.not_after) {
    return absl::FailedPreconditionError("certificate of " + c.name + " expired at " +
                                         std::to_string(c.not_after) + " (now " +
                                         std::to_string(now) + "): admit the node again");
  }
  return c;
}

absl::StatusOr<Certificate> IssueCertificate(Crypto& crypto, const SigningKey& network_key,
                                             Certificate wanted) {
  wanted.id = NodeIdOf(crypto, wanted.signing_key);
  if (std::string fault = ContentFault(wanted); !fault.empty()) {
    return absl::InvalidArgumentError(fault);
  }
  schema::CertificateBody body;
  body.set_network(wanted.network);
  body.set_name(wanted.name);
  body.set_signing_key(ToString(wanted.signing_key));
  body.set_agreement_key(ToString(wanted.agreement_key));
  body.set_serial(wanted.serial);
  body.set_not_before(wanted.not_before);
  body.set_not_after(wanted.not_after);
  for (const std::string& role : wanted.roles) body.add_roles(role);
  body.set_tun_address(wanted.tun_address);

  schema::Certificate outer;
  outer.set_body(body.SerializeAsString());
  outer.set_signature(ToString(crypto.Sign(network_key, ByteSpan::Of(SignedText(outer.body())))));
  wanted.encoded = ByteSpan::Of(outer.SerializeAsString()).ToBytes();
  if (wanted.encoded.size() > kCertificateBytesMax) {
    return absl::InvalidArgumentError("certificate would be larger than 512 bytes: fewer roles");
  }
  return wanted;
}

}  // namespace selvage
