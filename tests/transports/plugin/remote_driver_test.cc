// A plug-in in another process: what it does there, dying too, is a link that is down and returns.
#define BOOST_TEST_MODULE remote_driver_test
#include "transports/plugin/remote_driver.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>

#include "core/random.h"
#include "tests/transports/recording_listener.h"
#include "transports/radios/plugin_link.h"

namespace selvage {
namespace {

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) {}

  std::unique_ptr<PluginLink> Link(RemoteDriver::Options options, const std::string& fault) {
    PluginSettings settings;
    settings.settings = {{"fault", fault}};
    settings.seed = 3;
    auto made = std::make_unique<RemoteDriver>(std::move(options), settings);
    driver = made.get();
    LinkConfig config;
    config.transport = "bad";
    return std::make_unique<PluginLink>(
        TransportContext{config, LinkId(1), *reactor, listener, nullptr, nullptr},
        std::move(made), 5);
  }
  std::unique_ptr<PluginLink> Child(const std::string& fault) {
    RemoteDriver::Options options;
    options.plugin = SELVAGE_BAD_PLUGIN;
    options.program = SELVAGE_HOST_PROGRAM;
    return Link(std::move(options), fault);
  }
  bool Until(const std::function<bool()>& done) { return RunUntil(*reactor, done); }

  std::unique_ptr<Reactor> reactor;
  RecordingListener listener;
  RemoteDriver* driver = nullptr;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(remote_driver, Fixture)

BOOST_AUTO_TEST_CASE(a_killed_process_is_a_link_that_goes_down_and_comes_back) {
  const auto link = Child("none");
  BOOST_REQUIRE(link->Start().ok());
  BOOST_REQUIRE(Until([&] { return listener.up; }));
  BOOST_TEST(listener.info.mtu_bytes == 1452u);  // 200 bytes a unit, cut above
  for (int life = 1; life <= 2; ++life) {
    const pid_t child = driver->process();
    BOOST_REQUIRE(child > 0);
    BOOST_REQUIRE(kill(child, SIGKILL) == 0);
    BOOST_REQUIRE(Until([&] { return !listener.up; }));
    BOOST_TEST_MESSAGE(listener.reason);
    BOOST_TEST(listener.reason.find("ended") != std::string::npos);
    BOOST_REQUIRE(Until([&] { return listener.up; }));
    BOOST_TEST(driver->process() != child);
    BOOST_TEST(driver->restarts() == static_cast<std::uint64_t>(life));
  }
}

BOOST_AUTO_TEST_CASE(a_crash_inside_a_call_does_not_reach_this_process) {
  const auto link = Child("crashes");
  BOOST_REQUIRE(link->Start().ok());
  BOOST_REQUIRE(Until([&] { return listener.up; }));
  link->Send(PeerAddress::From(Bytes(31, 1)), Bytes(20, 2));
  link->Flush();
  BOOST_REQUIRE(Until([&] { return !listener.up; }));
  BOOST_REQUIRE(Until([&] { return listener.up; }));
}

BOOST_AUTO_TEST_CASE(a_hang_is_ended_and_a_stopped_process_too) {
  const auto link = Child("hangs");
  BOOST_REQUIRE(link->Start().ok());
  BOOST_REQUIRE(Until([&] { return listener.up; }));
  link->Send(PeerAddress::From(Bytes(31, 1)), Bytes(20, 2));
  link->Flush();
  BOOST_REQUIRE(Until([&] { return !listener.up; }));
  BOOST_TEST(listener.reason.find("has not answered") != std::string::npos);
  BOOST_REQUIRE(Until([&] { return listener.up; }));
}

BOOST_AUTO_TEST_CASE(what_a_plug_in_refuses_is_told_in_its_own_words) {
  const auto link = Child("never-starts");
  BOOST_REQUIRE(link->Start().ok());
  BOOST_REQUIRE(Until([&] { return listener.reason.find("no such device") != std::string::npos; }));
  BOOST_TEST(!listener.up);
}

BOOST_AUTO_TEST_CASE(telemetry_comes_through_with_its_schema) {
  const auto link = Child("none");
  BOOST_REQUIRE(link->Start().ok());
  BOOST_REQUIRE(Until([&] { return link->Telemetry(PeerAddress::Broadcast()).has_value(); }));
  BOOST_TEST(link->Telemetry(PeerAddress::Broadcast())->signal_dbm.value() == -70);
  BOOST_TEST(link->RadioState().find("battery_v 3.7 V") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_host_that_talks_nonsense_is_left_and_tried_again) {
  const std::string path = "/tmp/selvage-nonsense-" + std::to_string(getpid());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  unlink(path.c_str());
  const int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
  BOOST_REQUIRE(bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  BOOST_REQUIRE(listen(listening, 4) == 0);
  RemoteDriver::Options options;
  options.host_socket = path;
  const auto link = Link(std::move(options), "none");
  BOOST_REQUIRE(link->Start().ok());
  Random random(11);
  int accepted = 0;
  int host = -1;
  BOOST_TEST(Until([&] {
    const int fd = accept(listening, nullptr, nullptr);
    if (fd < 0) return accepted >= 2;
    ++accepted;
    Bytes nonsense(1 + random.Below(500));
    for (auto& b : nonsense) b = static_cast<std::uint8_t>(random.Below(256));
    nonsense[0] = 99;
    [[maybe_unused]] const ssize_t n = send(fd, nonsense.data(), nonsense.size(), MSG_NOSIGNAL);
    if (host >= 0) close(host);
    host = fd;
    return false;
  }));
  BOOST_TEST(!listener.up);
  BOOST_TEST(listener.reason.find("no message") != std::string::npos);
  close(host);
  close(listening);
  unlink(path.c_str());
}

BOOST_AUTO_TEST_CASE(messages_survive_the_wire_and_garbage_is_no_message) {
  selvage_transport_caps caps{};
  caps.flags = 7;
  caps.mtu = 51;
  caps.rate_bps = 1234567;
  caps.budget_renews_ns = -5;
  caps.reason = "why";
  const auto back = DecodeCaps(EncodeCaps(caps));
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST(back->caps.mtu == 51u);
  BOOST_TEST(back->caps.budget_renews_ns == -5);
  BOOST_TEST(back->reason == "why");
  PluginSettings settings;
  settings.interface = "wlan0";
  settings.settings = {{"a", "b"}, {"c", ""}};
  settings.seed = 9;
  const auto created = DecodeCreate(EncodeCreate(settings));
  BOOST_REQUIRE(created.has_value());
  BOOST_TEST((created->settings == settings.settings));
  Random random(17);
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes = i % 2 == 0 ? EncodeCreate(settings) : EncodeCaps(caps);
    const std::size_t at = random.Below(bytes.size());
    bytes[at] = static_cast<std::uint8_t>(random.Below(256));
    bytes.resize(1 + random.Below(bytes.size()));
    DecodeCreate(bytes);
    DecodeCaps(bytes);
    DecodeUnit(bytes);
    DecodeStarted(bytes);
    DecodeAnswer(bytes);
    bytes[0] = static_cast<std::uint8_t>(16 + random.Below(8));
    if (const auto e = DecodeEvent(bytes)) BOOST_TEST(e->values.size() <= SELVAGE_TELEMETRY_MAX);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
