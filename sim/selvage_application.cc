#include "sim/selvage_application.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <type_traits>
#include <utility>

#include "ns3/abort.h"
#include "ns3/boolean.h"
#include "ns3/enum.h"
#include "ns3/node.h"
#include "ns3/random-variable-stream.h"
#include "ns3/simulator.h"
#include "ns3/trace-source-accessor.h"

namespace selvage::sim {
namespace {

constexpr Duration kRadioEvery = 50ms;
// 6 Mb/s OFDM: IEEE 802.11-2016, table 17-18.
constexpr float kSensitivityDbm = -82;
constexpr float kSnrNeeded = 5;

Time Now() { return TimeFromNanos(ns3::Simulator::Now().GetNanoSeconds()); }

void HashText(const std::string& text, TraceHash* hash) {
  hash->Span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

void HashBytes(ByteSpan bytes, TraceHash* hash) { hash->Span(bytes.data(), bytes.size()); }

}  // namespace

ns3::TypeId SelvageApplication::GetTypeId() {
  using Self = SelvageApplication;
  static const ns3::TypeId kId =
      ns3::TypeId("selvage::sim::SelvageApplication")
          .SetParent<ns3::Application>()
          .AddConstructor<Self>()
          .AddAttribute("Healing", "Leaves links and nodes on suspicion and failure.",
                        ns3::BooleanValue(true), ns3::MakeBooleanAccessor(&Self::healing_),
                        ns3::MakeBooleanChecker())
          .AddAttribute("Quarantine", "Checks neighbours and heeds testimonies.",
                        ns3::BooleanValue(true), ns3::MakeBooleanAccessor(&Self::quarantine_),
                        ns3::MakeBooleanChecker())
          .AddAttribute("Laboratory", "Faults of the node's own can be switched on.",
                        ns3::BooleanValue(false), ns3::MakeBooleanAccessor(&Self::laboratory_),
                        ns3::MakeBooleanChecker())
          .AddAttribute("Model", "The anomaly model, or fixed limits in its place.",
                        ns3::EnumValue(kModelOn),
                        ns3::MakeEnumAccessor(&Self::model_),
                        ns3::MakeEnumChecker(kModelOn, "on",
                                             kModelOff, "off",
                                             kModelThreshold, "threshold"))
          .AddTraceSource("Delivery", "A message reached this node.",
                          ns3::MakeTraceSourceAccessor(&Self::delivery_),
                          "selvage::sim::SelvageApplication::DeliveryCallback")
          .AddTraceSource("RouteChange", "Traffic moved to another neighbour.",
                          ns3::MakeTraceSourceAccessor(&Self::route_change_),
                          "selvage::sim::SelvageApplication::EventCallback")
          .AddTraceSource("Detection", "Something was found wanting.",
                          ns3::MakeTraceSourceAccessor(&Self::detection_),
                          "selvage::sim::SelvageApplication::EventCallback")
          .AddTraceSource("Reported", "The node said something of itself.",
                          ns3::MakeTraceSourceAccessor(&Self::reported_),
                          "selvage::sim::SelvageApplication::EventCallback")
          .AddTraceSource("Drop", "Frames went no further: why, and how many.",
                          ns3::MakeTraceSourceAccessor(&Self::drop_),
                          "selvage::sim::SelvageApplication::DropCallback");
  return kId;
}

SelvageApplication::SelvageApplication() = default;
SelvageApplication::~SelvageApplication() = default;

void SelvageApplication::Configure(NodeCore::Init init, std::shared_ptr<WatchedCrypto> crypto,
                                   std::unique_ptr<Carrier> carrier) {
  id_ = init.identity.certificate.id;
  init_ = std::move(init);
  crypto_ = std::move(crypto);
  carrier_ = std::move(carrier);
}

std::int64_t SelvageApplication::AssignStreams(std::int64_t stream) {
  NS_ABORT_MSG_UNLESS(init_.has_value(), "AssignStreams comes after Configure, before the start");
  auto draw = ns3::CreateObject<ns3::UniformRandomVariable>();
  draw->SetStream(stream);
  const std::uint64_t high = draw->GetInteger(0, UINT32_MAX - 1);
  init_->seed = high << 32 | draw->GetInteger(0, UINT32_MAX - 1);
  return 1;
}

void SelvageApplication::StartApplication() {
  carrier_->Watch([this](LinkId link, const LinkInfo* info) {
    if (core_ == nullptr) return;  // told by Links() below
    if (info == nullptr) {
      core_->OnLinkDown(Now(), link);
    } else {
      OnLinkUp(link, *info);
    }
    Settle();
  });
  carrier_->Open(GetNode(), [this](LinkId link, const PeerAddress& from, MutableByteSpan frame) {
    OnFrame(link, from, frame);
  });
  init_->config.healing = healing_;
  init_->config.quarantine = quarantine_;
  init_->config.lab = laboratory_;
  init_->config.model.enabled = model_ != kModelOff;
  init_->config.model.thresholds_only = model_ == kModelThreshold;
  radio_random_ = Random(init_->seed + 1);
  const std::unique_ptr<Store> disk = NewMemoryStore();  // empty: read once, and not written
  core_ = std::make_unique<NodeCore>(Now(), *std::move(init_), *disk);
  init_.reset();
  std::uint16_t id = 0;
  for (const LinkInfo& link : carrier_->Links()) OnLinkUp(LinkId(id++), link);
  Settle();
}

void SelvageApplication::OnLinkUp(LinkId link, const LinkInfo& info) {
  core_->OnLinkUp(Now(), link, info);
  for (const PeerAddress& peer : carrier_->Peers(link)) {
    core_->OnConfiguredPeer(Now(), link, peer);
  }
}

void SelvageApplication::StopApplication() {
  timer_.Cancel();
  carrier_->Close();
}

void SelvageApplication::DoDispose() {
  timer_.Cancel();
  carrier_.reset();
  core_.reset();
  ns3::Application::DoDispose();
}

bool SelvageApplication::Submit(Message message, std::string* reason) {
  if (core_ == nullptr) {
    *reason = "not started";
    return false;
  }
  const bool accepted = core_->Submit(Now(), std::move(message), reason) != 0;
  Settle();
  return accepted;
}

void SelvageApplication::OnFrame(LinkId link, const PeerAddress& from, MutableByteSpan frame) {
  core_->OnFrame(Now(), link, from, frame);
  ReadRadio(link, from);
  Settle();
}

void SelvageApplication::ReadRadio(LinkId link, const PeerAddress& from) {
  const auto [read, first] = radio_read_.try_emplace({link, from}, Now());
  if (!first && Now() - read->second < kRadioEvery) return;
  const std::optional<double> margin = carrier_->MarginDb(link, from);
  const std::optional<double> retries = carrier_->RetryRatio(link, from);
  read->second = Now();
  if (!margin && !retries) return;
  RadioReading reading;
  if (retries) reading.retry_ratio = static_cast<float>(*retries);
  if (!margin) {
    core_->OnRadio(Now(), link, from, reading);
    return;
  }
  // Registers of radios count whole decibels or less, and a measurement is not exact.
  const double noise = static_cast<double>(radio_random_.Below(2001)) / 1000 - 1;
  const auto measured = static_cast<float>(std::round(2 * (*margin + noise)) / 2);
  reading.rssi_dbm = measured + kSensitivityDbm;
  reading.snr_db = measured + kSnrNeeded;
  reading.margin_db = measured;
  core_->OnRadio(Now(), link, from, reading);
}

void SelvageApplication::OnTimer() {
  armed_ = kNever;
  core_->OnTimeout(Now());
  Settle();
}

void SelvageApplication::Settle() {
  while (std::optional<Effect> effect = core_->PollEffect()) {
    HashEffect(*effect);
    if (auto* send = std::get_if<SendFrame>(&*effect)) {
      Perform(send);
    } else if (auto* persist = std::get_if<Persist>(&*effect)) {
      Perform(persist);
    } else if (auto* deliver = std::get_if<Deliver>(&*effect)) {
      delivery_(*deliver);
    } else if (auto* event = std::get_if<Event>(&*effect)) {
      Report(*event);
    }
  }
  if (!drop_.IsEmpty()) TraceDrops();
  ArmTimer();
}

void SelvageApplication::Report(const Event& event) {
  static const std::set<std::string> kDetections = {
      "anomaly",      "neighbor-suspect", "neighbor-oneway",  "neighbor-down", "neighbor-degraded",
      "path-suspect", "node-distrusted",  "node-quarantined", "link-down",     "link-full"};
  if (event.kind == "reroute") route_change_(event);
  if (kDetections.count(event.kind) > 0) detection_(event);
  reported_(event);
}

void SelvageApplication::TraceDrops() {
  for (const auto& [name, count] : core_->Counters()) {
    // "frames_dropped_hop_limit_total", "frames_shed_bulk_total"
    const bool dropped = name.rfind("frames_dropped_", 0) == 0;
    if (!dropped && name.rfind("frames_shed_", 0) != 0) continue;
    std::uint64_t& told = drops_[name];
    if (count == told) continue;
    const std::size_t from = std::string_view("frames_").size();
    const std::size_t size = name.size() - from - std::string_view("_total").size();
    drop_(name.substr(from, size), count - told);
    told = count;
  }
}

void SelvageApplication::Perform(SendFrame* effect) {
  const PacketLabel* label = crypto_->FindFrame(effect->frame);
  if (effect->data || label != nullptr) {
    carrier_->Send(effect->link, effect->to, &effect->frame, label);
  } else {
    carrier_->SendControl(effect->link, effect->to, &effect->frame);
  }
  core_->Recycle(std::move(effect->frame));
}

void SelvageApplication::Perform(Persist* effect) {
  // A store is read at a start only, and nobody starts twice: what would be kept is left out.
  if (effect->token != 0) core_->OnPersisted(Now(), effect->token);
}

void SelvageApplication::HashEffect(const Effect& effect) {
  hash_.Int(static_cast<std::uint64_t>(ToNanos(Now())));
  hash_.Int(GetNode()->GetId());
  hash_.Int(effect.index());
  if (const auto* send = std::get_if<SendFrame>(&effect)) {
    hash_.Int(send->link.value);
    HashBytes(send->to.Span(), &hash_);
    HashBytes(send->frame, &hash_);
  } else if (const auto* deliver = std::get_if<Deliver>(&effect)) {
    HashBytes(deliver->from.bytes, &hash_);
    hash_.Int(static_cast<std::uint64_t>(deliver->traffic_class));
    hash_.Int(deliver->port);
    HashBytes(deliver->payload, &hash_);
  } else if (const auto* persist = std::get_if<Persist>(&effect)) {
    hash_.Int(persist->token);
    for (const StoreWrite& write : persist->writes) {
      HashText(write.key, &hash_);
      if (write.value) HashText(*write.value, &hash_);
    }
  } else if (const auto* report = std::get_if<MessageReport>(&effect)) {
    hash_.Int(report->message);
    hash_.Int(static_cast<std::uint64_t>(report->what));
    HashText(report->reason, &hash_);
  } else if (const auto* event = std::get_if<Event>(&effect)) {
    hash_.Int(event->number);
    HashText(event->kind, &hash_);
    HashText(event->text, &hash_);
  }
}

void SelvageApplication::ArmTimer() {
  const Time deadline = core_->NextDeadline();
  if (deadline == armed_) return;
  timer_.Cancel();
  armed_ = deadline;
  if (deadline == kNever) return;
  const Duration wait = TimerWait(Now(), deadline);
  timer_ =
      ns3::Simulator::Schedule(ns3::NanoSeconds(wait.count()), &SelvageApplication::OnTimer, this);
}

}  // namespace selvage::sim
