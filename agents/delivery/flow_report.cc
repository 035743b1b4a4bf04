#include "agents/delivery/flow_report.h"

namespace selvage {
namespace {

constexpr std::uint64_t kSequenceMax = (std::uint64_t{1} << 48) - 1;
constexpr int kVarintBytesMax = 7;  // 49 bits
constexpr std::size_t kFixedBytes = 4 + 2 + 6 + 1;

}  // namespace

Bytes EncodeReport(const FlowReport& report) {
  Bytes body(kFixedBytes + report.ranges.size() * 2 * kVarintBytesMax);
  ByteWriter w(body);
  w.U32(report.epoch.value);
  w.U16(report.flow);
  w.U48(report.floor);
  w.U8(report.ranges.size());
  std::uint64_t end = report.floor;
  for (const SequenceRange& r : report.ranges) {
    w.Varint(r.first - end);
    w.Varint(r.last - r.first + 1);
    end = r.last + 1;
  }
  body.resize(w.size());
  return body;
}

std::optional<std::vector<FlowReport>> DecodeReports(ByteSpan body) {
  std::vector<FlowReport> out;
  ByteReader in(body);
  while (in.remaining() > 0) {
    FlowReport report;
    report.epoch = Epoch(in.U32());
    report.flow = in.U16();
    report.floor = in.U48();
    const std::uint8_t n = in.U8();
    if (!in.ok() || n > kReportRangesMax) return std::nullopt;
    std::uint64_t end = report.floor;
    for (int i = 0; i < n; ++i) {
      const std::uint64_t gap = in.Varint(kVarintBytesMax);
      const std::uint64_t length = in.Varint(kVarintBytesMax);
      if (!in.ok() || length == 0 || (i > 0 && gap == 0) || gap > kSequenceMax ||
          length > kSequenceMax || end + gap + length - 1 > kSequenceMax) {
        return std::nullopt;
      }
      report.ranges.push_back({end + gap, end + gap + length - 1});
      end += gap + length;
    }
    out.push_back(std::move(report));
  }
  return out;
}

}  // namespace selvage
