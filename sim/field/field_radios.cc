#include "sim/field/field_radios.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ns3/boolean.h"
#include "ns3/config.h"
#include "ns3/double.h"
#include "ns3/internet-stack-helper.h"
#include "ns3/ipv4-address-helper.h"
#include "ns3/ipv4-interface-container.h"
#include "ns3/propagation-delay-model.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"
#include "ns3/wifi-mac.h"
#include "ns3/wifi-net-device.h"
#include "ns3/yans-wifi-channel.h"
#include "ns3/yans-wifi-helper.h"
#include "sim/layout.h"
#include "sim/model/access_carrier.h"
#include "sim/model/lora_carrier.h"
#include "sim/model/message_carrier.h"
#include "sim/udp_carrier.h"

namespace selvage::sim {
namespace {

constexpr const char* kPhyMode = "ErpOfdmRate6Mbps";
constexpr double kShellEpoch = 1767225600;  // 2026-01-01T00:00:00Z
constexpr double kWifiMicrojoulesPerByte = 0.5;  // an estimate
constexpr double kBytesPerGb = 1e9;

PeerAddress StationAddress(std::uint16_t station) {
  const std::array<std::uint8_t, 2> bytes{static_cast<std::uint8_t>(station >> 8),
                                          static_cast<std::uint8_t>(station)};
  return PeerAddress::From(bytes);
}

std::uint16_t StationOf(std::uint32_t node) { return static_cast<std::uint16_t>(node + 1); }

}  // namespace

FieldRadios::FieldRadios(const FieldScenario& field, const std::vector<FieldNode>& drawn,
                         const ns3::NodeContainer& nodes)
    : field_(field), drawn_(drawn), sky_(ns3::CreateObject<MessageChannel>()) {
  InstallWifi(nodes);
  InstallLora(nodes);
  InstallAccess(RadioKind::kRedcap, nodes);
  InstallAccess(RadioKind::kSatellite, nodes);
  InstallSbd(nodes);
}

bool FieldRadios::Has(std::uint32_t node, RadioKind kind) const {
  const auto& radios = field_.groups[drawn_[node].group].radios;
  return std::find(radios.begin(), radios.end(), kind) != radios.end();
}

ns3::NodeContainer FieldRadios::With(RadioKind kind, const ns3::NodeContainer& nodes) const {
  ns3::NodeContainer with;
  for (std::uint32_t i = 0; i < nodes.GetN(); ++i) {
    if (Has(i, kind)) with.Add(nodes.Get(i));
  }
  return with;
}

void FieldRadios::InstallWifi(const ns3::NodeContainer& all) {
  const ns3::NodeContainer nodes = With(RadioKind::kWifi, all);
  if (nodes.GetN() == 0) return;
  if (field_.wifi_abstract) {
    air_ = std::make_unique<AbstractAir>(
        AbstractAir::Parameters{field_.wifi_range_m, field_.wifi_rate_kbps, field_.wifi_delay_ms,
                                field_.wifi_loss, field_.seed},
        all);
    for (std::uint32_t i = 0; i < all.GetN(); ++i) {
      if (Has(i, RadioKind::kWifi)) addresses_[RadioKind::kWifi][AbstractAir::AddressOf(i)] = i;
    }
    return;
  }
  // The default, 100 s, silences a neighbour for that long after one failed resolution.
  ns3::Config::SetDefault("ns3::ArpCache::DeadTimeout", ns3::TimeValue(ns3::Seconds(1)));
  ns3::Config::SetDefault("ns3::WifiRemoteStationManager::NonUnicastMode",
                          ns3::StringValue(kPhyMode));
  auto loss = ns3::CreateObject<ns3::LogDistancePropagationLossModel>();
  loss->SetAttribute("Exponent", ns3::DoubleValue(kLossExponent));
  // At the border of the range just what is received.
  loss->SetAttribute("ReferenceLoss",
                     ns3::DoubleValue(kTxDbm - kLinkDbm -
                                      10 * kLossExponent * std::log10(field_.wifi_range_m)));
  auto air = ns3::CreateObject<ns3::YansWifiChannel>();
  air->SetPropagationLossModel(loss);
  air->SetPropagationDelayModel(ns3::CreateObject<ns3::ConstantSpeedPropagationDelayModel>());
  ns3::YansWifiPhyHelper phy;
  phy.SetChannel(air);
  phy.Set("TxPowerStart", ns3::DoubleValue(kTxDbm));
  phy.Set("TxPowerEnd", ns3::DoubleValue(kTxDbm));
  phy.Set("RxSensitivity", ns3::DoubleValue(kRxSensitivityDbm));
  ns3::WifiHelper wifi;
  wifi.SetStandard(ns3::WIFI_STANDARD_80211g);
  wifi.SetRemoteStationManager("ns3::ConstantRateWifiManager", "DataMode",
                               ns3::StringValue(kPhyMode), "ControlMode",
                               ns3::StringValue(kPhyMode));
  ns3::WifiMacHelper mac;
  mac.SetType("ns3::AdhocWifiMac");
  const ns3::NetDeviceContainer devices = wifi.Install(phy, mac, nodes);
  wifi.AssignStreams(devices, 1000);
  ns3::InternetStackHelper stack;
  stack.SetIpv6StackInstall(false);
  stack.Install(nodes);
  stack.AssignStreams(nodes, 200000);
  ns3::Ipv4AddressHelper addresses;
  addresses.SetBase("10.1.0.0", "255.255.0.0");
  const ns3::Ipv4InterfaceContainer interfaces = addresses.Assign(devices);
  for (std::uint32_t i = 0; i < devices.GetN(); ++i) {
    const std::uint32_t node = devices.Get(i)->GetNode()->GetId();
    std::array<std::uint8_t, 4> bytes{};
    interfaces.GetAddress(i).Serialize(bytes.data());
    addresses_[RadioKind::kWifi][PeerAddress::From(bytes)] = node;
    wifi_devices_[node] = devices.Get(i);
    ns3::DynamicCast<ns3::WifiNetDevice>(devices.Get(i))
        ->GetMac()
        ->TraceConnectWithoutContext(
            "MacTx", ns3::Callback<void, ns3::Ptr<const ns3::Packet>>(
                         [this, node](ns3::Ptr<const ns3::Packet> packet) {
                           wifi_bytes_[node] += packet->GetSize();
                         }));
  }
}

void FieldRadios::InstallLora(const ns3::NodeContainer& nodes) {
  lora_.Set("SpreadingFactor",
            ns3::UintegerValue(static_cast<std::uint64_t>(field_.lora_factor)));
  lora_.Set("Region", ns3::StringValue(field_.lora_region));
  auto loss = ns3::CreateObject<ns3::LogDistancePropagationLossModel>();
  loss->SetAttribute("Exponent", ns3::DoubleValue(field_.lora_exponent));
  // As LoraHelper: 128.95 dB at 1 km, whatever the exponent.
  loss->SetAttribute("ReferenceLoss", ns3::DoubleValue(128.95 - 30 * field_.lora_exponent));
  lora_.SetLoss(loss);
  for (std::uint32_t i = 0; i < nodes.GetN(); ++i) {
    if (!Has(i, RadioKind::kLora)) continue;
    lora_devices_[i] = lora_.Install(nodes.Get(i));
    addresses_[RadioKind::kLora][StationAddress(StationOf(i))] = i;
  }
}

void FieldRadios::InstallAccess(RadioKind kind, const ns3::NodeContainer& nodes) {
  AccessHelper& access = access_[kind];
  std::shared_ptr<LeoShell> shell;
  const orbit::Site site{field_.latitude, field_.longitude, 0.1};
  const orbit::Site gateway{field_.latitude + 1, field_.longitude + 1, 0.1};
  for (std::uint32_t i = 0; i < nodes.GetN(); ++i) {
    if (!Has(i, kind)) continue;
    ns3::Ptr<AccessNetDevice> device;
    if (field_.groups[drawn_[i].group].wired) {
      device = access.InstallFixed(nodes.Get(i), ns3::MilliSeconds(2));
    } else if (kind == RadioKind::kRedcap) {
      device = access.InstallCell(nodes.Get(i), field_.redcap_network);
    } else {
      if (shell == nullptr) {
        shell = std::make_shared<LeoShell>(LeoShell::Walker(550, 53, 72, 22, 39, kShellEpoch),
                                           kShellEpoch);
      }
      device = access.InstallLeo(nodes.Get(i), shell, site, gateway);
    }
    access_devices_[kind][i] = device;
    std::array<std::uint8_t, 6> bytes{};
    ns3::Mac48Address::ConvertFrom(device->GetAddress()).CopyTo(bytes.data());
    addresses_[kind][PeerAddress::From(bytes)] = i;
  }
  access.AssignStreams(static_cast<std::int64_t>(field_.seed * 1000 + 17) +
                       (kind == RadioKind::kRedcap ? 0 : 500));
}

void FieldRadios::InstallSbd(const ns3::NodeContainer& nodes) {
  for (std::uint32_t i = 0; i < nodes.GetN(); ++i) {
    if (!Has(i, RadioKind::kSbd)) continue;
    auto device = ns3::CreateObject<MessageNetDevice>();
    device->SetAddress(ns3::Mac16Address::Allocate());
    device->SetAttribute("Hub", ns3::BooleanValue(field_.groups[drawn_[i].group].wired));
    nodes.Get(i)->AddDevice(device);
    device->SetChannel(sky_);
    device->AssignStreams(static_cast<std::int64_t>(field_.seed * 1000 + 700 + i));
    sbd_devices_[i] = device;
    addresses_[RadioKind::kSbd][StationAddress(StationOf(i))] = i;
  }
}

std::vector<RadioSet::Radio> FieldRadios::NewCarriers(std::uint32_t node) {
  std::vector<RadioSet::Radio> radios;
  for (const RadioKind kind : field_.groups[drawn_[node].group].radios) {
    std::unique_ptr<Carrier> carrier;
    if (kind == RadioKind::kWifi) {
      carrier = air_ ? air_->NewCarrier(node) : NewUdpCarrier(false);
    } else if (kind == RadioKind::kLora) {
      carrier = std::make_unique<LoraCarrier>(lora_devices_.at(node), StationOf(node),
                                              field_.seed * 7777 + node);
    } else if (kind == RadioKind::kSbd) {
      carrier = std::make_unique<MessageCarrier>(
          sbd_devices_.at(node), StationOf(node),
          CreditBudget::Limits{field_.sbd_credits_month, field_.sbd_control_day});
    } else {
      // Configured are the wired ends; without any, everybody.
      std::vector<ns3::Ptr<AccessNetDevice>> wired, all;
      for (const auto& [peer, device] : access_devices_.at(kind)) {
        all.push_back(device);
        if (field_.groups[drawn_[peer].group].wired) wired.push_back(device);
      }
      const LinkInfo info =
          kind == RadioKind::kRedcap ? RedcapLinkInfo("redcap0") : SatelliteLinkInfo("sat0");
      carrier = std::make_unique<AccessCarrier>(access_devices_.at(kind).at(node), info,
                                                wired.empty() ? all : wired);
    }
    radios.push_back({kind, std::move(carrier)});
  }
  return radios;
}

std::optional<std::uint32_t> FieldRadios::NodeOf(RadioKind kind,
                                                 const PeerAddress& address) const {
  const auto medium = addresses_.find(kind);
  if (medium == addresses_.end()) return std::nullopt;
  const auto it = medium->second.find(address);
  return it == medium->second.end() ? std::nullopt : std::optional(it->second);
}

FieldRadios::Cost FieldRadios::CostOf(std::uint32_t node, RadioKind kind) const {
  Cost cost;
  if (!Has(node, kind)) return cost;
  const bool wired = field_.groups[drawn_[node].group].wired;
  if (kind == RadioKind::kWifi) {
    const auto it = wifi_bytes_.find(node);
    const std::uint64_t sent = air_ ? air_->bytes_sent(node) : 0;
    const auto bytes = static_cast<double>(it == wifi_bytes_.end() ? sent : it->second);
    cost.joules = field_.wifi_watts * ns3::Simulator::Now().GetSeconds() +
                  bytes * kWifiMicrojoulesPerByte * 1e-6;
  } else if (kind == RadioKind::kLora) {
    const auto& device = lora_devices_.at(node);
    cost.joules = device->EnergyJoules();
    cost.airtime_s = ToSeconds(device->airtime_sent());
    cost.duty_share = static_cast<double>(device->DutyUsedPpm()) / 1e6;
  } else if (kind == RadioKind::kSbd) {
    const auto& device = sbd_devices_.at(node);
    cost.joules = device->EnergyJoules();
    cost.credits = device->credits();
    cost.cents = static_cast<double>(cost.credits) * field_.sbd_cents_per_credit;
  } else if (!wired) {
    const auto& device = access_devices_.at(kind).at(node);
    cost.joules = device->EnergyJoules();
    if (kind == RadioKind::kRedcap) {
      cost.cents = static_cast<double>(device->bytes_sent() + device->bytes_received()) /
                   kBytesPerGb * field_.redcap_cents_per_gb;
    }
  }
  return cost;
}

void FieldRadios::Switch(std::uint32_t node, RadioKind kind, bool on) {
  if (!Has(node, kind)) return;
  if (kind == RadioKind::kSbd) sbd_devices_.at(node)->SetOn(on);
  if (kind == RadioKind::kRedcap || kind == RadioKind::kSatellite) {
    access_devices_.at(kind).at(node)->SetOn(on);
  }
}

}  // namespace selvage::sim
