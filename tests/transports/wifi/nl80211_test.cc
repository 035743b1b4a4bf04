// What the kernel says of stations and channels is read by presence, and nothing malformed is.
#define BOOST_TEST_MODULE nl80211_test
#include "transports/wifi/nl80211.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/nl80211.h>
#include <rapidcheck.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "transports/wifi/wifi_sampler.h"

namespace selvage::wifi {
namespace {

constexpr std::uint16_t kFamily = 0x1c;

template <typename T>
std::string Raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}
std::string Pad(std::string s) {
  s.resize((s.size() + 3) / 4 * 4);
  return s;
}
std::string Attribute(int type, const std::string& value) {
  return Pad(Raw<std::uint16_t>(static_cast<std::uint16_t>(4 + value.size())) +
             Raw<std::uint16_t>(static_cast<std::uint16_t>(type)) + value);
}
std::string Nest(int type, const std::string& value) {
  return Attribute(type | NLA_F_NESTED, value);
}
std::string Netlink(std::uint16_t type, std::uint32_t sequence, const std::string& body) {
  return Pad(Raw<std::uint32_t>(static_cast<std::uint32_t>(16 + body.size())) +
             Raw<std::uint16_t>(type) + Raw<std::uint16_t>(NLM_F_MULTI) +
             Raw<std::uint32_t>(sequence) + Raw<std::uint32_t>(0) + body);
}
std::string Generic(std::uint8_t command, const std::string& attributes) {
  return std::string(1, static_cast<char>(command)) + std::string(3, '\0') + attributes;
}
const std::string kMac("\x02\x00\x00\x00\x01\x00", 6);  // as hwsim numbers its second radio

std::string StationMessage(const std::string& info, std::uint32_t index = 7) {
  return Netlink(kFamily, 5,
                 Generic(NL80211_CMD_NEW_STATION,
                         Attribute(NL80211_ATTR_IFINDEX, Raw(index)) +
                             Attribute(NL80211_ATTR_MAC, kMac) +
                             Nest(NL80211_ATTR_STA_INFO, info)));
}
std::vector<Message> Parse(const std::string& datagram, std::uint16_t family = kFamily) {
  return ParseMessages(ByteSpan::Of(datagram), family);
}
std::string Info(std::uint32_t packets, std::uint32_t retries, std::uint32_t failed,
                 std::uint32_t connected_s) {
  return Attribute(NL80211_STA_INFO_TX_PACKETS, Raw(packets)) +
         Attribute(NL80211_STA_INFO_TX_RETRIES, Raw(retries)) +
         Attribute(NL80211_STA_INFO_TX_FAILED, Raw(failed)) +
         Attribute(NL80211_STA_INFO_CONNECTED_TIME, Raw(connected_s));
}
Station OneStation(const std::string& info) {
  const auto messages = Parse(StationMessage(info));
  BOOST_REQUIRE(messages.size() == 1u && messages[0].kind == Message::Kind::kStation);
  return messages[0].station;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nl80211)

BOOST_AUTO_TEST_CASE(a_station_is_read_with_signed_signal_and_the_wide_rate) {
  const Station s = OneStation(
      Attribute(NL80211_STA_INFO_SIGNAL, Raw<std::int8_t>(-61)) +
      Attribute(NL80211_STA_INFO_SIGNAL_AVG, Raw<std::int8_t>(-63)) +
      Nest(NL80211_STA_INFO_TX_BITRATE,
           Attribute(NL80211_RATE_INFO_BITRATE, Raw<std::uint16_t>(60000)) +
               Attribute(NL80211_RATE_INFO_BITRATE32, Raw<std::uint32_t>(72000))) +
      Nest(NL80211_STA_INFO_RX_BITRATE,
           Attribute(NL80211_RATE_INFO_BITRATE, Raw<std::uint16_t>(60))) +
      Attribute(NL80211_STA_INFO_EXPECTED_THROUGHPUT, Raw<std::uint32_t>(43300)) +
      Attribute(NL80211_STA_INFO_INACTIVE_TIME, Raw<std::uint32_t>(17800)) +
      Attribute(NL80211_STA_INFO_ASSOC_AT_BOOTTIME, Raw<std::uint64_t>(1234567890123)));
  BOOST_TEST(*s.signal_dbm == -61);
  BOOST_TEST(*s.signal_average_dbm == -63);
  BOOST_TEST(*s.tx_rate_kbps == 7'200'000u);
  BOOST_TEST(*s.rx_rate_kbps == 6'000u);
  BOOST_TEST(*s.expected_rate_kbps == 43300u);
  BOOST_TEST(*s.inactive_ms == 17800u);
  BOOST_TEST(*s.associated_at_ns == 1234567890123u);
  BOOST_TEST((s.mac == MacAddress{2, 0, 0, 0, 1, 0}));
}

BOOST_AUTO_TEST_CASE(what_a_driver_leaves_out_is_missing_and_not_zero) {
  const Station s = OneStation("");
  BOOST_TEST(!s.signal_dbm.has_value());
  BOOST_TEST(!s.tx_rate_kbps.has_value());
  BOOST_TEST(!s.tx_packets.has_value());
  BOOST_TEST(!s.inactive_ms.has_value());
  // A rate of zero is what some drivers say before the first frame.
  BOOST_TEST(!OneStation(Nest(NL80211_STA_INFO_TX_BITRATE,
                              Attribute(NL80211_RATE_INFO_BITRATE, Raw<std::uint16_t>(0))))
                  .tx_rate_kbps.has_value());
}

BOOST_AUTO_TEST_CASE(family_surveys_ends_and_errors_are_told_apart) {
  const std::string survey =
      Netlink(kFamily, 6,
              Generic(NL80211_CMD_NEW_SURVEY_RESULTS,
                      Attribute(NL80211_ATTR_IFINDEX, Raw<std::uint32_t>(7)) +
                          Nest(NL80211_ATTR_SURVEY_INFO,
                               Attribute(NL80211_SURVEY_INFO_FREQUENCY, Raw<std::uint32_t>(5180)) +
                                   Attribute(NL80211_SURVEY_INFO_NOISE, Raw<std::int8_t>(-95)) +
                                   Attribute(NL80211_SURVEY_INFO_IN_USE, "") +
                                   Attribute(NL80211_SURVEY_INFO_TIME, Raw<std::uint64_t>(1000)) +
                                   Attribute(NL80211_SURVEY_INFO_TIME_BUSY,
                                             Raw<std::uint64_t>(250)))));
  const auto m = Parse(survey + Netlink(NLMSG_DONE, 6, Raw<std::int32_t>(0)) +
                       Netlink(NLMSG_ERROR, 6, Raw<std::int32_t>(-19) + std::string(16, '\0')));
  BOOST_REQUIRE(m.size() == 3u);
  BOOST_TEST((m[0].kind == Message::Kind::kSurvey));
  BOOST_TEST(m[0].survey.in_use);
  BOOST_TEST(*m[0].survey.noise_dbm == -95);
  BOOST_TEST(*m[0].survey.busy_ms == 250u);
  BOOST_TEST(m[0].interface_index == 7);
  BOOST_TEST((m[1].kind == Message::Kind::kDone));
  BOOST_TEST((m[2].kind == Message::Kind::kError));
  BOOST_TEST(m[2].error == 19);
  const auto family = Parse(
      Netlink(GENL_ID_CTRL, 1,
              Generic(CTRL_CMD_NEWFAMILY, Attribute(CTRL_ATTR_FAMILY_ID,
                                                    Raw<std::uint16_t>(kFamily)))), 0);
  BOOST_REQUIRE(family.size() == 1u);
  BOOST_TEST((family[0].kind == Message::Kind::kFamily));
  BOOST_TEST(family[0].family == kFamily);
}

BOOST_AUTO_TEST_CASE(requests_are_whole_messages) {
  const Bytes dump = StationDump(kFamily, 9, 7);
  std::uint32_t length = 0;
  std::memcpy(&length, dump.data(), sizeof(length));
  BOOST_TEST(length == dump.size());
  const auto seen = ParseMessages(dump, kFamily);  // our own request is no answer
  BOOST_REQUIRE(seen.size() == 1u);
  BOOST_TEST(seen[0].sequence == 9u);
  BOOST_TEST((seen[0].kind == Message::Kind::kOther));
}

BOOST_AUTO_TEST_CASE(cut_and_changed_messages_never_read_outside_and_never_invent_a_station) {
  const std::string whole = StationMessage(Info(1, 2, 3, 4));
  for (std::size_t n = 0; n < whole.size(); ++n) BOOST_TEST(Parse(whole.substr(0, n)).empty());
  rc::check("any bytes", [&whole](std::uint16_t where, std::uint8_t value) {
    std::string changed = whole;
    changed[where % changed.size()] = static_cast<char>(value);
    RC_ASSERT(Parse(changed).size() <= 2u);
  });
}

BOOST_AUTO_TEST_CASE(counters_become_ratios_from_one_sample_to_the_next) {
  WifiSampler sampler;
  sampler.Begin(TimeFromNanos(1));
  sampler.OnStation(OneStation(Info(1000, 100, 10, 50)));
  sampler.End();
  BOOST_TEST(!sampler.Whole()->retry_ratio.has_value());
  sampler.Begin(TimeFromNanos(2));
  sampler.OnStation(OneStation(Info(1090, 145, 20, 51)));
  sampler.End();
  BOOST_TEST(*sampler.Whole()->retry_ratio == 0.5);
  BOOST_TEST(*sampler.Whole()->fail_ratio == 0.1);
}

BOOST_AUTO_TEST_CASE(retries_of_few_frames_are_told_together) {
  WifiSampler sampler;
  auto sample = [&](int at, std::uint32_t packets, std::uint32_t retries) {
    sampler.Begin(TimeFromNanos(at));
    sampler.OnStation(OneStation(Info(packets, retries, 0, 50)));
    sampler.End();
    return sampler.Whole()->retry_ratio;
  };
  BOOST_TEST(!sample(1, 100, 0).has_value());
  BOOST_TEST(!sample(2, 101, 3).has_value());
  BOOST_TEST(!sample(3, 103, 3).has_value());
  BOOST_TEST(*sample(4, 104, 4) == 1.0);
  BOOST_TEST(!sample(5, 105, 7).has_value());
}

BOOST_AUTO_TEST_CASE(a_wrap_is_counted_through_and_a_new_association_is_not) {
  WifiSampler sampler;
  sampler.Begin(TimeFromNanos(1));
  sampler.OnStation(OneStation(Info(0xfffffff0u, 0xfffffffeu, 0, 50)));
  sampler.End();
  sampler.Begin(TimeFromNanos(2));
  sampler.OnStation(OneStation(Info(0x10, 0x0e, 0, 51)));
  sampler.End();
  BOOST_TEST(*sampler.Whole()->retry_ratio == 0.5);
  sampler.Begin(TimeFromNanos(3));
  sampler.OnStation(OneStation(Info(0x400, 0x200, 0, 2)));  // younger: it associated again
  sampler.End();
  BOOST_TEST(!sampler.Whole()->retry_ratio.has_value());
  sampler.Begin(TimeFromNanos(4));
  sampler.OnStation(OneStation(Info(0x3ff, 0x200, 0, 3)));  // one step back is no wrap
  sampler.End();
  BOOST_TEST(!sampler.Whole()->retry_ratio.has_value());
}

BOOST_AUTO_TEST_CASE(a_station_that_left_is_forgotten_and_the_table_is_bounded) {
  WifiSampler sampler;
  sampler.Begin(TimeFromNanos(1));
  for (std::size_t i = 0; i < WifiSampler::kStationsMax + 10; ++i) {
    Station s;
    s.mac = {1, 0, 0, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)};
    sampler.OnStation(s);
  }
  sampler.End();
  BOOST_TEST(sampler.stations() == WifiSampler::kStationsMax);
  BOOST_TEST(!sampler.Whole().has_value());  // of many stations, none speaks for the link
  sampler.Begin(TimeFromNanos(2));
  sampler.End();
  BOOST_TEST(sampler.stations() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage::wifi
