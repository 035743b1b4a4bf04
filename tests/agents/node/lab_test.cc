#define BOOST_TEST_MODULE lab_test
#include "agents/node/lab.h"

#include <boost/test/unit_test.hpp>

#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

constexpr Time kStart = TimeFromNanos(1'000'000'000);

DataHeader Header(TrafficClass c, std::uint32_t to) {
  DataHeader h;
  h.traffic_class = c;
  h.destination = ShortId(to);
  return h;
}

BOOST_AUTO_TEST_CASE(a_share_of_one_class_or_one_destination_is_dropped_and_nothing_else) {
  Random random(1);
  Lab lab;
  auto dropped = [&](TrafficClass c, std::uint32_t to) {
    int n = 0;
    for (int i = 0; i < 1000; ++i) n += lab.ShouldDrop(Header(c, to), &random);
    return n;
  };
  BOOST_TEST(dropped(TrafficClass::kBulk, 1) == 0);
  lab.DropForwarded(0.5, TrafficClass::kBulk, std::nullopt);
  BOOST_TEST(dropped(TrafficClass::kTelemetry, 1) == 0);
  BOOST_TEST(dropped(TrafficClass::kBulk, 1) > 400);
  BOOST_TEST(dropped(TrafficClass::kBulk, 1) < 600);
  lab.DropForwarded(7, std::nullopt, ShortId(2));  // clamped to all
  BOOST_TEST(dropped(TrafficClass::kTelemetry, 1) == 0);
  BOOST_TEST(dropped(TrafficClass::kTelemetry, 2) == 1000);
  lab.Off();
  BOOST_TEST(dropped(TrafficClass::kTelemetry, 2) == 0);
  BOOST_TEST(!lab.active());
}

BOOST_AUTO_TEST_CASE(a_lie_scales_what_a_link_costs) {
  Lab lab;
  EdgeMetric truth;
  truth.latency_us = 4000;
  truth.loss_permille = 100;
  BOOST_TEST((lab.Lie(truth) == truth));
  for (double factor : {0.5, 3.0}) {
    lab.LieMetric(factor);
    EdgeMetric clean = truth;
    clean.loss_permille = 0;
    const auto before = static_cast<double>(EdgeCost(clean, TrafficClass::kTelemetry));
    const auto after = static_cast<double>(EdgeCost(lab.Lie(clean), TrafficClass::kTelemetry));
    BOOST_TEST(after == before * factor, boost::test_tools::tolerance(0.001));
    BOOST_TEST(lab.Lie(truth).loss_permille == 100 * factor);
  }
}

BOOST_AUTO_TEST_CASE(held_packets_leave_in_order_when_their_time_has_come_and_are_bounded) {
  Lab lab;
  const Bytes payload(10);
  BOOST_TEST(!lab.Hold(kStart, Header(TrafficClass::kBulk, 1), payload, AdjacencyIndex(1)));
  lab.Delay(20ms);
  std::size_t held = 0;
  for (std::size_t i = 0; i < Lab::kPacketsMax + 10; ++i) {
    DataHeader h = Header(TrafficClass::kBulk, 1);
    h.id.sequence = i;
    held += lab.Hold(kStart + Duration(static_cast<std::int64_t>(i)), h, payload,
                     AdjacencyIndex(1));
  }
  BOOST_TEST(held == Lab::kPacketsMax);
  BOOST_TEST(lab.TakePackets(kStart + 19ms).empty());
  BOOST_TEST((lab.NextDeadline() == kStart + 20ms));
  const auto out = lab.TakePackets(kStart + 30ms);
  BOOST_REQUIRE(out.size() == Lab::kPacketsMax);
  for (std::size_t i = 0; i < out.size(); ++i) BOOST_TEST(out[i].header.id.sequence == i);
  lab.TakeFrames(kStart + 30ms);
  BOOST_TEST((lab.NextDeadline() == kNever));
}

// ---- in a mesh: s - r - d

struct Line {
  Mesh mesh{1};
  std::uint32_t sent = 0;
  explicit Line(bool allowed = true) {
    NodeConfig config;
    config.lab = allowed;
    for (const char* n : {"s", "r", "d"}) mesh.Add(n, mesh.members(), config);
    mesh.Join("s", "r");
    mesh.Join("r", "d");
    mesh.StartAll();
    mesh.Run(1s);
  }
  NodeCore& relay() { return *mesh.Find("r").core; }
  void Send(int packets) {
    for (int i = 0; i < packets; ++i) {
      mesh.Send("s", "d", TrafficClass::kTelemetry, Bytes(100));
      mesh.Run(5ms);
    }
  }
  std::size_t delivered() { return mesh.Find("d").delivered.size(); }
};

BOOST_AUTO_TEST_CASE(without_permission_nothing_happens) {
  Line line(false);
  line.relay().LabDropForwarded(1, std::nullopt);
  line.relay().LabDelay(1s);
  line.relay().LabReplay();
  line.relay().LabLieMetric(9);
  BOOST_TEST(!line.relay().lab_active());
  line.Send(20);
  line.mesh.Run(50ms);
  BOOST_TEST(line.delivered() == 20u);
  BOOST_TEST(line.mesh.Counter("d", "payloads_duplicate_total") == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_dropped_for_one_destination_arrives_at_others) {
  Line line;
  line.relay().LabDropForwarded(1, std::nullopt, line.mesh.Find("d").identity.certificate.id);
  BOOST_TEST(line.relay().lab_active());
  line.Send(10);
  line.mesh.Run(100ms);
  BOOST_TEST(line.delivered() == 0u);
  line.mesh.Send("d", "s", TrafficClass::kTelemetry, Bytes(100));
  line.mesh.Run(100ms);
  BOOST_TEST(line.mesh.Find("s").delivered.size() == 1u);
  line.relay().LabOff();
  line.Send(10);
  line.mesh.Run(100ms);
  BOOST_TEST(line.delivered() == 10u);
}

BOOST_AUTO_TEST_CASE(what_is_delayed_arrives_late_and_whole) {
  Line line;
  line.relay().LabDelay(300ms);
  line.Send(20);
  line.mesh.Run(100ms);
  BOOST_TEST(line.delivered() == 0u);
  line.mesh.Run(400ms);
  BOOST_TEST(line.delivered() == 20u);
}

BOOST_AUTO_TEST_CASE(what_is_replayed_is_recognised_at_the_hop_and_at_the_destination) {
  Line line;
  line.relay().LabReplay();
  line.Send(20);
  line.mesh.Run(1s);
  BOOST_TEST(line.delivered() == 20u);
  BOOST_TEST(line.mesh.Counter("d", "payloads_duplicate_total") >= 20u);
  BOOST_TEST(line.mesh.Counter("d", "frames_replayed_total") >= 20u);
}

BOOST_AUTO_TEST_CASE(a_lie_about_metrics_attracts_and_repels_traffic) {
  NodeConfig config;
  config.lab = true;
  Mesh mesh(2);
  for (const char* n : {"s", "a", "b", "d"}) mesh.Add(n, mesh.members(), config);
  ChannelModel slow;
  slow.delay = 10ms;
  mesh.Join("s", "a");
  mesh.Join("a", "d", slow);
  mesh.Join("s", "b");
  mesh.Join("b", "d", slow);
  mesh.StartAll();
  mesh.Run(30s);
  auto relay = [&] {
    return mesh.Find("s")
        .core->Path(mesh.now(), mesh.Find("d").identity.certificate.id, TrafficClass::kTelemetry)
        .at(1);
  };
  const std::string honest = relay();
  const std::string other = honest == "a" ? "b" : "a";
  mesh.Find(honest).core->LabLieMetric(20);
  mesh.Run(10s);
  BOOST_TEST(relay() == other);
  mesh.Find(honest).core->LabOff();
  mesh.Run(10s);
  mesh.Find(other).core->LabLieMetric(20);
  mesh.Run(10s);
  BOOST_TEST(relay() == honest);
}

}  // namespace
}  // namespace selvage
