// The in-memory network is deterministic and does to frames what its channel models say.
#define BOOST_TEST_MODULE memory_network_test
#include "transports/memory/memory_network.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

const Time kStart = TimeFromNanos(1000);

Bytes Frame(std::uint8_t fill, std::size_t size = 20) { return Bytes(size, fill); }

struct Pair {
  explicit Pair(const ChannelModel& model = {}, std::uint64_t seed = 1) : network(seed) {
    a = network.AddPort();
    b = network.AddPort();
    network.Connect(a, b, model);
  }
  void Send(Time now, std::uint8_t fill) {
    network.Send(now, a, MemoryNetwork::AddressOf(b), Frame(fill));
  }
  MemoryNetwork network;
  MemoryPort a, b;
};

// Everything that arrives, as text: time, receiver, sender and content of each frame.
std::string Trace(std::uint64_t seed) {
  ChannelModel model;
  model.jitter = 2ms;
  model.loss = 0.1;
  model.duplicate = 0.1;
  model.reorder = 0.1;
  Pair p(model, seed);
  std::string trace;
  for (int i = 0; i < 500; ++i) p.Send(kStart + i * 100us, static_cast<std::uint8_t>(i));
  while (p.network.NextDeadline() != kNever) {
    const Time at = p.network.NextDeadline();
    const auto d = p.network.Poll(at);
    trace += std::to_string(ToNanos(at)) + ":" + std::to_string(d->frame[0]) + " ";
  }
  return trace;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_frame_arrives_after_the_delay_and_not_before) {
  Pair p;
  BOOST_TEST((p.network.NextDeadline() == kNever));
  p.Send(kStart, 7);
  BOOST_TEST((p.network.NextDeadline() == kStart + 1ms));
  BOOST_TEST(!p.network.Poll(kStart + 1ms - 1ns).has_value());
  const auto d = p.network.Poll(kStart + 1ms);
  BOOST_REQUIRE(d.has_value());
  BOOST_TEST((d->to == p.b));
  BOOST_TEST((d->from == MemoryNetwork::AddressOf(p.a)));
  BOOST_TEST(d->frame == Frame(7));
  BOOST_TEST(!p.network.Poll(kStart + 1s).has_value());
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_deliveries_and_another_seed_others) {
  BOOST_TEST(Trace(5) == Trace(5));
  BOOST_TEST(Trace(5) != Trace(6));
}

BOOST_AUTO_TEST_CASE(a_broadcast_reaches_every_joined_port_once_and_no_other) {
  MemoryNetwork network(1);
  const MemoryPort a = network.AddPort(), b = network.AddPort(), c = network.AddPort();
  network.AddPort();
  network.Connect(a, b);
  network.Connect(a, c);
  network.Send(kStart, a, PeerAddress::Broadcast(), Frame(1));
  BOOST_TEST((network.Poll(kStart + 1ms)->to == b));
  BOOST_TEST((network.Poll(kStart + 1ms)->to == c));
  BOOST_TEST(!network.Poll(kStart + 1s).has_value());
}

BOOST_AUTO_TEST_CASE(a_cut_stops_one_direction_only_until_it_is_restored) {
  Pair p;
  p.network.Cut(p.a, p.b);
  p.Send(kStart, 1);
  BOOST_TEST((p.network.NextDeadline() == kNever));
  BOOST_TEST(p.network.counters().cut == 1u);
  p.network.Send(kStart, p.b, MemoryNetwork::AddressOf(p.a), Frame(2));
  BOOST_TEST((p.network.Poll(kStart + 1ms)->to == p.a));
  p.network.Restore(p.a, p.b);
  p.Send(kStart, 3);
  BOOST_TEST(p.network.Poll(kStart + 1ms).has_value());
}

BOOST_AUTO_TEST_CASE(frames_longer_than_the_mtu_vanish) {
  ChannelModel model;
  model.mtu_bytes = 20;
  Pair p(model);
  p.network.Send(kStart, p.a, MemoryNetwork::AddressOf(p.b), Frame(1, 21));
  BOOST_TEST((p.network.NextDeadline() == kNever));
  p.network.Send(kStart, p.a, MemoryNetwork::AddressOf(p.b), Frame(1, 20));
  BOOST_TEST(p.network.Poll(kStart + 1ms).has_value());
  BOOST_TEST(p.network.counters().too_long == 1u);
}

BOOST_AUTO_TEST_CASE(loss_and_duplication_come_in_the_share_asked_for) {
  ChannelModel model;
  model.loss = 0.25;
  model.duplicate = 0.5;
  Pair p(model);
  for (int i = 0; i < 10000; ++i) p.Send(kStart, 1);
  BOOST_TEST(p.network.counters().lost > 2300u);
  BOOST_TEST(p.network.counters().lost < 2700u);
  BOOST_TEST(p.network.counters().duplicated > 3500u);
  BOOST_TEST(p.network.counters().duplicated < 4000u);
}

BOOST_AUTO_TEST_CASE(jitter_keeps_the_order_and_reordering_breaks_it) {
  ChannelModel model;
  model.jitter = 5ms;
  for (const double reorder : {0.0, 0.2}) {
    model.reorder = reorder;
    Pair p(model);
    for (int i = 0; i < 200; ++i) p.Send(kStart + i * 10us, static_cast<std::uint8_t>(i));
    bool in_order = true;
    for (int expected = 0; auto d = p.network.Poll(kStart + 1s); ++expected) {
      in_order = in_order && d->frame[0] == expected;
    }
    BOOST_TEST(in_order == (reorder == 0.0));
  }
}

BOOST_AUTO_TEST_CASE(a_rate_makes_frames_wait_for_those_before_them) {
  ChannelModel model;
  model.delay = Duration(0);
  model.rate_bps = 160000;  // 20 bytes take 1 ms
  Pair p(model);
  p.Send(kStart, 1);
  p.Send(kStart, 2);
  BOOST_TEST((p.network.NextDeadline() == kStart + 1ms));
  p.network.Poll(kStart + 1ms);
  BOOST_TEST((p.network.NextDeadline() == kStart + 2ms));
}

BOOST_AUTO_TEST_CASE(frames_in_flight_are_bounded_and_the_rest_is_counted) {
  Pair p;
  for (std::size_t i = 0; i < MemoryNetwork::kInFlightMax + 3; ++i) p.Send(kStart, 1);
  BOOST_TEST(p.network.counters().overflowed == 3u);
}

BOOST_AUTO_TEST_CASE(a_dead_port_loses_what_was_on_its_way) {
  Pair p;
  p.Send(kStart, 1);
  p.network.DropInFlight(p.b);
  BOOST_TEST((p.network.NextDeadline() == kNever));
}

BOOST_AUTO_TEST_CASE(a_strange_address_or_port_is_counted_and_harms_nothing) {
  Pair p;
  p.network.Send(kStart, p.a, PeerAddress::From(Frame(9, 5)), Frame(1));
  p.network.Send(kStart, p.a, MemoryNetwork::AddressOf(MemoryPort(77)), Frame(1));
  p.network.Send(kStart, MemoryPort(77), PeerAddress::Broadcast(), Frame(1));
  BOOST_TEST(p.network.counters().unknown_peer == 3u);
  BOOST_TEST((p.network.NextDeadline() == kNever));
}

}  // namespace selvage
