#define BOOST_TEST_MODULE tun_test
#include "agents/runtime/tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <string>
#include <thread>

#include "agents/delivery/sender.h"
#include "agents/runtime/ip_packet.h"

namespace selvage {
namespace {

Bytes PacketV4(const std::string& from, const std::string& to, std::size_t content = 12) {
  Bytes p(20 + content);
  p[0] = 0x45;
  p[2] = static_cast<std::uint8_t>(p.size() >> 8);
  p[3] = static_cast<std::uint8_t>(p.size());
  p[8] = 64;
  p[9] = 17;
  inet_pton(AF_INET, from.c_str(), &p[12]);
  inet_pton(AF_INET, to.c_str(), &p[16]);
  return p;
}

Bytes PacketV6(const std::string& from, const std::string& to, std::size_t content = 12) {
  Bytes p(40 + content);
  p[0] = 0x60;
  p[4] = static_cast<std::uint8_t>(content >> 8);
  p[5] = static_cast<std::uint8_t>(content);
  p[6] = 17;
  inet_pton(AF_INET6, from.c_str(), &p[8]);
  inet_pton(AF_INET6, to.c_str(), &p[24]);
  return p;
}

// The Internet checksum over correct data is zero.
std::uint16_t Checksum(ByteSpan s, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < s.size(); i += 2) {
    sum += static_cast<std::uint32_t>(s[i] << 8) | (i + 1 < s.size() ? s[i + 1] : 0u);
  }
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

IpAddress Address(const std::string& text) { return IpAddress::Parse(text).value(); }

// A node core on memory alone, and a TUN whose kernel side is a socket.
struct Fixture {
  explicit Fixture(TrafficClass traffic_class = TrafficClass::kTelemetry,
                   std::size_t outbox_messages = 0) {
    Fill(outbox_messages);
    int fds[2];
    BOOST_REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) == 0);
    kernel = fds[0];
    auto crypto = NewSodiumCrypto();
    SigningKey network_key{};
    NodeCore::Init init;
    init.anchor.network = "test";
    crypto->GenerateSigningKey(&network_key, &init.anchor.key);
    Certificate wanted;
    crypto->GenerateSigningKey(&init.identity.signing_key, &wanted.signing_key);
    crypto->GenerateKeyPair(&init.identity.agreement_key, &wanted.agreement_key);
    wanted.network = "test";
    wanted.name = "a";
    wanted.not_before = 1;
    wanted.not_after = 4000000000;
    auto issued = IssueCertificate(*crypto, network_key, wanted);
    BOOST_REQUIRE_MESSAGE(issued.ok(), issued.status().ToString());
    init.identity.certificate = *issued;
    init.epoch = Epoch(1);
    init.crypto = crypto;
    init.config.addresses = {"10.99.0.1"};
    core = std::make_unique<NodeCore>(Time{}, std::move(init), *store);
    TunConfig config;
    config.address = "10.99.0.1";
    config.prefix_length = 16;
    config.traffic_class = traffic_class;
    port = std::make_unique<TunPort>(Tun::FromFd(fds[1]), config, core.get());
  }
  ~Fixture() { close(kernel); }

  // Messages that the life before left in the outbox, each with 1 s to go.
  void Fill(std::size_t messages) {
    OutboxRecord record;
    record.message.to = ShortId(4711);
    record.message.traffic_class = TrafficClass::kCritical;
    record.message.deadline = 1s;
    std::string error;
    for (std::size_t i = 0; i < messages; ++i) {
      record.sequence = i;
      store->Write({{OutboxKey(i + 1), EncodeOutboxRecord(record)}}, &error);
    }
  }
  void FromKernel(const Bytes& packet) {
    BOOST_REQUIRE(write(kernel, packet.data(), packet.size()) ==
                  static_cast<ssize_t>(packet.size()));
  }
  Bytes ToKernel() {
    Bytes packet(65536);
    const ssize_t n = read(kernel, packet.data(), packet.size());
    packet.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return packet;
  }

  std::unique_ptr<Store> store = NewMemoryStore();
  std::unique_ptr<NodeCore> core;
  std::unique_ptr<TunPort> port;
  int kernel = -1;
};

BOOST_AUTO_TEST_CASE(while_the_outbox_is_full_packets_that_need_it_stay_in_the_device) {
  Fixture f(TrafficClass::kCritical, NodeConfig().outbox_messages_max);
  f.FromKernel(PacketV4("10.99.0.1", "10.99.0.2"));
  BOOST_TEST(f.port->held_back());
  f.port->OnReadable(Time{} + 1ms);
  BOOST_TEST(f.port->counters().packets_read == 0u);
  f.core->OnTimeout(Time{} + 1s);  // their time is up
  BOOST_TEST(!f.port->held_back());
  f.port->OnReadable(Time{} + 1s);
  BOOST_TEST(f.port->counters().packets_read == 1u);
  Fixture best_effort(TrafficClass::kTelemetry, NodeConfig().outbox_messages_max);
  BOOST_TEST(best_effort.core->outbox_full());
  BOOST_TEST(!best_effort.port->held_back());
}

BOOST_AUTO_TEST_CASE(headers_are_read_and_every_shortened_packet_is_refused) {
  for (const Bytes& packet : {PacketV4("10.0.0.1", "10.0.0.2"), PacketV6("fd00::1", "fd00::2")}) {
    const auto header = ParseIpHeader(packet);
    BOOST_REQUIRE(header.has_value());
    BOOST_TEST(header->protocol == 17);
    BOOST_TEST(header->source.ToText() == (header->source.v6 ? "fd00::1" : "10.0.0.1"));
    BOOST_TEST(header->destination.ToText() == (header->source.v6 ? "fd00::2" : "10.0.0.2"));
    for (std::size_t n = 0; n < packet.size(); ++n) {
      BOOST_TEST(!ParseIpHeader(ByteSpan(packet).Sub(0, n)).has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(headers_that_lie_about_their_length_or_version_are_refused) {
  Bytes packet = PacketV4("10.0.0.1", "10.0.0.2");
  packet[0] = 0x4f;  // 60 bytes of header in a packet of 32
  BOOST_TEST(!ParseIpHeader(packet).has_value());
  packet[0] = 0x44;  // 16 bytes: less than there must be
  BOOST_TEST(!ParseIpHeader(packet).has_value());
  packet[0] = 0x55;
  BOOST_TEST(!ParseIpHeader(packet).has_value());
}

BOOST_AUTO_TEST_CASE(multicast_is_recognised) {
  BOOST_TEST(Address("224.0.0.1").IsMulticast());
  BOOST_TEST(Address("239.255.255.255").IsMulticast());
  BOOST_TEST(Address("255.255.255.255").IsMulticast());
  BOOST_TEST(Address("ff02::2").IsMulticast());
  BOOST_TEST(!Address("10.99.0.1").IsMulticast());
  BOOST_TEST(!Address("fd00::1").IsMulticast());
  BOOST_TEST(!IpAddress::Parse("10.99.0.1/16").has_value());
}

BOOST_AUTO_TEST_CASE(an_unreachable_answer_has_right_checksums_and_quotes_the_packet) {
  const Bytes v4 = PacketV4("10.99.0.1", "10.99.0.9", 100);
  const Bytes answer = MakeUnreachable(v4, *ParseIpHeader(v4));
  BOOST_REQUIRE(answer.size() == 20u + 8u + 28u);
  BOOST_TEST(ParseIpHeader(answer).has_value());
  BOOST_TEST(Checksum(ByteSpan(answer).Sub(0, 20)) == 0);
  BOOST_TEST(Checksum(ByteSpan(answer).Sub(20)) == 0);
  BOOST_TEST(answer[20] == 3);
  BOOST_TEST(ParseIpHeader(answer)->source.ToText() == "10.99.0.9");
  BOOST_TEST(ParseIpHeader(answer)->destination.ToText() == "10.99.0.1");
  BOOST_TEST((ByteSpan(answer).Sub(28) == ByteSpan(v4).Sub(0, 28)));

  const Bytes v6 = PacketV6("fd00::1", "fd00::9", 2000);
  const Bytes answer6 = MakeUnreachable(v6, *ParseIpHeader(v6));
  BOOST_REQUIRE(answer6.size() == 1280u);
  BOOST_TEST(ParseIpHeader(answer6).has_value());
  BOOST_TEST(answer6[40] == 1);
  BOOST_TEST(answer6[41] == 3);
  BOOST_TEST(Checksum(ByteSpan(answer6).Sub(8), 1240 + 58) == 0);
}

BOOST_AUTO_TEST_CASE(no_error_is_sent_about_an_error_or_a_later_fragment) {
  Bytes icmp = PacketV4("10.99.0.1", "10.99.0.9");
  icmp[9] = 1;
  icmp[20] = 3;
  BOOST_TEST(MakeUnreachable(icmp, *ParseIpHeader(icmp)).empty());
  icmp[20] = 8;  // an echo request is answered
  BOOST_TEST(!MakeUnreachable(icmp, *ParseIpHeader(icmp)).empty());
  Bytes fragment = PacketV4("10.99.0.1", "10.99.0.9");
  fragment[7] = 1;
  BOOST_TEST(MakeUnreachable(fragment, *ParseIpHeader(fragment)).empty());
}

BOOST_FIXTURE_TEST_CASE(unknown_multicast_and_malformed_packets_are_dropped_and_counted, Fixture) {
  FromKernel(PacketV4("10.99.0.1", "10.99.0.7"));
  FromKernel(PacketV4("10.99.0.1", "224.0.0.251"));
  FromKernel({1, 2, 3});
  Bytes too_long = PacketV4("10.99.0.1", "10.99.0.7", 1500);  // more than the MTU: arrives cut
  FromKernel(too_long);
  port->OnReadable(Time{});
  BOOST_TEST(port->counters().packets_read == 4u);
  BOOST_TEST(port->counters().dropped_unknown == 1u);
  BOOST_TEST(port->counters().dropped_multicast == 1u);
  BOOST_TEST(port->counters().dropped_malformed == 2u);
  BOOST_TEST(port->counters().unreachable_sent == 1u);
  BOOST_TEST(ToKernel().size() == 56u);
}

BOOST_FIXTURE_TEST_CASE(one_turn_reads_a_bounded_batch_and_answers_a_bounded_number, Fixture) {
  // A datagram socket holds a few packets only: refill between the turns.
  std::uint64_t written = 0;
  const Bytes packet = PacketV4("10.99.0.1", "10.99.0.7");
  while (written <= TunPort::kBatchMax &&
         write(kernel, packet.data(), packet.size()) == static_cast<ssize_t>(packet.size())) {
    ++written;
  }
  port->OnReadable(Time{});
  BOOST_TEST(port->counters().packets_read == std::min<std::uint64_t>(written, TunPort::kBatchMax));
  for (int turn = 0; turn < 10; ++turn) {
    while (!ToKernel().empty()) {
    }
    FromKernel(packet);
    FromKernel(packet);
    FromKernel(packet);
    port->OnReadable(Time{});
  }
  BOOST_TEST(port->counters().unreachable_sent <=
             static_cast<std::uint64_t>(TunPort::kUnreachablePerSecond));
  const std::uint64_t before = port->counters().unreachable_sent;
  while (!ToKernel().empty()) {
  }
  FromKernel(packet);
  port->OnReadable(Time{1s});
  BOOST_TEST(port->counters().unreachable_sent == before + 1);
}

BOOST_FIXTURE_TEST_CASE(packets_from_the_mesh_reach_the_kernel_unless_forged, Fixture) {
  NodeId other;
  other.bytes[0] = 9;
  const Bytes good = PacketV4("10.99.0.9", "10.99.0.1");
  port->OnDeliver({other, TrafficClass::kTelemetry, 0, good});
  BOOST_TEST((ToKernel() == good));
  port->OnDeliver({other, TrafficClass::kTelemetry, 0, PacketV4("10.99.0.1", "10.99.0.1")});
  port->OnDeliver({other, TrafficClass::kTelemetry, 0, {0x45, 0}});
  BOOST_TEST(ToKernel().empty());
  BOOST_TEST(port->counters().packets_written == 1u);
  BOOST_TEST(port->counters().dropped_spoofed == 1u);
  BOOST_TEST(port->counters().dropped_malformed == 1u);
}

// The real device, in a network namespace of this process's own.
BOOST_AUTO_TEST_CASE(a_real_interface_gets_its_address_and_carries_a_packet) {
  if (unshare(CLONE_NEWNET) != 0 || access("/dev/net/tun", R_OK | W_OK) != 0) {
    BOOST_TEST_MESSAGE("skipped: needs CAP_NET_ADMIN and /dev/net/tun");
    return;
  }
  for (const bool v6 : {false, true}) {
    TunConfig config;
    config.name = v6 ? "sv6" : "sv4";
    config.address = v6 ? "fd99::1" : "10.99.0.1";
    config.prefix_length = v6 ? 64 : 16;
    auto tun = Tun::Open(config);
    BOOST_REQUIRE_MESSAGE(tun.ok(), tun.status().ToString());
    const auto second = Tun::Open(config);
    BOOST_TEST((second.status().code() == absl::StatusCode::kAlreadyExists),
               second.status().ToString());

    const int s = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
    sockaddr_storage to{};
    socklen_t size = 0;
    if (v6) {
      auto* a = reinterpret_cast<sockaddr_in6*>(&to);
      a->sin6_family = AF_INET6;
      a->sin6_port = htons(9);
      inet_pton(AF_INET6, "fd99::2", &a->sin6_addr);
      size = sizeof(*a);
    } else {
      auto* a = reinterpret_cast<sockaddr_in*>(&to);
      a->sin_family = AF_INET;
      a->sin_port = htons(9);
      inet_pton(AF_INET, "10.99.0.2", &a->sin_addr);
      size = sizeof(*a);
    }
    BOOST_TEST(sendto(s, "hello", 5, 0, reinterpret_cast<sockaddr*>(&to), size) == 5,
               config.address << ": " << std::strerror(errno));
    close(s);
    // The kernel may send packets of its own first (router solicitations).
    Bytes packet(2048);
    std::optional<IpHeader> header;
    for (int i = 0; i < 100; ++i) {
      const std::size_t n = (*tun)->Read(packet);
      if (n == 0) break;
      header = ParseIpHeader(ByteSpan(packet).Sub(0, n));
      if (header && header->protocol == 17 && !header->destination.IsMulticast()) break;
    }
    BOOST_REQUIRE(header.has_value());
    BOOST_TEST(header->destination.ToText() == (v6 ? "fd99::2" : "10.99.0.2"));
    BOOST_TEST(header->source.ToText() == config.address);
  }
}

}  // namespace
}  // namespace selvage
