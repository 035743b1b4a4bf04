// The IP carrier on real interfaces: a veth pair in a network namespace of this test's own.
//
// Needs the right to make a namespace (root); without it every case is skipped with a message.
// Both ends of the pair stay in one namespace, so two transports here are two neighbours.
#define BOOST_TEST_MODULE interface_test
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>

#include "tests/transports/recording_listener.h"
#include "transports/ip/netlink_monitor.h"
#include "transports/registry.h"

namespace selvage {
namespace {

// The process leaves its network namespace for an empty one, once.
bool EnterNamespace() {
  static const bool entered = unshare(CLONE_NEWNET) == 0;
  return entered;
}

boost::test_tools::assertion_result CanMakeNamespaces(boost::unit_test::test_unit_id) {
  boost::test_tools::assertion_result result(EnterNamespace());
  if (!result) result.message() << "skipped: making a network namespace needs root";
  return result;
}

void Run(const std::string& command) {
  BOOST_REQUIRE_MESSAGE(std::system(command.c_str()) == 0, command);
}

// A pair without duplicate address detection, which would hold up each case by a second or two.
void AddPair() {
  Run("ip link add va type veth peer name vb");
  for (const char* name : {"va", "vb"}) {
    std::ofstream("/proc/sys/net/ipv6/conf/" + std::string(name) + "/accept_dad") << "0";
  }
}

struct Fixture {
  Fixture() : reactor(std::move(Reactor::Create().value())) {
    AddPair();
    Run("ip link set va up && ip link set vb up");
    ta = Make("va", a);
    tb = Make("vb", b);
  }
  ~Fixture() {
    ta.reset();
    tb.reset();
    [[maybe_unused]] const int ignored = std::system("ip link del va 2>/dev/null");
  }
  std::unique_ptr<Transport> Make(const std::string& interface, RecordingListener& listener) {
    auto made = CreateTransport("ethernet", {"ethernet", interface, "", {}}, LinkId(1), *reactor,
                                listener);
    BOOST_REQUIRE_MESSAGE(made.ok(), made.status().ToString());
    const absl::Status started = (*made)->Start();
    BOOST_REQUIRE_MESSAGE(started.ok(), started.ToString());
    return *std::move(made);
  }
  bool BothUp() {
    return RunUntil(*reactor, [&] { return a.up && b.up; });
  }
  // A beacon from a reaches b, and an answer to its sender reaches a.
  void CheckReach() {
    b.frames.clear();
    a.frames.clear();
    ta->Send(PeerAddress::Broadcast(), Bytes{1});
    ta->Flush();
    BOOST_REQUIRE(RunUntil(*reactor, [&] { return !b.frames.empty(); }));
    tb->Send(b.frames[0].from, Bytes{2});
    tb->Flush();
    BOOST_REQUIRE(RunUntil(*reactor, [&] { return !a.frames.empty(); }));
    BOOST_TEST(b.frames.size() == 1u);
    BOOST_TEST(b.frames[0].bytes == Bytes{1});
    BOOST_TEST(a.frames[0].bytes == Bytes{2});
  }
  std::unique_ptr<Reactor> reactor;
  RecordingListener a, b;
  std::unique_ptr<Transport> ta, tb;
};

}  // namespace

BOOST_TEST_DECORATOR(*boost::unit_test::precondition(CanMakeNamespaces))
BOOST_FIXTURE_TEST_SUITE(interface, Fixture)

BOOST_AUTO_TEST_CASE(a_broadcast_is_heard_and_its_sender_can_be_answered) {
  BOOST_REQUIRE(BothUp());
  BOOST_TEST(a.info.broadcast);
  BOOST_TEST(a.info.name == "va");
  BOOST_TEST(a.info.mtu_bytes == 1452u);
  CheckReach();
}

BOOST_AUTO_TEST_CASE(carrier_loss_takes_the_link_down_and_its_return_brings_it_back) {
  BOOST_REQUIRE(BothUp());
  Run("ip link set vb down");
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return !a.up && !b.up; }));
  BOOST_TEST(a.reason == "interface va has no carrier");
  BOOST_TEST(b.reason == "interface vb is switched off");
  Run("ip link set vb up");
  BOOST_REQUIRE(BothUp());
  CheckReach();
}

BOOST_AUTO_TEST_CASE(a_change_of_mtu_is_reported_as_up_again) {
  BOOST_REQUIRE(BothUp());
  const int ups = a.ups;
  Run("ip link set va mtu 1400");
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return a.info.mtu_bytes != 1452; }));
  BOOST_TEST(a.info.mtu_bytes == 1352u);
  BOOST_TEST(a.ups == ups + 1);
  BOOST_TEST(a.up);
  Run("ip link set va mtu 9600");
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return a.info.mtu_bytes > 8000; }));
  BOOST_TEST(a.info.mtu_bytes == 8952u);
}

BOOST_AUTO_TEST_CASE(an_interface_may_vanish_and_come_back) {
  BOOST_REQUIRE(BothUp());
  Run("ip link del va");
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return !a.up && !b.up; }));
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return a.reason == "interface va does not exist"; }));
  AddPair();
  Run("ip link set va up && ip link set vb up");
  BOOST_REQUIRE(BothUp());
  CheckReach();
}

BOOST_AUTO_TEST_CASE(a_new_link_local_address_is_bound_and_answers) {
  BOOST_REQUIRE(BothUp());
  Run("ip -6 addr flush dev va scope link");
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return !a.up; }));
  BOOST_TEST(a.reason == "interface va has no usable IPv6 link-local address");
  Run("ip -6 addr add fe80::77/64 dev va nodad");
  BOOST_REQUIRE(BothUp());
  CheckReach();
  const PeerAddress from = b.frames[0].from;
  const Bytes address(from.bytes.begin() + 1, from.bytes.begin() + 17);
  BOOST_TEST(ToHex(address) == "fe800000000000000000000000000077");
}

BOOST_AUTO_TEST_CASE(an_address_under_duplicate_detection_is_waited_for) {
  BOOST_REQUIRE(BothUp());
  Run("ip -6 addr flush dev va scope link");
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return !a.up; }));
  std::ofstream("/proc/sys/net/ipv6/conf/va/accept_dad") << "1";
  Run("ip -6 addr add fe80::78/64 dev va");  // tentative for a second or so
  BOOST_REQUIRE(BothUp());
  CheckReach();
}

BOOST_AUTO_TEST_CASE(a_second_agent_on_the_same_interface_is_refused) {
  BOOST_REQUIRE(BothUp());
  RecordingListener other;
  auto second = CreateTransport("ethernet", {"ethernet", "va", "", {}}, LinkId(2), *reactor, other);
  const absl::Status status = (*second)->Start();
  BOOST_REQUIRE(!status.ok());
  BOOST_TEST(status.ToString().find("another agent") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_interface_serves_configured_peers_beside_its_neighbours) {
  BOOST_REQUIRE(BothUp());
  ta.reset();
  RecordingListener c;
  Run("ip addr add 192.0.2.1/24 dev va && ip addr add 192.0.2.2/24 dev vb && ip link set lo up");
  auto made = CreateTransport("ethernet", {"ethernet", "va", "", {"udp://192.0.2.2:7700"}},
                              LinkId(1), *reactor, c);
  BOOST_REQUIRE((*made)->Start().ok());
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return c.up && c.peers.size() == 1; }));
  BOOST_TEST(c.info.broadcast);
  b.frames.clear();
  (*made)->Send(PeerAddress::Broadcast(), Bytes{5});
  (*made)->Flush();
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return !b.frames.empty(); }));
  tb->Send(b.frames[0].from, Bytes{6});
  tb->Flush();
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return !c.frames.empty(); }));
  BOOST_TEST(c.frames.size() == 1u);  // once: the wildcard socket does not hear it as well
  (*made)->Send(c.peers[0], Bytes{7});
  (*made)->Flush();
  BOOST_TEST((*made)->counters().send_errors == 0u);
}

BOOST_AUTO_TEST_CASE(one_monitor_serves_a_reactor_and_goes_with_its_last_owner) {
  auto first = NetlinkMonitor::ForReactor(*reactor).value();
  auto second = NetlinkMonitor::ForReactor(*reactor).value();
  BOOST_TEST(first.get() == second.get());
  // The kernel may report a fresh pair's carrier up to a second late.
  BOOST_REQUIRE(RunUntil(*reactor, [&] { return first->Find("va").usable(); }));
  BOOST_TEST(!first->Find("nothing").usable());
  const auto other_reactor = std::move(Reactor::Create().value());
  auto other = NetlinkMonitor::ForReactor(*other_reactor).value();
  BOOST_TEST(other.get() != first.get());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
