// Message modems: sessions, bills, mail that waits; and two agents with nothing else.
#define BOOST_TEST_MODULE message_test
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "ns3/double.h"
#include "ns3/node.h"
#include "ns3/simulator.h"
#include "sim/model/message_carrier.h"
#include "sim/protocol.h"

namespace selvage::sim {
namespace {

struct World {
  World() : sky(ns3::CreateObject<MessageChannel>()) {}
  ~World() { ns3::Simulator::Destroy(); }
  ns3::Ptr<MessageNetDevice> Modem(ns3::Ptr<ns3::Node> node = nullptr) {
    if (node == nullptr) node = ns3::CreateObject<ns3::Node>();
    auto device = ns3::CreateObject<MessageNetDevice>();
    device->SetAddress(ns3::Mac16Address::Allocate());
    node->AddDevice(device);
    device->SetChannel(sky);
    device->AssignStreams(static_cast<std::int64_t>(sky->GetNDevices()));
    return device;
  }
  ns3::Ptr<MessageChannel> sky;
};

bool SendBytes(const ns3::Ptr<MessageNetDevice>& device, std::uint32_t bytes) {
  return device->Send(ns3::Create<ns3::Packet>(bytes), device->GetBroadcast(), 0);
}

BOOST_FIXTURE_TEST_CASE(a_message_takes_two_sessions_and_bills_both_ends, World) {
  const auto a = Modem();
  const auto b = Modem();
  for (const auto& device : {a, b}) {
    device->SetAttribute("SessionSuccess", ns3::DoubleValue(1));
    device->SetAttribute("SessionSigma", ns3::DoubleValue(0));
  }
  double at = 0;
  b->TraceConnectWithoutContext(
      "Rx", ns3::Callback<void, ns3::Ptr<const ns3::Packet>>([&](ns3::Ptr<const ns3::Packet>) {
        at = ns3::Simulator::Now().GetSeconds();
      }));
  BOOST_TEST(SendBytes(a, 101));
  BOOST_TEST(!SendBytes(a, 1));  // one message in the modem
  BOOST_TEST(!SendBytes(b, 271));
  ns3::Simulator::Run();
  BOOST_TEST(at == 22, boost::test_tools::tolerance(1e-9));  // 6 s + 5 s, twice
  BOOST_TEST(a->credits() == 3u);
  BOOST_TEST(b->credits() == 3u);
  BOOST_TEST(!a->busy());
}

BOOST_FIXTURE_TEST_CASE(failed_sessions_cost_time_and_energy_but_no_money, World) {
  const auto a = Modem();
  Modem();
  a->SetAttribute("SessionSuccess", ns3::DoubleValue(0));
  SendBytes(a, 10);
  ns3::Simulator::Stop(ns3::Hours(2));
  ns3::Simulator::Run();
  BOOST_TEST(a->credits() == 0u);
  // 1, 2, 4, 8, 16, 32 minutes, then 32 again and again.
  BOOST_TEST(a->failed_sessions() >= 7u);
  BOOST_TEST(a->failed_sessions() <= 9u);
  BOOST_TEST(a->busy());
}

BOOST_FIXTURE_TEST_CASE(mail_waits_for_a_modem_that_is_off_up_to_a_bound, World) {
  const auto a = Modem();
  const auto b = Modem();
  a->SetAttribute("SessionSuccess", ns3::DoubleValue(1));
  b->SetAttribute("SessionSuccess", ns3::DoubleValue(1));
  int received = 0;
  b->TraceConnectWithoutContext(
      "Rx", ns3::Callback<void, ns3::Ptr<const ns3::Packet>>(
                [&](ns3::Ptr<const ns3::Packet>) { ++received; }));
  b->SetOn(false);
  for (std::size_t i = 0; i < MessageNetDevice::kMailboxMax + 5; ++i) {
    b->Ring(ns3::Create<ns3::Packet>(10));
  }
  SendBytes(a, 10);
  ns3::Simulator::Stop(ns3::Minutes(5));
  ns3::Simulator::Run();
  BOOST_TEST(received == 0);
  b->SetOn(true);
  ns3::Simulator::Stop(ns3::Hours(2));
  ns3::Simulator::Run();
  BOOST_TEST(received == static_cast<int>(MessageNetDevice::kMailboxMax));
}

BOOST_FIXTURE_TEST_CASE(sessions_and_pace_are_what_users_report, World) {
  const auto a = Modem();
  Modem();
  double good = 0;
  int sent = 0;
  std::vector<double> lengths;
  a->TraceConnectWithoutContext(
      "Session", ns3::Callback<void, bool, double>([&](bool success, double seconds) {
        if (success) lengths.push_back(seconds);
      }));
  a->OnFree([&] {
    ++sent;
    good = ns3::Simulator::Now().GetSeconds();
    ns3::Simulator::ScheduleNow([&] { SendBytes(a, 50); });
  });
  SendBytes(a, 50);
  ns3::Simulator::Stop(ns3::Hours(24));
  ns3::Simulator::Run();
  std::sort(lengths.begin(), lengths.end());
  BOOST_TEST(lengths[lengths.size() / 2] == 11, boost::test_tools::tolerance(0.1));
  BOOST_TEST(good / sent == 40, boost::test_tools::tolerance(0.2));  // seconds a message
}

struct Talk : World {
  Talk() {
    scenario.traffic_class = "critical";
    scenario.payload_bytes = 24;
    layout.positions.resize(2);
    layout.flows.push_back({0, 1, 0, 1});
    layout.neighbours = {{1}, {0}};
    stage.scenario = &scenario;
    stage.layout = &layout;
    stage.nodes.Create(2);
    for (int i = 0; i < 2; ++i) modems.push_back(Modem(stage.nodes.Get(i)));
    stage.new_carrier = [this](std::uint32_t node) {
      auto carrier = std::make_unique<MessageCarrier>(modems[node], node + 1,
                                                      CreditBudget::Limits{1000, 100});
      carriers.push_back(carrier.get());
      return carrier;
    };
    protocol = NewSelvageProtocol();
    protocol->Install(stage, [this](std::uint32_t, std::uint32_t) { ++arrived; });
  }

  Scenario scenario;
  Layout layout;
  Stage stage;
  std::vector<ns3::Ptr<MessageNetDevice>> modems;
  std::vector<MessageCarrier*> carriers;
  std::unique_ptr<Protocol> protocol;
  int arrived = 0;
};

BOOST_FIXTURE_TEST_CASE(two_agents_pass_an_alarm_by_messages_alone_and_idle_for_nothing, Talk) {
  std::uint64_t before = 0;
  ns3::Simulator::Schedule(ns3::Hours(2), [&] { before = carriers[0]->budget().month_used(); });
  ns3::Simulator::Schedule(ns3::Hours(12), [&] {
    BOOST_TEST(carriers[0]->budget().month_used() <= before + 20);
    protocol->Send(0, 0);
  });
  ns3::Simulator::Stop(ns3::Hours(13));
  ns3::Simulator::Run();
  BOOST_TEST(before > 0u);
  BOOST_TEST(arrived == 1);
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(carriers[i]->budget().month_used() == modems[i]->credits());
  }
}

struct Alarms : Talk {
  Alarms() { layout.flows[0].deadline_s = 900; }
};

BOOST_FIXTURE_TEST_CASE(an_alarm_each_twenty_minutes_gets_through_for_a_few_credits, Alarms) {
  constexpr int kAlarms = 36;
  std::uint64_t before = 0;
  ns3::Simulator::Schedule(ns3::Hours(2), [&] { before = modems[0]->credits(); });
  for (int i = 0; i < kAlarms; ++i) {
    ns3::Simulator::Schedule(ns3::Hours(2) + ns3::Minutes(20 * i),
                             [this, i] { protocol->Send(0, static_cast<std::uint32_t>(i)); });
  }
  ns3::Simulator::Stop(ns3::Hours(2) + ns3::Minutes(20 * kAlarms));
  ns3::Simulator::Run();
  const double credits = static_cast<double>(modems[0]->credits() - before) / kAlarms;
  BOOST_TEST_MESSAGE(arrived << " of " << kAlarms << " alarms, " << credits << " credits each");
  BOOST_TEST(arrived >= kAlarms * 9 / 10);
  BOOST_TEST(arrived <= kAlarms);
  // The alarm is two (51 to 100 bytes), its receipt as many, and one says that the receipt came; a
  // second copy now and then comes on top.
  BOOST_TEST(credits <= 10);
}

}  // namespace
}  // namespace selvage::sim
