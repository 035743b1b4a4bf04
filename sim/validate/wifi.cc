// Wi-Fi: many stations that always have something to send.
#include <algorithm>
#include <cmath>

#include "ns3/boolean.h"
#include "ns3/config.h"
#include "ns3/constant-position-mobility-model.h"
#include "ns3/double.h"
#include "ns3/net-device-container.h"
#include "ns3/node-container.h"
#include "ns3/nstime.h"
#include "ns3/propagation-delay-model.h"
#include "ns3/propagation-loss-model.h"
#include "ns3/queue-size.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"
#include "ns3/wifi-mac-header.h"
#include "ns3/wifi-net-device.h"
#include "ns3/wifi-phy.h"
#include "ns3/wifi-tx-vector.h"
#include "ns3/yans-wifi-channel.h"
#include "ns3/yans-wifi-helper.h"
#include "sim/validate/validate.h"

namespace selvage::sim {
namespace {

constexpr const char* kMode = "ErpOfdmRate6Mbps";
constexpr double kWarmSeconds = 1;
constexpr double kRadiusMetres = 2;
constexpr std::uint32_t kMacBytes = 24 + 4 + 8;  // header, FCS, LLC
constexpr std::uint32_t kAckBytes = 14;
constexpr double kCwMin = 15;
constexpr double kCwMax = 1023;
// More frames than the channel carries in a second.
constexpr double kFramesPerSecond = 900;

ns3::NetDeviceContainer InstallWifi(const ns3::NodeContainer& nodes) {
  auto air = ns3::CreateObject<ns3::YansWifiChannel>();
  air->SetPropagationLossModel(ns3::CreateObject<ns3::LogDistancePropagationLossModel>());
  air->SetPropagationDelayModel(ns3::CreateObject<ns3::ConstantSpeedPropagationDelayModel>());
  ns3::YansWifiPhyHelper phy;
  phy.SetChannel(air);
  ns3::WifiHelper wifi;
  wifi.SetStandard(ns3::WIFI_STANDARD_80211g);
  wifi.SetRemoteStationManager("ns3::ConstantRateWifiManager", "DataMode", ns3::StringValue(kMode),
                               "ControlMode", ns3::StringValue(kMode), "MaxSsrc",
                               ns3::UintegerValue(100000), "MaxSlrc", ns3::UintegerValue(100000));
  ns3::WifiMacHelper mac;
  mac.SetType("ns3::AdhocWifiMac");
  return wifi.Install(phy, mac, nodes);
}

ns3::NodeContainer PlaceOnCircle(std::uint32_t stations) {
  ns3::NodeContainer nodes;
  nodes.Create(stations + 1);  // the last one in the middle
  for (std::uint32_t i = 0; i <= stations; ++i) {
    auto place = ns3::CreateObject<ns3::ConstantPositionMobilityModel>();
    const double angle = 2 * 3.14159265358979 * i / stations;
    const double radius = i == stations ? 0 : kRadiusMetres;
    place->SetPosition(ns3::Vector(radius * std::cos(angle), radius * std::sin(angle), 0));
    nodes.Get(i)->AggregateObject(place);
  }
  return nodes;
}

}  // namespace

ValidationRow ValidateWifiSaturation(const ValidationParameters& p) {
  const auto stations = static_cast<std::uint32_t>(p.at("stations"));
  const auto bytes = static_cast<std::uint32_t>(p.at("bytes"));
  ns3::RngSeedManager::SetSeed(12345);
  ns3::RngSeedManager::SetRun(static_cast<std::uint64_t>(p.at("seed")));
  ns3::Config::SetDefault("ns3::WifiMacQueue::MaxSize",
                          ns3::QueueSizeValue(ns3::QueueSize("100000p")));
  ns3::Config::SetDefault("ns3::WifiMacQueue::MaxDelay", ns3::TimeValue(ns3::Seconds(1e6)));
  const ns3::NodeContainer nodes = PlaceOnCircle(stations);
  const ns3::NetDeviceContainer devices = InstallWifi(nodes);
  ns3::WifiHelper().AssignStreams(devices, 1000);
  const double end_s = kWarmSeconds + p.at("seconds");
  const auto each = static_cast<std::uint32_t>(kFramesPerSecond * end_s);
  std::uint64_t received = 0;
  const auto sink = devices.Get(stations);
  sink->SetReceiveCallback(ns3::Callback<bool, ns3::Ptr<ns3::NetDevice>,
                                         ns3::Ptr<const ns3::Packet>, std::uint16_t,
                                         const ns3::Address&>(
      [&](ns3::Ptr<ns3::NetDevice>, ns3::Ptr<const ns3::Packet> packet, std::uint16_t,
          const ns3::Address&) {
        if (ns3::Simulator::Now().GetSeconds() >= kWarmSeconds) received += packet->GetSize();
        return true;
      }));
  ns3::Simulator::Schedule(ns3::MilliSeconds(1), [&] {
    // Fair shares differ by chance: twice of one is plenty, and no more than all.
    const std::uint32_t load = std::min(each, 4 * each / stations + 100);
    for (std::uint32_t i = 0; i < stations; ++i) {
      for (std::uint32_t n = 0; n < load; ++n) {
        devices.Get(i)->Send(ns3::Create<ns3::Packet>(bytes), sink->GetAddress(), 0x88b5);
      }
    }
  });
  ns3::Simulator::Stop(ns3::Seconds(end_s));
  ns3::Simulator::Run();
  const auto phy = ns3::DynamicCast<ns3::WifiNetDevice>(sink)->GetPhy();
  ns3::WifiTxVector mode;
  mode.SetMode(ns3::WifiMode(kMode));
  mode.SetPreambleType(ns3::WIFI_PREAMBLE_LONG);
  mode.SetChannelWidth(20);
  const auto micros = [&](std::uint32_t size) {
    return ns3::WifiPhy::CalculateTxDuration(size, mode, phy->GetPhyBand()).GetSeconds() * 1e6;
  };
  ValidationRow row = {{"stations", p.at("stations")},
                       {"throughput_mbps", static_cast<double>(received) * 8 / 1e6 /
                                               p.at("seconds")},
                       {"payload_bytes", p.at("bytes")},
                       {"slot_us", phy->GetSlot().GetSeconds() * 1e6},
                       {"sifs_us", phy->GetSifs().GetSeconds() * 1e6},
                       {"data_us", micros(bytes + kMacBytes)},
                       {"ack_us", micros(kAckBytes)},
                       {"cw_min", kCwMin},
                       {"cw_max", kCwMax}};
  ns3::Simulator::Destroy();
  return row;
}

}  // namespace selvage::sim
