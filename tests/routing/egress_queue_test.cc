#define BOOST_TEST_MODULE egress_queue_test
#include "routing/egress_queue.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

WaitingPacket Packet(TrafficClass c, std::uint64_t number, std::size_t bytes = 100) {
  WaitingPacket p;
  p.header.traffic_class = c;
  p.header.id.sequence = number;
  p.payload.resize(bytes);
  return p;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_most_precious_class_goes_first_and_within_it_the_oldest_packet) {
  EgressQueue q;
  q.Push(Packet(TrafficClass::kBulk, 1));
  q.Push(Packet(TrafficClass::kTelemetry, 2));
  q.Push(Packet(TrafficClass::kCritical, 3));
  q.Push(Packet(TrafficClass::kCritical, 4));
  q.Push(Packet(TrafficClass::kReliable, 5));
  BOOST_TEST((q.first_class() == TrafficClass::kCritical));
  std::vector<std::uint64_t> order;
  for (const WaitingPacket& p : q.TakeAll()) order.push_back(p.header.id.sequence);
  const std::vector<std::uint64_t> expected = {3, 4, 5, 2, 1};
  BOOST_TEST(order == expected, boost::test_tools::per_element());
  BOOST_TEST(q.empty());
  BOOST_TEST(q.bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(classes_give_way_from_bulk_upwards_and_their_oldest_packets_first) {
  EgressQueue q;
  std::uint64_t number = 0;
  for (TrafficClass c : {TrafficClass::kBulk, TrafficClass::kTelemetry, TrafficClass::kReliable}) {
    for (std::size_t i = 0; i < EgressQueue::kPacketsMax / 4; ++i) {
      BOOST_TEST(q.Push(Packet(c, ++number)).empty());
    }
  }
  std::vector<TrafficClass> shed;
  std::uint64_t first_shed = 0;
  for (std::size_t i = 0; i < EgressQueue::kPacketsMax; ++i) {
    for (const WaitingPacket& p : q.Push(Packet(TrafficClass::kCritical, ++number))) {
      if (shed.empty()) first_shed = p.header.id.sequence;
      shed.push_back(p.header.traffic_class);
    }
  }
  BOOST_TEST(first_shed == 1u);
  BOOST_TEST(shed.size() == EgressQueue::kPacketsMax * 3 / 4);
  for (std::size_t i = 1; i < shed.size(); ++i) {
    BOOST_TEST(static_cast<int>(shed[i]) <= static_cast<int>(shed[i - 1]));
  }
  BOOST_TEST(q.packets() == EgressQueue::kPacketsMax);
  // Nothing but critical is left: now its oldest packet gives way.
  const auto last = q.Push(Packet(TrafficClass::kCritical, ++number));
  BOOST_TEST(last.size() == 1u);
  BOOST_TEST((last.at(0).header.traffic_class == TrafficClass::kCritical));
}

BOOST_AUTO_TEST_CASE(of_two_queues_the_more_precious_packet_goes_first_or_the_older) {
  EgressQueue a;
  EgressQueue b;
  WaitingPacket p = Packet(TrafficClass::kTelemetry, 1);
  p.since = TimeFromNanos(5);
  a.Push(p);
  p.since = TimeFromNanos(3);
  b.Push(p);
  BOOST_TEST(b.Before(a));
  BOOST_TEST(!a.Before(b));
  p = Packet(TrafficClass::kReliable, 2);
  p.since = TimeFromNanos(9);
  a.Push(p);
  BOOST_TEST(a.Before(b));
  BOOST_TEST(!b.Before(a));
}

BOOST_AUTO_TEST_CASE(the_bound_holds_in_bytes_too) {
  EgressQueue q;
  std::size_t shed = 0;
  for (int i = 0; i < 600; ++i) shed += q.Push(Packet(TrafficClass::kBulk, 1, 1300)).size();
  BOOST_TEST(q.bytes() <= EgressQueue::kBytesMax);
  BOOST_TEST(q.packets() + shed == 600u);
  q.SetRoom(100'000);
  shed = q.Push(Packet(TrafficClass::kCritical, 2, 1300)).size();
  BOOST_TEST(q.bytes() <= 100'000u);
  BOOST_TEST(shed > 300u);
  BOOST_TEST((q.first_class() == TrafficClass::kCritical));
  q.SetRoom(0);
  for (int i = 0; i < 100; ++i) q.Push(Packet(TrafficClass::kBulk, 1, 1300));
  BOOST_TEST(q.bytes() > EgressQueue::kBytesMin - 1300);
  BOOST_TEST(shed > 0u);
}

}  // namespace selvage
