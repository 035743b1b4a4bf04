#include "transports/radios/lorawan_gateway_link.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "transports/radios/lorawan_device_link.h"
#include "transports/radios/lorawan_keys.h"

namespace selvage {
namespace {

constexpr Duration kPersistRetry = 1s;
constexpr std::size_t kUnitBytesDefault = 51;  // what every data rate carries
constexpr std::size_t kHelloBytes = 35;
constexpr int kGapPerAirtime = 1000;
constexpr Duration kGapMax = 2000s;
// A forwarder wants a frame some milliseconds before it leaves, and radios turn round.
constexpr Duration kBetweenFrames = 100ms;

std::string Option(const LinkConfig& config, const std::string& key) {
  const auto it = config.options.find(key);
  return it == config.options.end() ? "" : it->second;
}

std::int64_t Number(const LinkConfig& config, const std::string& key, std::int64_t otherwise) {
  const std::string text = Option(config, key);
  return text.empty() ? otherwise : std::atoll(text.c_str());
}

PeerAddress AddressOf(std::uint64_t dev_eui) {
  Bytes eui(8);
  ByteWriter(eui).U64(dev_eui);
  return PeerAddress::From(eui);
}

std::uint64_t EuiOf(ByteSpan bytes) { return ByteReader(bytes).U64(); }

}  // namespace

LorawanGatewayLink::LorawanGatewayLink(const TransportContext& context, Options options,
                                       std::uint64_t seed)
    : SmallLink(context, options.patience > Duration(0) ? Duration(1800s) : Duration(120s)),
      options_(std::move(options)),
      random_(seed),
      server_(*options_.region, &random_, options_.rx_delay_s, Key("")) {}

LorawanGatewayLink::~LorawanGatewayLink() {
  if (lane_ != nullptr) context_.reactor.RemoveFd(lane_->fd());
}

absl::Status LorawanGatewayLink::Start() {
  const Time now = context_.reactor.ReadClock();
  const std::unique_ptr<Store> none = NewMemoryStore();
  Store& records = context_.store == nullptr ? *none : context_.store->Records();
  server_.Restore(now, wall(), records);
  for (const lorawan::ServerDevice& d : options_.devices) {
    if (!server_.AddDevice(d, records)) {
      return absl::DataLossError("what is stored of LoRaWAN device " +
                                 ToHex(AddressOf(d.dev_eui).Span()) +
                                 " cannot be read; without it old joins would be let in");
    }
    Station s;
    s.class_c = d.class_c;
    s.joined = server_.PayloadBytesMax(d.dev_eui) > 0;  // in an earlier life
    stations_[d.dev_eui] = s;
  }
  if (const auto record = records.Get(Key("control"))) {
    ByteReader in(ByteSpan::Of(*record));
    const WallSeconds then = in.U64(), here = wall();
    const WallSeconds elapsed =
        then != 0 && here > then + 1 ? std::min<WallSeconds>(here - then - 1, 48 * 3600) : 0;
    budget_.Restore(now, std::chrono::seconds(elapsed), in.Rest());
  }
  UdpLane::Options lane;
  lane.local = options_.listen;
  auto opened = UdpLane::Open(lane, &lane_counters_);
  if (!opened.ok()) return opened.status();
  lane_ = *std::move(opened);
  context_.reactor.AddFd(lane_->fd(), [this] {
    lane_->Receive([this](const PeerAddress& from, MutableByteSpan datagram) {
      server_.SetWall(wall());
      server_.OnDatagram(context_.reactor.now(), from, ByteSpan(datagram));
    });
    Perform();
    Arm();
  });
  return StartTimer();
}

std::size_t LorawanGatewayLink::joined() const {
  return static_cast<std::size_t>(std::count_if(
      stations_.begin(), stations_.end(), [](const auto& s) { return s.second.joined; }));
}

// The same for all devices, so that what was cut fits whichever it is for.
std::size_t LorawanGatewayLink::unit_bytes_max() const {
  std::size_t least = 0;
  for (const auto& [eui, s] : stations_) {
    const std::size_t most = server_.PayloadBytesMax(eui);
    if (most >= kUnitBytesMin && (least == 0 || most < least)) least = most;
  }
  return least == 0 ? kUnitBytesDefault : least;
}

Duration LorawanGatewayLink::AirtimeOf(const Station& s, std::size_t payload_bytes) const {
  const lorawan::Region& r = *options_.region;
  const lorawan::DataRate* rate = r.FindDataRate(s.class_c ? r.rx2_data_rate : s.data_rate);
  if (rate == nullptr) rate = r.FindDataRate(r.rx2_data_rate);
  return r.TimeOnAir(*rate, payload_bytes + lorawan::kDataOverheadBytes, true);
}

SendAnswer LorawanGatewayLink::SendUnit(Time now, const PeerAddress& to, ByteSpan unit,
                                        bool control) {
  using What = SendAnswer::What;
  if (!up()) return {What::kDown, kNever};
  const auto it = to.size == 8 ? stations_.find(EuiOf(to.Span())) : stations_.end();
  if (it == stations_.end() || !it->second.joined) return {What::kRefused, kNever};
  const std::size_t most = server_.PayloadBytesMax(it->first);
  if (unit.size() > most) return {most < kUnitBytesMin ? What::kRefused : What::kTooBig, kNever};
  const Station& station = it->second;
  if (station.class_c && now < busy_until_) return {What::kBusy, busy_until_};
  const Time legal = server_.NextDownlink(now, it->first, unit.size());
  if (legal > now) return {What::kNoBudget, legal};
  const Duration airtime = AirtimeOf(station, unit.size());
  if (control && !budget_.Take(now, airtime, unit[0] == 0x50)) return {What::kNoBudget, kNever};
  server_.SetWall(wall());
  if (!server_.Send(now, it->first, ++token_, kLorawanUnitPort, false, unit)) {
    return {What::kRefused, kNever};  // eight wait for this device already
  }
  if (station.class_c) busy_until_ = now + airtime + kBetweenFrames;
  perform_ = true;  // from the timer, not from inside the queue that called
  return {What::kAccepted, kNever};
}

void LorawanGatewayLink::OnRadioTimeout(Time now) {
  perform_ = false;
  if (now >= persist_again_) persist_again_ = kNever;
  if (now >= check_at_) check_at_ = now + kForwarderCheck;
  Perform();
}

Time LorawanGatewayLink::RadioDeadline() const {
  if (perform_) return Time::min();
  return std::min(persist_again_, check_at_);
}

void LorawanGatewayLink::Perform() {
  while (const auto effect = server_.PollEffect()) effects_.push_back(*effect);
  while (!waiting_for_disk_ && persist_again_ == kNever && !effects_.empty()) {
    const lorawan::ServerEffect effect = std::move(effects_.front());
    effects_.pop_front();
    if (!PerformOne(effect)) {
      effects_.push_front(effect);
      break;
    }
    while (const auto more = server_.PollEffect()) effects_.push_back(*more);
  }
  lane_->Flush();
  Judge();
}

bool LorawanGatewayLink::PerformOne(const lorawan::ServerEffect& effect) {
  const Time now = context_.reactor.now();
  if (const auto* send = std::get_if<lorawan::ServerSend>(&effect)) {
    lane_->Send(send->to, send->bytes);
  } else if (const auto* persist = std::get_if<lorawan::ServerPersist>(&effect)) {
    if (context_.store == nullptr) return true;
    std::vector<StoreWrite> writes = persist->writes;
    Bytes head(8);
    ByteWriter(head).U64(wall());
    writes.push_back({Key("control"), ByteSpan(head).ToString() + budget_.Encode(now)});
    waiting_for_disk_ = true;
    if (!context_.store->MakeDurable(std::move(writes), [this] {
          waiting_for_disk_ = false;
          Perform();
          Arm();
        })) {
      waiting_for_disk_ = false;
      persist_again_ = now + kPersistRetry;  // not on disk: not on air
      return false;
    }
  } else if (const auto* joined = std::get_if<lorawan::ServerJoined>(&effect)) {
    stations_[joined->dev_eui].joined = true;
    stations_[joined->dev_eui].heard = now;
    if (up()) {
      Judge();
      context_.listener.OnConfiguredPeer(context_.link, AddressOf(joined->dev_eui));
    }
  } else if (const auto* received = std::get_if<lorawan::ServerReceived>(&effect)) {
    Station& s = stations_[received->dev_eui];
    s.heard = now;
    s.rssi_dbm = received->rssi_dbm;
    s.snr_deci_db = received->snr_deci_db;
    s.data_rate = received->data_rate;
    if (received->port == kLorawanUnitPort) {
      OnUnit(AddressOf(received->dev_eui), received->payload);
    }
  } else if (std::holds_alternative<lorawan::ServerDownResult>(effect)) {
    Wake();
  }
  return true;
}

void LorawanGatewayLink::Judge() {
  if (!server_.HasGateway(context_.reactor.now())) {
    return SetDown("no packet forwarder asks for frames at " +
                   ToText(ToPeerAddress(lane_->local())));
  }
  LinkInfo info;
  info.name = ToText(ToPeerAddress(lane_->local()));
  info.transport = "lorawan";
  const std::size_t unit = unit_bytes_max();
  info.mtu_bytes = static_cast<std::uint32_t>(FrameBytesMax(unit, kFrameBytesMax));
  Station slowest;
  slowest.class_c = true;
  info.rate_bps = static_cast<std::uint64_t>(static_cast<double>(unit) * 8 /
                                             ToSeconds(AirtimeOf(slowest, unit)));
  info.broadcast = false;
  info.slow = true;
  info.tariff = Tariff::kDear;
  const auto neighbors = static_cast<int>(std::max<std::size_t>(1, joined()));
  info.idle_gap =
      std::min<Duration>(AirtimeOf(slowest, kHelloBytes) * kGapPerAirtime * neighbors, kGapMax);
  info.patience = std::max<Duration>(options_.patience, 45s);  // as at the devices' end
  const bool was_up = up();
  SetUp(info);
  if (was_up) return;
  for (const auto& [eui, s] : stations_) {
    if (s.joined) context_.listener.OnConfiguredPeer(context_.link, AddressOf(eui));
  }
}

std::optional<LinkTelemetry> LorawanGatewayLink::Telemetry(const PeerAddress& peer) const {
  const Time now = context_.reactor.now();
  const lorawan::Region& region = *options_.region;
  LinkTelemetry t;
  t.sampled_at = now;
  std::int64_t used_ppm = 0;  // of the sub-band that is nearest to its limit
  for (std::size_t band = 0; band < region.sub_bands.size(); ++band) {
    used_ppm = std::max(used_ppm, server_.ledger().UsedPpm(now, band));
  }
  SetTelemetry(*FindTelemetryField("duty_used"), static_cast<double>(used_ppm) / 1e6, &t);
  SetTelemetry(*FindTelemetryField("budget_used"), budget_.UsedShare(now), &t);
  const auto it = peer.size == 8         ? stations_.find(EuiOf(peer.Span()))
                  : stations_.size() == 1 ? stations_.begin()
                                          : stations_.end();
  if (it != stations_.end() && it->second.heard != Time::min()) {
    SetTelemetry(*FindTelemetryField("signal_dbm"), it->second.rssi_dbm, &t);
    SetTelemetry(*FindTelemetryField("snr_db"), it->second.snr_deci_db / 10.0, &t);
    SetTelemetry(*FindTelemetryField("inactive_s"), ToSeconds(now - it->second.heard), &t);
  }
  return t;
}

std::string LorawanGatewayLink::RadioState() const {
  const lorawan::ServerCounters& c = server_.counters();
  return std::to_string(joined()) + " of " + std::to_string(stations_.size()) +
         " devices joined, " + std::to_string(c.uplinks) + " uplinks, " +
         std::to_string(c.downlinks) + " downlinks, " + std::to_string(c.too_late) +
         " refused by the forwarder";
}

absl::StatusOr<std::unique_ptr<Transport>> CreateLorawanGateway(const TransportContext& context) {
  const LinkConfig& config = context.config;
  LorawanGatewayLink::Options o;
  const auto listen = ParseHostPort(config.listen.empty() ? "127.0.0.1:1700" : config.listen, 1700);
  if (!listen.ok()) return listen.status();
  const auto local = ParseNumeric(*listen);
  if (!local.ok()) return local.status();
  o.listen = *local;
  const std::string region = Option(config, "region");
  o.region = lorawan::FindRegion(region.empty() ? "EU868" : region);
  if (o.region == nullptr) {
    return absl::InvalidArgumentError("region is \"" + region + "\"; regions are: EU868, US915");
  }
  const std::string file = Option(config, "keys_file");
  if (file.empty()) {
    return absl::InvalidArgumentError(
        "a LoRaWAN gateway needs its devices: keys_file = \"/etc/selvage/lorawan.keys\"");
  }
  const auto keys = ReadLorawanKeys(file);
  if (!keys.ok()) return keys.status();
  bool all_c = true;
  for (const LorawanKeys& k : *keys) {
    lorawan::ServerDevice d;
    d.dev_eui = EuiOf(k.dev_eui);
    d.join_eui = EuiOf(k.join_eui);
    std::copy(k.app_key.begin(), k.app_key.end(), d.root.nwk.begin());
    d.root.app = d.root.nwk;
    d.class_c = k.class_c;
    d.counting_nonce = false;  // modems of 1.0.2 and 1.0.3 draw their nonces
    all_c = all_c && k.class_c;
    o.devices.push_back(d);
  }
  o.rx_delay_s = static_cast<int>(Number(config, "rx_delay_s", 1));
  // A device of class A asks by itself every `poll_s`.
  if (!all_c) o.patience = std::chrono::seconds(Number(config, "poll_s", 2000));
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
    return absl::UnavailableError("the system gives no random numbers");
  }
  return std::make_unique<LorawanGatewayLink>(context, std::move(o), seed);
}

}  // namespace selvage
