#include "transports/lorawan/air/duty_ledger.h"

#include <algorithm>
#include <cassert>

namespace selvage::lorawan {
namespace {

constexpr Duration kHour = 1h;
// More than an hour can hold, however the slots round.
constexpr Duration kUnlimited = 2h;
// Limits of the three phases of joining, and how long after the first attempt each begins.
constexpr Duration kJoinWindows[] = {1h, 10h, 24h};
constexpr Duration kJoinLimits[] = {36s, 36s, 8700ms};
constexpr Duration kJoinPhaseEnds[] = {1h, 11h};

Duration BandLimit(const SubBand& band) {
  return band.duty_inverse == 0 ? kUnlimited : kHour / band.duty_inverse;
}

}  // namespace

DutyLedger::DutyLedger(const Region& region, Options options)
    : region_(region), options_(std::move(options)), aggregate_(kHour, kUnlimited) {
  for (const SubBand& band : region_.sub_bands) bands_.emplace_back(kHour, BandLimit(band));
  for (int i = 0; i < 3; ++i) join_phases_.emplace_back(kJoinWindows[i], kJoinLimits[i]);
}

void DutyLedger::SetAggregateExponent(int exponent) {
  exponent = std::min(exponent, 15);
  aggregate_.SetLimit(exponent <= 0 ? kUnlimited : kHour / (std::int64_t{1} << exponent));
}

int DutyLedger::JoinPhase(Time now) const {
  if (!join_started_ || now < *join_started_ + kJoinPhaseEnds[0]) return 0;
  return now < *join_started_ + kJoinPhaseEnds[1] ? 1 : 2;
}

std::vector<DutyLedger::Charge> DutyLedger::ChargesOf(Time now, std::int64_t frequency_hz,
                                                      const DataRate& rate, Duration airtime,
                                                      AirUse use) {
  std::vector<Charge> charges;
  // FSK at 50 kbit/s occupies 125 kHz (RP002).
  const std::int64_t bandwidth = rate.bandwidth_hz == 0 ? 125000 : rate.bandwidth_hz;
  const int band = region_.FindSubBand(frequency_hz, bandwidth);
  if (band < 0) return {};
  AirtimeWindow& window = bands_[static_cast<std::size_t>(band)];
  const Duration reserve = use == AirUse::kAcknowledgement
                               ? Duration(0)
                               : std::min(options_.acknowledgement_reserve, window.limit() / 10);
  charges.push_back({&window, reserve, options_.key_prefix + "band/" + std::to_string(band)});
  if (region_.HasDwellLimit(rate)) {
    if (airtime > region_.dwell_max) return {};
    auto channel = channels_.find(frequency_hz);
    if (channel == channels_.end()) {
      if (channels_.size() >= kChannelsMax) return {};
      channel =
          channels_.emplace(frequency_hz, AirtimeWindow(region_.dwell_window, region_.dwell_max))
              .first;
    }
    charges.push_back({&channel->second, Duration(0),
                       options_.key_prefix + "channel/" + std::to_string(frequency_hz)});
  }
  charges.push_back({&aggregate_, Duration(0), options_.key_prefix + "all"});
  if (use == AirUse::kJoin) {
    const int phase = JoinPhase(now);
    charges.push_back({&join_phases_[static_cast<std::size_t>(phase)], Duration(0),
                       options_.key_prefix + "join/" + std::to_string(phase)});
  }
  return charges;
}

Time DutyLedger::NextAdmission(Time now, std::int64_t frequency_hz, const DataRate& rate,
                               Duration airtime, AirUse use) {
  const std::vector<Charge> charges = ChargesOf(now, frequency_hz, rate, airtime, use);
  if (charges.empty()) return kNever;
  // Each window only empties with time, so the latest of the answers suits all of them.
  Time at = now;
  for (const Charge& c : charges) at = std::max(at, c.window->NextFit(now, airtime, c.reserve));
  return at;
}

DutyLedger::Decision DutyLedger::Admit(Time now, WallSeconds wall, std::int64_t frequency_hz,
                                       const DataRate& rate, Duration airtime, AirUse use) {
  Decision decision;
  decision.retry_at = NextAdmission(now, frequency_hz, rate, airtime, use);
  if (decision.retry_at != now) return decision;
  decision.admitted = true;
  if (use == AirUse::kJoin && !join_started_) join_started_ = now;
  for (const Charge& c : ChargesOf(now, frequency_hz, rate, airtime, use)) {
    c.window->Add(now, airtime);
    decision.persist.push_back({c.key, Record(now, wall, *c.window)});
  }
  if (use == AirUse::kJoin) {
    Bytes age(16);
    ByteWriter w(age);
    w.U64(wall);
    w.U64(static_cast<std::uint64_t>((now - *join_started_).count() / 1'000'000));
    decision.persist.push_back({options_.key_prefix + "join", ByteSpan(age).ToString()});
  }
  return decision;
}

StoreWrite DutyLedger::OnJoined() {
  join_started_.reset();
  return {options_.key_prefix + "join", std::nullopt};
}

// Record: wall time of writing u64 (0: not known), then the window's own.
std::string DutyLedger::Record(Time now, WallSeconds wall, const AirtimeWindow& window) const {
  Bytes head(8);
  ByteWriter(head).U64(wall);
  return ByteSpan(head).ToString() + window.Encode(now);
}

namespace {

// At least how long ago `then` was. Whole seconds: the true span may be almost one shorter.
Duration ElapsedAtLeast(WallSeconds then, WallSeconds now) {
  if (then == 0 || now <= then + 1) return Duration(0);
  constexpr WallSeconds kEnough = 48 * 3600;  // longer than every window
  return std::chrono::seconds(std::min(now - then - 1, kEnough));
}

}  // namespace

void DutyLedger::RestoreWindow(Time now, WallSeconds wall, Store& store, const std::string& key,
                               AirtimeWindow* window) {
  const std::optional<std::string> record = store.Get(key);
  if (!record) return;
  ByteReader r(ByteSpan::Of(*record));
  const WallSeconds then = r.U64();
  if (!r.ok() || !window->Restore(now, ElapsedAtLeast(then, wall), r.Rest())) {
    window->Add(now, window->limit());
  }
}

void DutyLedger::Restore(Time now, WallSeconds wall, Store& store) {
  const std::string& prefix = options_.key_prefix;
  for (std::size_t i = 0; i < bands_.size(); ++i) {
    RestoreWindow(now, wall, store, prefix + "band/" + std::to_string(i), &bands_[i]);
  }
  RestoreWindow(now, wall, store, prefix + "all", &aggregate_);
  for (std::size_t i = 0; i < join_phases_.size(); ++i) {
    RestoreWindow(now, wall, store, prefix + "join/" + std::to_string(i), &join_phases_[i]);
  }
  if (region_.dwell_max > Duration(0)) {
    std::vector<std::int64_t> frequencies;
    store.Scan(prefix + "channel/", [&](std::string_view key, std::string_view) {
      std::int64_t hz = 0;
      for (char c : key.substr((prefix + "channel/").size())) {
        if (c < '0' || c > '9' || hz > 100'000'000'000) return true;  // not one of ours
        hz = hz * 10 + (c - '0');
      }
      frequencies.push_back(hz);
      return frequencies.size() < kChannelsMax;
    });
    for (std::int64_t hz : frequencies) {
      AirtimeWindow window(region_.dwell_window, region_.dwell_max);
      RestoreWindow(now, wall, store, prefix + "channel/" + std::to_string(hz), &window);
      channels_.insert_or_assign(hz, window);
    }
  }
  if (const std::optional<std::string> join = store.Get(prefix + "join")) {
    ByteReader r(ByteSpan::Of(*join));
    const WallSeconds then = r.U64();
    const std::uint64_t age_ms = r.U64();
    constexpr std::uint64_t kLongMs = 12 * 3600 * 1000;  // in the last phase already
    const Duration age =
        r.ok() ? Duration(static_cast<std::int64_t>(std::min(age_ms, kLongMs)) * 1'000'000)
               : Duration(12h);
    join_started_ = now - age - ElapsedAtLeast(then, wall);
  }
}

std::int64_t DutyLedger::UsedPpm(Time now, std::size_t sub_band) const {
  assert(sub_band < bands_.size());
  if (region_.sub_bands[sub_band].duty_inverse == 0) return 0;
  return bands_[sub_band].Used(now).count() * 1'000'000 / bands_[sub_band].limit().count();
}

}  // namespace selvage::lorawan
