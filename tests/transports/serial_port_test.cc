// A serial port carries bytes both ways and comes back when its device does.
#define BOOST_TEST_MODULE serial_port_test
#include "transports/serial_port.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <string>

namespace selvage {
namespace {

// A pseudo-terminal under a name that stays, as udev gives to a modem.
struct Device {
  explicit Device(const std::string& name) : link(name) {
    master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    BOOST_REQUIRE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    unlink(link.c_str());
    BOOST_REQUIRE(symlink(ptsname(master), link.c_str()) == 0);
  }
  ~Device() {
    close(master);
    unlink(link.c_str());
  }
  std::string Read() {
    char buffer[256];
    const ssize_t n = read(master, buffer, sizeof buffer);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : "";
  }
  std::string link;
  int master;
};

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) {
    char name[] = "/tmp/selvage-serial-XXXXXX";
    folder = mkdtemp(name);
    port = std::make_unique<SerialPort>(
        *reactor, folder + "/modem", 115200,
        SerialPort::Callbacks{[this] { ++ups; }, [this](const std::string&) { ++downs; },
                              [this](ByteSpan b) { got += b.ToString(); }});
    reactor->SetTurnEnd([this](Time now) {
      if (port->NextDeadline() <= now) port->OnTimeout(now);
      return std::min(port->NextDeadline(), now + Duration(10ms));
    });
  }
  ~Fixture() {
    port.reset();
    rmdir(folder.c_str());
  }
  template <typename Condition>
  bool Wait(Condition condition) {
    const Time end = reactor->ReadClock() + Duration(20s);
    while (!condition() && reactor->ReadClock() < end) reactor->RunOnce();
    return condition();
  }
  std::unique_ptr<Reactor> reactor;
  std::string folder;
  std::unique_ptr<SerialPort> port;
  int ups = 0, downs = 0;
  std::string got;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(serial_port, Fixture)

BOOST_AUTO_TEST_CASE(bytes_pass_raw_in_both_directions) {
  Device device(folder + "/modem");
  BOOST_REQUIRE(Wait([&] { return ups == 1; }));
  const std::string raw("AT\r\n\x03\x04\x11\x13\x00\xff", 10);  // what a cooked terminal would eat
  BOOST_TEST(port->Write(reactor->now(), ByteSpan::Of(raw)));
  std::string at_device;
  BOOST_TEST(Wait([&] { return (at_device += device.Read()).size() >= raw.size(); }));
  BOOST_TEST(at_device == raw);
  BOOST_REQUIRE(write(device.master, raw.data(), raw.size()) == static_cast<ssize_t>(raw.size()));
  BOOST_TEST(Wait([&] { return got.size() >= raw.size(); }));
  BOOST_TEST(got == raw);
}

BOOST_AUTO_TEST_CASE(a_device_that_goes_away_and_returns_is_opened_again) {
  {
    Device device(folder + "/modem");
    BOOST_REQUIRE(Wait([&] { return ups == 1; }));
  }
  BOOST_TEST(Wait([&] { return downs == 1; }));
  BOOST_TEST(!port->up());
  BOOST_TEST(!port->Write(reactor->now(), ByteSpan::Of("x")));
  Device device(folder + "/modem");
  BOOST_TEST(Wait([&] { return ups == 2; }));
  BOOST_TEST(port->Write(reactor->now(), ByteSpan::Of("again")));
  std::string at_device;
  BOOST_TEST(Wait([&] { return (at_device += device.Read()).size() >= 5; }));
  BOOST_TEST(at_device == "again");
}

BOOST_AUTO_TEST_CASE(what_is_not_taken_away_is_bounded) {
  Device device(folder + "/modem");
  BOOST_REQUIRE(Wait([&] { return ups == 1; }));
  std::size_t taken = 0;
  const Bytes block(1000, 'x');
  while (taken < 1'000'000 && port->Write(reactor->now(), block)) taken += block.size();
  BOOST_TEST(taken < 200'000u);
  BOOST_TEST(!SerialPort::IsBaudRate(12345));
  BOOST_TEST(SerialPort::IsBaudRate(9600));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
