// What a node knows of a link and of its machine in one second: the values the anomaly model reads.
//
// Gathered from frames that flow anyway and from what transports and the machine say of themselves,
// so it costs no byte on the wire. The columns are those of anomaly::LinkSchema() and NodeSchema();
// what is not known is NaN, never zero and never the last value again.
//
// Not every column is judged. What this node causes itself (throughput, bytes under way) is kept
// for people; losses are counts and go to a test of counts, frame by frame. What is judged by level
// has its own list of features here, because on a node a change must matter and not only be rare: a
// round trip that grew from 1 to 2 ms is very unusual and no reason to do anything.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "agents/anomaly/schema.h"
#include "core/time.h"

namespace selvage {

inline constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
inline bool IsMissing(float value) { return std::isnan(value); }

// What a radio says of the frames of one peer.
struct RadioReading {
  float rssi_dbm = kMissing;
  float snr_db = kMissing;
  // What the signal has over the least at which the mode in use still works, dB; below 0 frames are
  // lost. Whoever knows the mode fills it in.
  float margin_db = kMissing;
  // How often the MAC repeated a frame to this peer, on average since the last reading; 1 means
  // that half of all transmissions fail.
  float retry_ratio = kMissing;
};

// What the machine says of itself; shares of 0 to 1.
struct MachineReading {
  float cpu = kMissing;  // busy, all processors together
  float memory = kMissing;
  float temperature_c = kMissing;
  float battery = kMissing;
  float disk = kMissing;
};

// The judged features of a link without and with a radio, and how to find them.
const anomaly::Schema& JudgedLinkSchema(bool radio);
// The columns of anomaly::NodeSchema(), as they are judged.
const anomaly::Schema& JudgedMachineSchema();
// Whether a node ever has this column of anomaly::LinkSchema(); the others are for other schemas'
// users, and always missing here.
bool IsMeasured(std::size_t link_column);
// Whether this deviation (in the feature's usual deviations) is for the worse.
bool IsWorse(const char* feature, float deviation);

using LinkValues = std::array<float, 12>;    // columns of anomaly::LinkSchema()
using MachineValues = std::array<float, 8>;  // columns of anomaly::NodeSchema()

// Sums up one link between two samples.
class LinkSampler {
 public:
  void OnOutcomes(int arrived, int lost) {
    arrived_ += arrived;
    lost_ += lost;
  }
  void OnRtt(Duration rtt);
  void OnRadio(const RadioReading& reading);
  void OnSent(std::uint64_t bytes) { bytes_ += bytes; }
  // True when anything was measured since the last sample: an idle link says nothing.
  bool any() const { return rtts_ > 0 || rssi_.count > 0 || snr_.count > 0; }
  // The sample; starts the next one. `elapsed` since the last one, `waiting_bytes` unacknowledged,
  // `rate_bps` nominal (0: unknown).
  LinkValues Take(Duration elapsed, std::size_t waiting_bytes, std::uint64_t rate_bps);

 private:
  struct Mean {
    float sum = 0;
    int count = 0;
    void Add(float value) {
      if (IsMissing(value)) return;
      sum += value;
      ++count;
    }
    float Take() {
      const float mean = count == 0 ? kMissing : sum / static_cast<float>(count);
      *this = {};
      return mean;
    }
  };
  Mean rssi_;
  Mean snr_;
  Mean retries_;
  float rtt_sum_ms_ = 0;
  float rtt_steps_ms_ = 0;  // sum of differences between neighbours
  float rtt_last_ms_ = 0;
  int rtts_ = 0;
  int arrived_ = 0;
  int lost_ = 0;
  std::uint64_t bytes_ = 0;
};

// Places the columns of the judged schema from a full row.
void PickJudged(const LinkValues& row, bool radio, float* out);

// A row of NodeSchema(). `drops_per_s`, `queue_bytes` and `late` (behind the promised wake-up) are
// the node's own.
MachineValues MachineRow(const MachineReading& reading, float drops_per_s, float queue_bytes,
                         Duration late);

}  // namespace selvage
