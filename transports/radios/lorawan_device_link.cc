#include "transports/radios/lorawan_device_link.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "transports/radios/lorawan_keys.h"

namespace selvage {
namespace {

constexpr Duration kPersistRetry = 1s;
// As in lora_link.cc: a sealed hello with its unit's byte, and hellos and questions a thousand air
// times apart each, which is half of ControlBudget's two thousandths.
constexpr std::size_t kHelloBytes = 35;
constexpr int kGapPerAirtime = 1000;
constexpr Duration kGapMin = 300s;
constexpr Duration kGapMax = 2000s;

std::string Option(const LinkConfig& config, const std::string& key) {
  const auto it = config.options.find(key);
  return it == config.options.end() ? "" : it->second;
}

std::int64_t Number(const LinkConfig& config, const std::string& key, std::int64_t otherwise) {
  const std::string text = Option(config, key);
  return text.empty() ? otherwise : std::atoll(text.c_str());
}

lorawan::DutyLedger::Options LedgerOptions(const std::string& port) {
  lorawan::DutyLedger::Options o;
  o.key_prefix = "radio" + port + "/duty/";
  return o;
}

PeerAddress Gateway() { return PeerAddress::From(Bytes{0}); }

}  // namespace

LorawanDeviceLink::LorawanDeviceLink(const TransportContext& context, Options options,
                                     std::uint64_t seed)
    : SmallLink(context, options.modem.class_c ? Duration(120s) : Duration(1800s)),
      options_(std::move(options)),
      random_(seed),
      ledger_(*options_.region, LedgerOptions(options_.port)),
      modem_(options_.modem, &random_, nullptr),
      port_(context.reactor, options_.port, options_.baud,
            {[this] {
               modem_.OnPortUp(context_.reactor.now());
               Perform();
               Arm();
             },
             [this](const std::string& reason) {
               modem_.OnPortDown();
               Perform();
               Arm();
             },
             [this](ByteSpan b) {
               modem_.OnBytes(context_.reactor.now(), b);
               Perform();
               Arm();
             }}) {}

Duration LorawanDeviceLink::AirtimeOf(std::size_t payload_bytes) const {
  return options_.region->TimeOnAir(*options_.rate, payload_bytes + lorawan::kDataOverheadBytes,
                                    false);
}

Duration LorawanDeviceLink::PollInterval() const {
  if (options_.poll > Duration(0)) return options_.poll;
  return std::clamp<Duration>(AirtimeOf(1) * kGapPerAirtime, kGapMin, kGapMax);
}

absl::Status LorawanDeviceLink::Start() {
  if (context_.store != nullptr) {
    const Time now = context_.reactor.ReadClock();
    ledger_.Restore(now, wall(), context_.store->Records());
    if (const auto record = context_.store->Records().Get(Key("control"))) {
      ByteReader in(ByteSpan::Of(*record));
      const WallSeconds then = in.U64(), here = wall();
      // Without a trusted clock, or with one that went back, all of it was spent just now.
      const WallSeconds elapsed =
          then != 0 && here > then + 1 ? std::min<WallSeconds>(here - then - 1, 48 * 3600) : 0;
      budget_.Restore(now, std::chrono::seconds(elapsed), in.Rest());
    }
  }
  return StartTimer();
}

std::vector<StoreWrite> LorawanDeviceLink::BudgetWrites(Time now) {
  Bytes head(8);
  ByteWriter w(head);
  w.U64(wall());
  return {{Key("control"), ByteSpan(head).ToString() + budget_.Encode(now)}};
}

// The channels that the modem hops over share one sub-band (EU868: the three that all networks
// have), so that the first of them stands for all. US915 limits dwell on each channel, which only
// the modem can keep.
Time LorawanDeviceLink::Legal(Time now, std::size_t bytes) {
  if (options_.region->HasDwellLimit(*options_.rate)) return now;
  return ledger_.NextAdmission(now, options_.region->join_channels_hz[0], *options_.rate,
                               AirtimeOf(bytes), lorawan::AirUse::kData);
}

bool LorawanDeviceLink::Transmit(Time now, int port, Bytes payload) {
  while (const auto effect = modem_.PollEffect()) effects_.push_back(*effect);
  std::vector<StoreWrite> writes = BudgetWrites(now);
  if (!options_.region->HasDwellLimit(*options_.rate)) {
    const auto decision =
        ledger_.Admit(now, wall(), options_.region->join_channels_hz[0], *options_.rate,
                      AirtimeOf(payload.size()), lorawan::AirUse::kData);
    for (const StoreWrite& w : decision.persist) writes.push_back(w);
  }
  effects_.push_back(modem::LoraPersist{std::move(writes)});
  sending_ = modem_.Send(now, ++token_, port, false, payload);
  perform_ = true;  // from the timer, not from inside the queue that called
  return sending_;
}

SendAnswer LorawanDeviceLink::SendUnit(Time now, const PeerAddress& to, ByteSpan unit,
                                       bool control) {
  using What = SendAnswer::What;
  if (!ready_) return {What::kDown, kNever};
  if (unit.size() > unit_bytes_max()) return {What::kTooBig, kNever};
  if (to != Gateway()) return {What::kRefused, kNever};
  if (sending_ || again_) return {What::kBusy, kNever};  // woken by the result
  if (now < not_before_) return {What::kBusy, not_before_};
  const Time legal = Legal(now, unit.size());
  if (legal > now) return {What::kNoBudget, legal};
  if (control && !budget_.Take(now, AirtimeOf(unit.size()), unit[0] == 0x50)) {
    return {What::kNoBudget, kNever};
  }
  unit_ = unit.ToBytes();
  tries_ = 1;
  if (!Transmit(now, kLorawanUnitPort, unit_)) return {What::kBusy, now + 1s};
  return {What::kAccepted, kNever};
}

void LorawanDeviceLink::PollIfDue(Time now) {
  if (!ready_ || options_.modem.class_c || now < poll_at_ || sending_ || again_) return;
  if (now < not_before_) {
    poll_at_ = not_before_;
    return;
  }
  if (polls_left_ > 0) {
    --polls_left_;
    poll_at_ = now + poll_gap_;
    poll_gap_ *= 2;
  } else {
    poll_at_ = now + PollInterval();
  }
  // Without budget it is not asked now.
  if (Legal(now, 1) > now || !budget_.Take(now, AirtimeOf(1), true)) return;
  unit_.clear();
  Transmit(now, kLorawanPollPort, Bytes{0});
}

void LorawanDeviceLink::OnRadioTimeout(Time now) {
  perform_ = false;
  if (now >= port_.NextDeadline()) port_.OnTimeout(now);
  modem_.SetWall(wall());
  if (now >= modem_.NextDeadline()) modem_.OnTimeout(now);
  if (now >= persist_again_) persist_again_ = kNever;
  if (!up() && !ready_) {
    SetDown(port_.up() ? "the modem has not joined yet"
                       : "there is no serial port " + options_.port);
  }
  if (ready_ && now - heard_ >= kRejoinAfter) {
    modem_.OnPortDown();
    modem_.OnPortUp(now);
    heard_ = now;
  }
  if (again_ && now >= not_before_ && !sending_) {
    again_ = false;
    if (Legal(now, unit_.size()) <= now) {
      ++tries_;
      Transmit(now, kLorawanUnitPort, unit_);
    } else {
      Wake();
    }
  }
  PollIfDue(now);
  Perform();
}

Time LorawanDeviceLink::RadioDeadline() const {
  if (perform_) return Time::min();
  Time at = std::min({port_.NextDeadline(), modem_.NextDeadline(), persist_again_});
  if (again_ && !sending_) at = std::min(at, not_before_);
  if (ready_ && !options_.modem.class_c && !sending_ && !again_) at = std::min(at, poll_at_);
  if (ready_) at = std::min(at, heard_ + kRejoinAfter);
  return at;
}

void LorawanDeviceLink::Perform() {
  while (const auto effect = modem_.PollEffect()) effects_.push_back(*effect);
  while (!waiting_for_disk_ && persist_again_ == kNever && !effects_.empty()) {
    const modem::LoraEffect effect = std::move(effects_.front());
    effects_.pop_front();
    if (!PerformOne(effect)) {
      effects_.push_front(effect);
      return;
    }
    while (const auto more = modem_.PollEffect()) effects_.push_back(*more);
  }
}

bool LorawanDeviceLink::PerformOne(const modem::LoraEffect& effect) {
  const Time now = context_.reactor.now();
  if (const auto* write = std::get_if<modem::LoraWrite>(&effect)) {
    port_.Write(now, write->bytes);
  } else if (const auto* persist = std::get_if<modem::LoraPersist>(&effect)) {
    if (context_.store == nullptr) return true;
    waiting_for_disk_ = true;
    if (!context_.store->MakeDurable(persist->writes, [this] {
          waiting_for_disk_ = false;
          Perform();
          Arm();
        })) {
      waiting_for_disk_ = false;
      persist_again_ = now + kPersistRetry;  // not on disk: not on air
      return false;
    }
  } else if (std::holds_alternative<modem::LoraReady>(effect)) {
    ready_ = true;
    heard_ = now;
    poll_at_ = now + PollInterval();
    Report();
  } else if (const auto* down = std::get_if<modem::LoraDown>(&effect)) {
    ready_ = sending_ = again_ = false;
    SetDown(down->reason);
  } else if (const auto* received = std::get_if<modem::LoraReceived>(&effect)) {
    OnReceived(*received);
  } else if (const auto* result = std::get_if<modem::LoraTxResult>(&effect)) {
    OnResult(now, *result);
  }
  return true;
}

void LorawanDeviceLink::OnResult(Time now, const modem::LoraTxResult& result) {
  if (result.token != token_) return;
  sending_ = false;
  const std::uint64_t limited = modem_.counters().duty_limited;
  if (limited != std::exchange(duty_limited_seen_, limited)) {
    not_before_ = now + duty_wait_;
    duty_wait_ = std::min<Duration>(2 * duty_wait_, 600s);
    again_ = !unit_.empty() && tries_ < kTriesMax;
  } else {
    duty_wait_ = kDutyRetryFirst;
    // The windows of an uplink are over after two seconds and the air time of what comes in them;
    // a frame before that would cut them off.
    if (!options_.modem.class_c) {
      not_before_ = now + AirtimeOf(std::max<std::size_t>(unit_.size(), 1)) + Duration(3s);
    }
    if (!unit_.empty()) {
      polls_left_ = kPollsMax;
      poll_gap_ = 2 * kPollFirst;
      poll_at_ = now + kPollFirst;
    }
  }
  if (!again_) Wake();
}

void LorawanDeviceLink::OnReceived(const modem::LoraReceived& r) {
  const Time now = context_.reactor.now();
  heard_ = now;
  if (r.signal) signal_ = *r.signal;
  not_before_ = std::min(not_before_, now);  // what came has closed the windows
  if (r.port != kLorawanUnitPort || r.payload.empty()) return;
  polls_left_ = kPollsMax;
  poll_gap_ = kPollFirst;
  poll_at_ = now + kPollAgain;
  OnUnit(Gateway(), r.payload);
  Wake();
}

void LorawanDeviceLink::Report() {
  LinkInfo info;
  info.name = options_.port;
  info.transport = "lorawan";
  info.mtu_bytes = static_cast<std::uint32_t>(FrameBytesMax(unit_bytes_max(), kFrameBytesMax));
  info.rate_bps = static_cast<std::uint64_t>(static_cast<double>(unit_bytes_max()) * 8 /
                                             ToSeconds(AirtimeOf(unit_bytes_max())));
  info.broadcast = false;
  info.slow = true;
  info.tariff = Tariff::kDear;
  info.idle_gap = std::min<Duration>(AirtimeOf(kHelloBytes) * kGapPerAirtime, kGapMax);
  // Class A: asked for a few times, the last time after 35 s. Class C: a frame may wait for as many
  // others as wait in the gateway, at its slowest rate.
  info.patience = Duration(45s);
  SetUp(info);
  context_.listener.OnConfiguredPeer(context_.link, Gateway());
}

std::optional<LinkTelemetry> LorawanDeviceLink::Telemetry(const PeerAddress& peer) const {
  const Time now = context_.reactor.now();
  LinkTelemetry t;
  t.sampled_at = now;
  const int band = options_.region->FindSubBand(options_.region->join_channels_hz[0],
                                                options_.rate->bandwidth_hz);
  if (band >= 0) {
    SetTelemetry(*FindTelemetryField("duty_used"),
                 static_cast<double>(ledger_.UsedPpm(now, static_cast<std::size_t>(band))) / 1e6,
                 &t);
  }
  SetTelemetry(*FindTelemetryField("budget_used"), budget_.UsedShare(now), &t);
  if (signal_.rssi_dbm != 0) {
    SetTelemetry(*FindTelemetryField("signal_dbm"), signal_.rssi_dbm, &t);
    SetTelemetry(*FindTelemetryField("snr_db"), signal_.snr_db, &t);
  }
  if (heard_ != Time::min()) {
    SetTelemetry(*FindTelemetryField("inactive_s"), ToSeconds(now - heard_), &t);
  }
  return t;
}

std::string LorawanDeviceLink::RadioState() const {
  if (!port_.up()) return "no serial port";
  if (!ready_) return "joining";
  std::string out = "joined, class " + std::string(options_.modem.class_c ? "C" : "A") + ", DR" +
                    std::to_string(options_.rate->index);
  const modem::LoraModemCounters& c = modem_.counters();
  if (c.duty_limited > 0) {
    out += ", the modem refused for its duty cycle " + std::to_string(c.duty_limited) +
           (c.duty_limited == 1 ? " time" : " times");
  }
  return out;
}

absl::StatusOr<std::unique_ptr<Transport>> CreateLorawanDevice(const TransportContext& context) {
  const LinkConfig& config = context.config;
  LorawanDeviceLink::Options o;
  o.port = Option(config, "at_port");
  if (o.port.empty() || o.port[0] != '/') {
    return absl::InvalidArgumentError(
        "a LoRaWAN modem needs its serial port: at_port = \"/dev/ttyUSB0\"");
  }
  o.baud = static_cast<int>(Number(config, "baud", o.baud));
  if (!SerialPort::IsBaudRate(o.baud)) {
    return absl::InvalidArgumentError("baud is " + std::to_string(o.baud) +
                                      ", which is no rate of serial ports");
  }
  const std::string region = Option(config, "region");
  o.region = lorawan::FindRegion(region.empty() ? "EU868" : region);
  if (o.region == nullptr) {
    return absl::InvalidArgumentError("region is \"" + region + "\"; regions are: EU868, US915");
  }
  const std::string dialect = Option(config, "dialect");
  if (dialect != "" && dialect != "rui3" && dialect != "st") {
    return absl::InvalidArgumentError("dialect is \"" + dialect +
                                      "\"; dialects are \"rui3\" (RAK) and \"st\" (AT_Slave)");
  }
  o.modem.dialect =
      dialect == "st" ? modem::LoraDialect::kStAtSlave : modem::LoraDialect::kRui3;
  const auto rate = static_cast<int>(Number(config, "data_rate", 3));
  o.rate = o.region->FindDataRate(rate);
  if (o.rate == nullptr || !o.rate->up || o.rate->spreading_factor == 0 ||
      o.rate->payload_bytes_max < kUnitBytesMin) {
    return absl::InvalidArgumentError("data_rate is " + std::to_string(rate) + ", at which " +
                                      std::string(o.region->name) +
                                      " has no uplinks that are long enough");
  }
  const std::string file = Option(config, "keys_file");
  if (file.empty()) {
    return absl::InvalidArgumentError(
        "a LoRaWAN device needs its keys: keys_file = \"/etc/selvage/lorawan.keys\"");
  }
  const auto keys = ReadLorawanKeys(file);
  if (!keys.ok()) return keys.status();
  if (keys->size() != 1) {
    return absl::InvalidArgumentError(file + " lists " + std::to_string(keys->size()) +
                                      " devices; a device's has its own line alone");
  }
  const LorawanKeys& own = keys->front();
  o.modem.identity = {own.dev_eui, own.join_eui, own.app_key};
  o.modem.class_c = own.class_c;
  o.modem.adr = false;
  o.modem.data_rate = rate;
  o.poll = std::chrono::seconds(Number(config, "poll_s", 0));
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
    return absl::UnavailableError("the system gives no random numbers");
  }
  return std::make_unique<LorawanDeviceLink>(context, std::move(o), seed);
}

}  // namespace selvage
