#define BOOST_TEST_MODULE certificate_test
#include "agents/membership/certificate.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"
#include "core/schema/certificate.pb.h"
#include "tests/hex.h"

namespace selvage {
namespace {

constexpr WallSeconds kNow = 1'800'000'000;

struct Network {
  explicit Network(std::string name, std::shared_ptr<Crypto> c = NewSodiumCrypto()) : crypto(c) {
    anchor.network = std::move(name);
    crypto->GenerateSigningKey(&key, &anchor.key);
  }
  Certificate Wanted() {
    Certificate c;
    c.network = anchor.network;
    c.name = "r0c0";
    SigningKey signing;
    PrivateKey agreement;
    crypto->GenerateSigningKey(&signing, &c.signing_key);
    crypto->GenerateKeyPair(&agreement, &c.agreement_key);
    c.serial = 7;
    c.not_before = kNow - 100;
    c.not_after = kNow + 100;
    c.roles = {"node", "gateway"};
    c.tun_address = "10.99.0.1";
    return c;
  }
  Certificate Issue(const Certificate& wanted) {
    auto issued = IssueCertificate(*crypto, key, wanted);
    BOOST_REQUIRE_MESSAGE(issued.ok(), issued.status().ToString());
    return *std::move(issued);
  }
  absl::StatusCode Verify(ByteSpan encoded, WallSeconds now = kNow) {
    return VerifyCertificate(*crypto, anchor, encoded, now).status().code();
  }
  // Signs any content, also such as IssueCertificate refuses.
  Bytes SignRaw(const std::string& body) {
    schema::Certificate outer;
    outer.set_body(body);
    const Signature s = crypto->Sign(key, ByteSpan::Of("selvage certificate 1" + body));
    outer.set_signature(ByteSpan(s).ToString());
    return ByteSpan::Of(outer.SerializeAsString()).ToBytes();
  }

  std::shared_ptr<Crypto> crypto;
  SigningKey key;
  TrustAnchor anchor;
};

schema::CertificateBody BodyOf(const Certificate& c) {
  schema::Certificate outer;
  BOOST_REQUIRE(outer.ParseFromString(ByteSpan(c.encoded).ToString()));
  schema::CertificateBody body;
  BOOST_REQUIRE(body.ParseFromString(outer.body()));
  return body;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_issued_certificate_verifies_and_says_what_was_asked) {
  Network net("lab");
  const Certificate wanted = net.Wanted();
  const Certificate issued = net.Issue(wanted);
  const auto c = VerifyCertificate(*net.crypto, net.anchor, issued.encoded, kNow);
  BOOST_REQUIRE_MESSAGE(c.ok(), c.status().ToString());
  BOOST_TEST(c->network == "lab");
  BOOST_TEST(c->name == "r0c0");
  BOOST_TEST(c->serial == 7u);
  BOOST_TEST(c->not_before == kNow - 100);
  BOOST_TEST(c->not_after == kNow + 100);
  BOOST_TEST((c->roles == wanted.roles));
  BOOST_TEST(c->tun_address == "10.99.0.1");
  BOOST_TEST((c->signing_key == wanted.signing_key));
  BOOST_TEST((c->agreement_key == wanted.agreement_key));
  BOOST_TEST((c->encoded == issued.encoded));
  const auto hash = net.crypto->Hash32(wanted.signing_key);
  BOOST_TEST((ByteSpan(c->id.bytes) == ByteSpan(hash).Sub(0, 16)));
  BOOST_TEST((c->id == issued.id));
}

BOOST_AUTO_TEST_CASE(validity_includes_both_ends_and_no_clock_means_no_check) {
  Network net("lab");
  const Bytes encoded = net.Issue(net.Wanted()).encoded;
  BOOST_TEST((net.Verify(encoded, kNow - 100) == absl::StatusCode::kOk));
  BOOST_TEST((net.Verify(encoded, kNow + 100) == absl::StatusCode::kOk));
  BOOST_TEST((net.Verify(encoded, kNow - 101) == absl::StatusCode::kFailedPrecondition));
  BOOST_TEST((net.Verify(encoded, kNow + 101) == absl::StatusCode::kFailedPrecondition));
  BOOST_TEST((net.Verify(encoded, 0) == absl::StatusCode::kOk));
}

BOOST_AUTO_TEST_CASE(another_networks_key_is_refused_even_under_the_same_name) {
  Network net("lab"), other("lab");
  BOOST_TEST(
      (net.Verify(other.Issue(other.Wanted()).encoded) == absl::StatusCode::kPermissionDenied));
}

BOOST_AUTO_TEST_CASE(another_network_name_under_the_same_key_is_refused) {
  Network net("lab");
  Certificate wanted = net.Wanted();
  wanted.network = "other";
  BOOST_TEST((net.Verify(net.Issue(wanted).encoded) == absl::StatusCode::kPermissionDenied));
}

BOOST_AUTO_TEST_CASE(any_flipped_bit_is_refused) {
  Network net("lab");
  const Bytes encoded = net.Issue(net.Wanted()).encoded;
  for (std::size_t bit = 0; bit < encoded.size() * 8; ++bit) {
    Bytes changed = encoded;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    BOOST_REQUIRE((net.Verify(changed) != absl::StatusCode::kOk));
  }
}

BOOST_AUTO_TEST_CASE(truncated_certificates_are_refused_at_every_length) {
  Network net("lab", NewStandInCrypto(1));
  const Bytes encoded = net.Issue(net.Wanted()).encoded;
  for (std::size_t n = 0; n < encoded.size(); ++n) {
    BOOST_REQUIRE((net.Verify(ByteSpan(encoded).Sub(0, n)) != absl::StatusCode::kOk));
  }
}

BOOST_AUTO_TEST_CASE(the_signature_covers_the_bytes_as_received) {
  // A newer encoder may add fields this version does not know: still valid, and kept as sent.
  Network net("lab");
  const std::string body = BodyOf(net.Issue(net.Wanted())).SerializeAsString() +
                           std::string("\xfa\x01\x03new", 6);  // field 31
  const Bytes encoded = net.SignRaw(body);
  const auto c = VerifyCertificate(*net.crypto, net.anchor, encoded, kNow);
  BOOST_REQUIRE_MESSAGE(c.ok(), c.status().ToString());
  BOOST_TEST((c->encoded == encoded));
}

BOOST_AUTO_TEST_CASE(a_signature_from_another_context_does_not_make_a_certificate) {
  Network net("lab");
  const std::string body = BodyOf(net.Issue(net.Wanted())).SerializeAsString();
  schema::Certificate outer;
  outer.set_body(body);
  outer.set_signature(ByteSpan(net.crypto->Sign(net.key, ByteSpan::Of(body))).ToString());
  BOOST_TEST(
      (net.Verify(ByteSpan::Of(outer.SerializeAsString())) == absl::StatusCode::kPermissionDenied));
}

BOOST_AUTO_TEST_CASE(size_is_checked_before_parsing_at_512_bytes) {
  Network net("lab");
  Certificate wanted = net.Wanted();
  schema::CertificateBody body = BodyOf(net.Issue(wanted));
  // Pad with an unknown field until exactly 512 bytes, then one more.
  std::string padded = body.SerializeAsString();
  const std::size_t spare = kCertificateBytesMax - net.SignRaw(padded).size();
  BOOST_REQUIRE_GT(spare, 6u);
  for (std::size_t pad = 1; pad <= spare; ++pad) {
    std::string tail = "\xfa\x01";
    if (pad >= 128) tail += static_cast<char>((pad & 0x7f) | 0x80);
    tail += static_cast<char>(pad < 128 ? pad : pad >> 7);
    const Bytes encoded = net.SignRaw(padded + tail + std::string(pad, 'x'));
    BOOST_REQUIRE((net.Verify(encoded) == (encoded.size() <= kCertificateBytesMax
                                               ? absl::StatusCode::kOk
                                               : absl::StatusCode::kInvalidArgument)));
  }
  wanted.roles.assign(16, std::string(32, 'r'));
  BOOST_TEST((IssueCertificate(*net.crypto, net.key, wanted).status().code() ==
              absl::StatusCode::kInvalidArgument));
}

BOOST_AUTO_TEST_CASE(content_out_of_bounds_is_refused_when_issued_and_when_verified) {
  Network net("lab");
  const schema::CertificateBody good = BodyOf(net.Issue(net.Wanted()));
  BOOST_REQUIRE((net.Verify(net.SignRaw(good.SerializeAsString())) == absl::StatusCode::kOk));
  using Body = schema::CertificateBody;
  const std::vector<void (*)(Body*)> faults = {
      [](Body* b) { b->set_name(""); },
      [](Body* b) { b->set_name(std::string(65, 'a')); },
      [](Body* b) { b->set_name("a b"); },
      [](Body* b) { b->set_name("../up"); },
      [](Body* b) { b->set_name("x\x1b[31m"); },
      [](Body* b) { b->set_name("-flag"); },
      [](Body* b) { b->set_signing_key(std::string(31, 'k')); },
      [](Body* b) { b->set_agreement_key(std::string(33, 'k')); },
      [](Body* b) { b->set_agreement_key(std::string(32, '\0')); },
      [](Body* b) { b->set_not_after(b->not_before() - 1); },
      [](Body* b) { b->add_roles("two words"); },
      [](Body* b) { b->add_roles(std::string(33, 'r')); },
      [](Body* b) {
        for (int i = 0; i < 15; ++i) b->add_roles("r");
      },
      [](Body* b) { b->set_tun_address("10.99.0.1/16"); },
      [](Body* b) { b->set_tun_address("10.99.0.256"); },
  };
  for (std::size_t i = 0; i < faults.size(); ++i) {
    Body bad = good;
    faults[i](&bad);
    BOOST_TEST(
        (net.Verify(net.SignRaw(bad.SerializeAsString())) == absl::StatusCode::kInvalidArgument),
        "fault " << i);
  }
  Certificate wanted = net.Wanted();
  wanted.name = "a b";
  BOOST_TEST((IssueCertificate(*net.crypto, net.key, wanted).status().code() ==
              absl::StatusCode::kInvalidArgument));
}

BOOST_AUTO_TEST_CASE(an_ipv6_address_or_none_may_be_fixed) {
  Network net("lab");
  for (const char* address : {"", "fd00::1", "10.99.255.254"}) {
    Certificate wanted = net.Wanted();
    wanted.tun_address = address;
    const Bytes encoded = net.Issue(wanted).encoded;
    BOOST_TEST((net.Verify(encoded) == absl::StatusCode::kOk), address);
  }
}

namespace {

// A provider under which every key's id begins with four zero bytes.
class ZeroHash : public Crypto {
 public:
  std::array<std::uint8_t, 32> Hash32(ByteSpan in) override {
    auto h = inner_->Hash32(in);
    std::fill_n(h.begin(), 4, std::uint8_t{0});
    return h;
  }
  std::array<std::uint8_t, 64> Hash64(ByteSpan in) override { return inner_->Hash64(in); }
  void RandomBytes(MutableByteSpan out) override { inner_->RandomBytes(out); }
  void GenerateSigningKey(SigningKey* s, VerifyKey* p) override {
    inner_->GenerateSigningKey(s, p);
  }
  Signature Sign(const SigningKey& k, ByteSpan m) override { return inner_->Sign(k, m); }
  bool Verify(const VerifyKey& k, ByteSpan m, const Signature& s) override {
    return inner_->Verify(k, m, s);
  }
  void GenerateKeyPair(PrivateKey* s, PublicKey* p) override { inner_->GenerateKeyPair(s, p); }
  PublicKey DerivePublic(const PrivateKey& s) override { return inner_->DerivePublic(s); }
  bool Dh(const PrivateKey& s, const PublicKey& p, SymmetricKey* out) override {
    return inner_->Dh(s, p, out);
  }
  void Seal(const SymmetricKey& k, std::uint64_t n, ByteSpan ad, ByteSpan plain, std::size_t tag,
            std::uint8_t* out) override {
    inner_->Seal(k, n, ad, plain, tag, out);
  }
  bool Open(const SymmetricKey& k, std::uint64_t n, ByteSpan ad, ByteSpan sealed, std::size_t tag,
            std::uint8_t* out) override {
    return inner_->Open(k, n, ad, sealed, tag, out);
  }

 private:
  std::shared_ptr<Crypto> inner_ = NewStandInCrypto(1);
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_key_whose_short_id_is_zero_is_refused_when_issued_and_when_verified) {
  Network net("lab", NewStandInCrypto(1));
  Certificate wanted = net.Wanted();
  ZeroHash zero;
  BOOST_TEST((IssueCertificate(zero, net.key, wanted).status().code() ==
              absl::StatusCode::kInvalidArgument));
  const Bytes encoded = net.Issue(wanted).encoded;
  BOOST_TEST((VerifyCertificate(zero, net.anchor, encoded, kNow).status().code() ==
              absl::StatusCode::kInvalidArgument));
}

BOOST_AUTO_TEST_CASE(random_bytes_and_random_signed_bodies_never_verify) {
  Network net("lab", NewStandInCrypto(2));
  Random random(11);
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes(random.Below(600));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random.U64());
    BOOST_REQUIRE((net.Verify(bytes) != absl::StatusCode::kOk));
    const Bytes encoded = net.SignRaw(ByteSpan(bytes).Sub(0, 300).ToString());
    BOOST_REQUIRE((net.Verify(encoded) != absl::StatusCode::kOk));
  }
}

}  // namespace selvage
