// What the two ends of a flow tell each other about its sequence numbers: receipts one way, what
// will never come the other way.
//
// Both have the same shape. A receipt says: everything below the floor is settled (on this disk, or
// given up by you), and of what is above I have these ranges: on disk if the flow is `reliable`,
// waiting in memory for what is missing before them if it is `critical`. A gone report says:
// everything below the floor, and these ranges above it, will never come (again). Either may get
// lost: the next one says it again, for a floor is cumulative.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/bytes.h"
#include "core/ids.h"

namespace selvage {

struct SequenceRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
  friend bool operator==(const SequenceRange& a, const SequenceRange& b) {
    return a.first == b.first && a.last == b.last;
  }
};

struct FlowReport {
  Epoch epoch;  // of the flow's origin
  std::uint16_t flow = 0;
  std::uint64_t floor = 0;            // 48 bits
  std::vector<SequenceRange> ranges;  // above the floor, ascending, with gaps between them
};

inline constexpr std::size_t kReportRangesMax = 32;
// Reports in one packet stay below this many bytes.
inline constexpr std::size_t kReportBytesMax = 1024;

// epoch (4) | flow (2) | floor (6) | n (1) | (gap (varint) | length (varint)) * n: each range
// begins `gap` after the end of the one before (the first: after the floor) and is `length` long;
// gap is 0 only for the first. REQUIRES: at most kReportRangesMax ranges, in order.
Bytes EncodeReport(const FlowReport& report);
// Reports in a row; nullopt when any of it is malformed.
std::optional<std::vector<FlowReport>> DecodeReports(ByteSpan body);

}  // namespace selvage
