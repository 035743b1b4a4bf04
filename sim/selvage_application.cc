#include "sim/selvage_application.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "ns3/node.h"
#include "ns3/simulator.h"

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
  static const ns3::TypeId kId = ns3::TypeId("selvage::sim::SelvageApplication")
                                     .SetParent<ns3::Application>()
                                     .AddConstructor<SelvageApplication>();
  return kId;
}

SelvageApplication::SelvageApplication() = default;
SelvageApplication::~SelvageApplication() = default;

void SelvageApplication::Configure(NodeCore::Init init, std::shared_ptr<WatchedCrypto> crypto,
                                   std::unique_ptr<Carrier> carrier, Arrival arrival,
                                   EventSink events) {
  init_ = std::move(init);
  crypto_ = std::move(crypto);
  carrier_ = std::move(carrier);
  arrival_ = std::move(arrival);
  events_ = std::move(events);
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
  radio_random_ = Random(init_->seed + 1);
  store_ = NewMemoryStore();
  core_ = std::make_unique<NodeCore>(Now(), *std::move(init_), *store_);
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
  read->second = Now();
  if (!margin) return;
  // Registers of radios count whole decibels or less, and a measurement is not exact.
  const double noise = static_cast<double>(radio_random_.Below(2001)) / 1000 - 1;
  const auto measured = static_cast<float>(std::round(2 * (*margin + noise)) / 2);
  core_->OnRadio(Now(), link, from, {measured + kSensitivityDbm, measured + kSnrNeeded, measured});
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
      arrival_(*deliver);
    } else if (auto* event = std::get_if<Event>(&*effect)) {
      events_(GetNode()->GetId(), *event);
    }
  }
  ArmTimer();
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
  std::string error;
  store_->Write(effect->writes, &error);  // memory does not fail
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
