#include "agents/telemetry/telemetry.h"

#include <cstring>

namespace selvage {
namespace {

using anomaly::Feature;
using anomaly::FeatureKind;

// Columns of anomaly::LinkSchema().
enum : std::size_t {
  kRssi,
  kSnr,
  kLoss,
  kRetries,
  kRtt,
  kJitter,
  kQueue,
  kRate,
  kThroughput,
};

// A signal wanders for seconds on end, as bodies and doors move: its evidence must not add up as if
// samples were independent, so it is no kSignal here, but judged against its own past. Round trips
// and jitter matter to applications from some 2 ms on; below that their spread is the scheduler's.
constexpr Feature kJudged[] = {
    {"rssi", "dBm", FeatureKind::kPlain, -200, 127, 1},
    {"snr", "dB", FeatureKind::kPlain, -60, 100, 1},
    {"rtt", "ms", FeatureKind::kPlain, 0, 1e7F, 2},
    {"jitter", "ms", FeatureKind::kPlain, 0, 1e7F, 2},
};
// A processor is busy now and then, and a loaded machine wakes late: only the unusual AND large
// counts. No column is a signal here, for a row without any would count as a lost packet.
constexpr Feature kJudgedMachine[] = {
    {"cpu", "ratio", FeatureKind::kPlain, 0, 1, 0.03F},
    {"memory", "ratio", FeatureKind::kPlain, 0, 1, 0.02F},
    {"temperature", "degC", FeatureKind::kPlain, -100, 300, 2},
    {"battery", "ratio", FeatureKind::kPlain, 0, 1, 0.02F},
    {"disk", "ratio", FeatureKind::kPlain, 0, 1, 0.01F},
    {"own_drops", "1/s", FeatureKind::kSkewed, 0, 1e9F, 10},
    {"queue", "bytes", FeatureKind::kSkewed, 0, 1e10F, 65536},
    {"event_delay", "ms", FeatureKind::kPlain, 0, 1e7F, 10},
};
constexpr anomaly::Schema kMachine = {"node", kJudgedMachine,
                                      sizeof(kJudgedMachine) / sizeof(Feature)};
constexpr std::size_t kRadioColumns = 2;
constexpr std::size_t kColumns = sizeof(kJudged) / sizeof(Feature);
constexpr anomaly::Schema kWithRadio = {"link", kJudged, kColumns};
constexpr anomaly::Schema kWithoutRadio = {"link", kJudged + kRadioColumns,
                                           kColumns - kRadioColumns};

constexpr const char* kLessIsWorse[] = {"rssi", "snr", "rate", "duty_left", "battery"};

}  // namespace

const anomaly::Schema& JudgedLinkSchema(bool radio) { return radio ? kWithRadio : kWithoutRadio; }

const anomaly::Schema& JudgedMachineSchema() { return kMachine; }

bool IsMeasured(std::size_t link_column) {
  switch (link_column) {
    case kRssi:
    case kSnr:
    case kLoss:
    case kRetries:
    case kRtt:
    case kJitter:
    case kQueue:
    case kRate:
    case kThroughput:
      return true;
    default:
      return false;
  }
}

bool IsWorse(const char* feature, float deviation) {
  for (const char* name : kLessIsWorse) {
    if (std::strcmp(name, feature) == 0) return deviation < 0;
  }
  return deviation > 0;
}

void LinkSampler::OnRtt(Duration rtt) {
  const auto ms = static_cast<float>(ToMillis(rtt));
  rtt_sum_ms_ += ms;
  if (rtts_ > 0) rtt_steps_ms_ += std::fabs(ms - rtt_last_ms_);
  rtt_last_ms_ = ms;
  ++rtts_;
}

void LinkSampler::OnRadio(const RadioReading& reading) {
  rssi_.Add(reading.rssi_dbm);
  snr_.Add(reading.snr_db);
  retries_.Add(reading.retry_ratio);
}

LinkValues LinkSampler::Take(Duration elapsed, std::size_t waiting_bytes, std::uint64_t rate_bps) {
  LinkValues row;
  row.fill(kMissing);
  row[kRssi] = rssi_.Take();
  row[kSnr] = snr_.Take();
  row[kRetries] = retries_.Take();
  if (arrived_ + lost_ > 0) {
    row[kLoss] = static_cast<float>(lost_) / static_cast<float>(arrived_ + lost_);
  }
  if (rtts_ > 0) row[kRtt] = rtt_sum_ms_ / static_cast<float>(rtts_);
  if (rtts_ > 1) row[kJitter] = rtt_steps_ms_ / static_cast<float>(rtts_ - 1);
  row[kQueue] = static_cast<float>(waiting_bytes);
  if (rate_bps > 0) row[kRate] = static_cast<float>(rate_bps);
  const double seconds = ToSeconds(elapsed);
  if (seconds > 0)
    row[kThroughput] = static_cast<float>(8.0 * static_cast<double>(bytes_) / seconds);
  rtt_sum_ms_ = rtt_steps_ms_ = 0;
  rtts_ = arrived_ = lost_ = 0;
  bytes_ = 0;
  return row;
}

void PickJudged(const LinkValues& row, bool radio, float* out) {
  std::size_t at = 0;
  if (radio) {
    out[at++] = row[kRssi];
    out[at++] = row[kSnr];
  }
  out[at++] = row[kRtt];
  out[at] = row[kJitter];
}

MachineValues MachineRow(const MachineReading& reading, float drops_per_s, float queue_bytes,
                         Duration late) {
  return {reading.cpu,  reading.memory, reading.temperature_c, reading.battery,
          reading.disk, drops_per_s,    queue_bytes,           static_cast<float>(ToMillis(late))};
}

}  // namespace selvage
