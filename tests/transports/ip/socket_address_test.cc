// Addresses survive the way through PeerAddress and text; malformed ones are refused.
#define BOOST_TEST_MODULE socket_address_test
#include "transports/ip/socket_address.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

SocketAddress Numeric(const char* host, std::uint16_t port) {
  return ParseNumeric(HostPort{host, port}).value();
}

PeerAddress Raw(std::initializer_list<std::uint8_t> bytes) {
  return PeerAddress::From(Bytes(bytes));
}

}  // namespace

BOOST_AUTO_TEST_CASE(ipv4_and_ipv6_survive_the_way_through_a_peer_address) {
  const PeerAddress v4 = ToPeerAddress(Numeric("192.0.2.7", 7701));
  BOOST_TEST(int{v4.size} == 7);
  BOOST_TEST(ToText(v4) == "192.0.2.7:7701");
  const PeerAddress v6 = ToPeerAddress(Numeric("fe80::1%1", 7700));
  BOOST_TEST(int{v6.size} == 23);
  BOOST_TEST(ToText(v6) == "[fe80::1%1]:7700");
  SocketAddress back;
  BOOST_REQUIRE(ToSocketAddress(v6, AF_INET6, &back));
  BOOST_TEST(back.port() == 7700);
  BOOST_TEST(back.v6.sin6_scope_id == 1u);
  BOOST_TEST((ToPeerAddress(back) == v6));
}

BOOST_AUTO_TEST_CASE(an_ipv4_peer_of_a_dual_stack_socket_has_one_address) {
  const PeerAddress v4 = ToPeerAddress(Numeric("192.0.2.7", 7701));
  SocketAddress mapped;
  BOOST_REQUIRE(ToSocketAddress(v4, AF_INET6, &mapped));
  BOOST_TEST(IN6_IS_ADDR_V4MAPPED(&mapped.v6.sin6_addr));
  BOOST_TEST((ToPeerAddress(mapped) == v4));
}

BOOST_AUTO_TEST_CASE(scope_and_port_tell_peers_apart) {
  const PeerAddress a = ToPeerAddress(Numeric("fe80::1%1", 7700));
  const PeerAddress b = ToPeerAddress(Numeric("fe80::1%1", 7701));
  in6_addr address = Numeric("fe80::1", 1).v6.sin6_addr;
  const PeerAddress c = ToPeerAddress(SocketAddress::Ipv6(address, 7700, 2));
  BOOST_TEST((a != b));
  BOOST_TEST((a != c));
}

BOOST_AUTO_TEST_CASE(what_is_no_socket_address_is_refused) {
  SocketAddress out;
  BOOST_TEST(!ToSocketAddress(PeerAddress::Broadcast(), AF_INET6, &out));
  BOOST_TEST(!ToSocketAddress(Raw({4, 1, 2, 3}), AF_INET, &out));
  BOOST_TEST(!ToSocketAddress(Raw({4, 1, 2, 3, 4, 5, 6, 7}), AF_INET, &out));
  BOOST_TEST(!ToSocketAddress(Raw({6, 1, 2, 3, 4, 5, 6}), AF_INET6, &out));
  BOOST_TEST(!ToSocketAddress(Raw({kPeerTagDialled, 0, 0}), AF_INET6, &out));
  BOOST_TEST(!ToSocketAddress(ToPeerAddress(Numeric("2001:db8::1", 1)), AF_INET, &out));
}

BOOST_AUTO_TEST_CASE(every_address_has_a_text) {
  BOOST_TEST(ToText(PeerAddress::Broadcast()) == "broadcast");
  BOOST_TEST(ToText(Raw({kPeerTagAccepted, 0, 1, 2, 3, 4})) == "stream:0001020304");
  BOOST_TEST(ToText(Raw({kPeerTagDialled, 1, 2})) == "dialled:258");
  BOOST_TEST(ToText(Raw({99, 1})) == "unknown:6301");
}

BOOST_AUTO_TEST_CASE(host_and_port_are_read_as_people_write_them) {
  const auto expect = [](const char* text, const char* host, int port) {
    const auto parsed = ParseHostPort(text, 7700);
    BOOST_REQUIRE_MESSAGE(parsed.ok(), text);
    BOOST_TEST(parsed->host == host);
    BOOST_TEST(int{parsed->port} == port);
  };
  expect("192.0.2.7:1", "192.0.2.7", 1);
  expect("hub.example", "hub.example", 7700);
  expect("[2001:db8::7]:65535", "2001:db8::7", 65535);
  expect("[fe80::1%eth0]", "fe80::1%eth0", 7700);
}

BOOST_AUTO_TEST_CASE(malformed_host_and_port_are_refused_with_what_would_be_right) {
  for (const char* text : {"", ":7700", "host:", "host:0", "host:65536", "host:77x", "2001:db8::7",
                           "[2001:db8::7", "[::1]7700", "[]:1"}) {
    const auto parsed = ParseHostPort(text, 7700);
    BOOST_TEST(!parsed.ok(), text);
    if (!parsed.ok()) {
      BOOST_TEST(std::string(parsed.status().message()).find("write") != std::string::npos);
    }
  }
  BOOST_TEST(!ParseHostPort("host", 0).ok());
  BOOST_TEST(!ParseNumeric(HostPort{"hub.example", 1}).ok());
}

}  // namespace selvage
