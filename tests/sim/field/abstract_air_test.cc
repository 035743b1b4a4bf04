// The air without PHY: who hears what, when, and what gets lost.
#define BOOST_TEST_MODULE abstract_air_test
#include "sim/field/abstract_air.h"

#include <boost/test/unit_test.hpp>

#include "ns3/constant-velocity-mobility-model.h"
#include "ns3/nstime.h"
#include "ns3/simulator.h"

namespace selvage::sim {
namespace {

struct Heard {
  std::uint32_t at;
  PeerAddress from;
  double when_s;
  std::uint8_t first;  // byte, as it was heard
};

// Nodes in a row, each `apart` metres from the next.
struct Row {
  Row(std::uint32_t count, double apart_m, AbstractAir::Parameters parameters) {
    nodes.Create(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      auto place = ns3::CreateObject<ns3::ConstantVelocityMobilityModel>();
      place->SetPosition(ns3::Vector(apart_m * i, 0, 1.5));
      nodes.Get(i)->AggregateObject(place);
    }
    air = std::make_unique<AbstractAir>(parameters, nodes);
    for (std::uint32_t i = 0; i < count; ++i) {
      carriers.push_back(air->NewCarrier(i));
      carriers[i]->Open(nodes.Get(i),
                        [this, i](LinkId, const PeerAddress& from, MutableByteSpan frame) {
                          heard.push_back(
                              {i, from, ns3::Simulator::Now().GetSeconds(), frame.data()[0]});
                          frame.data()[0] = 0;  // as one that decrypts in place
                        });
    }
  }
  ~Row() {
    carriers.clear();
    ns3::Simulator::Destroy();
  }
  void Send(std::uint32_t from, const PeerAddress& to, std::size_t bytes) {
    Bytes frame(bytes, 7);
    carriers[from]->Send(LinkId(0), to, &frame, nullptr);
  }

  ns3::NodeContainer nodes;
  std::unique_ptr<AbstractAir> air;
  std::vector<std::unique_ptr<Carrier>> carriers;
  std::vector<Heard> heard;
};

AbstractAir::Parameters Plain() { return {50, 1000, 2, 0, 1}; }

BOOST_AUTO_TEST_CASE(a_broadcast_reaches_everybody_in_range_and_nobody_else) {
  Row row(5, 40, Plain());
  row.Send(2, PeerAddress::Broadcast(), 97);
  ns3::Simulator::Run();
  BOOST_TEST_REQUIRE(row.heard.size() == 2u);
  BOOST_TEST(row.heard[0].at == 1u);
  BOOST_TEST(row.heard[1].at == 3u);
  BOOST_TEST((row.heard[1].from == AbstractAir::AddressOf(2)));
  // 125 bytes with headers at 1 Mb/s and 2 ms.
  BOOST_TEST(row.heard[0].when_s == 0.003, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(row.air->bytes_sent(2) == 125u);
  BOOST_TEST(row.heard[1].first == 7);  // each has a copy of its own
}

BOOST_AUTO_TEST_CASE(a_frame_for_one_reaches_that_one_alone_and_only_within_range) {
  Row row(5, 40, Plain());
  row.Send(2, AbstractAir::AddressOf(3), 97);
  row.Send(2, AbstractAir::AddressOf(4), 97);
  row.Send(2, AbstractAir::AddressOf(99), 97);
  ns3::Simulator::Run();
  BOOST_TEST_REQUIRE(row.heard.size() == 1u);
  BOOST_TEST(row.heard[0].at == 3u);
}

BOOST_AUTO_TEST_CASE(frames_of_a_sender_wait_for_each_other_and_too_many_are_lost) {
  Row row(2, 40, Plain());
  for (int i = 0; i < 600; ++i) row.Send(0, AbstractAir::AddressOf(1), 97);
  ns3::Simulator::Run();
  // 1 ms each; what would wait longer than half a second is lost.
  BOOST_TEST_REQUIRE(row.heard.size() == 501u);
  BOOST_TEST(row.air->lost_to_queues() == 99u);
  BOOST_TEST(row.heard[1].when_s - row.heard[0].when_s == 0.001,
             boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(a_node_that_moves_is_heard_where_it_is) {
  Row row(3, 40, Plain());
  row.Send(0, PeerAddress::Broadcast(), 97);
  ns3::Simulator::Schedule(ns3::Seconds(2), [&row] {
    row.nodes.Get(2)->GetObject<ns3::MobilityModel>()->SetPosition(ns3::Vector(-30, 0, 1.5));
  });
  ns3::Simulator::Schedule(ns3::Seconds(4),
                           [&row] { row.Send(0, PeerAddress::Broadcast(), 97); });
  ns3::Simulator::Run();
  BOOST_TEST_REQUIRE(row.heard.size() == 3u);
  BOOST_TEST(row.heard[0].at == 1u);
  BOOST_TEST(row.heard[2].at == 2u);
}

BOOST_AUTO_TEST_CASE(a_share_of_frames_is_lost_at_each_receiver_for_itself) {
  AbstractAir::Parameters lossy = Plain();
  lossy.loss = 0.3;
  Row row(3, 40, lossy);
  for (int i = 0; i < 1000; ++i) {
    ns3::Simulator::Schedule(ns3::MilliSeconds(10 * i),
                             [&row] { row.Send(1, PeerAddress::Broadcast(), 97); });
  }
  ns3::Simulator::Run();
  BOOST_TEST(row.heard.size() > 1300u);
  BOOST_TEST(row.heard.size() < 1500u);
}

}  // namespace
}  // namespace selvage::sim
