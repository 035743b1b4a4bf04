// Two LoRa modems on pseudo-terminals share the air; frames of any length cross it, within budget.
#define BOOST_TEST_MODULE lora_link_test
#include "transports/radios/lora_link.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "tests/transports/recording_listener.h"
#include "transports/radios/radios.h"

namespace selvage {
namespace {

// A modem that speaks RUI3 in peer-to-peer mode, behind a pseudo-terminal.
struct Modem {
  Modem() {
    master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    BOOST_REQUIRE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    // Kept open here, so that the terminal survives the link that uses it.
    keep = open(ptsname(master), O_RDWR | O_NOCTTY);
  }
  ~Modem() {
    close(master);
    close(keep);
  }
  void Say(const std::string& line) {
    const std::string text = line + "\r\n";
    BOOST_REQUIRE(write(master, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  int master = -1, keep = -1;
  std::string input;
  bool listening = false;
};

struct Store2 final : TransportStore {
  Store& Records() override { return *records; }
  bool MakeDurable(std::vector<StoreWrite> writes, std::function<void()> done) override {
    if (broken) return false;
    std::string error;
    records->Write(writes, &error);
    ++persisted;
    done();
    return true;
  }
  WallSeconds wall() const override { return 1'800'000'000; }
  std::unique_ptr<Store> records = NewMemoryStore();
  bool broken = false;
  int persisted = 0;
};

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) { RegisterRadios(); }
  std::unique_ptr<Transport> Make(Modem& modem, RecordingListener& listener, int sf,
                                  TransportStore* store) {
    LinkConfig config;
    config.transport = "lorawan";
    config.options = {{"at_port", ptsname(modem.master)},
                      {"spreading_factor", std::to_string(sf)}};
    auto made = CreateTransport("lorawan", config, LinkId(1), *reactor, listener, nullptr, store);
    BOOST_REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    BOOST_REQUIRE((*made)->Start().ok());
    return *std::move(made);
  }
  // The modems answer, and what one sends all others that listen hear.
  void Air() {
    for (Modem* m : modems) {
      char buffer[1024];
      const ssize_t n = read(m->master, buffer, sizeof buffer);
      if (n > 0) m->input.append(buffer, static_cast<std::size_t>(n));
      for (std::size_t end; (end = m->input.find('\r')) != std::string::npos;) {
        const std::string command = m->input.substr(0, end);
        m->input.erase(0, m->input.find_first_not_of("\r\n", end));
        if (command.rfind("AT+PRECV=", 0) == 0) m->listening = command != "AT+PRECV=0";
        m->Say("OK");
        if (command.rfind("AT+PSEND=", 0) != 0) continue;
        const std::string hex = command.substr(9);
        units.push_back(hex);
        m->Say("+EVT:TXP2P DONE");
        for (Modem* other : modems) {
          if (other != m && other->listening && !lose) other->Say("+EVT:RXP2P:-97:6:" + hex);
        }
      }
    }
  }
  bool Wait(const std::function<bool()>& done, Duration most = 20s) {
    reactor->SetTurnEnd([](Time now) { return now + 2ms; });
    const Time limit = reactor->ReadClock() + most;
    while (!done() && reactor->ReadClock() < limit) {
      Air();
      reactor->RunOnce();
    }
    return done();
  }
  Bytes Pattern(std::size_t n) {
    Bytes b(n);
    for (std::size_t i = 0; i < n; ++i) b[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    return b;
  }
  std::unique_ptr<Reactor> reactor;
  Modem ma, mb;
  std::vector<Modem*> modems{&ma, &mb};
  std::vector<std::string> units;
  bool lose = false;
  RecordingListener a, b;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(lora_link, Fixture)

BOOST_AUTO_TEST_CASE(frames_longer_than_a_unit_cross_and_the_sender_can_be_answered) {
  const auto la = Make(ma, a, 9, nullptr);
  const auto lb = Make(mb, b, 9, nullptr);
  BOOST_REQUIRE(Wait([&] { return a.up && b.up && ma.listening && mb.listening; }));
  BOOST_TEST(a.info.transport == "lorawan");
  BOOST_TEST(a.info.slow);
  BOOST_TEST(a.info.broadcast);
  BOOST_TEST((a.info.tariff == Tariff::kDear));
  BOOST_TEST(a.info.mtu_bytes == 1452u);
  la->SendControl(PeerAddress::Broadcast(), Pattern(22));
  la->Flush();
  BOOST_REQUIRE(Wait([&] { return b.frames.size() == 1; }));
  BOOST_TEST(units.size() == 1u);
  lb->Send(b.frames[0].from, Pattern(400));
  lb->Flush();
  BOOST_REQUIRE(Wait([&] { return a.frames.size() == 1; }));
  BOOST_TEST(a.frames[0].bytes == Pattern(400));
  BOOST_TEST(units.size() == 1u + 4u);  // 121 bytes in each part at SF9
  const auto t = lb->Telemetry(b.frames[0].from);
  BOOST_TEST(*t->signal_dbm == -97);
  BOOST_TEST(*t->snr_db == 6);
  BOOST_TEST(*t->duty_used > 0);
  BOOST_TEST(la->counters().frames_sent == 1u);
  BOOST_TEST(la->counters().frames_received == 1u);
}

BOOST_AUTO_TEST_CASE(control_frames_end_with_their_budget_and_a_restart_does_not_renew_it) {
  Store2 store;
  const PeerAddress somebody = PeerAddress::From(Bytes{0x12, 0x34});
  std::size_t sent = 0;
  {
    const auto la = Make(ma, a, 12, &store);
    BOOST_REQUIRE(Wait([&] { return a.up && ma.listening; }));
    // Full units at SF12 take 2.8 s of 172.8 s; the hour allows 36 s at 1 %.
    for (int i = 0; i < 20; ++i) {
      la->SendControl(somebody, Pattern(59));
      la->Flush();
      const std::size_t before = units.size();
      Wait([&] { return units.size() > before; }, 300ms);
    }
    sent = units.size();
    BOOST_TEST(sent >= 10u);
    BOOST_TEST(sent <= 13u);  // 36 s less the reserve for an acknowledgement
    BOOST_TEST(store.persisted >= static_cast<int>(sent));
    BOOST_TEST(*la->Telemetry({})->duty_used > 0.8);
    BOOST_TEST(*la->Telemetry({})->budget_used > 0.15);
  }
  a = RecordingListener();
  ma.listening = false;
  const auto la = Make(ma, a, 12, &store);
  BOOST_REQUIRE(Wait([&] { return a.up && ma.listening; }));
  BOOST_TEST(*la->Telemetry({})->duty_used > 0.8);
  BOOST_TEST(*la->Telemetry({})->budget_used > 0.15);
  la->SendControl(somebody, Pattern(59));
  la->Flush();
  Wait([&] { return units.size() > sent; }, 300ms);
  BOOST_TEST(units.size() == sent);
}

BOOST_AUTO_TEST_CASE(nothing_is_on_air_before_its_air_time_is_on_disk) {
  Store2 store;
  store.broken = true;
  const auto la = Make(ma, a, 9, &store);
  BOOST_REQUIRE(Wait([&] { return a.up && ma.listening; }));
  la->SendControl(PeerAddress::Broadcast(), Pattern(22));
  la->Flush();
  Wait([&] { return !units.empty(); }, 500ms);
  BOOST_TEST(units.empty());
  store.broken = false;
  BOOST_TEST(Wait([&] { return !units.empty(); }));
}

BOOST_AUTO_TEST_CASE(the_link_goes_with_its_modem_and_comes_back) {
  LinkConfig config;
  config.transport = "lorawan";
  char folder[] = "/tmp/selvage-lora-XXXXXX";
  BOOST_REQUIRE(mkdtemp(folder) != nullptr);
  const std::string port = std::string(folder) + "/modem";
  config.options = {{"at_port", port}};
  auto made = CreateTransport("lorawan", config, LinkId(1), *reactor, a);
  BOOST_REQUIRE(made.ok());
  BOOST_REQUIRE((*made)->Start().ok());
  BOOST_TEST(Wait([&] { return a.reason == "there is no serial port " + port; }));
  {
    Modem plugged;
    modems = {&plugged};
    BOOST_REQUIRE(symlink(ptsname(plugged.master), port.c_str()) == 0);
    BOOST_TEST(Wait([&] { return a.up; }));
    Wait([] { return false; }, 2500ms);  // long settled: no timer of the modem's start is left
    unlink(port.c_str());
    modems.clear();
  }
  BOOST_TEST(Wait([&] { return !a.up; }));
  modems = {&ma};
  BOOST_REQUIRE(symlink(ptsname(ma.master), port.c_str()) == 0);
  BOOST_TEST(Wait([&] { return a.up; }));
  made->reset();
  unlink(port.c_str());
  rmdir(folder);
}

BOOST_AUTO_TEST_CASE(channels_where_nobody_may_send_are_refused) {
  LinkConfig config;
  config.transport = "lorawan";
  const auto error = [&] {
    return std::string(
        CreateTransport("lorawan", config, LinkId(1), *reactor, a).status().message());
  };
  BOOST_TEST(error().find("at_port") != std::string::npos);
  config.options = {{"at_port", "/dev/ttyUSB0"}, {"frequency_hz", "433000000"}};
  BOOST_TEST(error().find("lets nobody send") != std::string::npos);
  config.options = {{"at_port", "/dev/ttyUSB0"}, {"region", "EU433"}};
  BOOST_TEST(error().find("EU868") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
