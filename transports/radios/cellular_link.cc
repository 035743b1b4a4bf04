#include "transports/radios/cellular_link.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "transports/radios/at_poller.h"
#include "transports/reactor_timer.h"
#ifdef SELVAGE_HAVE_MODEM_MANAGER
#include "transports/modem_manager/modem_manager.h"
#endif

namespace selvage {
#ifndef SELVAGE_HAVE_MODEM_MANAGER
class ModemManager {};
#endif
namespace {

const char* TechnologyName(redcap::AccessTechnology t) {
  using redcap::AccessTechnology;
  switch (t) {
    case AccessTechnology::kGsm:
      return "GSM";
    case AccessTechnology::kUmts:
      return "UMTS";
    case AccessTechnology::kLte:
      return "LTE";
    case AccessTechnology::kLteM:
      return "LTE-M";
    case AccessTechnology::kNbIot:
      return "NB-IoT";
    case AccessTechnology::kNrNsa:
      return "5G NSA";
    case AccessTechnology::kNrSa:
      return "5G SA";
    case AccessTechnology::kUnknown:
      break;
  }
  return "unknown technology";
}

void Put(std::string_view name, const std::optional<double>& value, LinkTelemetry* out) {
  if (value) SetTelemetry(*FindTelemetryField(name), *value, out);
}

void PutSignal(const redcap::CellSignal& s, LinkTelemetry* out) {
  Put("rsrp_dbm", s.rsrp_dbm, out);
  Put("rsrq_db", s.rsrq_db, out);
  Put("snr_db", s.sinr_db, out);
  Put("signal_dbm", s.rssi_dbm, out);
}

std::string Option(const LinkConfig& config, const std::string& key) {
  const auto it = config.options.find(key);
  return it == config.options.end() ? "" : it->second;
}

}  // namespace

CellularLink::CellularLink(const TransportContext& context, Options options)
    : IpRadio(context, {"redcap", false, false}), options_(std::move(options)) {}
CellularLink::~CellularLink() = default;

absl::Status CellularLink::Start() {
  if (!context_.config.interface.empty()) {
    if (absl::Status s = StartCarrier(""); !s.ok()) return s;
  }
  if (!options_.at_port.empty()) {
    at_ = std::make_unique<AtPoller>(context_.reactor, options_.at_port, options_.at_baud,
                                     [this] { Judge(); });
    if (absl::Status s = at_->Start(); !s.ok()) return s;
  }
#ifdef SELVAGE_HAVE_MODEM_MANAGER
  if (options_.modem_manager) {
    auto timer = ReactorTimer::Create(context_.reactor, [this] { OnDue(); });
    if (!timer.ok()) return timer.status();
    timer_ = *std::move(timer);
    ModemManager::Options options;
    options.bus_address = options_.bus_address;
    options.apn = options_.apn;
    modems_ = std::make_unique<ModemManager>(
        context_.reactor, options, [this](const CellularState* state) { OnModem(state); });
    timer_->Arm(1ns);
  }
#endif
  if (options_.modem_manager) Forbid("there is no modem yet");
  return absl::OkStatus();
}

void CellularLink::OnDue() {
#ifdef SELVAGE_HAVE_MODEM_MANAGER
  const Time now = context_.reactor.ReadClock();
  modems_->OnTimeout(now);
  timer_->ArmAt(modems_->NextDeadline());
#endif
}

void CellularLink::OnModem(const CellularState* state) {
  modem_ = state != nullptr ? std::optional<CellularState>(*state) : std::nullopt;
  sampled_at_ = context_.reactor.now();
  Judge();
}

void CellularLink::Judge() {
  if (options_.modem_manager) {
    if (!modem_) return Forbid("there is no modem");
    if (!modem_->usable()) {
      return Forbid(std::string("the modem is ") + ModemStateName(modem_->state) +
                    (modem_->bearer && modem_->bearer->suspended ? ", its bearer suspended" : ""));
    }
    const std::string& interface = modem_->bearer->interface;
    if (context_.config.interface.empty() && interface != bearer_interface_) {
      if (interface.empty()) return Forbid("the bearer has no network interface");
      bearer_interface_ = interface;
      if (absl::Status s = StartCarrier(interface); !s.ok()) {
        bearer_interface_.clear();
        return Forbid("the bearer's interface cannot be used: " + std::string(s.message()));
      }
    }
  } else if (at_ != nullptr && at_->state().registered && !*at_->state().registered) {
    return Forbid("the modem is not registered in a network");
  }
  Allow();
}

void CellularLink::Shape(LinkInfo* info) {
  info->tariff = options_.tariff;
  if (options_.tariff != Tariff::kFree) info->idle_gap = kMeteredIdleGap;
  if (modem_ && modem_->bearer && modem_->bearer->mtu_bytes) {
    const std::uint32_t mtu = *modem_->bearer->mtu_bytes;
    // IPv6 guarantees 1,280 (RFC 8200, section 5); less is a mistake of the network's.
    if (mtu >= 1280) {
      info->mtu_bytes = std::min(info->mtu_bytes, mtu - IpTransport::kCarrierHeaderBytes);
    }
  }
}

std::optional<LinkTelemetry> CellularLink::Telemetry(const PeerAddress&) const {
  if (!modem_ && (at_ == nullptr || !at_->state().answering)) return std::nullopt;
  LinkTelemetry t;
  t.sampled_at = sampled_at_;
  if (at_ != nullptr) {
    t.sampled_at = context_.reactor.now();
    Put("signal_dbm", at_->state().rssi_dbm, &t);
    PutSignal(at_->state().lte, &t);
    PutSignal(at_->state().nr, &t);  // NR's wins where there are both
  }
  if (modem_) {
    if (modem_->quality_percent) Put("quality", *modem_->quality_percent / 100.0, &t);
    PutSignal(modem_->lte, &t);
    PutSignal(modem_->nr, &t);
  }
  return t;
}

std::string CellularLink::RadioState() const {
  std::string out;
  redcap::AccessTechnology technology = redcap::AccessTechnology::kUnknown;
  if (options_.modem_manager) {
    out = modem_ ? ModemStateName(modem_->state) : "no modem";
    if (modem_) technology = modem_->technology;
  }
  if (at_ != nullptr) {
    const AtPoller::State& at = at_->state();
    if (!out.empty()) out += ", ";
    out += !at.answering   ? "AT port silent"
           : !at.registered ? "AT port answers"
           : *at.registered ? "registered"
                            : "not registered";
    if (technology == redcap::AccessTechnology::kUnknown) technology = at.technology;
  }
  return out + ", " + TechnologyName(technology);
}

absl::StatusOr<std::unique_ptr<Transport>> CreateCellular(const TransportContext& context) {
  const LinkConfig& config = context.config;
  const auto tariff = TariffOption(config, Tariff::kMetered);
  if (!tariff.ok()) return tariff.status();
  if (config.peers.empty() && config.listen.empty()) {
    return absl::InvalidArgumentError(
        "carriers' networks have no multicast and let nobody in, so nobody is found there: name "
        "peers (peers = [\"zmq+tcp://hub.example:7701?key=KEY\"])");
  }
  CellularLink::Options options;
  options.tariff = *tariff;
  options.bus_address = Option(config, "bus");
  options.apn = Option(config, "apn");
  options.at_port = Option(config, "at_port");
  if (const std::string baud = Option(config, "baud"); !baud.empty()) {
    options.at_baud = std::atoi(baud.c_str());
    if (!SerialPort::IsBaudRate(options.at_baud)) {
      return absl::InvalidArgumentError("baud is " + baud + ", which is no rate of serial ports");
    }
  }
  // A named AT port alone means: without ModemManager.
  options.modem_manager = !options.apn.empty() || options.at_port.empty();
  if (!options.modem_manager && config.interface.empty()) {
    return absl::InvalidArgumentError(
        "without ModemManager (apn) the modem's network interface must be named: interface = "
        "\"wwan0\"");
  }
#ifndef SELVAGE_HAVE_MODEM_MANAGER
  if (options.modem_manager) {
    return absl::UnimplementedError(
        "this build has no ModemManager (libsystemd was missing); name at_port and interface");
  }
#endif
  return std::make_unique<CellularLink>(context, std::move(options));
}

}  // namespace selvage
