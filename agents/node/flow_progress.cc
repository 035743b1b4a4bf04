#include "agents/node/flow_progress.h"

#include <algorithm>

#include "agents/delivery/payload.h"

namespace selvage {
namespace {

// Send times are kept this far apart, and this many of them: those that matter are the oldest.
constexpr Duration kMarkGap = 4ms;
constexpr std::size_t kMarksMax = 64;
constexpr Duration kExcuse = 300ms;
constexpr Duration kRoundTripMax = 2s;

}  // namespace

FlowProgress::Row* FlowProgress::FindRow(Key key) {
  if (last_ != nullptr && key == last_key_) return last_;
  auto it = rows_.find(key);
  if (it == rows_.end()) return nullptr;
  last_key_ = key;
  return last_ = &it->second;
}

void FlowProgress::OnSent(Time now, ShortId to, TrafficClass c, std::uint16_t flow,
                          std::uint64_t sequence) {
  const Key key(to.value, flow);
  last_sent_ = now;
  Row* r = FindRow(key);
  if (r == nullptr) {
    if (rows_.size() >= kFlowsMax) {
      rows_.erase(std::min_element(rows_.begin(), rows_.end(), [](const auto& a, const auto& b) {
        return a.second.used < b.second.used;
      }));
      last_ = nullptr;
    }
    r = &rows_[key];
    r->traffic_class = c;
    r->sent = r->reported = sequence == 0 ? 0 : sequence - 1;
  }
  r->used = ++uses_;
  if (sequence <= r->sent && sequence != 0) return;  // sent again
  r->sent = sequence;
  const bool due = sequence == r->reported + kPackets;
  if (r->marks.empty() || due ||
      (r->marks.size() < kMarksMax && now - r->marks[r->marks.size() - 1].sent >= kMarkGap)) {
    r->marks.push_back({sequence, now});
  }
  if (sequence >= r->reported + kPackets && r->deadline == kNever) Arm(key, r);
}

void FlowProgress::Arm(Key key, Row* r) {
  r->deadline = kNever;
  if (r->sent < r->reported + kPackets) return;
  Time from = r->last_report == Time::min() ? Time::min() : r->last_report + r->interval;
  std::size_t i = 0;
  while (i + 1 < r->marks.size() && r->marks[i].sequence < r->reported + kPackets) ++i;
  if (r->marks.empty()) return;
  from = std::max(from, r->marks[i].sent);
  Duration margin = kMargin;
  if (shared_) margin = std::min(margin + kMarginRoundTrips * RoundTrip(*r), kMarginShared);
  if (WantsReceipt(r->traffic_class)) {
    margin = std::max(margin, kMarginReceipt);
  } else if (reporters_.count(key.first) == 0) {
    margin = kUnknownPeer;
  } else if (r->traffic_class == TrafficClass::kBulk) {
    margin = std::max(margin, kMarginBulk);
  }
  r->deadline = from + std::min(RoundTrip(*r), kRoundTripMax) + margin;
  next_ = std::min(next_, r->deadline);
}

void FlowProgress::OnRoutesChanged(Time now) {
  for (auto& [key, r] : rows_) {
    if (r.deadline == kNever || r.excused || now + kExcuse <= r.deadline) continue;
    r.excused = true;
    r.deadline = now + kExcuse;
  }
}

void FlowProgress::Settle(Time now, Row* r, std::uint64_t highest, std::optional<Duration> age) {
  bool sampled = false;
  Time sent{};
  while (!r->marks.empty() && r->marks.front().sequence <= highest) {
    sent = r->marks.front().sent;
    sampled = true;
    r->marks.pop_front();
  }
  if (sampled && age.has_value()) {
    const Duration rtt = std::max(now - sent - *age, Duration(0));
    if (!r->has_rtt) {
      r->srtt = rtt;
      r->rttvar = rtt / 2;
      r->has_rtt = true;
    } else {
      const Duration off = rtt > r->srtt ? rtt - r->srtt : r->srtt - rtt;
      r->rttvar += (off - r->rttvar) / 4;
      r->srtt += (rtt - r->srtt) / 8;
    }
  }
  r->reported = std::max(r->reported, highest);
  r->last_report = now;
  r->excused = false;
}

FlowProgress::News FlowProgress::OnReport(Time now, ShortId from, const ProgressReport& report) {
  const Key key(from.value, report.flow);
  Row* r = FindRow(key);
  // Of packets never sent: the destination speaks of an earlier life of this node, or lies.
  if (r == nullptr || WantsReceipt(r->traffic_class) || report.highest > r->sent) {
    return News::kNone;
  }
  if (reporters_.size() < kReportersMax) reporters_.insert(from.value);
  News news = News::kNone;
  const bool grew = r->counted && report.highest >= r->count_highest;
  const std::uint64_t expected = grew ? report.highest - r->count_highest : 0;
  const std::uint32_t arrived = grew ? report.received - r->count_received : 0;
  if (r->restarted && report.highest > r->reported) {
    r->restarted = false;
    const bool all = grew && expected > 0 && arrived * 100 >= expected * 95;
    news = all ? News::kNothingLost : News::kProgress;
    r->expected = r->arrived = 0;
    r->poor = 0;
  } else if (grew && !r->restarted && arrived <= expected + kWindowPackets) {
    r->expected += expected;
    r->arrived += arrived;
    // Bulk takes what is left and loses the rest on any full link: that is no reason to move it.
    const bool poor = !shared_ && r->traffic_class != TrafficClass::kBulk &&
                      r->expected >= kWindowPackets &&
                      r->arrived * 100 < r->expected * kSharePercentMin;
    r->poor = poor ? r->poor + 1 : 0;
    if (r->expected >= 4 * kWindowPackets && !poor) {
      r->expected /= 2;
      r->arrived /= 2;
    }
  }
  if (!grew && r->counted && report.highest < r->count_highest) return news;  // an old report
  r->counted = true;
  r->count_highest = report.highest;
  r->count_received = report.received;
  r->interval = report.interval;
  Settle(now, r, report.highest, report.age);
  Arm(key, r);
  if (r->poor >= 2) {
    r->deadline = now;
    next_ = std::min(next_, now);
  }
  return news;
}

FlowProgress::News FlowProgress::OnReceipt(Time now, ShortId from, std::uint16_t flow,
                                           std::uint64_t sequence) {
  const Key key(from.value, flow);
  Row* r = FindRow(key);
  if (r == nullptr || !WantsReceipt(r->traffic_class) || sequence > r->sent) return News::kNone;
  const bool news = r->restarted && sequence > r->reported;
  if (news) r->restarted = false;
  Settle(now, r, sequence, Duration(0));
  Arm(key, r);
  return news ? News::kProgress : News::kNone;
}

std::vector<FlowProgress::Alarm> FlowProgress::TakeAlarms(Time now) {
  std::vector<Alarm> out;
  if (now < next_) return out;
  next_ = kNever;
  for (auto& [key, r] : rows_) {
    if (now < r.deadline) {
      next_ = std::min(next_, r.deadline);
      continue;
    }
    Alarm a;
    a.to = ShortId(key.first);
    a.traffic_class = r.traffic_class;
    a.stalled = r.poor < 2;
    a.reporter = WantsReceipt(r.traffic_class) || reporters_.count(key.first) > 0;
    a.packets = a.stalled ? r.sent - r.reported : r.expected;
    a.arrived = a.stalled ? 0 : r.arrived;
    a.silence = r.marks.empty() ? Duration(0) : now - r.marks.front().sent;
    a.round_trip = std::min(RoundTrip(r), kRoundTripMax);
    out.push_back(a);
    r.deadline = kNever;
  }
  return out;
}

void FlowProgress::Restart(Time now, ShortId to, TrafficClass c) {
  for (auto it = rows_.lower_bound({to.value, 0}); it != rows_.end() && it->first.first == to.value;
       ++it) {
    Row& r = it->second;
    if (r.traffic_class != c) continue;
    r.reported = r.sent;
    r.marks.clear();
    r.last_report = now;
    r.expected = r.arrived = 0;
    r.poor = 0;
    r.restarted = true;
    r.excused = false;
    r.deadline = kNever;
  }
}

}  // namespace selvage
