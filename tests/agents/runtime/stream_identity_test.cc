#define BOOST_TEST_MODULE stream_identity_test
#include "agents/runtime/stream_identity.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

Identity NewIdentity(Crypto& crypto) {
  Identity identity;
  crypto.GenerateKeyPair(&identity.agreement_key, &identity.certificate.agreement_key);
  return identity;
}

BOOST_AUTO_TEST_CASE(a_key_follows_from_the_identity_and_is_not_the_agreement_key) {
  const auto crypto = NewSodiumCrypto();
  const Identity identity = NewIdentity(*crypto);
  const auto keys = MakeStreamKeys(*crypto, identity, {});
  const auto again = MakeStreamKeys(*crypto, identity, {});
  BOOST_TEST((keys->public_key == again->public_key));
  BOOST_TEST((keys->secret_key == again->secret_key));
  BOOST_TEST((keys->public_key != identity.certificate.agreement_key));
  BOOST_TEST((crypto->DerivePublic(keys->secret_key) == keys->public_key));
  BOOST_TEST((MakeStreamKeys(*crypto, NewIdentity(*crypto), {})->public_key != keys->public_key));
}

BOOST_AUTO_TEST_CASE(only_listed_keys_are_allowed) {
  const auto crypto = NewSodiumCrypto();
  const CurveKey friendly = MakeStreamKeys(*crypto, NewIdentity(*crypto), {})->public_key;
  const CurveKey stranger = MakeStreamKeys(*crypto, NewIdentity(*crypto), {})->public_key;
  const Identity hub = NewIdentity(*crypto);
  const auto keys = MakeStreamKeys(*crypto, hub, {StreamKeyText(friendly), "nonsense"});
  BOOST_TEST(keys->is_allowed(friendly));
  BOOST_TEST(!keys->is_allowed(stranger));
  BOOST_TEST(!MakeStreamKeys(*crypto, hub, {})->is_allowed(friendly));
}

BOOST_AUTO_TEST_CASE(key_texts_are_read_back_and_wrong_ones_refused) {
  CurveKey key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(7 * i);
  const std::string text = StreamKeyText(key);
  BOOST_TEST(text.size() == 40u);
  CurveKey out{};
  BOOST_TEST(ParseStreamKey(text, &out));
  BOOST_TEST((out == key));
  BOOST_TEST(!ParseStreamKey(text.substr(1), &out));
  BOOST_TEST(!ParseStreamKey(text + "0", &out));
  BOOST_TEST(!ParseStreamKey(std::string(40, ' '), &out));
  BOOST_TEST(!ParseStreamKey("", &out));
}

}  // namespace
}  // namespace selvage
