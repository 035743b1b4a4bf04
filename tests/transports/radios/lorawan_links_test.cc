// A LoRaWAN device and the gateway's network server as links; modem, air, forwarder are emulated.
#define BOOST_TEST_MODULE lorawan_links_test
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <fstream>

#include "tests/transports/radios/lorawan_air.h"
#include "tests/transports/recording_listener.h"
#include "transports/radios/lorawan_device_link.h"
#include "transports/radios/lorawan_gateway_link.h"
#include "transports/radios/radios.h"

namespace selvage {
namespace {

struct Disk final : TransportStore {
  Store& Records() override { return *records; }
  bool MakeDurable(std::vector<StoreWrite> writes, std::function<void()> done) override {
    if (broken) return false;
    std::string error;
    records->Write(writes, &error);
    done();
    return true;
  }
  WallSeconds wall() const override { return 1'800'000'000; }
  std::unique_ptr<Store> records = NewMemoryStore();
  bool broken = false;
};

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) {
    RegisterRadios();
    BOOST_REQUIRE(mkdtemp(folder) != nullptr);
  }
  ~Fixture() {
    device.reset();
    gateway.reset();
    std::remove(KeysFile().c_str());
    rmdir(folder);
  }
  std::string KeysFile() const { return std::string(folder) + "/keys"; }
  void WriteKeys(const std::string& text) { std::ofstream(KeysFile()) << text; }
  static std::string Line(char of_class) {
    return std::string("70b3d57ed0000001 0000000000000001 000102030405060708090a0b0c0d0e0f ") +
           of_class + "\n";
  }
  std::unique_ptr<Transport> Make(RecordingListener& listener, Disk& disk,
                                  std::map<std::string, std::string> options,
                                  const std::string& listen = "") {
    LinkConfig config;
    config.transport = "lorawan";
    config.listen = listen;
    config.options = std::move(options);
    config.options["keys_file"] = KeysFile();
    auto made = CreateTransport("lorawan", config, LinkId(1), *reactor, listener, nullptr, &disk);
    BOOST_REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    BOOST_REQUIRE((*made)->Start().ok());
    return *std::move(made);
  }
  static std::uint16_t FreePort() {
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof any;
    BOOST_REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&any), size) == 0);
    BOOST_REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&any), &size) == 0);
    close(fd);
    return ntohs(any.sin_port);
  }
  void MakeGateway() {
    const std::string listen = "127.0.0.1:" + std::to_string(FreePort());
    gateway = Make(g, disk_g, {{"mode", "gateway"}, {"poll_s", "60"}}, listen);
    if (air) air->SetServer(Gateway().local().port());
  }
  void MakeDevice(const std::string& dialect, int rate, const std::string& poll = "60") {
    device = Make(d, disk_d,
                  {{"mode", "device"},
                   {"at_port", air->terminal()},
                   {"dialect", dialect},
                   {"data_rate", std::to_string(rate)},
                   {"poll_s", poll}});
  }
  void Set(char of_class, const std::string& dialect, int rate, const std::string& poll = "60") {
    WriteKeys(Line(of_class));
    air.emplace(dialect == "st" ? modem::LoraDialect::kStAtSlave : modem::LoraDialect::kRui3,
                ReadLorawanKeys(KeysFile())->front());
    MakeGateway();
    MakeDevice(dialect, rate, poll);
    BOOST_REQUIRE(Wait([&] { return d.up && g.up && g.peers.size() == 1; }));
    BOOST_TEST(air->joins == 1);
  }
  const LorawanGatewayLink& Gateway() {
    return dynamic_cast<const LorawanGatewayLink&>(*gateway);
  }
  bool Wait(const std::function<bool()>& done, Duration most = 30s) {
    reactor->SetTurnEnd([](Time now) { return now + 2ms; });
    const Time limit = reactor->ReadClock() + most;
    while (!done() && reactor->ReadClock() < limit) {
      if (air) air->Turn(reactor->ReadClock());
      reactor->RunOnce();
    }
    return done();
  }
  Bytes Pattern(std::size_t n) {
    Bytes b(n);
    for (std::size_t i = 0; i < n; ++i) b[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    return b;
  }
  void Up(std::size_t bytes) {
    device->Send(PeerAddress::From(Bytes{0}), Pattern(bytes));
    device->Flush();
  }
  void Down(std::size_t bytes) {
    gateway->Send(g.peers.at(0), Pattern(bytes));
    gateway->Flush();
  }
  char folder[32] = "/tmp/selvage-lorawan-XXXXXX";
  std::unique_ptr<Reactor> reactor;
  std::optional<LorawanAir> air;
  RecordingListener d, g;
  Disk disk_d, disk_g;
  std::unique_ptr<Transport> device, gateway;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(lorawan_links, Fixture)

BOOST_AUTO_TEST_CASE(class_a_hears_an_answer_because_it_asks_and_long_frames_come_in_parts) {
  Set('A', "rui3", 5);
  BOOST_TEST(d.info.transport == "lorawan");
  BOOST_TEST(!d.info.broadcast);
  BOOST_TEST(d.info.slow);
  BOOST_TEST((d.info.tariff == Tariff::kDear));
  BOOST_TEST((d.info.patience == Duration(45s)));
  BOOST_TEST((g.info.patience == Duration(60s)));
  BOOST_TEST(d.peers.size() == 1u);
  Up(40);
  BOOST_REQUIRE(Wait([&] { return g.frames.size() == 1; }));
  BOOST_TEST(g.frames[0].bytes == Pattern(40));
  BOOST_TEST((g.frames[0].from == g.peers[0]));
  Down(300);  // 242 bytes a frame at DR5
  BOOST_REQUIRE(Wait([&] { return d.frames.size() == 1; }));
  BOOST_TEST(d.frames[0].bytes == Pattern(300));
  BOOST_TEST(air->downlinks == 2);
  BOOST_TEST(air->uplinks >= 4);  // the join, the frame, and two questions
  BOOST_TEST(*gateway->Telemetry({})->signal_dbm == -71);
  BOOST_TEST(*device->Telemetry({})->signal_dbm == -80);
  BOOST_TEST(*device->Telemetry({})->duty_used > 0);
  BOOST_TEST(gateway->RadioState().find("1 of 1 devices joined") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(class_c_is_sent_to_at_once_one_frame_after_the_other) {
  Set('C', "st", 3);
  BOOST_TEST((g.info.patience == Duration(45s)));
  const int before = air->uplinks;
  Down(24);
  Down(30);
  BOOST_REQUIRE(Wait([&] { return d.frames.size() == 2; }));
  BOOST_TEST(d.frames[0].bytes == Pattern(24));
  BOOST_TEST(d.frames[1].bytes == Pattern(30));
  BOOST_TEST(air->uplinks == before);  // nobody asked
  for (const std::string& ack : air->tx_acks) BOOST_TEST(ack == "NONE");
  Up(110);  // whole at DR3: 115 bytes
  BOOST_REQUIRE(Wait([&] { return g.frames.size() == 1; }));
  BOOST_TEST(air->longest_uplink == 111u);
  BOOST_TEST(*gateway->Telemetry({})->duty_used > 0);
}

BOOST_AUTO_TEST_CASE(a_window_that_the_forwarder_missed_is_followed_by_the_next_one) {
  Set('A', "st", 5);
  const auto refused = Gateway().server_counters().too_late;
  air->tx_errors = {"TOO_LATE"};
  Down(40);
  Up(20);
  BOOST_REQUIRE(Wait([&] { return d.frames.size() == 1; }));
  BOOST_TEST(d.frames[0].bytes == Pattern(40));
  BOOST_TEST(Gateway().server_counters().too_late == refused + 1);
  // Both windows missed: with the next uplink.
  air->tx_errors = {"COLLISION_PACKET", "TOO_LATE"};
  Down(41);
  Up(21);
  BOOST_REQUIRE(Wait([&] { return d.frames.size() == 2; }));
  BOOST_TEST(d.frames[1].bytes == Pattern(41));
}

BOOST_AUTO_TEST_CASE(a_unit_that_the_modem_refused_for_its_duty_cycle_leaves_later) {
  Set('A', "rui3", 5);
  air->duty_refusals = 1;
  const Time begun = reactor->ReadClock();
  Up(40);
  BOOST_REQUIRE(Wait([&] { return g.frames.size() == 1; }));
  BOOST_TEST((reactor->ReadClock() - begun >= LorawanDeviceLink::kDutyRetryFirst));
  BOOST_TEST(device->RadioState().find("refused for its duty cycle 1 time") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_gateway_that_restarts_goes_on_with_the_counters_of_its_earlier_life) {
  Set('A', "rui3", 5);
  Up(40);
  Down(33);
  BOOST_REQUIRE(Wait([&] { return g.frames.size() == 1 && d.frames.size() == 1; }));
  gateway.reset();
  g = RecordingListener();
  MakeGateway();
  BOOST_REQUIRE(Wait([&] { return g.up && g.peers.size() == 1; }));
  BOOST_TEST(*gateway->Telemetry({})->budget_used == 0);
  Up(41);
  BOOST_REQUIRE(Wait([&] { return g.frames.size() == 1; }));
  BOOST_TEST(Gateway().server_counters().duplicates_or_forged == 0u);
  Down(34);
  BOOST_REQUIRE(Wait([&] { return d.frames.size() == 2; }));  // a counter used twice is not opened
  BOOST_TEST(air->joins == 1);
}

BOOST_AUTO_TEST_CASE(what_is_not_on_disk_is_not_on_air) {
  Set('C', "rui3", 5);
  disk_d.broken = disk_g.broken = true;
  const int uplinks = air->uplinks;
  const std::size_t acks = air->tx_acks.size();
  Up(20);
  Down(20);
  Wait([] { return false; }, 1500ms);
  BOOST_TEST(air->uplinks == uplinks);
  BOOST_TEST(air->tx_acks.size() == acks);
  disk_d.broken = disk_g.broken = false;
  BOOST_TEST(Wait([&] { return d.frames.size() == 1 && g.frames.size() == 1; }));
}

BOOST_AUTO_TEST_CASE(control_frames_end_with_their_two_thousandths_of_a_day) {
  Set('C', "rui3", 0);
  // At SF12 51 bytes are 2.8 s; long frames have half of 172.8 s, the hour's law allows 36 s.
  for (std::size_t i = 0; i < 30; ++i) {
    gateway->SendControl(g.peers.at(0), Pattern(200 + i));
  }
  gateway->Flush();
  Wait([&] { return air->down_air_s > 12; });
  BOOST_TEST(air->down_air_s > 12);
  BOOST_TEST(*gateway->Telemetry({})->budget_used > 0.05);
  BOOST_TEST(*gateway->Telemetry({})->budget_used <= 0.5);
}

BOOST_AUTO_TEST_CASE(without_a_forwarder_the_link_is_down_and_says_so) {
  WriteKeys(Line('C'));
  MakeGateway();
  BOOST_TEST(Wait([&] { return g.reason.find("no packet forwarder") != std::string::npos; }));
  BOOST_TEST(!g.up);
}

BOOST_AUTO_TEST_CASE(sections_and_key_files_that_cannot_work_say_what_would) {
  const auto error = [&](std::map<std::string, std::string> options, const char* listen = "") {
    LinkConfig config;
    config.transport = "lorawan";
    config.listen = listen;
    config.options = std::move(options);
    return std::string(
        CreateTransport("lorawan", config, LinkId(1), *reactor, d).status().message());
  };
  const auto says = [](const std::string& text, const char* what) {
    BOOST_TEST_MESSAGE(text);
    return text.find(what) != std::string::npos;
  };
  std::map<std::string, std::string> device_options{
      {"mode", "device"}, {"at_port", "/dev/x"}, {"keys_file", KeysFile()}};
  BOOST_TEST(says(error({{"mode", "satellite"}}), "\"p2p\", \"device\", \"gateway\""));
  BOOST_TEST(says(error({{"mode", "device"}}), "at_port"));
  BOOST_TEST(says(error({{"mode", "device"}, {"at_port", "/dev/x"}}), "keys_file"));
  BOOST_TEST(says(error({{"mode", "gateway"}}), "keys_file"));
  BOOST_TEST(says(error({{"mode", "gateway"}, {"power_dbm", "3"}}), "power_dbm means nothing"));
  BOOST_TEST(says(error({{"at_port", "/dev/x"}, {"keys_file", "/x"}}), "keys_file means nothing"));
  BOOST_TEST(says(error(device_options, "127.0.0.1:1"), "no interface, listen or peers"));
  BOOST_TEST(says(error(device_options), "cannot be read"));
  WriteKeys(Line('A'));
  BOOST_TEST(error(device_options).empty());
  device_options["dialect"] = "hayes";
  BOOST_TEST(says(error(device_options), "\"st\""));
  device_options.erase("dialect");
  device_options["region"] = "US915";
  device_options["data_rate"] = "0";  // 11 bytes
  BOOST_TEST(says(error(device_options), "data_rate is 0"));
  device_options.erase("region");
  WriteKeys(Line('A') + Line('C'));
  BOOST_TEST(says(error(device_options), "keys:2: this DevEUI is listed already"));
  WriteKeys(Line('A') + "70b3d57ed0000002" + Line('C').substr(16));
  BOOST_TEST(says(error(device_options), "2 devices"));
  BOOST_TEST(error({{"mode", "gateway"}, {"keys_file", KeysFile()}}).empty());
  WriteKeys(Line('B'));
  BOOST_TEST(says(error(device_options), "A or C"));
  WriteKeys("70b3 00 11 A\n");
  BOOST_TEST(says(error(device_options), "keys:1: a device is DevEUI"));
  WriteKeys("# nothing\n");
  BOOST_TEST(says(error(device_options), "lists no device"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
