// LoRa devices in ns-3: air time, law, path loss, and two node cores that talk over them.
#define BOOST_TEST_MODULE lora_device_test
#include <boost/test/unit_test.hpp>

#include "ns3/constant-position-mobility-model.h"
#include "ns3/nstime.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"
#include "sim/model/lora_carrier.h"
#include "sim/model/lora_helper.h"
#include "sim/protocol.h"
#include "sim/validate/validate.h"

namespace selvage::sim {
namespace {

struct World {
  ~World() { ns3::Simulator::Destroy(); }
  ns3::Ptr<ns3::Node> NodeAt(double x) {
    auto node = ns3::CreateObject<ns3::Node>();
    auto place = ns3::CreateObject<ns3::ConstantPositionMobilityModel>();
    place->SetPosition(ns3::Vector(x, 0, 0));
    node->AggregateObject(place);
    return node;
  }
  LoraHelper lora;
};

bool SendBytes(const ns3::Ptr<LoraNetDevice>& device, std::uint32_t bytes) {
  return device->Send(ns3::Create<ns3::Packet>(bytes), device->GetBroadcast(), 0);
}

BOOST_FIXTURE_TEST_CASE(a_frame_reaches_who_is_in_range_and_nobody_beyond, World) {
  lora.Set("SpreadingFactor", ns3::UintegerValue(7));
  const auto sender = lora.Install(NodeAt(0));
  const auto near = lora.Install(NodeAt(2400));  // 14 dBm - 137.8 dB is above -124.5 dBm
  const auto far = lora.Install(NodeAt(2700));   // 139.0 dB: below
  BOOST_TEST(SendBytes(sender, 20));
  ns3::Simulator::Run();
  BOOST_TEST(near->FatesOf(LoraFate::kReceived) == 1u);
  BOOST_TEST(far->FatesOf(LoraFate::kReceived) == 0u);
  BOOST_TEST(far->FatesOf(LoraFate::kTooWeak) == 1u);
  BOOST_TEST(ToMillis(sender->airtime_sent()) == 56.576, boost::test_tools::tolerance(1e-9));
}

BOOST_FIXTURE_TEST_CASE(one_frame_at_a_time_and_none_beyond_255_bytes, World) {
  lora.Set("Region", ns3::StringValue("none"));
  const auto sender = lora.Install(NodeAt(0));
  BOOST_TEST(!SendBytes(sender, 256));
  BOOST_TEST(SendBytes(sender, 255));
  BOOST_TEST(!SendBytes(sender, 1));
  ns3::Simulator::Run();
  ns3::Simulator::Stop(ns3::Seconds(3));
  ns3::Simulator::Run();
  BOOST_TEST(SendBytes(sender, 1));
}

BOOST_FIXTURE_TEST_CASE(no_hour_has_more_air_time_than_the_law_allows, World) {
  lora.Set("SpreadingFactor", ns3::UintegerValue(10));
  const auto sender = lora.Install(NodeAt(0));
  std::vector<std::pair<double, double>> sent;  // start, seconds
  for (int s = 0; s < 2 * 3600; ++s) {
    ns3::Simulator::Schedule(ns3::Seconds(s), [&, s] {
      if (SendBytes(sender, 64)) sent.emplace_back(s, ToSeconds(sender->TimeOnAir(64)));
    });
  }
  ns3::Simulator::Run();
  double worst = 0;
  for (const auto& [from, length] : sent) {
    double sum = 0;
    for (const auto& [at, seconds] : sent) sum += at >= from && at < from + 3600 ? seconds : 0;
    worst = std::max(worst, sum);
  }
  BOOST_TEST(worst <= 36.0);
  BOOST_TEST(worst > 30.0);  // and what is allowed is used
  BOOST_TEST(sender->DutyUsedPpm() > 900000);
}

BOOST_AUTO_TEST_CASE(what_theory_and_measurements_say_is_met) {
  const auto aloha = RunValidation("lora-aloha", {{"load", 0.5}, {"successes", 5000}});
  BOOST_TEST_REQUIRE(aloha.ok());
  const ValidationRow& row = *aloha;
  BOOST_TEST(row[1].second == row[2].second, boost::test_tools::tolerance(0.05));
  const auto capture =
      RunValidation("lora-capture", {{"nodes", 56}, {"frames", 5000}});
  BOOST_TEST_REQUIRE(capture.ok());
  BOOST_TEST((*capture)[2].second == 32.4, boost::test_tools::tolerance(0.1));
  BOOST_TEST(!RunValidation("lora-nothing", {}).ok());
  BOOST_TEST(!RunValidation("lora-aloha", {{"nodes", 1}}).ok());
}

// Two agents, one LoRa channel: sessions, map and messages within the law's air time.
struct Talk : World {
  Talk() {
    scenario.traffic_class = "reliable";
    scenario.payload_bytes = 24;
    layout.positions.resize(2);
    layout.flows.push_back({0, 1, 0, 1});
    layout.neighbours = {{1}, {0}};
    stage.scenario = &scenario;
    stage.layout = &layout;
    lora.Set("SpreadingFactor", ns3::UintegerValue(7));
    for (int i = 0; i < 2; ++i) {
      stage.nodes.Add(NodeAt(i * 800.0));
      devices.push_back(lora.Install(stage.nodes.Get(i)));
    }
    stage.new_carrier = [this](std::uint32_t node) {
      return std::make_unique<LoraCarrier>(devices[node], node + 1, 77 + node);
    };
    protocol = NewSelvageProtocol();
    protocol->Install(stage, [this](std::uint32_t, std::uint32_t sequence) {
      arrived.emplace_back(sequence, ns3::Simulator::Now().GetSeconds());
    });
  }
  ~Talk() { ns3::Simulator::Destroy(); }

  Scenario scenario;
  Layout layout;
  Stage stage;
  std::vector<ns3::Ptr<LoraNetDevice>> devices;
  std::unique_ptr<Protocol> protocol;
  std::vector<std::pair<std::uint32_t, double>> arrived;
};

BOOST_FIXTURE_TEST_CASE(two_agents_find_each_other_and_deliver_over_lora, Talk) {
  for (std::uint32_t i = 0; i < 5; ++i) {
    ns3::Simulator::Schedule(ns3::Seconds(300 + 60 * i), [this, i] { protocol->Send(0, i); });
  }
  ns3::Simulator::Stop(ns3::Seconds(900));
  ns3::Simulator::Run();
  BOOST_TEST(arrived.size() == 5u);
  for (const auto& [sequence, at] : arrived) BOOST_TEST(at - (300 + 60 * sequence) < 30);
  for (const auto& device : devices) BOOST_TEST(ToSeconds(device->airtime_sent()) < 36);
}

}  // namespace
}  // namespace selvage::sim
