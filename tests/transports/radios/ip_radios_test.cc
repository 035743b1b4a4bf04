// wifi, redcap and satellite carry frames, come and go with their radio, and say what it tells.
//
// The interface is loopback: it is always there, and whoever runs this has it. The modem is played
// by the test (a real ModemManager: tests/transports/modem_manager).
#define BOOST_TEST_MODULE ip_radios_test
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "tests/transports/recording_listener.h"
#include "transports/ip/socket_address.h"
#include "transports/radios/cellular_link.h"
#include "transports/radios/radios.h"
#include "transports/radios/satellite_link.h"
#include "transports/radios/wifi_link.h"
#include "transports/reactor_timer.h"

namespace selvage {
namespace {

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) { RegisterRadios(); }
  LinkConfig Config(const std::string& transport, int own, int other) {
    const std::string at = "127.0.0.1:";
    return {transport, "", at + std::to_string(own), {"udp://" + at + std::to_string(other)}};
  }
  std::unique_ptr<Transport> Make(const LinkConfig& config, RecordingListener& listener) {
    auto made = CreateTransport(config.transport, config, LinkId(1), *reactor, listener);
    BOOST_REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    const absl::Status started = (*made)->Start();
    BOOST_REQUIRE_MESSAGE(started.ok(), started.ToString());
    return *std::move(made);
  }
  std::string Error(const LinkConfig& config) {
    const auto made = CreateTransport(config.transport, config, LinkId(1), *reactor, a);
    return made.ok() ? "" : std::string(made.status().message());
  }
  void CheckReach(Transport& from, RecordingListener& to) {
    to.frames.clear();
    BOOST_REQUIRE(RunUntil(*reactor, [&] {
      if (a.peers.empty()) return false;
      from.Send(a.peers[0], Bytes{1, 2, 3});
      from.Flush();
      return !to.frames.empty();
    }));
    BOOST_TEST(to.frames[0].bytes == (Bytes{1, 2, 3}));
  }
  std::unique_ptr<Reactor> reactor;
  RecordingListener a, b;
};

CellularState Connected(const std::string& interface, std::uint32_t mtu) {
  CellularState s;
  s.state = ModemState::kConnected;
  s.technology = redcap::AccessTechnology::kNrSa;
  s.quality_percent = 60;
  s.nr.rsrp_dbm = -88;
  s.nr.sinr_db = 23;
  s.bearer.emplace();
  s.bearer->connected = true;
  s.bearer->interface = interface;
  s.bearer->mtu_bytes = mtu;
  return s;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(ip_radios, Fixture)

BOOST_AUTO_TEST_CASE(redcap_comes_and_goes_with_the_bearer_of_its_modem) {
  const auto peer = Make(Config("ethernet", 47812, 47811), b);
  TransportContext context{Config("redcap", 47811, 47812), LinkId(1), *reactor, a, nullptr};
  CellularLink::Options options;
  options.bus_address = "unix:path=/nonexistent/selvage-test-bus";  // the test is the modem
  CellularLink link(context, options);
  BOOST_REQUIRE(link.Start().ok());
  BOOST_TEST(a.reason == "there is no modem yet");
  BOOST_TEST(!link.Telemetry({}).has_value());

  CellularState state = Connected("lo", 1400);
  state.state = ModemState::kRegistered;
  link.OnModem(&state);
  BOOST_TEST(a.reason == "the modem is registered");

  state.state = ModemState::kConnected;
  link.OnModem(&state);
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return a.up && b.up && !a.peers.empty(); }));
  BOOST_TEST(a.info.transport == "redcap");
  BOOST_TEST((a.info.tariff == Tariff::kMetered));
  BOOST_TEST((a.info.idle_gap > Duration(0)));
  BOOST_TEST(a.info.mtu_bytes == 1400u - 48u);
  BOOST_TEST(!a.info.broadcast);
  CheckReach(link, b);
  BOOST_TEST(*link.Telemetry({})->rsrp_dbm == -88);
  BOOST_TEST(*link.Telemetry({})->quality == 0.6);
  BOOST_TEST(link.RadioState() == "connected, 5G SA");

  state.bearer->mtu_bytes = 1500;
  link.OnModem(&state);
  BOOST_TEST(a.info.mtu_bytes == 1500u - 48u);

  state.bearer->suspended = true;
  link.OnModem(&state);
  BOOST_TEST(!a.up);
  BOOST_TEST(a.reason == "the modem is connected, its bearer suspended");
  link.OnModem(nullptr);
  BOOST_TEST(a.reason == "there is no modem");

  state.bearer->suspended = false;
  link.OnModem(&state);
  BOOST_TEST(a.up);
  a.peers.clear();
  link.OnModem(nullptr);
  link.OnModem(&state);
  BOOST_TEST(a.peers.size() == 1u);  // told anew: the node forgot them when the link went down
  CheckReach(link, b);
}

BOOST_AUTO_TEST_CASE(redcap_moves_to_the_interface_that_the_modem_came_back_with) {
  TransportContext context{Config("redcap", 47813, 47814), LinkId(1), *reactor, a, nullptr};
  CellularLink::Options options;
  options.bus_address = "unix:path=/nonexistent/selvage-test-bus";
  CellularLink link(context, options);
  BOOST_REQUIRE(link.Start().ok());
  CellularState state = Connected("nosuch0", 1500);
  link.OnModem(&state);
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return a.reason == "interface nosuch0 does not exist"; }));
  state.bearer->interface = "lo";
  link.OnModem(&state);
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return a.up; }));
  BOOST_TEST(a.info.name == "lo");
}

BOOST_AUTO_TEST_CASE(without_modem_manager_the_at_port_tells_of_registration_and_signal) {
  const int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  BOOST_REQUIRE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
  LinkConfig config = Config("redcap", 47815, 47816);
  config.interface = "lo";
  config.options["at_port"] = ptsname(master);
  const auto link = Make(config, a);
  std::string registration = "+CEREG: 0,2\r\n";
  std::string heard;
  // The modem: answers what it knows, with ERROR what it does not.
  const auto modem = [&] {
    char buffer[256];
    const ssize_t n = read(master, buffer, sizeof buffer);
    if (n > 0) heard.append(buffer, static_cast<std::size_t>(n));
    for (std::size_t end; (end = heard.find('\r')) != std::string::npos;) {
      const std::string command = heard.substr(0, end);
      heard.erase(0, end + 1);
      std::string answer = command == "AT+CSQ"      ? "+CSQ: 20,99\r\n"
                           : command == "AT+CESQ"   ? "+CESQ: 99,99,255,255,20,60\r\n"
                           : command == "AT+CEREG?" ? registration
                                                    : "ERROR\r\n";
      if (answer != "ERROR\r\n") answer += "\r\nOK\r\n";
      BOOST_REQUIRE(write(master, answer.data(), answer.size()) > 0);
    }
  };
  const auto wait = [&](const std::function<bool()>& done) {
    reactor->SetTurnEnd([](Time now) { return now + 5ms; });
    const Time limit = reactor->ReadClock() + 20s;
    while (!done() && reactor->ReadClock() < limit) {
      modem();
      reactor->RunOnce();
    }
    return done();
  };
  BOOST_TEST(wait([&] { return !a.up && a.reason == "the modem is not registered in a network"; }));
  registration = "+CEREG: 2,1,\"1A2B\",\"01C2D3E4\",7\r\n";
  BOOST_TEST(wait([&] { return a.up; }));
  const auto t = link->Telemetry({});
  BOOST_REQUIRE(t.has_value());
  BOOST_TEST(*t->signal_dbm == -73);
  BOOST_TEST(*t->rsrp_dbm == -81);
  BOOST_TEST(*t->rsrq_db == -10);
  BOOST_TEST(link->RadioState() == "registered, LTE");
  close(master);
}

BOOST_AUTO_TEST_CASE(a_wifi_link_works_without_nl80211_and_says_that_it_has_no_telemetry) {
  const auto peer = Make(Config("ethernet", 47818, 47817), b);
  LinkConfig config = Config("wifi", 47817, 47818);
  config.interface = "lo";
  const auto link = Make(config, a);
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return a.up && b.up; }));
  BOOST_TEST(a.info.shared);
  BOOST_TEST((a.info.tariff == Tariff::kFree));
  CheckReach(*link, b);
  // Loopback is no Wi-Fi interface, whether this kernel has nl80211 or not.
  BOOST_REQUIRE(RunUntil(*reactor, [&] {
    return link->RadioState().find("nl80211 was not asked") == std::string::npos;
  }));
  BOOST_TEST_MESSAGE(link->RadioState());
  BOOST_TEST(link->RadioState().rfind("no telemetry: ", 0) == 0u);
  BOOST_TEST(!link->Telemetry({}).has_value());
}

BOOST_AUTO_TEST_CASE(a_satellite_link_is_costly_and_tells_the_phase_of_its_slot) {
  const auto peer = Make(Config("ethernet", 47820, 47819), b);
  LinkConfig config = Config("satellite", 47819, 47820);
  const auto link = Make(config, a);
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return a.up; }));
  BOOST_TEST((a.info.tariff == Tariff::kCostly));
  CheckReach(*link, b);
  BOOST_TEST(link->Telemetry({})->slot_phase_s.has_value());
  BOOST_TEST(SlotPhase(60, 12) == 3);
  BOOST_TEST(SlotPhase(27, 12) == 0);
  BOOST_TEST(SlotPhase(11.5, 12) == 14.5);
}

BOOST_AUTO_TEST_CASE(the_mac_of_a_wifi_peer_is_read_from_its_link_local_address) {
  in6_addr address{};
  const std::uint8_t bytes[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 1, 0};
  std::memcpy(&address, bytes, sizeof(bytes));
  const PeerAddress peer = ToPeerAddress(SocketAddress::Ipv6(address, 7700, 3));
  BOOST_REQUIRE(MacOfPeer(peer).has_value());
  BOOST_TEST((*MacOfPeer(peer) == wifi::MacAddress{2, 0, 0, 0, 1, 0}));
  address.s6_addr[11] = 0x17;  // made from something else
  BOOST_TEST(!MacOfPeer(ToPeerAddress(SocketAddress::Ipv6(address, 7700, 3))).has_value());
  BOOST_TEST(!MacOfPeer(PeerAddress::Broadcast()).has_value());
}

BOOST_AUTO_TEST_CASE(sections_that_cannot_work_are_refused_with_a_reason) {
  BOOST_TEST(Error({"wifi", "", "", {}}).find("wlan0") != std::string::npos);
  BOOST_TEST(Error({"redcap", "wwan0", "", {}}).find("name peers") != std::string::npos);
  BOOST_TEST(Error({"satellite", "eth3", "", {}}).find("name peers") != std::string::npos);
  LinkConfig config = Config("redcap", 1, 2);
  config.options["at_port"] = "/dev/ttyUSB2";
  BOOST_TEST(Error(config).find("interface") != std::string::npos);
  config.options["tariff"] = "cheap";
  BOOST_TEST(Error(config).find("free, metered, costly, dear") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
