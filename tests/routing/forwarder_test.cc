#define BOOST_TEST_MODULE forwarder_test
#include "routing/forwarder.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

constexpr Time kNow = TimeFromNanos(1'000'000'000);

// Nodes 1, 2, 3, all joined; node 1's adjacency 1 leads to 2, its adjacency 2 to 3.
std::vector<AdvertisedNode> Triangle() {
  auto line = [](int index, std::uint32_t neighbor, int theirs) {
    AdvertisedAdjacency a;
    a.index = AdjacencyIndex(static_cast<std::uint8_t>(index));
    a.neighbor = ShortId(neighbor);
    a.neighbor_index = AdjacencyIndex(static_cast<std::uint8_t>(theirs));
    return a;
  };
  return {{ShortId(1), {line(1, 2, 1), line(2, 3, 1)}},
          {ShortId(2), {line(1, 1, 1), line(2, 3, 2)}},
          {ShortId(3), {line(1, 1, 2), line(2, 2, 2)}}};
}

DataHeader Packet(std::uint32_t to) {
  static std::uint64_t sequence = 0;
  DataHeader h;
  h.destination = ShortId(to);
  h.id.origin = ShortId(1);
  h.id.sequence = ++sequence;
  h.hop_limit = 16;
  return h;
}

struct AtOne {
  Forwarder forwarder{ShortId(1)};
  AtOne() {
    forwarder.routes().SetTopology(Topology(Triangle()));
    forwarder.SetAdjacency(AdjacencyIndex(1), ShortId(2), true);
    forwarder.SetAdjacency(AdjacencyIndex(2), ShortId(3), true);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(slow_radios_on_the_path_add_what_both_their_ends_advertise, AtOne) {
  const auto trip = [&](std::uint32_t to) {
    return forwarder.SlowRoundTrip(TrafficClass::kCritical, ShortId(to));
  };
  BOOST_TEST((trip(2) == Duration(0)));
  std::vector<AdvertisedNode> nodes = Triangle();
  const auto make_slow = [&](int node, int line, std::uint32_t latency_us) {
    EdgeMetric& m = nodes[static_cast<std::size_t>(node)].adjacencies[line].metric;
    m.slow = true;
    m.tariff = Tariff::kDear;
    m.latency_us = latency_us;
  };
  make_slow(0, 0, 30'000'000);  // 1 - 2, a message satellite
  make_slow(1, 0, 20'000'000);
  forwarder.routes().SetTopology(Topology(nodes));
  BOOST_TEST((trip(2) == Duration(0)));  // by 3
  BOOST_TEST((trip(3) == Duration(0)));
  forwarder.SetAdjacency(AdjacencyIndex(2), ShortId(3), false);
  BOOST_TEST((trip(2) == 50s));
  BOOST_TEST((trip(3) == 50s));  // by 2
  forwarder.SetAdjacency(AdjacencyIndex(1), ShortId(2), false, true);
  BOOST_TEST(!trip(2).has_value());
  BOOST_TEST(!trip(9).has_value());
  // A radio that has told no delay yet, and one that tells an absurd one.
  forwarder.SetAdjacency(AdjacencyIndex(1), ShortId(2), true);
  make_slow(0, 0, 0);
  make_slow(1, 0, 4'000'000'000);
  forwarder.routes().SetTopology(Topology(nodes));
  BOOST_TEST((trip(2) == Forwarder::kSlowRoundTripMax));
}

BOOST_FIXTURE_TEST_CASE(what_is_too_long_for_a_link_takes_another_and_says_why, AtOne) {
  forwarder.SetPayloadLimit(AdjacencyIndex(1), 500);
  DataHeader small = Packet(2);
  BOOST_TEST(forwarder.Decide(kNow, &small, AdjacencyIndex(0), 500).out.value == 1);
  BOOST_TEST(small.carried.size() == 0u);
  DataHeader large = Packet(2);
  const ForwardDecision d = forwarder.Decide(kNow, &large, AdjacencyIndex(0), 501);
  BOOST_TEST(d.out.value == 2);
  BOOST_TEST(d.deviated);
  // The relay must not send it back for the link it cannot pass.
  BOOST_TEST(large.carried.Contains(EdgeId{ShortId(1), AdjacencyIndex(1)}));
}

BOOST_FIXTURE_TEST_CASE(what_fits_no_link_is_tried_and_when_it_comes_again_dropped, AtOne) {
  forwarder.SetPayloadLimit(AdjacencyIndex(1), 500);
  forwarder.SetPayloadLimit(AdjacencyIndex(2), 500);
  DataHeader first = Packet(2);
  BOOST_TEST((forwarder.Decide(kNow, &first, AdjacencyIndex(0), 900).what ==
              ForwardDecision::What::kSend));
  DataHeader h = Packet(2);
  h.walk = 2;
  const ForwardDecision d = forwarder.Decide(kNow, &h, AdjacencyIndex(0), 900);
  BOOST_TEST((d.what == ForwardDecision::What::kDrop));
  BOOST_TEST((d.reason == DropReason::kTooLong));
  BOOST_TEST(ToString(d.reason) == "too_long");
}

BOOST_FIXTURE_TEST_CASE(a_limit_outlives_a_change_of_state_and_ends_with_the_link, AtOne) {
  forwarder.SetPayloadLimit(AdjacencyIndex(1), 500);
  forwarder.SetAdjacency(AdjacencyIndex(1), ShortId(2), false, true);
  forwarder.SetAdjacency(AdjacencyIndex(1), ShortId(2), true);
  DataHeader first = Packet(2);
  BOOST_TEST(forwarder.Decide(kNow, &first, AdjacencyIndex(0), 900).out.value == 2);
  forwarder.RemoveAdjacency(AdjacencyIndex(1));
  forwarder.SetAdjacency(AdjacencyIndex(1), ShortId(2), true);
  DataHeader second = Packet(2);
  BOOST_TEST(forwarder.Decide(kNow, &second, AdjacencyIndex(0), 900).out.value == 1);
}

}  // namespace selvage
