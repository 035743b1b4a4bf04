#include "agents/delivery/progress.h"

#include <algorithm>

namespace selvage {
namespace {

constexpr Duration kStep = 8ms;
constexpr Duration kAgeStep = 4ms;
constexpr int kAgeUnknown = 255;
// Session, data header and seal around the payload of a packet on a hop.
constexpr std::size_t kPacketOverheadBytes = 23 + kDataHeaderBytesMin;

}  // namespace

Bytes EncodeProgress(const ProgressReport& r) {
  Bytes body(kProgressReportBytes);
  ByteWriter w(body);
  w.U16(r.flow);
  w.U48(r.highest);
  w.U32(r.received);
  w.U8(static_cast<std::uint64_t>(
      std::clamp<std::int64_t>((r.interval + kStep - Duration(1)) / kStep, 0, 255)));
  const bool known = r.age.has_value() && *r.age <= ProgressReport::kAgeMax;
  w.U8(static_cast<std::uint64_t>(known ? std::max(*r.age, Duration(0)) / kAgeStep : kAgeUnknown));
  return body;
}

std::optional<ProgressReport> DecodeProgress(ByteSpan body) {
  ByteReader in(body);
  ProgressReport r;
  r.flow = in.U16();
  r.highest = in.U48();
  r.received = in.U32();
  r.interval = kStep * in.U8();
  const int age = in.U8();
  if (!in.ok()) return std::nullopt;
  r.age = age == kAgeUnknown ? std::nullopt : std::optional<Duration>(age * kAgeStep);
  return r;
}

Progress::Row* Progress::FindRow(const Key& key) {
  if (last_ != nullptr && key == last_key_) return last_;  // nearly every packet
  auto it = rows_.find(key);
  if (it == rows_.end()) {
    if (rows_.size() >= kFlowsMax) {
      rows_.erase(std::min_element(rows_.begin(), rows_.end(), [](const auto& a, const auto& b) {
        return a.second.used < b.second.used;
      }));
    }
    it = rows_.emplace(key, Row()).first;
  }
  last_key_ = key;
  return last_ = &it->second;
}

void Progress::OnPackets(Time now, const DataHeader& header, std::uint32_t packets,
                         std::size_t bytes) {
  Row* r = FindRow({header.id.origin.value, header.id.epoch, header.id.flow});
  r->used = ++uses_;
  r->received += packets;
  if (header.id.sequence >= r->highest) {
    r->highest = header.id.sequence;
    r->highest_at = now;
    r->carried = header.carried;
  }
  r->traffic_class = header.traffic_class;
  if (r->waiting == 0) r->waiting_since = now;
  const bool settled = r->waiting >= kPackets;
  r->waiting += packets;
  r->waiting_bytes += bytes + packets * kPacketOverheadBytes;
  if (settled) return;
  r->due = r->waiting >= kPackets ? std::max(now, r->last + r->interval)
                                  : std::max(r->last + r->interval, r->waiting_since + kTrickle);
  next_ = std::min(next_, r->due);
}

std::vector<Progress::Due> Progress::TakeDue(Time now) {
  std::vector<Due> out;
  if (now < next_) return out;
  next_ = kNever;
  for (auto& [key, r] : rows_) {
    if (now < r.due) {
      next_ = std::min(next_, r.due);
      continue;
    }
    // How long this flow takes to earn the next report.
    const Duration took = std::max<Duration>(now - r.last, 1ms);
    const auto earned = static_cast<std::int64_t>(r.waiting_bytes * kSharePercent);
    const Duration earns = took * static_cast<std::int64_t>(100 * kReportBytes) /
                           std::max<std::int64_t>(1, earned);
    r.interval = std::clamp<Duration>(took > kTrickle ? kIntervalMin : earns, kIntervalMin,
                                      kIntervalMax);
    Due d;
    d.to = ShortId(key.origin);
    d.traffic_class = r.traffic_class;
    d.report = {key.flow, r.highest, r.received, r.interval, now - r.highest_at};
    for (EdgeId e : r.carried) {
      if (e.names_node()) d.avoid.push_back(e.node);
    }
    out.push_back(std::move(d));
    r.last = now;
    r.waiting = 0;
    r.waiting_bytes = 0;
    r.due = kNever;
  }
  return out;
}

}  // namespace selvage
