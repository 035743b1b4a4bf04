#include "sim/model/lora_net_device.h"

#include <algorithm>
#include <utility>

#include "ns3/boolean.h"
#include "ns3/double.h"
#include "ns3/enum.h"
#include "ns3/integer.h"
#include "ns3/nstime.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/trace-source-accessor.h"
#include "ns3/uinteger.h"
#include "sim/model/lora_channel.h"

namespace selvage::sim {
namespace {

// The three channels that every EU868 gateway listens to (RP002).
constexpr std::int64_t kGatewayChannelsHz[] = {868'100'000, 868'300'000, 868'500'000};

Time Now() { return TimeFromNanos(ns3::Simulator::Now().GetNanoSeconds()); }
ns3::Time ToNs3(Duration d) { return ns3::NanoSeconds(d.count()); }

const LoraIsolation& IsolationOf(const std::string& name) {
  if (name == "goursaud") return GoursaudIsolation();
  if (name == "perfect") return PerfectIsolation();
  NS_ABORT_MSG_UNLESS(name == "croce", "Isolation is \"" << name
                                                         << "\", must be croce, goursaud or "
                                                            "perfect");
  return CroceIsolation();
}

}  // namespace

NS_OBJECT_ENSURE_REGISTERED(LoraNetDevice);

ns3::TypeId LoraNetDevice::GetTypeId() {
  using Self = LoraNetDevice;
  static const ns3::TypeId kId =
      ns3::TypeId("selvage::sim::LoraNetDevice")
          .SetParent<ns3::NetDevice>()
          .AddConstructor<Self>()
          .AddAttribute("SpreadingFactor", "7 to 12; what is sent and, on a device, heard.",
                        ns3::UintegerValue(9),
                        ns3::MakeUintegerAccessor(&Self::SetFactor, &Self::Factor),
                        ns3::MakeUintegerChecker<std::uint32_t>(7, 12))
          .AddAttribute("FrequencyHz", "Centre of the channel.", ns3::IntegerValue(868'100'000),
                        ns3::MakeIntegerAccessor(&Self::frequency_hz_),
                        ns3::MakeIntegerChecker<std::int64_t>(1))
          .AddAttribute("BandwidthHz", "125000, 250000 or 500000.", ns3::UintegerValue(125000),
                        ns3::MakeUintegerAccessor(&Self::bandwidth_hz_),
                        ns3::MakeUintegerChecker<std::uint32_t>(125000, 500000))
          .AddAttribute("CodingRate", "1 to 4 for 4/5 to 4/8.", ns3::UintegerValue(1),
                        ns3::MakeUintegerAccessor(&Self::coding_rate_),
                        ns3::MakeUintegerChecker<std::uint32_t>(1, 4))
          .AddAttribute("PreambleSymbols", "Programmed length.", ns3::UintegerValue(8),
                        ns3::MakeUintegerAccessor(&Self::preamble_symbols_),
                        ns3::MakeUintegerChecker<std::uint32_t>(6, 65535))
          .AddAttribute("TxPowerDbm", "Radiated.", ns3::DoubleValue(14),
                        ns3::MakeDoubleAccessor(&Self::tx_dbm_), ns3::MakeDoubleChecker<double>())
          .AddAttribute("NoiseFigureDb", "6: SX1276; 0.5: as stated for SX1301 gateways.",
                        ns3::DoubleValue(6), ns3::MakeDoubleAccessor(&Self::noise_figure_db_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("SearchDb", "A preamble must be stronger than its like by this.",
                        ns3::DoubleValue(0), ns3::MakeDoubleAccessor(&Self::search_db_),
                        ns3::MakeDoubleChecker<double>())
          .AddAttribute("Capture", "False: any overlap spoils both frames (pure ALOHA).",
                        ns3::BooleanValue(true), ns3::MakeBooleanAccessor(&Self::capture_),
                        ns3::MakeBooleanChecker())
          .AddAttribute("Isolation", "Between spreading factors: croce, goursaud, perfect.",
                        ns3::StringValue("croce"), ns3::MakeStringAccessor(&Self::isolation_),
                        ns3::MakeStringChecker())
          .AddAttribute("Gateway",
                        "Hears all spreading factors on three channels, several frames at once.",
                        ns3::BooleanValue(false), ns3::MakeBooleanAccessor(&Self::gateway_),
                        ns3::MakeBooleanChecker())
          .AddAttribute("Demodulators", "Of a gateway: frames at once; SX1301: 8.",
                        ns3::UintegerValue(8), ns3::MakeUintegerAccessor(&Self::demodulators_),
                        ns3::MakeUintegerChecker<std::uint32_t>(1, 1000))
          .AddAttribute("Listening", "False: sends only, and costs the simulator nothing else.",
                        ns3::BooleanValue(true), ns3::MakeBooleanAccessor(&Self::listening_),
                        ns3::MakeBooleanChecker())
          .AddAttribute("Region", "Whose limits of air time hold: EU868, US915 or none.",
                        ns3::StringValue("EU868"),
                        ns3::MakeStringAccessor(&Self::SetRegion, &Self::RegionName),
                        ns3::MakeStringChecker())
          .AddAttribute("TxPowerWatts", "Supply power while sending (45 mA at 3.3 V: estimate).",
                        ns3::DoubleValue(0.15), ns3::MakeDoubleAccessor(&Self::tx_watts_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddAttribute("RxPowerWatts", "Supply power while listening (11 mA at 3.3 V, SX1276).",
                        ns3::DoubleValue(0.036), ns3::MakeDoubleAccessor(&Self::rx_watts_),
                        ns3::MakeDoubleChecker<double>(0))
          .AddTraceSource("PhyTx", "A frame leaves; its air time.",
                          ns3::MakeTraceSourceAccessor(&Self::phy_tx_),
                          "selvage::sim::LoraNetDevice::TxCallback")
          .AddTraceSource("PhyRx", "A frame came whole; its power in dBm.",
                          ns3::MakeTraceSourceAccessor(&Self::phy_rx_),
                          "selvage::sim::LoraNetDevice::RxCallback")
          .AddTraceSource("PhyDrop", "A frame was lost here, and why.",
                          ns3::MakeTraceSourceAccessor(&Self::phy_drop_),
                          "selvage::sim::LoraNetDevice::DropCallback")
          .AddTraceSource("AirtimeRefused", "Not legal now; when it will be.",
                          ns3::MakeTraceSourceAccessor(&Self::refused_),
                          "ns3::Time::TracedCallback");
  return kId;
}

LoraNetDevice::LoraNetDevice() = default;
LoraNetDevice::~LoraNetDevice() = default;

void LoraNetDevice::SetChannel(ns3::Ptr<LoraChannel> channel) {
  channel_ = channel;
  channel_->Add(this);
}

ns3::Ptr<ns3::Channel> LoraNetDevice::GetChannel() const { return channel_; }

void LoraNetDevice::SetAddress(ns3::Address address) {
  address_ = ns3::Mac16Address::ConvertFrom(address);
}

void LoraNetDevice::SetPromiscReceiveCallback(PromiscReceiveCallback callback) {
  promiscuous_ = callback;
}

std::string LoraNetDevice::RegionName() const {
  return region_ == nullptr ? "none" : std::string(region_->name);
}

void LoraNetDevice::SetRegion(std::string name) {
  region_ = name == "none" ? nullptr : lorawan::FindRegion(name);
  NS_ABORT_MSG_UNLESS(name == "none" || region_ != nullptr,
                      "Region is \"" << name << "\", must be EU868, US915 or none");
  ledger_ = region_ == nullptr ? nullptr : std::make_unique<lorawan::DutyLedger>(*region_);
}

void LoraNetDevice::SetFactor(std::uint32_t factor) {
  factor_ = factor;
  if (receiver_ != nullptr && !gateway_) {
    receiver_->SetSpreadingFactor(static_cast<int>(factor));
  }
}

lorawan::LoraModulation LoraNetDevice::Modulation() const {
  lorawan::LoraModulation m;
  m.spreading_factor = static_cast<int>(factor_);
  m.bandwidth_hz = bandwidth_hz_;
  m.coding_rate = static_cast<int>(coding_rate_);
  m.preamble_symbols = static_cast<int>(preamble_symbols_);
  return m;
}

lorawan::DataRate LoraNetDevice::Rate() const {
  lorawan::DataRate rate;
  rate.spreading_factor = static_cast<int>(factor_);
  rate.bandwidth_hz = bandwidth_hz_;
  return rate;
}

Duration LoraNetDevice::TimeOnAir(std::size_t bytes) const {
  return lorawan::LoraTimeOnAir(Modulation(), bytes);
}

double LoraNetDevice::SensitivityDbm() const {
  return LoraSensitivityDbm(static_cast<int>(factor_), bandwidth_hz_, noise_figure_db_);
}

Time LoraNetDevice::NextSend(std::size_t bytes) {
  const Time at = std::max(Now(), sending_until_);
  if (ledger_ == nullptr) return at;
  return ledger_->NextAdmission(at, frequency_hz_, Rate(), TimeOnAir(bytes),
                                lorawan::AirUse::kData);
}

std::int64_t LoraNetDevice::DutyUsedPpm() {
  if (ledger_ == nullptr) return 0;
  const int band = region_->FindSubBand(frequency_hz_, bandwidth_hz_);
  return band < 0 ? 0 : ledger_->UsedPpm(Now(), static_cast<std::size_t>(band));
}

LoraReceiver& LoraNetDevice::Receiver() {
  if (receiver_ == nullptr) {
    LoraReceiver::Options o;
    o.frequencies_hz = {frequency_hz_};
    o.spreading_factor = gateway_ ? 0 : static_cast<int>(factor_);
    if (gateway_) {
      o.demodulators = static_cast<int>(demodulators_);
      o.frequencies_hz.assign(std::begin(kGatewayChannelsHz), std::end(kGatewayChannelsHz));
    }
    o.noise_figure_db = noise_figure_db_;
    o.search_db = search_db_;
    o.capture = capture_;
    o.isolation = IsolationOf(isolation_);
    receiver_ = std::make_unique<LoraReceiver>(std::move(o));
  }
  return *receiver_;
}

bool LoraNetDevice::Busy() { return Receiver().Busy(Now()); }
bool LoraNetDevice::sending() const { return Now() < sending_until_; }

bool LoraNetDevice::Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address& /*dest*/,
                         std::uint16_t /*protocol*/) {
  const std::size_t bytes = packet->GetSize();
  if (bytes > kMtuBytes || sending()) return false;
  const Duration airtime = TimeOnAir(bytes);
  if (ledger_ != nullptr) {
    // Wall clock 0: nothing is kept over restarts here, so nothing needs a date.
    const auto decision =
        ledger_->Admit(Now(), 0, frequency_hz_, Rate(), airtime, lorawan::AirUse::kData);
    if (!decision.admitted) {
      refused_(decision.retry_at == kNever ? ns3::Time::Max()
                                           : ns3::NanoSeconds(ToNanos(decision.retry_at)));
      return false;
    }
  }
  sending_until_ = Now() + airtime;
  airtime_sent_ += airtime;
  ++frames_sent_;
  bytes_sent_ += bytes;
  if (listening_) Receiver().OnTransmit(Now(), sending_until_);
  phy_tx_(packet, airtime);
  channel_->Send(this, packet->Copy(), airtime);
  return true;
}

bool LoraNetDevice::SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address& /*source*/,
                             const ns3::Address& dest, std::uint16_t protocol) {
  return Send(packet, dest, protocol);
}

void LoraNetDevice::StartReception(const LoraSignal& signal, ns3::Ptr<const ns3::Packet> packet) {
  if (channel_ == nullptr) return;  // disposed of while the frame was on its way
  Receiver().OnStart(signal);
  coming_[signal.id] = {packet, signal.dbm};
  ns3::Simulator::Schedule(ToNs3(signal.end - signal.start), &LoraNetDevice::EndReception, this,
                           signal.id);
}

void LoraNetDevice::EndReception(std::uint64_t id) {
  const LoraFate fate = Receiver().OnEnd(id);
  ++fates_[fate];
  auto node = coming_.extract(id);
  if (node.empty()) return;
  const Coming& coming = node.mapped();
  if (fate != LoraFate::kReceived) {
    phy_drop_(coming.packet, fate);
    return;
  }
  last_margin_db_ = coming.dbm - SensitivityDbm();
  phy_rx_(coming.packet, coming.dbm);
  if (!receive_.IsNull()) receive_(this, coming.packet, 0, GetBroadcast());
}

std::uint64_t LoraNetDevice::FatesOf(LoraFate fate) const {
  const auto it = fates_.find(fate);
  return it == fates_.end() ? 0 : it->second;
}

double LoraNetDevice::EnergyJoules() const {
  const double sent = ToSeconds(airtime_sent_);
  const double rest = std::max(0.0, ns3::Simulator::Now().GetSeconds() - sent);
  return sent * tx_watts_ + (listening_ ? rest * rx_watts_ : 0);
}

void LoraNetDevice::DoDispose() {
  node_ = nullptr;
  channel_ = nullptr;
  receiver_.reset();
  coming_.clear();
  receive_ = ReceiveCallback();
  promiscuous_ = PromiscReceiveCallback();
  ns3::NetDevice::DoDispose();
}

}  // namespace selvage::sim
