// The datagram lane on loopback: batches, bounds and counters.
#define BOOST_TEST_MODULE udp_lane_test
#include "transports/ip/udp_lane.h"

#include <poll.h>

#include <boost/test/unit_test.hpp>
#include <vector>

namespace selvage {
namespace {

std::unique_ptr<UdpLane> OpenLoopback(TransportCounters* counters, const char* host = "127.0.0.1") {
  UdpLane::Options options;
  options.local = ParseNumeric(HostPort{host, 0}).value();
  auto lane = UdpLane::Open(options, counters);
  BOOST_REQUIRE_MESSAGE(lane.ok(), lane.status().ToString());
  return *std::move(lane);
}

struct Fixture {
  TransportCounters sent, received;
  std::unique_ptr<UdpLane> a = OpenLoopback(&sent);
  std::unique_ptr<UdpLane> b = OpenLoopback(&received);
  PeerAddress b_address = ToPeerAddress(b->local());
  std::vector<Bytes> frames;
  std::vector<PeerAddress> senders;

  void Send(int count) {
    for (int i = 0; i < count; ++i) a->Send(b_address, Bytes(100, static_cast<std::uint8_t>(i)));
    a->Flush();
  }
  // One readiness event, as the reactor serves it.
  void ReceiveOnce() {
    pollfd item{b->fd(), POLLIN, 0};
    BOOST_REQUIRE_EQUAL(poll(&item, 1, 10000), 1);
    b->Receive([&](const PeerAddress& from, MutableByteSpan frame) {
      senders.push_back(from);
      frames.push_back(ByteSpan(frame).ToBytes());
    });
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(udp_lane, Fixture)

BOOST_AUTO_TEST_CASE(a_lone_frame_costs_one_call_at_each_end) {
  Send(1);
  ReceiveOnce();
  BOOST_REQUIRE_EQUAL(frames.size(), 1u);
  BOOST_TEST(frames[0] == Bytes(100, 0));
  BOOST_TEST((senders[0] == ToPeerAddress(a->local())));
  BOOST_TEST(sent.system_calls == 1u);
  BOOST_TEST(received.system_calls == 1u);
}

BOOST_AUTO_TEST_CASE(a_batch_goes_in_one_call_and_keeps_its_order) {
  Send(20);
  ReceiveOnce();
  BOOST_REQUIRE_EQUAL(frames.size(), 20u);
  for (std::size_t i = 0; i < frames.size(); ++i) BOOST_TEST(frames[i][0] == i);
  BOOST_TEST(sent.system_calls == 1u);
  BOOST_TEST(received.system_calls == 1u);
}

BOOST_AUTO_TEST_CASE(more_than_a_batch_is_drained_in_one_turn) {
  Send(100);
  ReceiveOnce();
  BOOST_TEST(frames.size() == 100u);
  BOOST_TEST(sent.system_calls == 4u);
  BOOST_TEST(received.system_calls == 4u);
  BOOST_TEST(sent.frames_sent == 100u);
  BOOST_TEST(sent.bytes_sent == 10000u);
  BOOST_TEST(received.frames_received == 100u);
  BOOST_TEST(received.bytes_received == 10000u);
}

BOOST_AUTO_TEST_CASE(one_turn_is_bounded_and_the_rest_waits_for_the_next) {
  const std::size_t bound = UdpLane::kBatch * UdpLane::kBatchesPerTurnMax;
  Send(static_cast<int>(bound) + 5);
  ReceiveOnce();
  BOOST_TEST(frames.size() == bound);
  ReceiveOnce();
  BOOST_TEST(frames.size() == bound + 5);
}

BOOST_AUTO_TEST_CASE(a_frame_to_an_impossible_address_is_counted_and_the_others_go) {
  a->Send(PeerAddress::Broadcast(), Bytes(10, 1));
  a->Send(ToPeerAddress(ParseNumeric(HostPort{"2001:db8::1", 1}).value()), Bytes(10, 1));
  a->Send(b_address, Bytes(UdpLane::kFrameBytesMax + 1, 1));
  a->Send(b_address, Bytes());
  BOOST_TEST(sent.send_errors == 4u);
  // Refused by the kernel inside a batch: broadcast needs a permission this socket has not.
  a->Send(b_address, Bytes(10, 1));
  a->Send(ToPeerAddress(ParseNumeric(HostPort{"255.255.255.255", 9}).value()), Bytes(10, 2));
  a->Send(b_address, Bytes(10, 3));
  a->Flush();
  BOOST_TEST(sent.send_errors == 5u);
  BOOST_TEST(sent.frames_sent == 2u);
  ReceiveOnce();
  BOOST_TEST(frames.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_datagram_longer_than_any_frame_is_dropped_not_cut) {
  const Bytes giant(UdpLane::kFrameBytesMax + 1, 7);
  BOOST_REQUIRE_EQUAL(sendto(a->fd(), giant.data(), giant.size(), 0, &b->local().any,
                             b->local().size),
                      static_cast<ssize_t>(giant.size()));
  Send(1);
  ReceiveOnce();
  BOOST_REQUIRE_EQUAL(frames.size(), 1u);
  BOOST_TEST(frames[0].size() == 100u);
}

BOOST_AUTO_TEST_CASE(an_address_in_use_is_refused_with_a_hint) {
  UdpLane::Options options;
  options.local = a->local();
  const auto second = UdpLane::Open(options, &sent);
  BOOST_REQUIRE(!second.ok());
  BOOST_TEST(second.status().ToString().find("another agent") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_foreign_address_is_unavailable_so_that_the_caller_may_wait_for_it) {
  UdpLane::Options options;
  options.local = ParseNumeric(HostPort{"192.0.2.1", 7700}).value();
  BOOST_TEST(absl::IsUnavailable(UdpLane::Open(options, &sent).status()));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
