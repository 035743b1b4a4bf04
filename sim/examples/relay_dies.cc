// Selvage in an ns-3 program of one's own: four Wi-Fi nodes, two ways, and a relay that dies.
//
//     0 --- 1 --- 3      Node 0 sends ten messages a second to node 3. After ten seconds the
//      \--- 2 ---/       relay in use is carried out of reach. Printed: what the nodes noticed,
//                        where the traffic went, and how much arrived.
#include <cstdio>
#include <string>

#include "ns3/command-line.h"
#include "ns3/constant-position-mobility-model.h"
#include "ns3/internet-stack-helper.h"
#include "ns3/ipv4-address-helper.h"
#include "ns3/mobility-helper.h"
#include "ns3/position-allocator.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/wifi-helper.h"
#include "ns3/yans-wifi-helper.h"
#include "sim/selvage_helper.h"

namespace {

using selvage::Deliver;
using selvage::Event;
using selvage::sim::SelvageApplication;

constexpr double kSendEvery = 0.1;
constexpr double kFirst = 2;
constexpr double kDeath = 10;
constexpr double kEnd = 20;

int g_sent = 0;
int g_arrived = 0;
std::string g_relay;  // the neighbour of node 0 that carries its traffic

void Print(const char* what, const std::string& node, const std::string& text) {
  std::printf("%8.3f s  %-12s %s: %s\n", ns3::Simulator::Now().GetSeconds(), what, node.c_str(),
              text.c_str());
}

void OnDelivery(const Deliver& /*deliver*/) { ++g_arrived; }

void OnRouteChange(std::string node, const Event& event) {
  Print("route change", node, event.text);
}

void OnDetection(std::string node, const Event& event) { Print("detection", node, event.text); }

void SendNext(ns3::Ptr<SelvageApplication> from, ns3::Ptr<SelvageApplication> to) {
  if (ns3::Simulator::Now().GetSeconds() >= kEnd - 1) return;
  selvage::Message message;
  message.to = to->id();
  message.traffic_class = selvage::TrafficClass::kCritical;
  message.payload = selvage::Bytes(64);
  std::string reason;
  if (from->Submit(std::move(message), &reason)) {
    ++g_sent;
  } else {
    Print("refused", "n0", reason);
  }
  ns3::Simulator::Schedule(ns3::Seconds(kSendEvery), &SendNext, from, to);
}

void CarryAway(ns3::NodeContainer nodes, ns3::Ptr<SelvageApplication> from,
               ns3::Ptr<SelvageApplication> to) {
  const selvage::Time now = selvage::TimeFromNanos(ns3::Simulator::Now().GetNanoSeconds());
  for (const auto& route : from->core()->Routes(now, selvage::TrafficClass::kCritical)) {
    if (route.to == to->id()) g_relay = route.next_hop;
  }
  const std::uint32_t relay = g_relay == "n2" ? 2 : 1;
  Print("fault", g_relay, "is carried out of reach");
  nodes.Get(relay)->GetObject<ns3::ConstantPositionMobilityModel>()->SetPosition({5000, 0, 0});
}

}  // namespace

int main(int argc, char** argv) {
  std::string model = "on";
  std::int64_t stream = 1;
  ns3::CommandLine line;
  line.AddValue("model", "anomaly model: on, off or threshold", model);
  line.AddValue("stream", "first random stream of the agents", stream);
  line.Parse(argc, argv);

  ns3::NodeContainer nodes;
  nodes.Create(4);
  auto places = ns3::CreateObject<ns3::ListPositionAllocator>();
  places->Add(ns3::Vector(0, 0, 0));
  places->Add(ns3::Vector(40, 25, 0));
  places->Add(ns3::Vector(40, -25, 0));
  places->Add(ns3::Vector(80, 0, 0));
  ns3::MobilityHelper mobility;
  mobility.SetPositionAllocator(places);
  mobility.Install(nodes);

  ns3::WifiHelper wifi;
  wifi.SetStandard(ns3::WIFI_STANDARD_80211g);
  wifi.SetRemoteStationManager("ns3::ConstantRateWifiManager", "DataMode",
                               ns3::StringValue("ErpOfdmRate6Mbps"));
  ns3::YansWifiPhyHelper phy;
  phy.SetChannel(ns3::YansWifiChannelHelper::Default().Create());
  ns3::WifiMacHelper mac;
  mac.SetType("ns3::AdhocWifiMac");
  const ns3::NetDeviceContainer devices = wifi.Install(phy, mac, nodes);
  ns3::InternetStackHelper().Install(nodes);
  ns3::Ipv4AddressHelper addresses("10.0.0.0", "255.255.255.0");
  addresses.Assign(devices);

  selvage::sim::SelvageHelper selvage(1);
  selvage.Set("Model", ns3::StringValue(model));
  const ns3::ApplicationContainer agents = selvage.Install(nodes);
  selvage::sim::SelvageHelper::AssignStreams(agents, stream);
  for (std::uint32_t i = 0; i < agents.GetN(); ++i) {
    const std::string name = "n" + std::to_string(i);
    auto agent = agents.Get(i);
    agent->TraceConnectWithoutContext("RouteChange", ns3::MakeBoundCallback(&OnRouteChange, name));
    agent->TraceConnectWithoutContext("Detection", ns3::MakeBoundCallback(&OnDetection, name));
  }
  agents.Get(3)->TraceConnectWithoutContext("Delivery", ns3::MakeCallback(&OnDelivery));
  auto from = ns3::DynamicCast<SelvageApplication>(agents.Get(0));
  auto to = ns3::DynamicCast<SelvageApplication>(agents.Get(3));
  ns3::Simulator::Schedule(ns3::Seconds(kFirst), &SendNext, from, to);
  ns3::Simulator::Schedule(ns3::Seconds(kDeath), &CarryAway, nodes, from, to);
  ns3::Simulator::Stop(ns3::Seconds(kEnd));
  ns3::Simulator::Run();
  ns3::Simulator::Destroy();
  std::printf("%d messages sent, %d arrived\n", g_sent, g_arrived);
  return g_sent > 0 && g_arrived == g_sent ? 0 : 1;
}
