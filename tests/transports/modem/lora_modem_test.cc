// One driver speaks both dialects of LoRa modems, and gets over what modems do to it.
#define BOOST_TEST_MODULE lora_modem_test
#include "transports/modem/lora_modem.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/hex.h"
#include "tests/transports/modem/lora_emulator.h"
#include "transports/lorawan/air/modulation.h"
#include "transports/lorawan/air/region.h"

namespace selvage::modem {
namespace {

LoraModemConfig Device(LoraDialect dialect) {
  LoraModemConfig config;
  config.dialect = dialect;
  config.identity = {Hex("0011223344556677"), Hex("8899aabbccddeeff"),
                     Hex("2b7e151628aed2a6abf7158809cf4f3c")};
  return config;
}

LoraModemConfig PeerToPeer() {
  LoraModemConfig config;
  config.peer_to_peer = true;
  return config;
}

// The driver and an emulated modem on virtual time.
struct Bench {
  explicit Bench(const LoraModemConfig& config)
      : random(1),
        ledger(lorawan::Eu868()),
        emulator(config.dialect),
        modem(config, &random, &ledger) {
    modem.OnPortUp(now);
    Drain();
  }
  void Drain() {
    while (std::optional<LoraEffect> e = modem.PollEffect()) {
      if (auto* write = std::get_if<LoraWrite>(&*e)) {
        const std::string answer = emulator.OnBytes(write->bytes);
        if (!answer.empty()) modem.OnBytes(now, ByteSpan::Of(answer));
      }
      if (auto* result = std::get_if<LoraTxResult>(&*e)) results.push_back(*result);
      if (auto* got = std::get_if<LoraReceived>(&*e)) received.push_back(*got);
      if (auto* down = std::get_if<LoraDown>(&*e)) downs.push_back(down->reason);
      if (std::get_if<LoraReady>(&*e)) ++ready;
      if (auto* persist = std::get_if<LoraPersist>(&*e)) persists += persist->writes.size();
    }
  }
  void Say(const std::string& text) {
    modem.OnBytes(now, ByteSpan::Of(text));
    Drain();
  }
  void RunFor(Duration d) {
    const Time end = now + d;
    while (modem.NextDeadline() <= end) {
      now = std::max(now, modem.NextDeadline());
      modem.OnTimeout(now);
      Drain();
    }
    now = end;
  }
  bool Send(std::uint64_t token, const std::string& text, bool confirmed = false) {
    const bool taken = modem.Send(now, token, 5, confirmed, ByteSpan::Of(text));
    Drain();
    return taken;
  }

  Time now;
  Random random;
  lorawan::DutyLedger ledger;
  LoraEmulator emulator;
  LoraModem modem;
  std::vector<LoraTxResult> results;
  std::vector<LoraReceived> received;
  std::vector<std::string> downs;
  int ready = 0;
  std::size_t persists = 0;
};

constexpr LoraDialect kBoth[] = {LoraDialect::kStAtSlave, LoraDialect::kRui3};

}  // namespace

BOOST_AUTO_TEST_SUITE(lora_modem)

BOOST_AUTO_TEST_CASE(a_device_joins_and_sends_in_both_dialects) {
  for (LoraDialect dialect : kBoth) {
    Bench b(Device(dialect));
    BOOST_TEST(b.ready == 1);
    BOOST_TEST(b.Send(1, "plain"));
    BOOST_TEST(b.Send(2, "please", true));
    BOOST_REQUIRE(b.results.size() == 2u);
    BOOST_TEST((b.results[0].outcome == LoraOutcome::kSent));
    BOOST_TEST((b.results[1].outcome == LoraOutcome::kAcknowledged));
    const std::vector<std::string> wanted = {"5:706c61696e", "5:706c65617365"};
    BOOST_TEST(b.emulator.uplinks == wanted, boost::test_tools::per_element());
    const auto has = [&](const std::string& c) {
      return std::count(b.emulator.commands.begin(), b.emulator.commands.end(), c);
    };
    BOOST_TEST(has(dialect == LoraDialect::kStAtSlave ? "AT+DEUI=00:11:22:33:44:55:66:77"
                                                      : "AT+DEUI=0011223344556677") == 1);
    BOOST_TEST(has("AT+CLASS=C") == 1);
  }
}

BOOST_AUTO_TEST_CASE(downlinks_are_read_with_their_signal_in_all_spellings) {
  for (LoraDialect dialect : kBoth) {
    Bench b(Device(dialect));
    b.Say(b.emulator.Downlink(5, Hex("0102ff")));
    BOOST_REQUIRE(b.received.size() == 1u);
    BOOST_TEST(b.received[0].port == 5);
    BOOST_TEST(ToHex(b.received[0].payload) == "0102ff");
    BOOST_REQUIRE(b.received[0].signal.has_value());
    BOOST_TEST(b.received[0].signal->rssi_dbm == -60);
    BOOST_TEST(b.received[0].signal->snr_db == 11);
  }
  Bench early(Device(LoraDialect::kRui3));
  early.Say("+EVT:RX_1, RSSI -71, SNR 9\r\n+EVT:UNICAST\r\n+EVT:2:beef\r\n");
  BOOST_REQUIRE(early.received.size() == 1u);
  BOOST_TEST(early.received[0].port == 2);
  BOOST_TEST(early.received[0].signal->rssi_dbm == -71);
}

BOOST_AUTO_TEST_CASE(a_reception_whose_signal_never_comes_is_told_all_the_same) {
  Bench b(Device(LoraDialect::kStAtSlave));
  b.Say("+EVT:5:2:abcd\r\n");
  BOOST_TEST(b.received.empty());
  b.RunFor(1s);
  BOOST_REQUIRE(b.received.size() == 1u);
  BOOST_TEST(!b.received[0].signal.has_value());
}

BOOST_AUTO_TEST_CASE(malformed_lines_are_nothing) {
  for (const char* line :
       {"+EVT:", "+EVT:5:3:abcd", "+EVT:999:2:abcd", "+EVT:5:2:abc", "+EVT:RX_1:-60:x:UNICAST:5:ab",
        "+EVT:RXP2P:-1:2:zz", "+EVT:RXP2P:1:2:3:4", "AT+DEUI=AT_ERROR", "+EVT:RX_1", "", ":::::"}) {
    for (LoraDialect dialect : kBoth) {
      const auto kind = ParseLoraLine(dialect, line).kind;
      BOOST_TEST((kind == LoraLine::Kind::kOther), line);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_confirmed_uplink_without_an_answer_ends_by_our_own_timer) {
  Bench b(Device(LoraDialect::kStAtSlave));
  b.emulator.scripted.emplace("AT+SEND=", "OK\r\n");
  b.Send(1, "x", true);
  BOOST_TEST(b.results.empty());
  b.RunFor(LoraModem::kSendTimeout + Duration(1s));
  BOOST_REQUIRE(b.results.size() == 1u);
  BOOST_TEST((b.results[0].outcome == LoraOutcome::kNotAcknowledged));
  b.Send(2, "y", true);
  BOOST_TEST((b.results.back().outcome == LoraOutcome::kAcknowledged));
}

BOOST_AUTO_TEST_CASE(a_busy_modem_is_asked_again_and_a_duty_limit_is_unknown) {
  Bench b(Device(LoraDialect::kRui3));
  b.emulator.scripted.emplace("AT+SEND=", "AT_BUSY_ERROR\r\n");
  b.Send(1, "x");
  BOOST_TEST(b.results.empty());
  b.RunFor(2s);
  BOOST_REQUIRE(b.results.size() == 1u);
  BOOST_TEST((b.results[0].outcome == LoraOutcome::kSent));
  b.emulator.scripted.emplace("AT+SEND=", "AT_DUTYCYLE_RESTRICTED\r\n");
  b.Send(2, "y");
  BOOST_TEST((b.results.back().outcome == LoraOutcome::kUnknown));
  BOOST_TEST(b.modem.counters().duty_limited == 1u);
  b.Send(3, "z");
  BOOST_TEST((b.results.back().outcome == LoraOutcome::kSent));
}

BOOST_AUTO_TEST_CASE(an_event_ahead_of_its_answer_does_not_shift_the_next_one) {
  Bench b(Device(LoraDialect::kRui3));
  b.emulator.scripted.emplace("AT+SEND=", "+EVT:TX_DONE\r\nOK\r\n");
  b.emulator.scripted.emplace("AT+SEND=", "AT_PARAM_ERROR\r\n");
  b.Send(1, "x");
  b.Send(2, "y");
  BOOST_REQUIRE(b.results.size() == 2u);
  BOOST_TEST((b.results[0].outcome == LoraOutcome::kSent));
  BOOST_TEST((b.results[1].outcome == LoraOutcome::kFailed));
}

BOOST_AUTO_TEST_CASE(a_failed_join_is_tried_again_later_and_later) {
  LoraModemConfig config = Device(LoraDialect::kRui3);
  Random random(2);
  LoraEmulator emulator(LoraDialect::kRui3);
  for (int i = 0; i < 6; ++i) {
    emulator.scripted.emplace("AT+JOIN=", "OK\r\n+EVT:JOIN_FAILED_RX_TIMEOUT\r\n");
  }
  LoraModem modem(config, &random, nullptr);
  Time now;
  modem.OnPortUp(now);
  std::vector<double> pauses;
  int ready = 0;
  while (ready == 0 && now < Time() + Duration(1h)) {
    while (std::optional<LoraEffect> e = modem.PollEffect()) {
      if (auto* write = std::get_if<LoraWrite>(&*e)) {
        modem.OnBytes(now, ByteSpan::Of(emulator.OnBytes(write->bytes)));
      }
      if (std::get_if<LoraDown>(&*e)) pauses.push_back(ToSeconds(modem.NextDeadline() - now));
      if (std::get_if<LoraReady>(&*e)) ++ready;
    }
    if (ready == 0) {
      now = modem.NextDeadline();
      modem.OnTimeout(now);
    }
  }
  BOOST_TEST(ready == 1);
  BOOST_REQUIRE(pauses.size() == 6u);
  BOOST_TEST((pauses[0] >= 4 && pauses[0] <= 6));
  BOOST_TEST(pauses[5] > 100);
}

BOOST_AUTO_TEST_CASE(a_modem_that_lost_its_network_joins_again) {
  Bench b(Device(LoraDialect::kStAtSlave));
  b.emulator.joined = false;
  b.Send(1, "x");
  BOOST_TEST((b.results.back().outcome == LoraOutcome::kFailed));
  BOOST_TEST(b.downs.size() == 1u);
  b.RunFor(30s);
  BOOST_TEST(b.ready == 2);
  b.Send(2, "y");
  BOOST_TEST((b.results.back().outcome == LoraOutcome::kSent));
}

BOOST_AUTO_TEST_CASE(a_silent_modem_is_reset_for_ever_and_works_when_it_comes_back) {
  Bench b(Device(LoraDialect::kRui3));
  b.emulator.silent = true;
  b.Send(1, "x");
  b.RunFor(2h);
  BOOST_TEST((b.results.back().outcome == LoraOutcome::kUnknown));
  BOOST_TEST(b.modem.counters().resets >= 2u);
  BOOST_TEST(!b.modem.ready());
  b.emulator.silent = false;
  b.RunFor(20min);
  BOOST_TEST(b.modem.ready());
}

BOOST_AUTO_TEST_CASE(peers_exchange_raw_frames_within_the_duty_cycle) {
  Bench b(PeerToPeer());
  BOOST_TEST(b.ready == 1);
  BOOST_TEST(b.emulator.commands.back() == "AT+PRECV=65534");
  b.Say("+EVT:RXP2P:-90:-7:c0ffee\r\n");
  BOOST_REQUIRE(b.received.size() == 1u);
  BOOST_TEST(b.received[0].signal->snr_db == -7);
  const std::string frame(100, 'f');
  std::uint64_t token = 0;
  while (b.now < Time() + Duration(6h)) {
    b.Send(token++, frame);
    b.RunFor(20s);
  }
  BOOST_TEST((b.results.front().outcome == LoraOutcome::kSent));
  // SF9, 100 bytes: 574 ms each, 36 s an hour less the reserve.
  lorawan::LoraModulation m;
  m.spreading_factor = 9;
  const double each = ToSeconds(lorawan::LoraTimeOnAir(m, 100));
  const double sent = static_cast<double>(b.emulator.uplinks.size()) * each;
  BOOST_TEST(sent <= 6 * 36.0);
  BOOST_TEST(sent > 5 * 33.0);
  BOOST_TEST(b.persists >= b.emulator.uplinks.size());
  BOOST_TEST(b.modem.counters().duty_limited > 0u);
  BOOST_TEST(b.emulator.commands.back() == "AT+PRECV=65534");  // listening again after each
}

BOOST_AUTO_TEST_CASE(the_queue_is_bounded_and_sizes_are_checked) {
  Bench b(Device(LoraDialect::kRui3));
  b.emulator.silent = true;
  std::size_t taken = 0;
  while (b.modem.Send(b.now, taken, 1, false, ByteSpan::Of("x"))) ++taken;
  BOOST_TEST(taken == LoraModem::kQueueMax);
  Bench c(Device(LoraDialect::kRui3));
  BOOST_TEST(!c.modem.Send(c.now, 1, 0, false, ByteSpan::Of("x")));
  BOOST_TEST(!c.modem.Send(c.now, 1, 224, false, ByteSpan::Of("x")));
  BOOST_TEST(!c.modem.Send(c.now, 1, 1, false, Bytes(243, 0)));
  BOOST_TEST(!c.modem.Send(c.now, 1, 1, false, {}));
}

BOOST_AUTO_TEST_CASE(garbage_from_the_modem_is_survived) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    Bench b(seed % 2 ? Device(LoraDialect::kRui3) : PeerToPeer());
    constexpr const char* kLines[] = {"OK\r\n",
                                      "AT_ERROR\r\n",
                                      "+EVT:JOINED\r\n",
                                      "+EVT:TX_DONE\r\n",
                                      "+EVT:SEND_CONFIRMED_OK\r\n",
                                      "+EVT:TXP2P DONE\r\n",
                                      "+EVT:RXP2P RECEIVE TIMEOUT\r\n",
                                      "AT_BUSY_ERROR\r\n",
                                      "+EVT:JOIN FAILED\r\n",
                                      "AT_NO_NETWORK_JOINED\r\n"};
    for (int i = 0; i < 2000; ++i) {
      if (random.Below(3) == 0) {
        Bytes rubbish(random.Below(60));
        for (auto& c : rubbish) c = static_cast<std::uint8_t>(random.Below(256));
        b.modem.OnBytes(b.now, rubbish);
      } else {
        b.modem.OnBytes(b.now, ByteSpan::Of(kLines[random.Below(std::size(kLines))]));
      }
      b.Drain();
      b.Send(static_cast<std::uint64_t>(i), "x", random.Below(2) != 0);
      b.RunFor(Duration(static_cast<std::int64_t>(random.Below(5'000'000'000))));
    }
    BOOST_TEST(b.results.size() > 0u);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage::modem
