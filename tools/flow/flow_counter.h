// Counts a flow where it arrives: received, lost, duplicates, and every gap.
//
// A gap is the time between two arrivals beyond what the sender meant there to be. When the later
// one is the next in sequence, what the sender itself was late is taken off; when some are missing
// in between, the sending interval is. Messages that arrive late fill the hole in `lost`, not in
// the gap: somebody waited. The clock is the caller's, so tests need none.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/flow/flow_packet.h"

namespace selvage {
namespace flow {

struct Gap {
  double ms = 0;              // beyond the interval
  double at_s = 0;            // when it began, seconds after the first arrival
  std::uint64_t after = 0;    // last sequence number before it
  std::uint64_t next = 0;     // first after it
  std::uint64_t missing = 0;  // numbers between the two, when it ended
};

struct FlowSummary {
  std::uint64_t sent = 0;      // as the end marker says, else highest seen + 1
  std::uint64_t received = 0;  // distinct
  std::uint64_t lost = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t reordered = 0;  // arrived after a later one
  std::uint64_t late = 0;       // more than 200 ms after sending
  std::uint64_t foreign = 0;    // other runs, or nothing of ours
  double delay_ms_median = 0;
  double delay_ms_p99 = 0;
  double delay_ms_max = 0;
  double seconds = 0;  // first to last arrival
  bool ended = false;  // the end marker came
  Gap longest;         // ms 0: none
};

class FlowCounter {
 public:
  // Sequence numbers are remembered in one bit each; more are counted as foreign.
  static constexpr std::uint64_t kSequencesMax = std::uint64_t{1} << 26;
  // Delays kept for the percentiles: the first so many, then every 2nd, every 4th, ...
  static constexpr std::size_t kDelaysMax = 1 << 16;

  explicit FlowCounter(double gap_ms_min) : gap_ms_min_(gap_ms_min) {}

  // Returns the gap this arrival ended, if it was at least `gap_ms_min` long.
  std::optional<Gap> OnMessage(std::int64_t now_ns, std::string_view payload);
  std::uint64_t received() const { return summary_.received; }
  // Highest sequence number seen + 1.
  std::uint64_t next() const { return next_; }
  // How long nothing has come, beyond the interval; 0 before the first arrival.
  double SilentMs(std::int64_t now_ns) const;
  bool ended() const { return summary_.ended; }
  // Everything up to now; a silence that still lasts counts if the end marker has not come.
  FlowSummary Summary(std::int64_t now_ns) const;

 private:
  std::optional<Gap> OnNumber(std::int64_t now_ns, const FlowPacket& packet);
  void KeepDelay(double ms);

  double gap_ms_min_;
  std::optional<std::uint64_t> run_;
  std::vector<bool> seen_;
  std::uint64_t next_ = 0;  // highest seen + 1
  std::int64_t first_ns_ = 0;
  std::int64_t last_ns_ = 0;       // last arrival of a distinct number
  std::int64_t last_sent_ns_ = 0;  // when that was sent
  std::uint64_t last_sequence_ = 0;
  std::uint64_t interval_ns_ = 0;
  std::vector<double> delays_;
  std::uint64_t delay_stride_ = 1;
  std::uint64_t delay_number_ = 0;
  FlowSummary summary_;
};

}  // namespace flow
}  // namespace selvage
