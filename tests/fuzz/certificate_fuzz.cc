// Certificates: as a stranger sends them, and as a careless or hostile network would sign them.
//
// Whatever is accepted must keep the rules that the rest of the node relies on.
#include <cassert>

#include "agents/membership/certificate.h"
#include "core/schema/certificate.pb.h"

using namespace selvage;  // NOLINT: a program of its own

namespace {

void CheckAccepted(Crypto& crypto, const TrustAnchor& anchor, ByteSpan encoded) {
  const auto c = VerifyCertificate(crypto, anchor, encoded, 0);
  if (!c.ok()) return;
  assert(encoded.size() <= kCertificateBytesMax && c->encoded.size() == encoded.size());
  assert(c->network == anchor.network && IsValidName(c->name));
  assert(c->id.Short() != ShortId(0) && c->id == NodeIdOf(crypto, c->signing_key));
  assert(c->not_before <= c->not_after && c->roles.size() <= 16);
  assert(c->tun_address.empty() || IsValidAddress(c->tun_address));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto crypto = NewStandInCrypto(1);
  static SigningKey key;
  static const TrustAnchor anchor = [] {
    TrustAnchor a{"lab", {}};
    crypto->GenerateSigningKey(&key, &a.key);
    return a;
  }();
  CheckAccepted(*crypto, anchor, {data, size});

  // Behind the signature: the body parser is reached only with one.
  const std::string body(reinterpret_cast<const char*>(data), size);
  const Signature s = crypto->Sign(key, ByteSpan::Of("selvage certificate 1" + body));
  schema::Certificate outer;
  outer.set_body(body);
  outer.set_signature(ByteSpan(s).ToString());
  const std::string encoded = outer.SerializeAsString();
  CheckAccepted(*crypto, anchor, ByteSpan::Of(encoded));
  return 0;
}
