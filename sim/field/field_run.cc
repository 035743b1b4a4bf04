#include "sim/field/field_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <utility>

#include "ns3/constant-velocity-mobility-model.h"
#include "ns3/double.h"
#include "ns3/node-container.h"
#include "ns3/random-walk-2d-mobility-model.h"
#include "ns3/random-variable-stream.h"
#include "ns3/pointer.h"
#include "ns3/rectangle.h"
#include "ns3/rng-seed-manager.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "sim/field/field_faults.h"
#include "sim/field/field_radios.h"
#include "sim/scenario_random.h"

namespace selvage::sim {
namespace {

constexpr double kLookEverySeconds = 60;
constexpr double kHeightMetres = 1.5;

class FieldWorld {
 public:
  explicit FieldWorld(const FieldScenario& field)
      : field_(field),
        drawn_(DrawNodes(field)),
        random_(field.seed * 15485863 + 1),
        protocol_(NewSelvageProtocol()) {
    ns3::RngSeedManager::SetSeed(12345);
    ns3::RngSeedManager::SetRun(field.seed);
    scenario_.seed = field.seed;
    scenario_.fault = "campaign";  // laboratory faults are possible
    stage_.nodes.Create(static_cast<std::uint32_t>(drawn_.size()));
    Place();
    MakeLayout();
    radios_ = std::make_unique<FieldRadios>(field_, drawn_, stage_.nodes);
    sets_.resize(drawn_.size(), nullptr);
    faults_ = std::make_unique<FieldFaults>(field_, drawn_, layout_, stage_.nodes, radios_.get(),
                                            &sets_, protocol_.get());
    stage_.scenario = &scenario_;
    stage_.layout = &layout_;
    stage_.new_carrier = [this](std::uint32_t node) { return NewSet(node); };
    protocol_->Install(stage_, [this](std::uint32_t flow, std::uint32_t sequence) {
      FieldMessage& message = messages_[by_flow_[flow][sequence]];
      if (message.received_s < 0) message.received_s = ns3::Simulator::Now().GetSeconds();
    });
  }

  FieldOutput Run() {
    for (std::uint32_t flow = 0; flow < layout_.flows.size(); ++flow) {
      const double every = field_.traffic[traffic_of_[flow]].every_s;
      Later(field_.warm_s + every * random_.Uniform(), flow);
    }
    faults_->Schedule();
    Look();
    ns3::Simulator::Stop(ns3::Seconds(field_.warm_s + field_.duration_s + field_.drain_s));
    ns3::Simulator::Run();
    return Collect();
  }

 private:
  void Place() {
    for (std::uint32_t i = 0; i < drawn_.size(); ++i) {
      const FieldGroup& group = field_.groups[drawn_[i].group];
      const ns3::Vector at(drawn_[i].at.x, drawn_[i].at.y, kHeightMetres);
      if (group.wander_mps > 0) {
        auto walk = ns3::CreateObject<ns3::RandomWalk2dMobilityModel>();
        const auto [x0, y0, x1, y1] = group.area;
        walk->SetAttribute("Bounds", ns3::RectangleValue(ns3::Rectangle(x0, x1, y0, y1)));
        auto speed = ns3::CreateObject<ns3::ConstantRandomVariable>();
        speed->SetAttribute("Constant", ns3::DoubleValue(group.wander_mps));
        walk->SetAttribute("Speed", ns3::PointerValue(speed));
        walk->SetAttribute("Mode", ns3::StringValue("Time"));
        walk->SetAttribute("Time", ns3::StringValue("10s"));
        walk->SetPosition(at);
        walk->AssignStreams(300000 + 4 * i);
        stage_.nodes.Get(i)->AggregateObject(walk);
        continue;
      }
      auto straight = ns3::CreateObject<ns3::ConstantVelocityMobilityModel>();
      straight->SetPosition(at);
      straight->SetVelocity(ns3::Vector(group.move_mps[0], group.move_mps[1], 0));
      stage_.nodes.Get(i)->AggregateObject(straight);
    }
  }

  void MakeLayout() {
    std::vector<double> xs;
    for (const FieldNode& node : drawn_) {
      layout_.positions.push_back(node.at);
      xs.push_back(node.at.x);
    }
    std::nth_element(xs.begin(), xs.begin() + static_cast<std::ptrdiff_t>(xs.size() / 2),
                     xs.end());
    for (const FieldNode& node : drawn_) layout_.right.push_back(node.at.x >= xs[xs.size() / 2]);
    layout_.neighbours.resize(drawn_.size());
    for (std::size_t t = 0; t < field_.traffic.size(); ++t) {
      const FieldTraffic& traffic = field_.traffic[t];
      std::vector<std::uint32_t> from, to;
      for (std::uint32_t i = 0; i < drawn_.size(); ++i) {
        const std::string& group = field_.groups[drawn_[i].group].name;
        if (group == traffic.from) from.push_back(i);
        if (group == traffic.to) to.push_back(i);
      }
      for (std::size_t i = 0; i < from.size(); ++i) {
        std::uint32_t target = to[i % to.size()];
        if (target == from[i]) target = to[(i + 1) % to.size()];
        if (traffic.nearest) target = Nearest(from[i], to);
        if (target == from[i]) continue;  // a group of one that talks to itself
        Flow flow;
        flow.src = from[i];
        flow.dst = target;
        flow.traffic_class = traffic.traffic_class;
        flow.payload_bytes = traffic.bytes;
        flow.deadline_s = traffic.deadline_s;
        layout_.flows.push_back(flow);
        traffic_of_.push_back(t);
      }
    }
    by_flow_.resize(layout_.flows.size());
  }

  // `node` itself where there is nobody else.
  std::uint32_t Nearest(std::uint32_t node, const std::vector<std::uint32_t>& of) const {
    std::uint32_t nearest = node;
    double least_m = 0;
    for (const std::uint32_t other : of) {
      const double metres = std::hypot(drawn_[node].at.x - drawn_[other].at.x,
                                       drawn_[node].at.y - drawn_[other].at.y);
      if (other == node || (nearest != node && metres >= least_m)) continue;
      nearest = other;
      least_m = metres;
    }
    return nearest;
  }

  std::unique_ptr<Carrier> NewSet(std::uint32_t node) {
    auto set = std::make_unique<RadioSet>(
        radios_->NewCarriers(node),
        [this, node](RadioKind kind, const PeerAddress& from, std::size_t bytes) {
          const auto sender = radios_->NodeOf(kind, from);
          return !sender || faults_->Passes(kind, *sender, node, bytes);
        });
    sets_[node] = set.get();
    return set;
  }

  void Later(double at_s, std::uint32_t flow) {
    if (at_s >= field_.warm_s + field_.duration_s) return;
    ns3::Simulator::Schedule(ns3::Seconds(at_s) - ns3::Simulator::Now(), [this, at_s, flow] {
      const Flow& f = layout_.flows[flow];
      const auto sequence = static_cast<std::uint32_t>(by_flow_[flow].size());
      by_flow_[flow].push_back(messages_.size());
      messages_.push_back({traffic_of_[flow], f.src, f.dst, at_s, -1});
      protocol_->Send(flow, sequence);
      Later(at_s + field_.traffic[traffic_of_[flow]].every_s * (0.5 + random_.Uniform()), flow);
    });
  }

  void Look() {
    for (std::uint32_t i = 0; i < drawn_.size(); ++i) {
      if (!radios_->Has(i, RadioKind::kLora)) continue;
      duty_max_ = std::max(duty_max_, radios_->CostOf(i, RadioKind::kLora).duty_share);
    }
    ns3::Simulator::Schedule(ns3::Seconds(kLookEverySeconds), [this] { Look(); });
  }

  FieldOutput Collect() {
    FieldOutput out;
    out.nodes = drawn_;
    for (const RadioKind kind : kAllRadios) {
      FieldRadioUse use;
      for (std::uint32_t i = 0; i < drawn_.size(); ++i) {
        if (!radios_->Has(i, kind)) continue;
        ++use.nodes;
        const FieldRadios::Cost cost = radios_->CostOf(i, kind);
        use.joules += cost.joules;
        use.cents += cost.cents;
        use.airtime_s += cost.airtime_s;
        use.credits += cost.credits;
        const RadioMeter meter = sets_[i]->MeterOf(kind);
        use.control_bytes_max = std::max(use.control_bytes_max, meter.control_bytes_sent);
        use.meter.frames_sent += meter.frames_sent;
        use.meter.bytes_sent += meter.bytes_sent;
        use.meter.control_bytes_sent += meter.control_bytes_sent;
        use.meter.frames_received += meter.frames_received;
        use.meter.frames_lost_to_faults += meter.frames_lost_to_faults;
      }
      if (kind == RadioKind::kLora) use.duty_share_max = duty_max_;
      if (use.nodes > 0) out.radios[kind] = use;
    }
    out.messages = std::move(messages_);
    out.incidents = protocol_->Incidents();
    out.counters = protocol_->Counters();
    out.effects_hash = protocol_->EffectsHash();
    out.simulated_s = ns3::Simulator::Now().GetSeconds();
    return out;
  }

  const FieldScenario& field_;
  const std::vector<FieldNode> drawn_;
  ScenarioRandom random_;
  Scenario scenario_;
  Layout layout_;
  Stage stage_;
  std::vector<std::size_t> traffic_of_;  // by flow
  std::unique_ptr<Protocol> protocol_;
  std::unique_ptr<FieldRadios> radios_;
  std::vector<RadioSet*> sets_;  // by node; the applications own them
  std::unique_ptr<FieldFaults> faults_;
  std::vector<FieldMessage> messages_;
  std::vector<std::vector<std::size_t>> by_flow_;  // by flow and sequence: in messages_
  double duty_max_ = 0;
};

}  // namespace

FieldOutput RunField(const FieldScenario& field) {
  const auto begin = std::chrono::steady_clock::now();
  FieldOutput out;
  {
    FieldWorld world(field);
    out = world.Run();
    ns3::Simulator::Destroy();
  }
  out.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return out;
}

}  // namespace selvage::sim
