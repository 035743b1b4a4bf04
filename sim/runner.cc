#include "sim/runner.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ns3/animation-interface.h"
#include "ns3/boolean.h"
#include "ns3/config.h"
#include "ns3/double.h"
#include "ns3/ipv4-address-helper.h"
#include "ns3/ipv4-interface-container.h"
#include "ns3/mobility-helper.h"
#include "ns3/nstime.h"
#include "ns3/position-allocator.h"
#include "ns3/propagation-delay-model.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/wifi-mac.h"
#include "ns3/wifi-net-device.h"
#include "ns3/yans-wifi-channel.h"
#include "ns3/yans-wifi-helper.h"
#include "sim/abstract_network.h"
#include "sim/device_tap.h"
#include "sim/fault_channel.h"
#include "sim/mobility.h"
#include "sim/packet_tag.h"
#include "sim/udp_carrier.h"
#include "sim/usage.h"
#include "sim/walk_watch.h"

namespace selvage::sim {
namespace {

constexpr const char* kPhyMode = "ErpOfdmRate6Mbps";
constexpr std::uint64_t kAnimationPacketsMax = 10'000'000;  // then it begins another file
constexpr double kDriveStepSeconds = 0.05;
constexpr double kLateSeconds = 2;      // before the next move: as meshnet-lab measures
constexpr std::uint32_t kLlcBytes = 8;  // LLC/SNAP header, belongs to the link

std::uint64_t CountLinks(const Layout& layout) {
  std::uint64_t ends = 0;
  for (const auto& n : layout.neighbours) ends += n.size();
  return ends / 2;
}

class World {
 public:
  explicit World(const RunInput& input)
      : scenario_(input.scenario),
        pcap_(input.pcap),
        layout_(input.layout),
        protocol_(scenario_.protocol == "selvage" ? NewSelvageProtocol()
                                                  : NewIpProtocol(scenario_.protocol)),
        faults_(&layout_, scenario_.seed),
        actions_(scenario_, scenario_.abstract(), &faults_, protocol_.get()),
        usage_(layout_.size()),
        ledger_(layout_.size(), static_cast<std::uint32_t>(layout_.flows.size()),
                scenario_.traffic_start_s(), scenario_.fault_s, scenario_.end_s()),
        injector_(scenario_, layout_, &actions_, &usage_),
        campaign_(scenario_, layout_, &actions_, &usage_),
        walks_(CountLinks(layout_)),
        duplicate_of_(layout_.flows.size()),
        last_crossing_s_(layout_.flows.size(), -1),
        first_frame_lost_s_(layout_.flows.size(), -1),
        packets_(layout_.flows.size()) {}

  void Build() {
    ns3::RngSeedManager::SetSeed(12345);
    ns3::RngSeedManager::SetRun(scenario_.seed);
    // The default, 100 s, silences a neighbour for that long after one failed resolution.
    ns3::Config::SetDefault("ns3::ArpCache::DeadTimeout", ns3::TimeValue(ns3::Seconds(1)));
    ns3::Config::SetDefault("ns3::WifiRemoteStationManager::NonUnicastMode",
                            ns3::StringValue(kPhyMode));
    stage_.scenario = &scenario_;
    stage_.layout = &layout_;
    stage_.nodes.Create(layout_.size());
    PlaceNodes();
    if (scenario_.abstract()) {
      InstallAbstract();
    } else {
      ListenToFaults();
      InstallWifi();
      InstallStack();
    }
    protocol_->Install(
        stage_, [this](std::uint32_t flow, std::uint32_t sequence) { Arrive(flow, sequence); });
  }

  void Simulate(const std::vector<FaultEvent>& script) {
    for (std::uint32_t f = 0; f < layout_.flows.size(); ++f) {
      ns3::Simulator::Schedule(ns3::Seconds(layout_.flows[f].start_s), [this, f] { SendNext(f); });
    }
    if (scenario_.fault == "campaign" && script.empty()) {
      campaign_.Schedule();
    } else {
      injector_.Schedule(script);
    }
    actions_.OnLeave([this](std::uint32_t node) { DriveAway(node); });
    if (scenario_.move_m > 0) {
      mobility_ = std::make_unique<Mobility>(&layout_, scenario_.move_m,
                                             scenario_.traffic_start_s(), scenario_.seed);
      ScheduleMove(scenario_.traffic_start_s());
    }
    ns3::Simulator::Schedule(ns3::Seconds(scenario_.fault_s),
                             [this] { counters_before_ = protocol_->Counters(); });
    if (scenario_.fault == "partition") {
      ns3::Simulator::Schedule(ns3::Seconds(scenario_.fault_s + scenario_.partition_s),
                               [this] { counters_parted_ = protocol_->Counters(); });
    }
    ns3::Simulator::Stop(ns3::Seconds(scenario_.end_s() + scenario_.drain_s));
    ns3::Simulator::Run();
  }

  RunOutput Collect() {
    RunOutput out;
    out.target = injector_.Target();
    out.events = injector_.events();
    if (!campaign_.events().empty()) out.events = campaign_.events();
    out.injections = campaign_.injections();
    out.duplicate_of = std::move(duplicate_of_);
    out.walk_bound = walks_.bound();
    out.walk_longest = walks_.longest();
    out.walk_violations = walks_.violations();
    for (std::uint32_t f = 0; f < layout_.flows.size(); ++f) {
      out.affected.push_back(scenario_.fault == "campaign" || injector_.affected().count(f) > 0);
    }
    if (mobility_ != nullptr) CountConnected(&out);
    out.last_crossing_s = last_crossing_s_;
    out.first_frame_lost_s = first_frame_lost_s_;
    out.packets = std::move(packets_);
    out.duplicates = duplicates_;
    out.before = ledger_.before();
    out.after = ledger_.after();
    out.effects_hash = protocol_->EffectsHash();
    if (out.effects_hash == 0) out.effects_hash = link_hash_.value();
    out.counters = protocol_->Counters();
    const auto since = [&](const Counts& then) {
      Counts added;
      for (const auto& [name, value] : out.counters) {
        const auto before = then.find(name);
        added[name] = value - (before == then.end() ? 0 : std::min(value, before->second));
      }
      return added;
    };
    out.counters_after = since(counters_before_);
    if (!counters_parted_.empty()) out.counters_merge = since(counters_parted_);
    if (abstract_ != nullptr) {
      out.counters["abstract_lost_at_random"] = abstract_->lost_at_random();
      out.counters["abstract_lost_to_faults"] = abstract_->lost_to_faults();
      out.counters["abstract_lost_to_queues"] = abstract_->lost_to_queues();
    }
    out.incidents = protocol_->Incidents();
    out.simulator_events = ns3::Simulator::GetEventCount();
    out.simulated_s = ns3::Simulator::Now().GetSeconds();
    return out;
  }

 private:
  void ScheduleMove(double at_s) {
    if (at_s >= scenario_.end_s()) return;
    ns3::Simulator::Schedule(ns3::Seconds(at_s) - ns3::Simulator::Now(), [this, at_s] {
      mobility_->Step(at_s);
      FollowPlaces();
      ScheduleMove(at_s + scenario_.move_every_s);
    });
  }

  // The node drives straight out of the field, away from its middle, to the end of the run.
  void DriveAway(std::uint32_t node) {
    MoveOutward(&layout_, node, scenario_.leave_mps * kDriveStepSeconds);
    FollowPlaces();
    ns3::Simulator::Schedule(ns3::Seconds(kDriveStepSeconds), [this, node] { DriveAway(node); });
  }

  void CountConnected(RunOutput* out) const {
    for (std::uint32_t f = 0; f < layout_.flows.size(); ++f) {
      for (const PacketRecord& p : packets_[f]) {
        if (!mobility_->Connected(p.sent_s, layout_.flows[f].src, layout_.flows[f].dst)) continue;
        out->connected.Add(p.received_s >= 0);
        if (mobility_->AgeAt(p.sent_s) >= scenario_.move_every_s - kLateSeconds) {
          out->connected_late.Add(p.received_s >= 0);
        }
      }
    }
  }

  void InstallAbstract() {
    abstract_ = std::make_unique<AbstractNetwork>(
        scenario_, layout_, &faults_,
        [this](std::uint32_t node, std::uint32_t bytes, const PacketLabel* label) {
          if (!faults_.silent(node)) CountSent(node, bytes, label);
        },
        [this](std::uint32_t from, std::uint32_t at, const PacketLabel& label) {
          usage_.Count(from, at, label.flow, layout_.flows[label.flow].dst != at);
          NoteCrossing(from, at, label);
        });
    abstract_->OnLost([this](std::uint32_t from, std::uint32_t to, const PacketLabel& label) {
      double& first = first_frame_lost_s_[label.flow];
      if (OnBrokenLink(from, to) && first < 0) first = ns3::Simulator::Now().GetSeconds();
    });
    stage_.new_carrier = [this](std::uint32_t node) { return abstract_->NewCarrier(node); };
  }

  void PlaceNodes() {
    ns3::MobilityHelper mobility;
    auto places = ns3::CreateObject<ns3::ListPositionAllocator>();
    for (const Position& p : layout_.positions) places->Add(ns3::Vector(p.x, p.y, 0));
    mobility.SetPositionAllocator(places);
    mobility.SetMobilityModel("ns3::ConstantPositionMobilityModel");
    mobility.Install(stage_.nodes);
  }

  // After nodes moved: what ns-3 shows and reckons delays with.
  void FollowPlaces() {
    for (std::uint32_t i = 0; i < layout_.size(); ++i) {
      const Position& p = layout_.positions[i];
      stage_.nodes.Get(i)->GetObject<ns3::MobilityModel>()->SetPosition({p.x, p.y, 0});
    }
  }

  void ListenToFaults() {
    channel_ = ns3::CreateObject<FaultChannel>();
    channel_->Configure(&layout_, &faults_);
    for (std::uint32_t i = 0; i < layout_.size(); ++i) {
      channel_->SetNode(PeekPointer(stage_.nodes.Get(i)->GetObject<ns3::MobilityModel>()), i);
    }
  }

  void InstallWifi() {
    auto air = ns3::CreateObject<ns3::YansWifiChannel>();
    air->SetPropagationLossModel(channel_);
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
    stage_.devices = wifi.Install(phy, mac, stage_.nodes);
    if (!pcap_.empty()) {
      phy.SetPcapDataLinkType(ns3::WifiPhyHelper::DLT_IEEE802_11_RADIO);
      phy.EnablePcap(pcap_, stage_.devices);
    }
    wifi.AssignStreams(stage_.devices, 1000);
    for (std::uint32_t i = 0; i < layout_.size(); ++i) {
      auto device = ns3::DynamicCast<ns3::WifiNetDevice>(stage_.devices.Get(i));
      node_of_[ns3::Mac48Address::ConvertFrom(device->GetAddress())] = i;
      device->GetMac()->TraceConnectWithoutContext(
          "MacTx", ns3::MakeCallback(&World::HandOver, this).Bind(i));
    }
  }

  void InstallStack() {
    ns3::InternetStackHelper stack;
    stack.SetIpv6StackInstall(false);
    protocol_->ConfigureStack(&stack);
    stack.Install(stage_.nodes);
    stack.AssignStreams(stage_.nodes, 200000);
    ns3::Ipv4AddressHelper addresses;
    addresses.SetBase("10.1.0.0", "255.255.0.0");
    const ns3::Ipv4InterfaceContainer interfaces = addresses.Assign(stage_.devices);
    for (std::uint32_t i = 0; i < layout_.size(); ++i) {
      stage_.addresses.push_back(interfaces.GetAddress(i));
      DeviceTap::Install(
          stage_.nodes.Get(i), stage_.devices.Get(i),
          [this, i](const ns3::Address& from, std::uint32_t bytes, const PacketLabel* label) {
            const auto mac = ns3::Mac48Address::ConvertFrom(from);
            return ComesUp(node_of_.at(mac), i, bytes, label);
          });
    }
    stage_.new_carrier = [this](std::uint32_t) { return NewUdpCarrier(scenario_.wifi_signal); };
  }

  // Whether the first fault was of this link, in either direction.
  bool OnBrokenLink(std::uint32_t from, std::uint32_t to) const {
    const auto& events = injector_.events();
    if (events.empty() || events[0].b < 0) return false;
    const auto a = static_cast<std::uint32_t>(events[0].a);
    const auto b = static_cast<std::uint32_t>(events[0].b);
    return (from == a && to == b) || (from == b && to == a);
  }

  void NoteCrossing(std::uint32_t from, std::uint32_t at, const PacketLabel& label) {
    if (OnBrokenLink(from, at)) {
      last_crossing_s_[label.flow] = ns3::Simulator::Now().GetSeconds();
    }
  }

  // An IP packet comes up from a Wi-Fi device.
  bool ComesUp(std::uint32_t from, std::uint32_t at, std::uint32_t bytes,
               const PacketLabel* label) {
    const bool relayed = label != nullptr && layout_.flows[label->flow].dst != at;
    if (label != nullptr) {
      usage_.Count(from, at, label->flow, relayed);
      NoteCrossing(from, at, *label);
    }
    return actions_.PassesAboveMac(from, at, bytes - std::min(bytes, kCarrierBytes), label,
                                   relayed);
  }

  // A packet goes from node's stack to its link.
  void HandOver(std::uint32_t node, ns3::Ptr<const ns3::Packet> packet) {
    if (faults_.silent(node)) return;
    PacketTag tag;
    const bool data = packet->PeekPacketTag(tag);
    CountSent(node, packet->GetSize() - kLlcBytes, data ? &tag.label : nullptr);
  }

  void CountSent(std::uint32_t node, std::uint32_t bytes, const PacketLabel* label) {
    const ns3::Time now = ns3::Simulator::Now();
    ledger_.Count(now.GetSeconds(), node, bytes, label);
    if (label != nullptr) walks_.Count(now.GetSeconds(), *label);
    link_hash_.Int(static_cast<std::uint64_t>(now.GetNanoSeconds()));
    link_hash_.Int(node);
    link_hash_.Int(bytes + kLlcBytes);
  }

  void SendNext(std::uint32_t flow) {
    const double now = ns3::Simulator::Now().GetSeconds();
    if (now >= scenario_.end_s()) return;
    const auto sequence = static_cast<std::uint32_t>(packets_[flow].size());
    packets_[flow].push_back({now, -1});
    protocol_->Send(flow, sequence);
    ns3::Simulator::Schedule(ns3::Seconds(1 / scenario_.rate), [this, flow] { SendNext(flow); });
  }

  void Arrive(std::uint32_t flow, std::uint32_t sequence) {
    if (flow >= packets_.size() || sequence >= packets_[flow].size()) return;
    PacketRecord& record = packets_[flow][sequence];
    if (record.received_s >= 0) {
      ++duplicates_;
      duplicate_of_[flow].push_back(sequence);
    } else {
      record.received_s = ns3::Simulator::Now().GetSeconds();
    }
  }

  const Scenario scenario_;
  const std::string pcap_;
  Layout layout_;  // its links change when nodes move
  std::unique_ptr<Protocol> protocol_;
  FaultTable faults_;
  FaultActions actions_;
  ns3::Ptr<FaultChannel> channel_;             // Wi-Fi
  std::unique_ptr<Mobility> mobility_;         // while nodes move
  std::unique_ptr<AbstractNetwork> abstract_;  // abstract links
  Usage usage_;
  Ledger ledger_;
  FaultInjector injector_;
  Campaign campaign_;
  WalkWatch walks_;
  std::vector<std::vector<std::uint32_t>> duplicate_of_;
  std::vector<double> last_crossing_s_;
  std::vector<double> first_frame_lost_s_;
  std::vector<std::vector<PacketRecord>> packets_;
  std::uint64_t duplicates_ = 0;
  TraceHash link_hash_;
  using Counts = std::map<std::string, std::uint64_t>;
  Counts counters_before_;  // when the fault came
  Counts counters_parted_;  // when a partition ended
  std::map<ns3::Mac48Address, std::uint32_t> node_of_;
  Stage stage_;
};

// A wrong target must not crash the simulator half way.
absl::Status CheckTarget(const RunInput& input) {
  const Scenario& s = input.scenario;
  if (!input.pcap.empty() && s.abstract()) {
    return absl::InvalidArgumentError("--pcap needs link wifi: abstract links have no frames");
  }
  const int n = static_cast<int>(input.layout.size());
  for (const FaultEvent& e : input.script) {
    if (e.a >= n || e.b >= n) {
      return absl::InvalidArgumentError(
          absl::StrCat("fault event ", e.what, " at ", e.t_s, " s names a node beyond ", n - 1));
    }
  }
  if (s.target == "measured") return absl::OkStatus();
  const bool link = ConcernsLink(s.fault);
  const auto dash = s.target.find('-');
  const int a = std::atoi(s.target.c_str());
  const int b = dash == std::string::npos ? 0 : std::atoi(s.target.c_str() + dash + 1);
  if (link != (dash != std::string::npos)) {
    return absl::InvalidArgumentError(absl::StrCat("\"target\" is ", s.target, ", must be a ",
                                                   link ? "link (A-B)" : "node", " for fault ",
                                                   s.fault));
  }
  if (a >= n || b >= n || (link && a == b)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"target\" is ", s.target, ", nodes are 0 to ", n - 1));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RunOutput> Run(const RunInput& input) {
  if (absl::Status status = CheckTarget(input); !status.ok()) return status;
  const auto begin = std::chrono::steady_clock::now();
  RunOutput out;
  {
    World world(input);
    world.Build();
    std::unique_ptr<ns3::AnimationInterface> animation;
    if (!input.animation.empty()) {
      animation = std::make_unique<ns3::AnimationInterface>(input.animation);
      animation->SetMaxPktsPerTraceFile(kAnimationPacketsMax);
    }
    world.Simulate(input.script);
    out = world.Collect();
    animation.reset();
    ns3::Simulator::Destroy();
  }
  out.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  out.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  out.rss_mb = static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
  return out;
}

}  // namespace selvage::sim
