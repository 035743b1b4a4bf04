#define BOOST_TEST_MODULE forwarder_shared_test
#include "routing/forwarder.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

constexpr ShortId kS(1), kX(2), kY(3), kZ(4), kD(5);

// s hears x and y, which hear each other; x - d and y - z - d lead to d. The way by x is shortest.
struct Square {
  Forwarder s{kS};
  std::vector<AdvertisedNode> nodes{{kS, {}}, {kX, {}}, {kY, {}}, {kZ, {}}, {kD, {}}};

  Square() {
    Join(kS, kX);
    Join(kS, kY);
    Join(kX, kY);
    Join(kX, kD);
    Join(kY, kZ);
    Join(kZ, kD);
    s.routes().SetTopology(Topology(nodes));
    s.SetAdjacency(AdjacencyIndex(1), kX, true);
    s.SetAdjacency(AdjacencyIndex(2), kY, true);
  }
  void Join(ShortId a, ShortId b) {
    auto& from = nodes[a.value - 1].adjacencies;
    auto& to = nodes[b.value - 1].adjacencies;
    const AdjacencyIndex here(static_cast<std::uint8_t>(from.size() + 1));
    const AdjacencyIndex there(static_cast<std::uint8_t>(to.size() + 1));
    from.push_back({here, b, there, EdgeMetric()});
    to.push_back({there, a, here, EdgeMetric()});
  }
  // What a packet carries that leaves s by y.
  CarriedFailures SendTo(ShortId destination) {
    DataHeader header;
    header.destination = destination;
    header.hop_limit = 32;
    header.id.sequence = ++sequence;
    const ForwardDecision d = s.Decide(TimeFromNanos(1), &header, AdjacencyIndex(0));
    BOOST_TEST((d.what == ForwardDecision::What::kSend));
    BOOST_TEST((d.out == AdjacencyIndex(2)));
    return header.carried;
  }
  std::uint64_t sequence = 0;
};

BOOST_AUTO_TEST_CASE(on_a_shared_channel_a_packet_that_leaves_a_silent_node_asks_around_it) {
  Square w;
  w.s.SetAdjacency(AdjacencyIndex(1), kX, false, true, true);
  const CarriedFailures carried = w.SendTo(kD);
  BOOST_TEST(carried.Contains({kS, AdjacencyIndex(1)}));
  BOOST_TEST(carried.Contains(EdgeId::WholeNode(kX)));
}

BOOST_AUTO_TEST_CASE(a_packet_to_the_silent_neighbour_itself_carries_the_link_alone) {
  Square w;
  w.s.SetAdjacency(AdjacencyIndex(1), kX, false, true, true);
  const CarriedFailures carried = w.SendTo(kX);
  BOOST_TEST(carried.Contains({kS, AdjacencyIndex(1)}));
  BOOST_TEST(!carried.Contains(EdgeId::WholeNode(kX)));
}

BOOST_AUTO_TEST_CASE(a_link_of_its_own_that_fails_says_nothing_about_the_node_behind_it) {
  Square w;
  w.s.SetAdjacency(AdjacencyIndex(1), kX, false, true);
  const CarriedFailures carried = w.SendTo(kD);
  BOOST_TEST(carried.Contains({kS, AdjacencyIndex(1)}));
  BOOST_TEST(!carried.Contains(EdgeId::WholeNode(kX)));
}

}  // namespace
}  // namespace selvage
