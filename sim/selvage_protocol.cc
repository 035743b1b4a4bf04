// Selvage under test: one application per node, certificates of one network made from the seed.
#include <algorithm>
#include <utility>

#include "core/random.h"
#include "ns3/boolean.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "sim/protocol.h"
#include "sim/scenario_random.h"
#include "sim/selvage_helper.h"

namespace selvage::sim {
namespace {

constexpr std::uint16_t kMessagePort = 9000;
constexpr std::size_t kIncidentsMax = 200000;
constexpr std::uint64_t kStartTimes = 3;  // beside what SelvageHelper draws seeds for

class SelvageProtocol final : public Protocol {
 public:
  void ConfigureStack(ns3::InternetStackHelper* stack) override {}  // neighbours only: no routing

  void Install(const Stage& stage, Arrival arrival) override {
    stage_ = &stage;
    arrival_ = std::move(arrival);
    const Scenario& s = *stage.scenario;
    ParseTrafficClass(s.traffic_class, &traffic_class_);
    const bool sodium = s.crypto == "sodium";
    SelvageHelper helper(s.seed, sodium ? SelvageHelper::Cryptography::kSodium
                                        : SelvageHelper::Cryptography::kStandIn);
    helper.Set("Healing", ns3::BooleanValue(s.healing));
    helper.Set("Quarantine", ns3::BooleanValue(s.quarantine));
    helper.Set("Model", ns3::StringValue(s.model));
    helper.Set("Laboratory", ns3::BooleanValue(s.fault == "blackhole" || s.fault == "campaign" ||
                                               s.fault == "attack"));
    ScenarioRandom jitter(Random((s.seed * 1000003ull + kStartTimes) * 1000003ull).U64());
    for (std::uint32_t i = 0; i < stage.layout->size(); ++i) {
      const auto application = helper.Install(stage.nodes.Get(i), stage.new_carrier(i));
      application->TraceConnectWithoutContext("Delivery",
                                              ns3::MakeCallback(&SelvageProtocol::OnDeliver, this));
      application->TraceConnectWithoutContext(
          "Reported", ns3::MakeCallback(&SelvageProtocol::OnIncident, this).Bind(i));
      application->SetStartTime(ns3::Seconds(jitter.Uniform() * s.start_jitter_s));
      applications_.push_back(application);
    }
  }

  void Send(std::uint32_t flow, std::uint32_t sequence) override {
    const Flow& f = stage_->layout->flows[flow];
    Message message;
    message.to = applications_[f.dst]->id();
    message.traffic_class = ClassOf(flow);
    message.port = kMessagePort;
    message.payload = MarkedPayload(
        flow, sequence, f.payload_bytes > 0 ? f.payload_bytes : stage_->scenario->payload_bytes);
    message.deadline = Duration(static_cast<std::int64_t>(f.deadline_s * 1e9));
    std::string reason;
    if (!applications_[f.src]->Submit(std::move(message), &reason)) ++refused_[reason];
  }

  bool SetForwarding(std::uint32_t node, bool on) override {
    if (applications_[node]->core() == nullptr) return false;
    applications_[node]->core()->LabDropForwarded(on ? 0.0 : 1.0, std::nullopt);
    return true;
  }

  void Misbehave(std::uint32_t node, const std::string& how) override {
    NodeCore* core = applications_[node]->core();
    if (core == nullptr) return;
    if (how == "drop20") core->LabDropForwarded(0.2, std::nullopt);
    if (how == "accuse") core->LabAccuse(false);
    if (how == "lie") core->LabLieMetric(0.01);
    if (how.empty()) core->LabOff();
  }

  std::uint64_t EffectsHash() const override {
    TraceHash hash;
    for (const auto& application : applications_) hash.Int(application->EffectsHash());
    return hash.value();
  }

  std::map<std::string, std::uint64_t> Counters() const override {
    std::map<std::string, std::uint64_t> sum;
    for (const auto& application : applications_) {
      if (application->core() == nullptr) continue;
      for (const auto& [name, value] : application->core()->Counters()) sum[name] += value;
    }
    for (const auto& [reason, count] : refused_) sum["refused: " + reason] = count;
    return sum;
  }

  std::vector<Incident> Incidents() const override { return incidents_; }

 private:
  TrafficClass ClassOf(std::uint32_t flow) const {
    TrafficClass own = TrafficClass::kTelemetry;
    if (ParseTrafficClass(stage_->layout->flows[flow].traffic_class, &own)) return own;
    return flow < stage_->scenario->critical_flows ? TrafficClass::kCritical : traffic_class_;
  }

  void OnDeliver(const Deliver& deliver) {
    if (const auto label = ReadMarker(deliver.payload)) arrival_(label->flow, label->sequence);
  }

  void OnIncident(std::uint32_t node, const Event& event) {
    if (incidents_.size() >= kIncidentsMax) return;
    Incident incident{ns3::Simulator::Now().GetSeconds(), node, event.kind, event.text, ""};
    if (event.kind == "reroute") {
      incident.traffic = event.fields.at("destination") + " " + event.fields.at("class");
    }
    incidents_.push_back(std::move(incident));
  }

  const Stage* stage_ = nullptr;
  Arrival arrival_;
  TrafficClass traffic_class_ = TrafficClass::kTelemetry;
  std::vector<ns3::Ptr<SelvageApplication>> applications_;
  std::map<std::string, std::uint64_t> refused_;
  std::vector<Incident> incidents_;
};

}  // namespace

std::unique_ptr<Protocol> NewSelvageProtocol() { return std::make_unique<SelvageProtocol>(); }

}  // namespace selvage::sim
