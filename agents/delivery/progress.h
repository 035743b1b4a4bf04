// The receiving end tells an origin how much of a flow arrives, while it arrives.
//
// A relay can acknowledge every frame and pass on nothing; hop acknowledgements cannot show that,
// only the destination can. While packets of a best effort flow come, their origin is told the
// highest sequence number seen and how many different packets came, so that it knows both that
// there is progress and which share of what it sent arrives. Nothing is said when nothing comes,
// and what came last is always reported. Reports are sealed like any payload: only the destination
// can lie. Classes with receipts need none.
//
// Cost: a report takes about kReportBytes on a hop. One is due when kPackets wait for it
// (or kTrickle has passed), and no sooner after the last one than the flow needs to pay for it at
// kShareMax of its bytes, within kIntervalMin and kIntervalMax. At 1,000 packets of 200 bytes a
// second that is ten reports, 0.3 % of the flow. Flows slower than ten packets a second pay more
// than the share: a report for every three or four packets, or the origin would learn too late.
//
// Reports answer packets: they take along the nodes that the newest packet asked not to be led
// through, for what swallows the flow would swallow the reports too. Nothing is learnt from that.
//
// Bounded; the row least recently used goes. Sans-I/O. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/frame.h"
#include "core/ids.h"
#include "core/time.h"

namespace selvage {

// What one report says of one flow.
struct ProgressReport {
  std::uint16_t flow = 0;
  std::uint64_t highest = 0;  // newest packet that arrived, 48 bits
  // Different packets that arrived since the receiver first heard of the flow, modulo 2^32. Smaller
  // than in the report before: it has begun to count anew.
  std::uint32_t received = 0;
  // While packets come, the next report follows within this time, in steps of 8 ms up to 2 s.
  Duration interval{0};
  // How long `highest` waited for this report, in steps of 4 ms: no part of the round trip (as the
  // delay since the last sender report in RFC 3550, 6.4.1). None: longer than kAgeMax.
  std::optional<Duration> age = Duration(0);
  static constexpr Duration kAgeMax = 1016ms;
};
inline constexpr std::size_t kProgressReportBytes = 2 + 6 + 4 + 1 + 1;

Bytes EncodeProgress(const ProgressReport& r);
std::optional<ProgressReport> DecodeProgress(ByteSpan body);

class Progress {
 public:
  static constexpr std::size_t kFlowsMax = 1024;
  static constexpr std::size_t kReportBytes = 80;  // session 23, header 21, seal 19, body 14, spare
  static constexpr int kSharePercent = 3;
  static constexpr Duration kIntervalMin = 100ms;
  static constexpr Duration kIntervalMax = 400ms;
  static constexpr std::uint32_t kPackets = 3;
  static constexpr Duration kTrickle = 4s;

  // `packets` new packets of a flow, the newest of them `header`, arrived in `bytes` of payload.
  void OnPackets(Time now, const DataHeader& header, std::uint32_t packets, std::size_t bytes);

  struct Due {
    ShortId to;
    TrafficClass traffic_class = TrafficClass::kTelemetry;
    ProgressReport report;
    std::vector<ShortId> avoid;
  };
  std::vector<Due> TakeDue(Time now);
  // Never later than the first report is due; may be earlier.
  Time NextDeadline() const { return next_; }

 private:
  struct Key {
    std::uint32_t origin;
    std::uint16_t epoch;
    std::uint16_t flow;
    friend bool operator<(const Key& a, const Key& b) {
      return a.origin != b.origin  ? a.origin < b.origin
             : a.epoch != b.epoch ? a.epoch < b.epoch
                                  : a.flow < b.flow;
    }
    friend bool operator==(const Key& a, const Key& b) { return !(a < b) && !(b < a); }
  };
  struct Row {
    std::uint64_t highest = 0;
    Time highest_at{};
    std::uint32_t received = 0;
    std::uint32_t waiting = 0;      // packets not reported yet
    std::size_t waiting_bytes = 0;  // ... with a guess at their headers
    Time waiting_since{};
    Time last{};  // report
    Duration interval{0};  // the first report follows the third packet at once
    TrafficClass traffic_class = TrafficClass::kTelemetry;
    CarriedFailures carried;  // of the newest packet
    Time due = kNever;
    std::uint64_t used = 0;
  };
  Row* FindRow(const Key& key);

  std::map<Key, Row> rows_;
  Key last_key_{};
  Row* last_ = nullptr;
  Time next_ = kNever;
  std::uint64_t uses_ = 0;
};

}  // namespace selvage
