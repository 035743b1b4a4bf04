// Joins equal published ones, in both versions, and only the right keys open them.
#define BOOST_TEST_MODULE join_test
#include "transports/lorawan/join.h"

#include <boost/test/unit_test.hpp>

#include "tests/hex.h"

namespace selvage::lorawan {
namespace {

const char* kAppKey = "98929b92c49edba9676d646d3b612456";

}  // namespace

BOOST_AUTO_TEST_SUITE(join)

BOOST_AUTO_TEST_CASE(a_published_join_request_is_read_and_made) {
  const Bytes phy = Hex("0039363463336913aa05693574323831330489c65b1304");
  const auto request = ParseJoinRequest(phy);
  BOOST_REQUIRE(request.has_value());
  BOOST_TEST(request->join_eui == 0xaa13693363343639u);
  BOOST_TEST(request->dev_eui == 0x3331383274356905u);
  BOOST_TEST(request->dev_nonce == 0x8904);
  BOOST_TEST(CheckJoinRequestMic(phy, HexArray<16>(kAppKey)));
  BOOST_TEST(!CheckJoinRequestMic(phy, Aes128Key{}));
  BOOST_TEST(ToHex(SealJoinRequest(*request, HexArray<16>(kAppKey))) == ToHex(phy));
}

BOOST_AUTO_TEST_CASE(published_join_accepts_are_made_and_read) {
  const auto key = HexArray<16>(kAppKey);
  JoinAccept zeros;
  zeros.rx_delay_s = 0;
  BOOST_TEST(ToHex(SealJoinAccept(zeros, {}, Aes128Key{})) == "20e3de108795f776b8037610ef7869b5b3");
  JoinAccept accept;
  accept.join_nonce = 0x376338;
  accept.net_id = 0xaabbcc;
  accept.dev_addr = 0x012ccde7;
  accept.rx_delay_s = 0;
  const Bytes phy = SealJoinAccept(accept, {}, key);
  BOOST_REQUIRE(phy.size() == 17u);
  AesBlock sealed;
  std::copy(phy.begin() + 1, phy.end(), sealed.begin());
  BOOST_TEST(ToHex(AesEncrypt(key, sealed)) == "386337ccbbaae7cd2c010000d9d0a6e7");
  BOOST_TEST(OpenJoinAccept(phy, {}, key)->dev_addr == 0x012ccde7u);
  BOOST_TEST(!OpenJoinAccept(phy, {}, Aes128Key{}));
}

BOOST_AUTO_TEST_CASE(session_keys_of_1_0_equal_published_ones) {
  JoinAccept accept;
  accept.net_id = 0xaabbcc;
  accept.join_nonce = 0x376338;
  JoinRequest request;
  request.dev_nonce = 0xf18e;
  const auto app_key = HexArray<16>(kAppKey);
  const SessionKeys keys = DeriveSessionKeys(accept, request, {app_key, app_key});
  BOOST_TEST((keys.version == Version::kV10));
  BOOST_TEST(ToHex(keys.fnwk_s_int) == "4e3d6e6afbcc67af2ba3c8e8ec4acf4b");
  BOOST_TEST(ToHex(keys.snwk_s_int) == "4e3d6e6afbcc67af2ba3c8e8ec4acf4b");
  BOOST_TEST(ToHex(keys.nwk_s_enc) == "4e3d6e6afbcc67af2ba3c8e8ec4acf4b");
  BOOST_TEST(ToHex(keys.app_s) == "610897aa6f1460623443b527d3ac6a9d");
}

BOOST_AUTO_TEST_CASE(an_accept_comes_back_as_it_went_in_both_versions) {
  for (const bool opt_neg : {false, true}) {
    for (const bool list : {false, true}) {
      JoinRequest request{0x1122334455667788, 0x99aabbccddeeff00, 0x1234};
      JoinAccept accept;
      accept.join_nonce = 0xabcdef;
      accept.net_id = 0x000013;
      accept.dev_addr = 0x26011bda;
      accept.opt_neg = opt_neg;
      accept.rx1_data_rate_offset = 5;
      accept.rx2_data_rate = 3;
      accept.rx_delay_s = 15;
      if (list) accept.cf_list = HexArray<16>("184f84e85684b85e84886684586e8400");
      const auto key = HexArray<16>(kAppKey);
      const Bytes phy = SealJoinAccept(accept, request, key);
      BOOST_TEST(phy.size() == (list ? 33u : 17u));
      const auto back = OpenJoinAccept(phy, request, key);
      BOOST_REQUIRE(back.has_value());
      BOOST_TEST(back->join_nonce == accept.join_nonce);
      BOOST_TEST(back->net_id == accept.net_id);
      BOOST_TEST(back->dev_addr == accept.dev_addr);
      BOOST_TEST(back->opt_neg == opt_neg);
      BOOST_TEST(back->rx1_data_rate_offset == 5);
      BOOST_TEST(back->rx2_data_rate == 3);
      BOOST_TEST(back->rx_delay_s == 15);
      BOOST_TEST((back->cf_list == accept.cf_list));
      // A 1.1 accept answers one request only; a 1.0 accept does not say which.
      JoinRequest other = request;
      other.dev_nonce ^= 1;
      BOOST_TEST(OpenJoinAccept(phy, other, key).has_value() == !opt_neg);
    }
  }
}

BOOST_AUTO_TEST_CASE(keys_of_1_1_are_four_different_ones_from_two_roots) {
  JoinAccept accept;
  accept.opt_neg = true;
  const RootKeys root{HexArray<16>(kAppKey), Aes128Key{}};
  const SessionKeys keys = DeriveSessionKeys(accept, {}, root);
  BOOST_TEST((keys.version == Version::kV11));
  BOOST_TEST(ToHex(keys.fnwk_s_int) != ToHex(keys.snwk_s_int));
  BOOST_TEST(ToHex(keys.fnwk_s_int) != ToHex(keys.nwk_s_enc));
  RootKeys other = root;
  other.app[0] = 1;
  BOOST_TEST(ToHex(DeriveSessionKeys(accept, {}, other).fnwk_s_int) == ToHex(keys.fnwk_s_int));
  BOOST_TEST(ToHex(DeriveSessionKeys(accept, {}, other).app_s) != ToHex(keys.app_s));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage::lorawan
