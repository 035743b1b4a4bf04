// A plug-in that lies, babbles or never stops cannot make the link above it do the same.
#define BOOST_TEST_MODULE plugin_link_test
#include "transports/radios/plugin_link.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <deque>
#include <utility>

#include "tests/transports/recording_listener.h"

namespace selvage {
namespace {

// What a test lets a plug-in say.
struct ScriptedDriver final : PluginDriver {
  absl::Status Start(Time now) override {
    ++starts;
    return start;
  }
  void Stop(Time now) override {}
  selvage_transport_caps Caps(Time now) override { return caps; }
  int Send(Time now, const selvage_unit& unit, std::int64_t* retry_at_ns) override {
    ++sends;
    if (result == SELVAGE_SEND_ACCEPTED) {
      sent.push_back(ByteSpan(unit.data, unit.data_size).ToBytes());
    }
    if (shrink_to != 0) caps.mtu = std::exchange(shrink_to, 0);
    if (retry) *retry_at_ns = ToNanos(now) + *retry;
    return std::exchange(result, then);
  }
  int fd() override { return descriptor; }
  std::int64_t NextDeadline() override { return deadline; }
  bool NextEvent(Time now, selvage_event* event) override {
    ++asked;
    if (events.empty()) return false;
    *event = events.front();
    events.pop_front();
    return true;
  }
  std::vector<selvage_telemetry_field> Schema() override { return schema; }

  absl::Status start;
  selvage_transport_caps caps{};
  int result = SELVAGE_SEND_ACCEPTED;
  int then = SELVAGE_SEND_ACCEPTED;
  std::optional<std::int64_t> retry;
  std::uint32_t shrink_to = 0;
  int descriptor = -1;
  std::int64_t deadline = 0;  // asked every millisecond
  std::deque<selvage_event> events;
  std::vector<selvage_telemetry_field> schema;
  std::vector<Bytes> sent;
  int starts = 0;
  int sends = 0;
  int asked = 0;
};

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) {
    LinkConfig config;
    config.transport = "scripted";
    auto made = std::make_unique<ScriptedDriver>();
    driver = made.get();
    driver->caps.struct_size = sizeof(driver->caps);
    driver->caps.flags = SELVAGE_LINK_UP | SELVAGE_LINK_CAN_SEND_NOW | SELVAGE_LINK_BROADCAST;
    driver->caps.mtu = 100;
    link = std::make_unique<PluginLink>(
        TransportContext{config, LinkId(1), *reactor, listener, nullptr, nullptr},
        std::move(made), 5);
  }
  void Up() {
    BOOST_REQUIRE(link->Start().ok());
    BOOST_REQUIRE(RunUntil(*reactor, [&] { return listener.up; }));
  }
  bool Until(const std::function<bool()>& done) { return RunUntil(*reactor, done); }
  selvage_event Received(const Bytes& from, const Bytes& data) {
    selvage_event e{};
    e.struct_size = sizeof(e);
    e.kind = SELVAGE_EVENT_RECEIVED;
    e.address = from.data();
    e.address_size = static_cast<std::uint32_t>(from.size());
    e.data = data.data();
    e.data_size = static_cast<std::uint32_t>(data.size());
    return e;
  }
  void Tell(const selvage_event& e) {
    driver->events.push_back(e);
    BOOST_TEST(Until([&] { return driver->events.empty(); }));
  }

  std::unique_ptr<Reactor> reactor;
  RecordingListener listener;
  ScriptedDriver* driver = nullptr;
  std::unique_ptr<PluginLink> link;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(plugin_link, Fixture)

BOOST_AUTO_TEST_CASE(frames_are_cut_to_the_units_of_the_moment) {
  Up();
  BOOST_TEST(listener.info.mtu_bytes == 1452u);
  link->Send(PeerAddress::Broadcast(), Bytes(500, 7));
  link->Flush();
  BOOST_TEST(driver->sent.size() == 6u);  // 97 bytes a part
  for (const Bytes& unit : driver->sent) BOOST_TEST(unit.size() <= 100u);
  // The medium shrinks while a frame is on its way: that frame is cut anew, to the new size.
  driver->sent.clear();
  driver->result = SELVAGE_SEND_TOO_BIG;
  driver->shrink_to = 40;
  link->Send(PeerAddress::Broadcast(), Bytes(300, 7));
  link->Flush();
  BOOST_TEST(driver->sent.size() == 9u);  // 37 bytes a part
  for (const Bytes& unit : driver->sent) BOOST_TEST(unit.size() <= 40u);
  BOOST_TEST(Until([&] { return listener.info.mtu_bytes == 32 * 37u; }));
}

BOOST_AUTO_TEST_CASE(too_big_for_what_is_not_ends_with_that_frame) {
  Up();
  driver->result = driver->then = SELVAGE_SEND_TOO_BIG;
  link->Send(PeerAddress::Broadcast(), Bytes(50, 7));
  link->Flush();
  BOOST_TEST(driver->sends < 4);
  BOOST_TEST(link->faults().caps > 0u);
  BOOST_TEST(link->counters().send_errors == 1u);
}

BOOST_AUTO_TEST_CASE(units_too_long_and_events_without_sense_are_dropped_and_counted) {
  Up();
  const Bytes from(8, 1);
  const Bytes huge(5000, 2);
  Tell(Received(from, huge));
  BOOST_TEST(link->faults().too_long == 1u);
  selvage_event e = Received(from, huge);
  e.data = nullptr;
  e.data_size = 10;
  Tell(e);
  const Bytes long_address(32, 1);
  const Bytes unit{0x50, 1, 2, 3};
  Tell(Received(long_address, unit));
  Tell(Received({}, unit));
  e.kind = 77;
  Tell(e);
  BOOST_TEST(link->faults().events == 4u);
  BOOST_TEST(listener.frames.empty());
  Tell(Received(from, unit));
  BOOST_REQUIRE(listener.frames.size() == 1u);
  BOOST_TEST((listener.frames[0].bytes == Bytes{1, 2, 3}));
  BOOST_TEST(link->RadioState().find("faults") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_wild_time_to_retry_is_brought_into_reason) {
  Up();
  driver->result = driver->then = SELVAGE_SEND_BUSY;
  driver->retry = -1'000'000'000;
  link->Send(PeerAddress::Broadcast(), Bytes(50, 7));
  link->Flush();
  BOOST_TEST(driver->sends == 1);  // not again and again in one turn
  BOOST_TEST(link->faults().retries == 1u);
  driver->retry = std::int64_t{400} * 24 * 3600 * 1'000'000'000;
  BOOST_TEST(Until([&] { return driver->sends >= 2; }));
  BOOST_TEST(link->faults().retries >= 2u);
  // And an event that it can send again ends the wait.
  driver->result = driver->then = SELVAGE_SEND_ACCEPTED;
  selvage_event e{};
  e.kind = SELVAGE_EVENT_CAPS;
  Tell(e);
  BOOST_TEST(driver->sent.size() == 1u);
}

BOOST_AUTO_TEST_CASE(senseless_capabilities_take_the_link_down_not_the_node) {
  driver->caps.mtu = 2;
  BOOST_REQUIRE(link->Start().ok());
  BOOST_REQUIRE(Until([&] { return !listener.reason.empty(); }));
  BOOST_TEST(listener.reason.find("too few") != std::string::npos);
  BOOST_TEST(!listener.up);
  driver->caps.mtu = 4'000'000'000u;
  driver->caps.tariff = 99;
  driver->caps.rate_bps = UINT64_MAX;
  selvage_event e{};
  e.kind = SELVAGE_EVENT_CAPS;
  Tell(e);
  BOOST_TEST(listener.up);
  BOOST_TEST(listener.info.mtu_bytes == 1452u);
  BOOST_TEST(listener.info.rate_bps == 0u);
  BOOST_TEST((listener.info.tariff == Tariff::kDear));
  BOOST_TEST(link->faults().caps >= 3u);
}

BOOST_AUTO_TEST_CASE(a_descriptor_that_is_always_readable_does_not_keep_the_node_awake) {
  driver->descriptor = eventfd(1, EFD_NONBLOCK);
  driver->deadline = SELVAGE_NEVER;
  Up();
  const int before = driver->asked;
  const Time end = reactor->ReadClock() + 300ms;
  RunUntil(*reactor, [&] {
    reactor->SetTurnEnd([&](Time) { return end; });
    return reactor->ReadClock() >= end;
  });
  // 65 wakes, then 100 ms of rest: not the tens of thousands of a loop.
  BOOST_TEST(driver->asked - before < 500);
  BOOST_TEST(link->faults().empty_wakes >= 1u);
  close(driver->descriptor);
}

BOOST_AUTO_TEST_CASE(one_that_cannot_start_is_tried_again) {
  driver->start = absl::UnavailableError("no such device");
  BOOST_REQUIRE(link->Start().ok());
  BOOST_REQUIRE(Until([&] { return listener.reason.find("no such device") != std::string::npos; }));
  BOOST_TEST(driver->starts == 1);
  driver->start = absl::OkStatus();
  BOOST_TEST(Until([&] { return listener.up; }));
  BOOST_TEST(driver->starts == 2);
}

BOOST_AUTO_TEST_CASE(a_budget_it_tells_is_kept_by_the_host_too) {
  driver->caps.has_budget = 1;
  driver->caps.budget_bytes_left = 120;
  driver->caps.budget_renews_ns = SELVAGE_NEVER;
  Up();
  for (int i = 0; i < 3; ++i) link->Send(PeerAddress::Broadcast(), Bytes(50, 7));
  link->Flush();
  BOOST_TEST(driver->sent.size() == 2u);  // 51 bytes each with their header
  BOOST_TEST(link->counters().send_errors == 1u);
}

BOOST_AUTO_TEST_CASE(telemetry_keeps_to_its_schema_or_is_missing) {
  driver->schema = {{sizeof(selvage_telemetry_field), 0, "signal_dbm", "dBm", -120, 0},
                    {sizeof(selvage_telemetry_field), 0, "snr_db", "bananas", 0, 1},
                    {sizeof(selvage_telemetry_field), 0, "battery_v", "V", 0, 20},
                    {sizeof(selvage_telemetry_field), 0, "no name", "", 0, 1}};
  Up();
  const double values[] = {-60, 0.5, 3.7, 0.5};
  selvage_event e{};
  e.kind = SELVAGE_EVENT_TELEMETRY;
  e.values = values;
  e.value_count = 4;
  e.present = 0xff;
  Tell(e);
  auto t = link->Telemetry(PeerAddress::Broadcast());
  BOOST_REQUIRE(t.has_value());
  BOOST_TEST(t->signal_dbm.value() == -60);
  BOOST_TEST(!t->snr_db.has_value());  // in another unit it is another thing
  BOOST_TEST(link->RadioState().find("battery_v 3.7 V") != std::string::npos);
  const double wrong[] = {-600, 0.5, 3.7, 0.5};
  e.values = wrong;
  Tell(e);
  BOOST_TEST(!link->Telemetry(PeerAddress::Broadcast())->signal_dbm.has_value());
  e.present = 0;  // absent is absent
  Tell(e);
  BOOST_TEST(!link->Telemetry(PeerAddress::Broadcast())->signal_dbm.has_value());
}

BOOST_AUTO_TEST_CASE(a_plug_in_that_is_linked_in_has_its_name_and_no_other) {
  char error[128] = "";
  selvage_transport_api api{};
  BOOST_TEST(selvage_transport_register(&api, error, sizeof(error)) == -1);
  BOOST_TEST(std::string(error).find("version 0") != std::string::npos);
  api.struct_size = sizeof(api);
  api.abi_version = SELVAGE_TRANSPORT_ABI;
  api.name = "lorawan";
  api.create = [](const selvage_transport_config*, selvage_transport**, char* e, size_t n) {
    std::snprintf(e, n, "not today");
    return -1;
  };
  api.destroy = [](selvage_transport*) {};
  api.start = [](selvage_transport*, int64_t, char*, size_t) { return 0; };
  api.stop = [](selvage_transport*, int64_t) {};
  api.get_caps = [](selvage_transport*, int64_t, selvage_transport_caps*) {};
  api.send = [](selvage_transport*, int64_t, const selvage_unit*, int64_t*) { return 0; };
  api.get_fd = [](selvage_transport*) { return -1; };
  api.next_deadline = [](selvage_transport*) { return SELVAGE_NEVER; };
  api.next_event = [](selvage_transport*, int64_t, selvage_event*) { return 0; };
  BOOST_TEST(selvage_transport_register(&api, error, sizeof(error)) == -1);
  api.name = "linked-in";
  BOOST_TEST(selvage_transport_register(&api, error, sizeof(error)) == 0);
  LinkConfig config;
  config.transport = "linked-in";
  const auto made = CreateTransport("linked-in", config, LinkId(1), *reactor, listener);
  BOOST_TEST(std::string(made.status().message()) == "not today");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
