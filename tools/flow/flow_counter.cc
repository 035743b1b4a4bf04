#include "tools/flow/flow_counter.h"

#include <algorithm>

namespace selvage {
namespace flow {
namespace {

constexpr double kLateMs = 200.0;

double Milliseconds(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

}  // namespace

std::optional<Gap> FlowCounter::OnMessage(std::int64_t now_ns, std::string_view payload) {
  std::optional<FlowPacket> packet = FlowPacket::Decode(payload);
  if (!packet || packet->sequence >= kSequencesMax || (run_ && *run_ != packet->run)) {
    ++summary_.foreign;
    return std::nullopt;
  }
  if (packet->end) {
    run_ = packet->run;
    summary_.ended = true;
    summary_.sent = packet->sequence;
    return std::nullopt;
  }
  return OnNumber(now_ns, *packet);
}

std::optional<Gap> FlowCounter::OnNumber(std::int64_t now_ns, const FlowPacket& packet) {
  std::uint64_t sequence = packet.sequence;
  if (sequence >= seen_.size()) seen_.resize(std::max<std::uint64_t>(sequence + 1, 4096));
  if (seen_[sequence]) {
    ++summary_.duplicates;
    return std::nullopt;
  }
  seen_[sequence] = true;
  ++summary_.received;
  double delay = Milliseconds(now_ns - packet.sent_ns);
  if (delay > kLateMs) ++summary_.late;
  KeepDelay(delay);

  std::optional<Gap> ended;
  if (!run_) {
    run_ = packet.run;
    first_ns_ = now_ns;
    interval_ns_ = packet.interval_ns;
  } else {
    // In sequence, the sender's own pause counts against the sender.
    std::int64_t meant = sequence == last_sequence_ + 1
                             ? std::max<std::int64_t>(packet.sent_ns - last_sent_ns_, 0)
                             : static_cast<std::int64_t>(interval_ns_);
    Gap gap;
    gap.ms = Milliseconds(now_ns - last_ns_ - meant);
    gap.at_s = Milliseconds(last_ns_ - first_ns_) / 1e3;
    gap.after = last_sequence_;
    gap.next = sequence;
    gap.missing = sequence > last_sequence_ + 1 ? sequence - last_sequence_ - 1 : 0;
    if (gap.ms > summary_.longest.ms) summary_.longest = gap;
    if (gap.ms >= gap_ms_min_) ended = gap;
  }
  if (sequence < next_) ++summary_.reordered;
  next_ = std::max(next_, sequence + 1);
  last_ns_ = now_ns;
  last_sent_ns_ = packet.sent_ns;
  last_sequence_ = sequence;
  return ended;
}

void FlowCounter::KeepDelay(double ms) {
  summary_.delay_ms_max = std::max(summary_.delay_ms_max, ms);
  if (delay_number_++ % delay_stride_ != 0) return;
  if (delays_.size() >= kDelaysMax) {
    // Thins out evenly, so that the percentiles stay those of the whole run.
    std::size_t kept = 0;
    for (std::size_t i = 0; i < delays_.size(); i += 2) delays_[kept++] = delays_[i];
    delays_.resize(kept);
    delay_stride_ *= 2;
  }
  delays_.push_back(ms);
}

double FlowCounter::SilentMs(std::int64_t now_ns) const {
  if (!run_ || summary_.received == 0) return 0;
  return std::max(Milliseconds(now_ns - last_ns_ - static_cast<std::int64_t>(interval_ns_)), 0.0);
}

FlowSummary FlowCounter::Summary(std::int64_t now_ns) const {
  FlowSummary out = summary_;
  if (!out.ended) out.sent = next_;
  out.sent = std::max(out.sent, next_);
  out.lost = out.sent - out.received;
  out.seconds = Milliseconds(last_ns_ - first_ns_) / 1e3;
  if (!out.ended && out.received > 0) {
    Gap open;
    open.ms = SilentMs(now_ns);
    open.at_s = out.seconds;
    open.after = last_sequence_;
    open.next = next_;
    if (open.ms >= gap_ms_min_ && open.ms > out.longest.ms) out.longest = open;
  }
  if (!delays_.empty()) {
    std::vector<double> sorted = delays_;
    std::sort(sorted.begin(), sorted.end());
    out.delay_ms_median = sorted[sorted.size() / 2];
    out.delay_ms_p99 = sorted[sorted.size() * 99 / 100];
  }
  return out;
}

}  // namespace flow
}  // namespace selvage
