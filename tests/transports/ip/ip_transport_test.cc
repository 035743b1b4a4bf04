// The IP carrier on loopback addresses: what needs no rights.
#define BOOST_TEST_MODULE ip_transport_test
#include "transports/ip/ip_transport.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "tests/transports/recording_listener.h"

namespace selvage {
namespace {

// Ports from the process id: tests run side by side.
std::uint16_t Port(int i) { return static_cast<std::uint16_t>(20000 + (getpid() * 4 + i) % 20000); }
std::string Loopback(int i) { return "127.0.0.1:" + std::to_string(Port(i)); }

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) {}
  std::unique_ptr<Transport> Make(const LinkConfig& config, RecordingListener& listener) {
    auto made = CreateTransport("ethernet", config, LinkId(3), *reactor, listener);
    BOOST_REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    return *std::move(made);
  }
  std::unique_ptr<Reactor> reactor;
  RecordingListener a, b;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(ip_transport, Fixture)

BOOST_AUTO_TEST_CASE(two_fixed_addresses_find_each_other_through_their_peers) {
  auto ta = Make({"ethernet", "", Loopback(0), {"udp://" + Loopback(1)}}, a);
  auto tb = Make({"ethernet", "", Loopback(1), {"udp://localhost:" + std::to_string(Port(0))}}, b);
  BOOST_REQUIRE(ta->Start().ok());
  BOOST_REQUIRE(tb->Start().ok());
  BOOST_TEST(!a.up);  // reports come from inside the reactor only
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return a.peers.size() == 1 && b.peers.size() == 1; }));
  BOOST_TEST(a.up);
  BOOST_TEST(a.info.transport == "ethernet");
  BOOST_TEST(a.info.name == Loopback(0));
  BOOST_TEST(!a.info.broadcast);
  BOOST_TEST(a.info.mtu_bytes == 1452u);
  ta->Send(a.peers[0], Bytes{1, 2, 3});
  BOOST_TEST(ta->counters().frames_sent == 0u);  // queued until Flush
  ta->Flush();
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return !b.frames.empty(); }));
  BOOST_TEST(b.frames[0].bytes == (Bytes{1, 2, 3}));
  BOOST_TEST((b.frames[0].link == LinkId(3)));
  BOOST_TEST((b.frames[0].from == b.peers[0]));  // the name resolved to where frames come from
}

BOOST_AUTO_TEST_CASE(a_broadcast_without_a_medium_for_it_is_counted) {
  auto ta = Make({"ethernet", "", Loopback(0), {}}, a);
  BOOST_REQUIRE(ta->Start().ok());
  ta->Send(PeerAddress::Broadcast(), Bytes{1});
  ta->Flush();
  BOOST_TEST(ta->counters().send_errors == 1u);
}

BOOST_AUTO_TEST_CASE(an_address_in_use_or_not_ours_fails_the_start) {
  auto first = Make({"ethernet", "", Loopback(0), {}}, a);
  BOOST_REQUIRE(first->Start().ok());
  BOOST_TEST(!Make({"ethernet", "", Loopback(0), {}}, b)->Start().ok());
  BOOST_TEST(!Make({"ethernet", "", "192.0.2.1:7700", {}}, b)->Start().ok());
}

BOOST_AUTO_TEST_CASE(an_interface_that_is_not_there_is_waited_for) {
  auto ta = Make({"ethernet", "selv-none0", "", {}}, a);
  BOOST_REQUIRE(ta->Start().ok());
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return !a.reason.empty(); }));
  BOOST_TEST(!a.up);
  BOOST_TEST(a.reason == "interface selv-none0 does not exist");
  ta->Send(PeerAddress::Broadcast(), Bytes{1});
  BOOST_TEST(ta->counters().send_errors == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
