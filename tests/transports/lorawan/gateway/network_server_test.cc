// A packet forwarder and devices, emulated, against the network server: joins, windows, faults.
#define BOOST_TEST_MODULE network_server_test
#include "transports/lorawan/gateway/network_server.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/hex.h"

namespace selvage::lorawan {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kDevEui = 0x1122334455667788, kJoinEui = 0xaabbccddeeff0011;

RootKeys Roots(Version version) {
  RootKeys root{HexArray<16>("98929b92c49edba9676d646d3b612456"), {}};
  root.app = root.nwk;
  if (version == Version::kV11) root.app[0] ^= 1;
  return root;
}

// An end device: radio and counters of its own.
struct EndDevice {
  explicit EndDevice(Version v) : version(v) {}
  Bytes Join() {
    request = {kJoinEui, kDevEui, ++nonce};
    return SealJoinRequest(request, Roots(version).nwk);
  }
  bool OnAccept(ByteSpan phy) {
    const auto accept = OpenJoinAccept(phy, request, Roots(version).nwk);
    if (!accept) return false;
    session.emplace(Role::kDevice, accept->dev_addr,
                    DeriveSessionKeys(*accept, request, Roots(version)));
    return true;
  }
  Bytes Up(const std::string& text, bool confirmed = false, Bytes fopts = {}, bool adr = false) {
    OutgoingFrame f;
    f.fport = 5;
    f.payload = ByteSpan::Of(text).ToBytes();
    f.confirmed = confirmed;
    f.fopts = std::move(fopts);
    f.adr = adr;
    f.tx_data_rate = 5;
    return session->Seal(f)->phy;
  }
  Version version;
  JoinRequest request;
  std::uint16_t nonce = 0;
  std::optional<Session> session;
};

// Gateways behind a network with delay. The concentrator's clock is the virtual time in
// microseconds plus an offset, so that it wraps in the middle of the tests.
struct World {
  explicit World(Version version = Version::kV10, bool class_c = false, int rx_delay_s = 1)
      : device(version),
        random(5),
        store(NewMemoryStore()),
        class_c_(class_c),
        rx_delay_s_(rx_delay_s) {
    Boot();
    Pull(1);
  }
  void Boot() {
    server = std::make_unique<NetworkServer>(Eu868(), &random, rx_delay_s_);
    ServerDevice d;
    d.dev_eui = kDevEui;
    d.join_eui = kJoinEui;
    d.version = device.version;
    d.root = Roots(device.version);
    d.class_c = class_c_;
    BOOST_REQUIRE(server->AddDevice(d, *store));
    server->Restore(now, 0, *store);
  }
  std::uint32_t Clock(Time t) const {
    return static_cast<std::uint32_t>(ToMicros(t - Time()) + 4'290'000'000);
  }
  Bytes Head(int type, std::uint64_t eui) {
    Bytes out(12);
    ByteWriter w(out);
    w.U8(2);
    w.U16(++token);
    w.U8(static_cast<std::uint8_t>(type));
    w.U64(eui);
    return out;
  }
  PeerAddress AddressOf(std::uint64_t eui) {
    const Bytes b{static_cast<std::uint8_t>(eui)};
    return PeerAddress::From(b);
  }
  void Pull(std::uint64_t eui) {
    server->OnDatagram(now, AddressOf(eui), Head(2, eui));
    Drain();
  }
  // A frame on air that gateways hear; they tell the server after `uplink_delay`.
  void Air(const Bytes& phy, std::vector<std::uint64_t> gateways = {1}, int snr = 9) {
    const std::uint32_t heard = Clock(now);
    now += uplink_delay;
    for (std::uint64_t eui : gateways) {
      const Json json = {{"rxpk",
                          {{{"tmst", heard},
                            {"freq", 868.1},
                            {"stat", 1},
                            {"modu", "LORA"},
                            {"datr", "SF7BW125"},
                            {"codr", "4/5"},
                            {"rssi", -60},
                            {"lsnr", snr},
                            {"size", phy.size()},
                            {"data", EncodeBase64(phy)}}}}};
      Bytes datagram = Head(0, eui);
      const std::string text = json.dump();
      datagram.insert(datagram.end(), text.begin(), text.end());
      server->OnDatagram(now, AddressOf(eui), datagram);
      Drain();
    }
  }
  // What the gateway does with PULL_RESP: late or early is answered with an error.
  void OnPullResp(const PeerAddress& to, ByteSpan datagram) {
    const std::string text = datagram.Sub(4).ToString();
    const Json tx = Json::parse(text).at("txpk");
    const Time at = now + downlink_delay;
    std::string error = "NONE";
    if (!tx.value("imme", false)) {
      const std::int32_t ahead =
          static_cast<std::int32_t>(tx.at("tmst").get<std::uint32_t>() - Clock(at));
      if (ahead < 1500) error = "TOO_LATE";  // the concentrator wants it 1.5 ms ahead
      BOOST_TEST(ahead < 20'000'000);
    }
    if (!scripted_errors.empty()) {
      error = scripted_errors.front();
      scripted_errors.pop_front();
    }
    if (error == "NONE") {
      on_air.push_back(tx);
      const auto phy = DecodeBase64(tx.at("data").get<std::string>());
      BOOST_REQUIRE(phy.has_value());
      frames.push_back(*phy);
    }
    if (acks_lost) return;
    Bytes ack(12);
    ByteWriter w(ack);
    w.U8(2);
    w.U8(datagram[1]);
    w.U8(datagram[2]);
    w.U8(5);
    w.U64(to.bytes[0]);
    const std::string json = "{\"txpk_ack\":{\"error\":\"" + error + "\"}}";
    ack.insert(ack.end(), json.begin(), json.end());
    pending_acks.emplace_back(to, ack);
  }
  void Drain() {
    while (true) {
      while (std::optional<ServerEffect> e = server->PollEffect()) OnEffect(*e);
      if (pending_acks.empty()) return;
      const auto [to, ack] = pending_acks.front();
      pending_acks.pop_front();
      server->OnDatagram(now, to, ack);
    }
  }
  void OnEffect(const ServerEffect& e) {
    if (auto* persist = std::get_if<ServerPersist>(&e)) {
      std::string error;
      BOOST_REQUIRE(store->Write(persist->writes, &error));
    }
    if (auto* send = std::get_if<ServerSend>(&e)) {
      ++replies[send->bytes[3]];
      if (send->bytes[3] == 3) OnPullResp(send->to, send->bytes);
    }
    if (auto* got = std::get_if<ServerReceived>(&e)) received.push_back(*got);
    if (auto* result = std::get_if<ServerDownResult>(&e)) results.push_back(*result);
    if (std::get_if<ServerJoined>(&e)) ++joined;
  }
  void JoinDevice() {
    Air(device.Join());
    BOOST_REQUIRE(!frames.empty());
    BOOST_REQUIRE(device.OnAccept(frames.back()));
    now += Duration(10s);
    Pull(1);
  }
  bool Send(std::uint64_t t, const std::string& text, bool confirmed = false) {
    const bool taken = server->Send(now, kDevEui, t, 7, confirmed, ByteSpan::Of(text));
    Drain();
    return taken;
  }

  EndDevice device;
  Random random;
  std::unique_ptr<Store> store;
  std::unique_ptr<NetworkServer> server;
  Time now;
  std::uint16_t token = 0;
  Duration uplink_delay{20ms}, downlink_delay{20ms};
  std::deque<std::string> scripted_errors;
  bool acks_lost = false;
  std::vector<Json> on_air;
  std::vector<Bytes> frames;
  std::deque<std::pair<PeerAddress, Bytes>> pending_acks;
  std::vector<ServerReceived> received;
  std::vector<ServerDownResult> results;
  std::map<int, int> replies;
  int joined = 0;

 private:
  bool class_c_;
  int rx_delay_s_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(network_server)

BOOST_AUTO_TEST_CASE(frames_of_every_spreading_factor_are_read) {
  for (int sf = 7; sf <= 12; ++sf) {
    const Json json = {{"rxpk",
                        {{{"tmst", 1},
                          {"freq", 868.1},
                          {"stat", 1},
                          {"modu", "LORA"},
                          {"datr", "SF" + std::to_string(sf) + "BW125"},
                          {"data", "QPF9vkk="}}}}};
    Bytes datagram{2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const std::string text = json.dump();
    datagram.insert(datagram.end(), text.begin(), text.end());
    const auto in = ParseFromGateway(datagram);
    BOOST_REQUIRE(in.has_value());
    BOOST_REQUIRE(in->frames.size() == 1u);
    BOOST_TEST(in->frames[0].spreading_factor == sf);
    BOOST_TEST(in->frames[0].bandwidth_hz == 125000);
  }
}

BOOST_AUTO_TEST_CASE(a_device_joins_and_talks_both_ways_in_both_versions) {
  for (const Version version : {Version::kV10, Version::kV11}) {
    World w(version);
    w.JoinDevice();
    BOOST_TEST(w.joined == 1);
    w.Air(w.device.Up("hello"));
    BOOST_REQUIRE(w.received.size() == 1u);
    BOOST_TEST(ByteSpan(w.received[0].payload).ToString() == "hello");
    BOOST_TEST(w.received[0].port == 5);
    BOOST_TEST(w.received[0].snr_deci_db == 90);
    BOOST_TEST(w.Send(1, "down"));
    w.now += Duration(1s);
    const std::size_t before = w.frames.size();
    w.Air(w.device.Up("again"));
    BOOST_REQUIRE(w.frames.size() == before + 1);
    const auto got = w.device.session->Open(w.frames.back());
    BOOST_REQUIRE(got.has_value());
    BOOST_TEST(ByteSpan(got->frame.payload).ToString() == "down");
    BOOST_REQUIRE(w.results.size() == 1u);
    BOOST_TEST((w.results[0].outcome == DownOutcome::kOnAir));
    BOOST_TEST(w.replies[1] == 3);  // each PUSH_DATA is acknowledged
  }
}

BOOST_AUTO_TEST_CASE(the_first_window_opens_one_second_after_the_uplink_and_five_after_a_join) {
  World w;
  const std::uint32_t start = w.Clock(w.now);
  w.JoinDevice();
  BOOST_TEST(w.on_air[0].at("tmst").get<std::uint32_t>() - start == 5'000'000u);
  BOOST_TEST(w.on_air[0].at("ipol").get<bool>());
  BOOST_TEST(w.on_air[0].at("datr").get<std::string>() == "SF7BW125");
  w.Send(1, "x");
  const std::uint32_t up = w.Clock(w.now);
  w.Air(w.device.Up("y"));
  BOOST_TEST(w.on_air[1].at("tmst").get<std::uint32_t>() - up == 1'000'000u);
}

BOOST_AUTO_TEST_CASE(a_frame_too_late_for_the_first_window_takes_the_second) {
  World w;
  w.JoinDevice();
  w.downlink_delay = 1200ms;
  w.Send(1, "late");
  const std::uint32_t up = w.Clock(w.now);
  w.Air(w.device.Up("y"));
  BOOST_TEST(w.on_air.back().at("tmst").get<std::uint32_t>() - up == 2'000'000u);
  BOOST_TEST(w.on_air.back().at("freq").get<double>() == 869.525);
  BOOST_TEST(w.on_air.back().at("datr").get<std::string>() == "SF12BW125");
  BOOST_TEST((w.results.back().outcome == DownOutcome::kOnAir));
  BOOST_TEST(w.device.session->Open(w.frames.back()).has_value());
  BOOST_TEST(w.server->counters().too_late == 1u);
}

BOOST_AUTO_TEST_CASE(a_slow_way_to_the_gateway_needs_a_longer_receive_delay) {
  World w(Version::kV10, false, 5);
  w.JoinDevice();
  w.downlink_delay = 3s;
  w.Send(1, "slow");
  const std::uint32_t up = w.Clock(w.now);
  w.Air(w.device.Up("y"));
  BOOST_TEST(w.on_air.back().at("tmst").get<std::uint32_t>() - up == 5'000'000u);
}

BOOST_AUTO_TEST_CASE(a_frame_that_missed_all_windows_goes_with_the_next_uplink_or_fails) {
  World w;
  w.JoinDevice();
  w.downlink_delay = 3s;
  w.Send(1, "patient");
  w.Air(w.device.Up("a"));
  BOOST_TEST(w.results.empty());
  w.downlink_delay = 20ms;
  w.now += Duration(5s);
  w.Air(w.device.Up("b"));
  BOOST_REQUIRE(w.results.size() == 1u);
  BOOST_TEST((w.results[0].outcome == DownOutcome::kOnAir));
  const auto got = w.device.session->Open(w.frames.back());
  BOOST_REQUIRE(got.has_value());
  BOOST_TEST(ByteSpan(got->frame.payload).ToString() == "patient");
  w.downlink_delay = 3s;
  w.Send(2, "hopeless");
  for (int i = 0; i < NetworkServer::kDownTriesMax; ++i) {
    w.now += Duration(5s);
    w.Air(w.device.Up("c"));
  }
  BOOST_REQUIRE(w.results.size() == 2u);
  BOOST_TEST((w.results[1].outcome == DownOutcome::kFailed));
}

BOOST_AUTO_TEST_CASE(a_collision_in_the_gateway_counts_like_being_late) {
  World w;
  w.JoinDevice();
  w.scripted_errors = {"COLLISION_PACKET"};
  w.Send(1, "x");
  w.Air(w.device.Up("y"));
  BOOST_TEST((w.results.back().outcome == DownOutcome::kOnAir));
  BOOST_TEST(w.on_air.back().at("freq").get<double>() == 869.525);
}

BOOST_AUTO_TEST_CASE(a_lost_tx_ack_is_reported_as_unknown) {
  World w;
  w.JoinDevice();
  w.acks_lost = true;
  w.Send(1, "x");
  w.Air(w.device.Up("y"));
  BOOST_TEST(w.results.empty());
  w.now += Duration(11s);
  w.Pull(1);
  BOOST_REQUIRE(w.results.size() == 1u);
  BOOST_TEST((w.results[0].outcome == DownOutcome::kUnknown));
}

BOOST_AUTO_TEST_CASE(an_uplink_heard_by_two_gateways_is_delivered_once) {
  World w;
  w.Pull(2);
  w.JoinDevice();
  w.Air(w.device.Up("once"), {2, 1});
  BOOST_TEST(w.received.size() == 1u);
  BOOST_TEST(w.server->counters().duplicates_or_forged == 1u);
}

BOOST_AUTO_TEST_CASE(a_confirmed_uplink_is_acknowledged_and_a_confirmed_downlink_answered) {
  World w;
  w.JoinDevice();
  w.Air(w.device.Up("please", true));
  const auto ack = w.device.session->Open(w.frames.back());
  BOOST_REQUIRE(ack.has_value());
  BOOST_TEST(ack->acknowledges);
  w.now += Duration(3s);
  w.Send(9, "and you", true);
  w.Air(w.device.Up("go on"));
  BOOST_REQUIRE(w.device.session->Open(w.frames.back()).has_value());
  w.now += Duration(3s);
  w.Air(w.device.Up("yes"));
  BOOST_REQUIRE(w.results.size() == 2u);
  BOOST_TEST((w.results[1].outcome == DownOutcome::kAnswered));
  BOOST_TEST(w.results[1].token == 9u);
}

BOOST_AUTO_TEST_CASE(class_c_is_reached_at_once) {
  World w(Version::kV10, true);
  w.JoinDevice();
  const std::size_t before = w.frames.size();
  BOOST_TEST(w.Send(1, "now"));
  BOOST_REQUIRE(w.frames.size() == before + 1);
  BOOST_TEST(w.on_air.back().at("imme").get<bool>());
  BOOST_TEST(w.device.session->Open(w.frames.back()).has_value());
}

BOOST_AUTO_TEST_CASE(after_a_restart_the_session_goes_on_and_old_frames_stay_refused) {
  for (const Version version : {Version::kV10, Version::kV11}) {
    World w(version);
    w.JoinDevice();
    const Bytes join_again = SealJoinRequest(w.device.request, Roots(version).nwk);
    const Bytes old = w.device.Up("old");
    w.Air(old);
    w.Boot();
    w.Pull(1);
    w.Air(old);
    BOOST_TEST(w.received.size() == 1u);
    w.Air(w.device.Up("new"));
    BOOST_TEST(w.received.size() == 2u);
    w.Air(join_again);  // a replayed join must not end the session
    BOOST_TEST(w.joined == 1);
    BOOST_TEST(w.server->counters().joins_refused == 1u);
    w.Send(1, "still there");
    w.now += Duration(2s);
    w.Air(w.device.Up("newer"));
    BOOST_TEST(w.device.session->Open(w.frames.back()).has_value());
  }
}

BOOST_AUTO_TEST_CASE(the_gateway_keeps_its_duty_cycle_over_a_day) {
  World w;
  w.JoinDevice();
  std::uint64_t t = 0;
  std::map<int, Duration> air;  // by sub-band
  std::size_t seen = w.on_air.size();
  const Time end = w.now + Duration(3h);
  while (w.now < end) {
    w.Send(++t, std::string(40, 'd'));
    w.now += Duration(1s);
    w.Pull(1);
    w.Air(w.device.Up("u"));
    for (; seen < w.on_air.size(); ++seen) {
      const bool rx2 = w.on_air[seen].at("freq").get<double>() > 869;
      LoraModulation m;
      m.spreading_factor = rx2 ? 12 : 7;
      m.crc = false;
      air[rx2] += LoraTimeOnAir(m, w.on_air[seen].at("size").get<std::size_t>());
    }
  }
  BOOST_TEST(ToSeconds(air[0]) <= 3 * 36.0);
  BOOST_TEST(ToSeconds(air[0]) > 2.5 * 34.0);
  BOOST_TEST(ToSeconds(air[1]) <= 3 * 360.0);
  BOOST_TEST(w.server->counters().duty_limited > 0u);
}

BOOST_AUTO_TEST_CASE(mac_commands_are_answered_and_a_strong_device_is_made_quieter) {
  World w;
  w.JoinDevice();
  w.Air(w.device.Up("x", false, {0x02}));  // LinkCheckReq
  auto got = w.device.session->Open(w.frames.back());
  BOOST_REQUIRE(got.has_value());
  const MacCommands answers = ParseMacCommands(Direction::kDown, got->frame.fopts);
  BOOST_REQUIRE(answers.commands.size() == 1u);
  const auto check = DecodeLinkCheckAnswer(answers.commands[0]);
  BOOST_TEST((check && check->margin_db == 16 && check->gateways == 1));  // 9 + 7.5 dB
  std::optional<LinkAdrRequest> asked;
  for (int i = 0; i < 25 && !asked; ++i) {
    w.now += Duration(10s);
    w.Pull(1);
    const std::size_t before = w.frames.size();
    w.Air(w.device.Up("x", false, {}, true));
    if (w.frames.size() == before) continue;
    got = w.device.session->Open(w.frames.back());
    for (const MacCommand& c : ParseMacCommands(Direction::kDown, got->frame.fopts).commands) {
      if (!asked) asked = DecodeLinkAdrRequest(c);
    }
  }
  BOOST_REQUIRE(asked.has_value());
  BOOST_TEST(asked->data_rate == 5);
  BOOST_TEST(asked->tx_power == 2);  // 9 + 7.5 - 10 dB to spare: two steps
  BOOST_TEST(asked->channel_mask == 7);
}

BOOST_AUTO_TEST_CASE(frames_for_nobody_and_for_a_silent_gateway_go_nowhere) {
  World w;
  BOOST_TEST(!w.Send(1, "not joined"));
  w.JoinDevice();
  BOOST_TEST(!w.server->Send(w.now, 99, 1, 7, false, ByteSpan::Of("x")));
  BOOST_TEST(!w.server->Send(w.now, kDevEui, 1, 0, false, ByteSpan::Of("x")));
  BOOST_TEST(!w.server->Send(w.now, kDevEui, 1, 7, false, Bytes(243, 0)));
  for (std::size_t i = 0; i < NetworkServer::kQueueMax; ++i) BOOST_TEST(w.Send(i, "q"));
  BOOST_TEST(!w.Send(99, "q"));
  w.now += Duration(2min);
  const std::size_t before = w.frames.size();
  w.Air(w.device.Up("x"));  // its PULL_DATA stopped
  BOOST_TEST(w.frames.size() == before);
}

BOOST_AUTO_TEST_CASE(base64_is_read_in_every_spelling) {
  BOOST_TEST(EncodeBase64(Hex("fbff")) == "+/8=");
  for (const char* text : {"+/8=", "+/8", "-_8", "-_8="}) {
    BOOST_TEST((DecodeBase64(text) == Hex("fbff")), text);
  }
  BOOST_TEST(!DecodeBase64("a").has_value());
  BOOST_TEST(!DecodeBase64("ab!d").has_value());
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    Bytes in(random.Below(50));
    for (auto& b : in) b = static_cast<std::uint8_t>(random.Below(256));
    BOOST_TEST((DecodeBase64(EncodeBase64(in)) == in));
  }
}

BOOST_AUTO_TEST_CASE(garbage_from_the_network_is_dropped_and_bounded) {
  World w;
  w.JoinDevice();
  Random random(3);
  const std::string real =
      "{\"rxpk\":[{\"tmst\":1,\"freq\":868.1,\"stat\":1,\"modu\":\"LORA\",\"datr\":\"SF7BW125\","
      "\"rssi\":-60,\"lsnr\":9,\"data\":\"QPF9vkkAAgABlUN4disR/w0=\"}],\"stat\":{\"rxnb\":1}}";
  for (int i = 0; i < 20000; ++i) {
    Bytes datagram = w.Head(static_cast<int>(random.Below(7)), random.Below(40));
    std::string text = real;
    for (std::uint64_t n = random.Below(4); n > 0; --n) {
      text[random.Below(text.size())] = static_cast<char>(random.Below(256));
    }
    if (random.Below(4) == 0) text.resize(random.Below(text.size()));
    datagram.insert(datagram.end(), text.begin(), text.end());
    if (random.Below(8) == 0) datagram.resize(random.Below(datagram.size()));
    w.server->OnDatagram(w.now, w.AddressOf(3), datagram);
    int effects = 0;
    while (w.server->PollEffect()) ++effects;
    BOOST_TEST(effects <= 3);
  }
  BOOST_TEST(w.received.empty());
  // Nested deeper than any message of the protocol: refused without harm.
  Bytes deep = w.Head(0, 1);
  deep.insert(deep.end(), 60000, '[');
  w.server->OnDatagram(w.now, w.AddressOf(1), deep);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage::lorawan
