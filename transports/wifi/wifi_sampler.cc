#include "transports/wifi/wifi_sampler.h"

namespace selvage::wifi {
namespace {

using Counter = std::optional<std::uint32_t>;

// How far a counter went, through a wrap of 32 bits. More than half the range back is a restart.
std::optional<double> Delta(const Counter& before, const Counter& after) {
  if (!before || !after) return std::nullopt;
  const std::uint32_t delta = *after - *before;
  if (delta > 0x7fffffffu) return std::nullopt;
  return delta;
}

std::optional<double> Ratio(std::optional<double> part, std::optional<double> whole) {
  if (!part || !whole || *whole <= 0) return std::nullopt;
  return *part / *whole;
}

bool StartedOver(const Station& before, const Station& after) {
  if (before.associated_at_ns && after.associated_at_ns) {
    return *before.associated_at_ns != *after.associated_at_ns;
  }
  return before.connected_s && after.connected_s && *after.connected_s < *before.connected_s;
}

template <typename T>
LinkTelemetry::Value AsValue(const std::optional<T>& v) {
  return v ? LinkTelemetry::Value(static_cast<double>(*v)) : std::nullopt;
}

void Put(std::string_view name, const LinkTelemetry::Value& value, LinkTelemetry* out) {
  if (value) SetTelemetry(*FindTelemetryField(name), *value, out);
}

LinkTelemetry Sample(Time now, const Station* before, const Station& s) {
  LinkTelemetry t;
  t.sampled_at = now;
  Put("signal_dbm", AsValue(s.signal_average_dbm ? s.signal_average_dbm : s.signal_dbm), &t);
  Put("tx_rate_kbps", AsValue(s.tx_rate_kbps), &t);
  Put("rx_rate_kbps", AsValue(s.rx_rate_kbps), &t);
  Put("expected_rate_kbps", AsValue(s.expected_rate_kbps), &t);
  if (s.inactive_ms) Put("inactive_s", *s.inactive_ms / 1000.0, &t);
  if (before == nullptr || StartedOver(*before, s)) return t;
  const auto packets = Delta(before->tx_packets, s.tx_packets);
  const auto failed = Delta(before->tx_failed, s.tx_failed);
  // Frames given up are not among those sent.
  if (packets && failed) Put("fail_ratio", Ratio(failed, *packets + *failed), &t);
  Put("rx_error_ratio",
      Ratio(Delta(before->fcs_errors, s.fcs_errors), Delta(before->rx_mpdus, s.rx_mpdus)), &t);
  Put("beacon_loss", Delta(before->beacon_loss, s.beacon_loss), &t);
  return t;
}

// Tells the retries since `counted`, when there are frames enough, and counts on from `s` then.
void TellRetries(const Station& last, const Station& s, Station* counted, LinkTelemetry* t) {
  const auto frames = Delta(counted->tx_packets, s.tx_packets);
  if (StartedOver(last, s) || !frames) {
    *counted = s;
  } else if (*frames >= WifiSampler::kFramesToTell) {
    Put("retry_ratio", Ratio(Delta(counted->tx_retries, s.tx_retries), frames), t);
    *counted = s;
  }
}

}  // namespace

void WifiSampler::Begin(Time now) {
  now_ = now;
  has_channel_ = false;
  for (auto& [mac, known] : stations_) known.seen = false;
}

void WifiSampler::OnStation(const Station& s) {
  auto it = stations_.find(s.mac);
  if (it == stations_.end()) {
    if (stations_.size() >= kStationsMax) return;
    it = stations_.emplace(s.mac, Known()).first;
    it->second.telemetry = Sample(now_, nullptr, s);
    it->second.counted = s;
  } else {
    Known* known = &it->second;
    known->telemetry = Sample(now_, &known->last, s);
    TellRetries(known->last, s, &known->counted, &known->telemetry);
  }
  it->second.last = s;
  it->second.seen = true;
}

void WifiSampler::OnSurvey(const Survey& s) {
  if (!s.in_use) return;
  channel_ = LinkTelemetry();
  channel_.sampled_at = now_;
  has_channel_ = true;
  Put("noise_dbm", AsValue(s.noise_dbm), &channel_);
  if (survey_ && survey_->frequency_mhz == s.frequency_mhz && survey_->time_ms && s.time_ms &&
      survey_->busy_ms && s.busy_ms && *s.time_ms > *survey_->time_ms &&
      *s.busy_ms >= *survey_->busy_ms) {
    Put("channel_busy",
        static_cast<double>(*s.busy_ms - *survey_->busy_ms) /
            static_cast<double>(*s.time_ms - *survey_->time_ms),
        &channel_);
  }
  survey_ = s;
}

void WifiSampler::End() {
  for (auto it = stations_.begin(); it != stations_.end();) {
    it = it->second.seen ? std::next(it) : stations_.erase(it);
  }
}

std::optional<LinkTelemetry> WifiSampler::Find(const MacAddress& mac) const {
  const auto it = stations_.find(mac);
  if (it == stations_.end()) return std::nullopt;
  LinkTelemetry out = it->second.telemetry;
  if (has_channel_) {
    out.noise_dbm = channel_.noise_dbm;
    out.channel_busy = channel_.channel_busy;
    if (out.signal_dbm && out.noise_dbm) {
      Put("snr_db", *out.signal_dbm - *out.noise_dbm, &out);
    }
  }
  return out;
}

std::optional<LinkTelemetry> WifiSampler::Whole() const {
  if (stations_.size() == 1) return Find(stations_.begin()->first);
  return has_channel_ ? std::optional<LinkTelemetry>(channel_) : std::nullopt;
}

}  // namespace selvage::wifi
