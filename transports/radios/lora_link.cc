#include "transports/radios/lora_link.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "transports/lorawan/air/modulation.h"

namespace selvage {
namespace {

constexpr std::uint16_t kEverybody = 0xffff;
constexpr Duration kPersistRetry = 1s;
// A hello with feedback, sealed for a slow session: 5 + 9 + 12 + 8 bytes, in a unit: 5 more.
constexpr std::size_t kHelloBytes = 39;
// Of ControlBudget's two thousandths, hellos get one.
constexpr int kHelloGapPerAirtime = 1000;
constexpr Duration kHelloGapMax = 2000s;  // what the field of a hello can promise, roughly
// Largest unit on air: the payload that LoRaWAN allows at this spreading factor and its overhead of
// 13 bytes, which keeps one unit at SF12 under three seconds.
constexpr std::size_t kAirBytes[] = {235, 235, 128, 64, 64, 64};  // SF7 to SF12

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

modem::LoraModemConfig ModemConfig(const LoraLink::Options& options) {
  modem::LoraModemConfig c;
  c.dialect = modem::LoraDialect::kRui3;
  c.peer_to_peer = true;
  c.channel = options.channel;
  return c;
}

lorawan::LoraModulation ModulationOf(const modem::LoraChannel& c) {
  lorawan::LoraModulation m;
  m.spreading_factor = c.spreading_factor;
  m.bandwidth_hz = c.bandwidth_hz;
  m.coding_rate = c.coding_rate;
  m.preamble_symbols = c.preamble_symbols;
  return m;
}

lorawan::DataRate RateOf(const modem::LoraChannel& c) {
  lorawan::DataRate rate;
  rate.spreading_factor = c.spreading_factor;
  rate.bandwidth_hz = c.bandwidth_hz;
  return rate;
}

PeerAddress AddressOf(std::uint16_t station) {
  const std::array<std::uint8_t, 2> bytes{static_cast<std::uint8_t>(station >> 8),
                                          static_cast<std::uint8_t>(station)};
  return PeerAddress::From(bytes);
}

}  // namespace

LoraLink::LoraLink(const TransportContext& context, Options options, std::uint64_t seed)
    : SmallLink(context,
                lorawan::LoraTimeOnAir(ModulationOf(options.channel), options.air_bytes_max) *
                            (4 * static_cast<int>(kFragmentsMax)) +
                    10s),
      options_(std::move(options)),
      random_(seed),
      ledger_(*options_.region, LedgerOptions(options_.port)),
      modem_(ModemConfig(options_), &random_, &ledger_),
      port_(context.reactor, options_.port, options_.baud,
            {[this] {
               modem_.OnPortUp(context_.reactor.now());
               Perform();
               Arm();
             },
             [this](const std::string&) {
               modem_.OnPortDown();
               Perform();
               Arm();  // for the next attempt to open it
             },
             [this](ByteSpan b) {
               modem_.OnBytes(context_.reactor.now(), b);
               Perform();
               Arm();
             }}) {}

Duration LoraLink::AirtimeOf(std::size_t bytes) const {
  return lorawan::LoraTimeOnAir(ModulationOf(options_.channel), bytes);
}

WallSeconds LoraLink::wall() const {
  return context_.store == nullptr ? 0 : context_.store->wall();
}

absl::Status LoraLink::Start() {
  Restore();
  do {
    station_ = static_cast<std::uint16_t>(random_.Below(kEverybody));
  } while (station_ == 0);
  if (absl::Status s = StartTimer(); !s.ok()) return s;
  return absl::OkStatus();
}

void LoraLink::Restore() {
  if (context_.store == nullptr) return;
  const Time now = context_.reactor.ReadClock();
  ledger_.Restore(now, wall(), context_.store->Records());
  const auto record = context_.store->Records().Get("radio" + options_.port + "/control");
  if (!record) return;
  // seconds since 1970 in 8 bytes, then the window
  ByteReader in(ByteSpan::Of(*record));
  const WallSeconds then = in.U64();
  const WallSeconds here = wall();
  // Without a trusted clock, or with one that went back, all of it was spent just now.
  const WallSeconds elapsed =
      then != 0 && here > then + 1 ? std::min<WallSeconds>(here - then - 1, 48 * 3600) : 0;
  budget_.Restore(now, std::chrono::seconds(elapsed), in.Rest());
}

std::vector<StoreWrite> LoraLink::BudgetWrites(Time now) {
  Bytes head(8);
  ByteWriter w(head);
  w.U64(wall());
  return {{"radio" + options_.port + "/control", ByteSpan(head).ToString() + budget_.Encode(now)}};
}

bool LoraLink::Persist(std::vector<StoreWrite> writes, std::function<void()> done) {
  if (context_.store == nullptr) {
    done();
    return true;
  }
  return context_.store->MakeDurable(std::move(writes), std::move(done));
}

SendAnswer LoraLink::SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) {
  using What = SendAnswer::What;
  if (!ready_) return {What::kDown, kNever};
  if (unit.size() > unit_bytes_max()) return {What::kTooBig, kNever};
  if (sending_) return {What::kBusy, kNever};  // woken by the result
  if (now < not_before_) return {What::kBusy, not_before_};
  if (!to.IsBroadcast() && to.size != 2) return {What::kRefused, kNever};
  const Duration airtime = AirtimeOf(unit.size() + kAddressBytes);
  const Time legal = ledger_.NextAdmission(now, options_.channel.frequency_hz,
                                           RateOf(options_.channel), airtime,
                                           lorawan::AirUse::kData);
  if (legal > now) return {What::kNoBudget, legal};
  // Nodes that started together would call each other at the same moments, and hear nothing.
  if (to.IsBroadcast() && !std::exchange(spread_, !spread_)) {
    const auto spread = static_cast<std::uint64_t>(4 * airtime.count());
    return {What::kBusy, now + Duration(static_cast<std::int64_t>(random_.Below(spread)))};
  }
  const bool whole = unit[0] == 0x50;
  if (control && !budget_.Take(now, airtime, whole)) return {What::kNoBudget, kNever};
  Bytes frame(kAddressBytes + unit.size());
  ByteWriter w(frame);
  w.U16(station_);
  if (to.IsBroadcast()) {
    w.U16(kEverybody);
  } else {
    w.Put(to.Span());
  }
  w.Put(unit);
  sending_ = modem_.Send(now, ++token_, 0, false, frame);
  if (!sending_) return {What::kBusy, now + 1s};
  perform_ = true;  // from the timer, not from inside the queue that called
  return {What::kAccepted, kNever};
}

void LoraLink::OnRadioTimeout(Time now) {
  perform_ = false;
  if (now >= port_.NextDeadline()) port_.OnTimeout(now);
  modem_.SetWall(wall());
  if (now >= modem_.NextDeadline()) modem_.OnTimeout(now);
  if (now >= persist_again_) persist_again_ = kNever;
  if (!up() && !ready_) {
    SetDown(port_.up() ? "the modem does not answer yet"
                       : "there is no serial port " + options_.port);
  }
  Perform();
}

Time LoraLink::RadioDeadline() const {
  if (perform_) return Time::min();
  return std::min({port_.NextDeadline(), modem_.NextDeadline(), persist_again_});
}

void LoraLink::Perform() {
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

bool LoraLink::PerformOne(const modem::LoraEffect& effect) {
  const Time now = context_.reactor.now();
  if (const auto* write = std::get_if<modem::LoraWrite>(&effect)) {
    port_.Write(now, write->bytes);
  } else if (const auto* persist = std::get_if<modem::LoraPersist>(&effect)) {
    std::vector<StoreWrite> writes = persist->writes;
    for (StoreWrite& w : BudgetWrites(now)) writes.push_back(std::move(w));
    waiting_for_disk_ = true;
    if (!Persist(std::move(writes), [this] {
          waiting_for_disk_ = false;
          if (context_.store != nullptr) Perform();
        })) {
      waiting_for_disk_ = false;
      persist_again_ = now + kPersistRetry;  // not on disk: not on air
      return false;
    }
  } else if (std::holds_alternative<modem::LoraReady>(effect)) {
    ready_ = true;
    Report();
  } else if (const auto* down = std::get_if<modem::LoraDown>(&effect)) {
    ready_ = sending_ = false;
    SetDown(down->reason);
  } else if (const auto* received = std::get_if<modem::LoraReceived>(&effect)) {
    OnReceived(*received);
  } else if (std::holds_alternative<modem::LoraTxResult>(effect)) {
    sending_ = false;
    Wake();
  }
  return true;
}

void LoraLink::OnReceived(const modem::LoraReceived& r) {
  const Time now = context_.reactor.now();
  ByteReader in(r.payload);
  const std::uint16_t from = in.U16();
  const std::uint16_t to = in.U16();
  if (!in.ok() || from == 0 || from == kEverybody) return;
  // Whoever it was for, two may want to answer: not both at once.
  const auto spread = static_cast<std::uint64_t>(AirtimeOf(kHelloBytes).count());
  not_before_ = now + Duration(static_cast<std::int64_t>(random_.Below(spread)));
  const ByteSpan unit = ByteSpan(r.payload).Sub(kAddressBytes);
  if (const int more = PartsToCome(unit); more > 0) {  // its sender has not finished
    not_before_ += more * AirtimeOf(options_.air_bytes_max);
  }
  if (from == station_) {  // somebody took our number
    station_ = static_cast<std::uint16_t>(1 + random_.Below(kEverybody - 1));
    return;
  }
  if (to != station_ && to != kEverybody) return;
  const bool fresh = stations_.count(from) == 0;
  if (fresh && stations_.size() >= kStationsMax) {
    stations_.erase(std::min_element(stations_.begin(), stations_.end(), [](auto& a, auto& b) {
      return a.second.heard < b.second.heard;
    }));
  }
  Station& station = stations_[from];
  station.heard = now;
  if (r.signal) station.signal = *r.signal;
  for (auto it = stations_.begin(); it != stations_.end();) {
    it = now - it->second.heard > kStationForgotten ? stations_.erase(it) : std::next(it);
  }
  Report();
  OnUnit(AddressOf(from), in.Rest());
  Wake();
}

void LoraLink::Report() {
  if (!ready_) return;
  LinkInfo info;
  info.name = options_.port;
  info.transport = "lorawan";
  info.mtu_bytes = static_cast<std::uint32_t>(FrameBytesMax(unit_bytes_max(), kFrameBytesMax));
  const Duration unit = AirtimeOf(options_.air_bytes_max);
  info.rate_bps = static_cast<std::uint64_t>(
      static_cast<double>(unit_bytes_max()) * 8 / ToSeconds(unit));
  info.broadcast = true;
  info.slow = true;
  info.tariff = Tariff::kDear;
  const int neighbors = std::max<int>(1, static_cast<int>(stations_.size()));
  info.idle_gap =
      std::min<Duration>(AirtimeOf(kHelloBytes) * kHelloGapPerAirtime * neighbors, kHelloGapMax);
  SetUp(info);
}

std::optional<LinkTelemetry> LoraLink::Telemetry(const PeerAddress& peer) const {
  const Time now = context_.reactor.now();
  LinkTelemetry t;
  t.sampled_at = now;
  const int band = options_.region->FindSubBand(options_.channel.frequency_hz,
                                                options_.channel.bandwidth_hz);
  if (band >= 0) {
    const auto ppm = ledger_.UsedPpm(now, static_cast<std::size_t>(band));
    SetTelemetry(*FindTelemetryField("duty_used"), static_cast<double>(ppm) / 1e6, &t);
  }
  SetTelemetry(*FindTelemetryField("budget_used"), budget_.UsedShare(now), &t);
  const Station* of = nullptr;
  if (peer.size == 2) {
    const auto it = stations_.find(static_cast<std::uint16_t>(peer.bytes[0] << 8 | peer.bytes[1]));
    if (it != stations_.end()) of = &it->second;
  } else if (stations_.size() == 1) {
    of = &stations_.begin()->second;
  }
  if (of != nullptr) {
    SetTelemetry(*FindTelemetryField("signal_dbm"), of->signal.rssi_dbm, &t);
    SetTelemetry(*FindTelemetryField("snr_db"), of->signal.snr_db, &t);
    SetTelemetry(*FindTelemetryField("inactive_s"), ToSeconds(now - of->heard), &t);
  }
  return t;
}

std::string LoraLink::RadioState() const {
  if (!port_.up()) return "no serial port";
  if (!ready_) return "the modem is being set up";
  return "SF" + std::to_string(options_.channel.spreading_factor) + ", " +
         std::to_string(stations_.size()) + (stations_.size() == 1 ? " station" : " stations");
}

absl::StatusOr<std::unique_ptr<Transport>> CreateLora(const TransportContext& context) {
  const LinkConfig& config = context.config;
  LoraLink::Options o;
  o.port = Option(config, "at_port");
  if (o.port.empty() || o.port[0] != '/') {
    return absl::InvalidArgumentError(
        "a LoRa modem needs its serial port: at_port = \"/dev/ttyUSB0\"");
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
  o.channel.frequency_hz = Number(config, "frequency_hz", o.channel.frequency_hz);
  o.channel.spreading_factor =
      static_cast<int>(Number(config, "spreading_factor", o.channel.spreading_factor));
  o.channel.power_dbm = static_cast<int>(Number(config, "power_dbm", o.channel.power_dbm));
  if (o.channel.spreading_factor < 7 || o.channel.spreading_factor > 12) {
    return absl::InvalidArgumentError("spreading_factor must be 7 to 12");
  }
  if (o.region->FindSubBand(o.channel.frequency_hz, o.channel.bandwidth_hz) < 0) {
    return absl::InvalidArgumentError(
        "frequency_hz is " + std::to_string(o.channel.frequency_hz) + ", where " +
        std::string(o.region->name) + " lets nobody send; EU868 has 868100000, for example");
  }
  o.air_bytes_max = kAirBytes[o.channel.spreading_factor - 7];
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
    return absl::UnavailableError("the system gives no random numbers");
  }
  return std::make_unique<LoraLink>(context, std::move(o), seed);
}

}  // namespace selvage
