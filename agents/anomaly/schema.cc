#include "agents/anomaly/schema.h"

#include <cstring>

namespace selvage::anomaly {
namespace {

constexpr FeatureKind kPlain = FeatureKind::kPlain;
constexpr FeatureKind kSignal = FeatureKind::kSignal;
constexpr FeatureKind kSkewed = FeatureKind::kSkewed;
constexpr FeatureKind kRatio = FeatureKind::kRatio;

// The noise of a signal level is half the step of 1 dB its register counts in, that of a time the
// granularity of a kernel timer.
constexpr Feature kLinkFeatures[] = {
    // Receivers count up from 0 or down from 0 dBm; 128 and 255 stand for "not measured".
    {"rssi", "dBm", kSignal, -200, 127, 0.5F},
    {"snr", "dB", kSignal, -60, 100, 0.5F},
    {"loss", "ratio", kRatio, 0, 1, 0.01F},
    {"retries", "ratio", kSkewed, 0, 1e3F, 0.1F},
    {"rtt", "ms", kSkewed, 0, 1e7F, 0.1F},
    {"jitter", "ms", kSkewed, 0, 1e7F, 0.1F},
    {"queue", "bytes", kSkewed, 0, 1e10F, 1500},
    {"rate", "bit/s", kSkewed, 0, 1e12F, 1000},
    {"throughput", "bit/s", kSkewed, 0, 1e12F, 1000},
    {"airtime", "ratio", kRatio, 0, 1, 0.01F},
    {"duty_left", "ratio", kRatio, 0, 1, 0.01F},
    {"slot_phase", "ratio", kRatio, 0, 1, 0.02F},
};

constexpr Feature kNodeFeatures[] = {
    {"cpu", "ratio", kRatio, 0, 1, 0.01F},
    {"memory", "ratio", kRatio, 0, 1, 0.01F},
    {"temperature", "degC", kSignal, -100, 300, 0.5F},
    {"battery", "ratio", kSignal, 0, 1, 0.01F},
    {"disk", "ratio", kRatio, 0, 1, 0.01F},
    {"own_drops", "1/s", kSkewed, 0, 1e9F, 1},
    {"queue", "bytes", kSkewed, 0, 1e10F, 1500},
    {"event_delay", "ms", kSkewed, 0, 1e7F, 0.1F},
};

constexpr Schema kLink = {"link", kLinkFeatures, sizeof(kLinkFeatures) / sizeof(Feature)};
constexpr Schema kNode = {"node", kNodeFeatures, sizeof(kNodeFeatures) / sizeof(Feature)};

}  // namespace

const Schema& LinkSchema() { return kLink; }
const Schema& NodeSchema() { return kNode; }

int FindFeature(const Schema& schema, const char* name) {
  for (std::size_t i = 0; i < schema.count; ++i) {
    if (std::strcmp(schema.features[i].name, name) == 0) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace selvage::anomaly
