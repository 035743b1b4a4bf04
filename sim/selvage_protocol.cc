// Selvage under test: one application per node, certificates of one network made from the seed.
#include <algorithm>
#include <utility>

#include "agents/membership/certificate.h"
#include "core/random.h"
#include "ns3/abort.h"
#include "ns3/simulator.h"
#include "sim/protocol.h"
#include "sim/scenario_random.h"
#include "sim/selvage_application.h"

namespace selvage::sim {
namespace {

constexpr WallSeconds kWall = 1700000000;  // when the simulated world begins
constexpr WallSeconds kYear = 365 * 24 * 3600;
constexpr std::uint16_t kMessagePort = 9000;
constexpr std::size_t kIncidentsMax = 200000;

// Independent seeds out of one: the purpose keeps them apart.
std::uint64_t SeedFor(std::uint64_t seed, std::uint64_t purpose, std::uint64_t node) {
  return Random((seed * 1000003ull + purpose) * 1000003ull + node).U64();
}

class SelvageProtocol final : public Protocol {
 public:
  void ConfigureStack(ns3::InternetStackHelper* stack) override {}  // neighbours only: no routing

  void Install(const Stage& stage, Arrival arrival) override {
    stage_ = &stage;
    arrival_ = std::move(arrival);
    const Scenario& s = *stage.scenario;
    ParseTrafficClass(s.traffic_class, &traffic_class_);
    MakeNetwork();
    ScenarioRandom jitter(SeedFor(s.seed, 3, 0));
    for (std::uint32_t i = 0; i < stage.layout->size(); ++i) {
      auto crypto = std::make_shared<WatchedCrypto>(NewCrypto(2, i), sealed_);
      NodeCore::Init init = MakeInit(i, crypto);
      ids_.push_back(init.identity.certificate.id);
      auto application = ns3::CreateObject<SelvageApplication>();
      application->Configure(
          std::move(init), crypto, stage.new_carrier(i),
          [this](const Deliver& deliver) { OnDeliver(deliver); },
          [this](std::uint32_t node, const Event& event) { OnIncident(node, event); });
      stage.nodes.Get(i)->AddApplication(application);
      application->SetStartTime(ns3::Seconds(jitter.Uniform() * s.start_jitter_s));
      applications_.push_back(application);
    }
  }

  void Send(std::uint32_t flow, std::uint32_t sequence) override {
    const Flow& f = stage_->layout->flows[flow];
    Message message;
    message.to = ids_[f.dst];
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

  std::shared_ptr<Crypto> NewCrypto(std::uint64_t purpose, std::uint32_t node) const {
    if (stage_->scenario->crypto == "sodium") return NewSodiumCrypto();
    return NewStandInCrypto(SeedFor(stage_->scenario->seed, purpose, node));
  }

  void MakeNetwork() {
    network_crypto_ = NewCrypto(1, 0);
    network_crypto_->GenerateSigningKey(&network_key_, &anchor_.key);
    anchor_.network = "simulated";
  }

  NodeCore::Init MakeInit(std::uint32_t node, std::shared_ptr<Crypto> crypto) {
    NodeCore::Init init;
    Certificate wanted;
    wanted.network = anchor_.network;
    wanted.name = "n" + std::to_string(node);
    wanted.serial = node + 1;
    wanted.not_before = kWall - kYear;
    wanted.not_after = kWall + kYear;
    crypto->GenerateSigningKey(&init.identity.signing_key, &wanted.signing_key);
    crypto->GenerateKeyPair(&init.identity.agreement_key, &wanted.agreement_key);
    auto certificate = IssueCertificate(*network_crypto_, network_key_, wanted);
    NS_ABORT_MSG_UNLESS(certificate.ok(), certificate.status().message());  // all of it is ours
    init.identity.certificate = *std::move(certificate);
    init.anchor = anchor_;
    init.epoch = Epoch(1);
    init.crypto = std::move(crypto);
    init.seed = SeedFor(stage_->scenario->seed, 4, node);
    init.config.healing = stage_->scenario->healing;
    init.config.model.enabled = stage_->scenario->model != "off";
    init.config.model.thresholds_only = stage_->scenario->model == "threshold";
    init.config.quarantine = stage_->scenario->quarantine;
    const std::string& fault = stage_->scenario->fault;
    init.config.lab = fault == "blackhole" || fault == "campaign" || fault == "attack";
    init.wall = kWall;
    return init;
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
  std::shared_ptr<Crypto> network_crypto_;
  SigningKey network_key_{};
  TrustAnchor anchor_;
  std::shared_ptr<SealedPackets> sealed_ = std::make_shared<SealedPackets>();
  std::vector<ns3::Ptr<SelvageApplication>> applications_;
  std::vector<NodeId> ids_;
  std::map<std::string, std::uint64_t> refused_;
  std::vector<Incident> incidents_;
};

}  // namespace

std::unique_ptr<Protocol> NewSelvageProtocol() { return std::make_unique<SelvageProtocol>(); }

}  // namespace selvage::sim
