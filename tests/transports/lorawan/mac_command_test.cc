// MAC commands are read up to the first one that is unknown, and rates adapt as published.
#define BOOST_TEST_MODULE mac_command_test
#include "transports/lorawan/mac_command.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"
#include "tests/hex.h"
#include "transports/lorawan/adr.h"

namespace selvage::lorawan {

BOOST_AUTO_TEST_SUITE(mac_command)

BOOST_AUTO_TEST_CASE(typed_commands_come_back_as_they_went) {
  const LinkAdrRequest adr{5, 2, 0xf00f, 6, 3};
  BOOST_TEST(ToHex(EncodeMacCommands(Direction::kDown, {Encode(adr)})) == "03520ff063");
  const auto a = DecodeLinkAdrRequest(Encode(adr));
  BOOST_TEST((a && a->data_rate == 5 && a->tx_power == 2 && a->channel_mask == 0xf00f &&
              a->mask_control == 6 && a->transmissions == 3));
  const auto aa = DecodeLinkAdrAnswer(Encode(LinkAdrAnswer{true, false, true}));
  BOOST_TEST((aa && aa->power_ok && !aa->data_rate_ok && aa->channel_mask_ok));
  const auto check = DecodeLinkCheckAnswer(Encode(LinkCheckAnswer{20, 3}));
  BOOST_TEST((check && check->margin_db == 20 && check->gateways == 3));
  const auto rx = DecodeRxParamRequest(Encode(RxParamRequest{2, 3, 869'525'000}));
  BOOST_TEST((rx && rx->rx1_data_rate_offset == 2 && rx->rx2_data_rate == 3 &&
              rx->frequency_hz == 869'525'000));
  const auto status = DecodeDevStatusAnswer(Encode(DevStatusAnswer{254, -32}));
  BOOST_TEST((status && status->battery == 254 && status->margin_db == -32));
  const auto time = DecodeDeviceTimeAnswer(Encode(DeviceTimeAnswer{1'400'000'000, 128}));
  BOOST_TEST((time && time->gps_seconds == 1'400'000'000 && time->fraction == 128));
  BOOST_TEST((DecodeDutyCycleRequest(EncodeDutyCycleRequest(7)) == std::uint8_t{7}));
  BOOST_TEST((DecodeRxTimingRequest(EncodeRxTimingRequest(0)) == std::uint8_t{1}));
  BOOST_TEST((DecodeRxTimingRequest(EncodeRxTimingRequest(15)) == std::uint8_t{15}));
  BOOST_TEST(!DecodeDutyCycleRequest(Encode(adr)));
}

BOOST_AUTO_TEST_CASE(an_unknown_command_ends_the_reading_and_what_came_before_counts) {
  const MacCommands up = ParseMacCommands(Direction::kUp, Hex("0203077f0d"));
  BOOST_TEST(up.commands.size() == 2u);
  BOOST_TEST(!up.complete);
  const MacCommands cut = ParseMacCommands(Direction::kDown, Hex("0603aabb"));
  BOOST_TEST(cut.commands.size() == 1u);
  BOOST_TEST(!cut.complete);
  BOOST_TEST(ParseMacCommands(Direction::kUp, {}).complete);
  BOOST_TEST(!MacBodyBytes(Cid::kForceRejoin, Direction::kUp));
}

BOOST_AUTO_TEST_CASE(garbage_is_read_within_bounds) {
  Random random(3);
  for (int i = 0; i < 20000; ++i) {
    Bytes in(random.Below(300));
    for (auto& b : in) b = static_cast<std::uint8_t>(random.Below(20));
    const Direction direction = static_cast<Direction>(random.Below(2));
    const MacCommands got = ParseMacCommands(direction, in);
    const Bytes again = EncodeMacCommands(direction, got.commands);
    BOOST_TEST((ByteSpan(again) == ByteSpan(in).Sub(0, again.size())));
    BOOST_TEST(got.complete == (again.size() == in.size()));
  }
}

BOOST_AUTO_TEST_CASE(a_strong_device_is_made_faster_then_quieter) {
  AdrNetwork adr(Eu868(), 5, 7);
  const AdrNetwork::Setting slow{0, 0};
  for (int i = 0; i < AdrNetwork::kHistory - 1; ++i) adr.OnUplink(50);
  BOOST_TEST(!adr.Recommend(slow).has_value());
  adr.OnUplink(-50);
  // Best 5 dB, SF12 needs -20, margin 10: 15 dB to spare are five steps, all into the rate.
  BOOST_TEST((*adr.Recommend(slow) == AdrNetwork::Setting{5, 0}));
  adr.OnChanged();
  BOOST_TEST(!adr.Recommend(slow).has_value());
  for (int i = 0; i < 45; ++i) adr.OnUplink(95);
  // 9.5 + 7.5 - 10 = 7 dB at SF7: two steps of power.
  BOOST_TEST((*adr.Recommend({5, 0}) == AdrNetwork::Setting{5, 2}));
}

BOOST_AUTO_TEST_CASE(a_weak_device_is_made_louder_and_never_slower) {
  AdrNetwork adr(Eu868(), 5, 7);
  for (int i = 0; i < 20; ++i) adr.OnUplink(-60);
  BOOST_TEST((*adr.Recommend({5, 4}) == AdrNetwork::Setting{5, 1}));
  BOOST_TEST((*adr.Recommend({5, 1}) == AdrNetwork::Setting{5, 0}));
  BOOST_TEST(!adr.Recommend({5, 0}).has_value());
}

BOOST_AUTO_TEST_CASE(a_device_that_hears_nothing_asks_then_gets_louder_then_slower) {
  AdrDevice adr;
  for (int i = 0; i < AdrDevice::kAckLimit; ++i)
    BOOST_TEST(!adr.OnUplink().request_acknowledgement);
  for (int i = 0; i < AdrDevice::kAckDelay; ++i) {
    const auto d = adr.OnUplink();
    BOOST_TEST(d.request_acknowledgement);
    BOOST_TEST(!d.full_power);
    BOOST_TEST(!d.slower);
  }
  BOOST_TEST(adr.OnUplink().full_power);
  int slower = 0;
  for (int i = 0; i < 3 * AdrDevice::kAckDelay; ++i) slower += adr.OnUplink().slower;
  BOOST_TEST(slower == 3);
  adr.OnDownlink();
  BOOST_TEST(!adr.OnUplink().request_acknowledgement);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage::lorawan
