#include "routing/link_monitor.h"

#include <algorithm>

namespace selvage {
namespace {
// At most one answer to probes per this time: a neighbour cannot make us send at its rate.
constexpr Duration kReplyGap = 5ms;
// Samples in which a peak of the RTT fades to 37 %. On a shared channel waiting comes in bursts
// that mean and variance do not foresee, and a false suspicion adds to the load that caused it.
constexpr int kPeakFade = 64;
// A round trip longer than the shortest one by this, or by as much again, waited in a queue.
constexpr Duration kQueued = 3ms;
// Of how many quality probes one leaves where the network's own bytes are scarce.
constexpr int kQualityScarce = 8;
}  // namespace

LinkMonitor::LinkMonitor(Time now, bool slow, bool shared, Duration idle_gap, Duration patience)
    : slow_(slow),
      shared_(shared),
      idle_gap_(idle_gap),
      received_(shared),
      detector_(now, slow     ? DetectorOptions::Slow(patience, idle_gap >= kNoHellos)
                     : shared ? DetectorOptions::Shared()
                              : DetectorOptions()),
      quality_(slow     ? LossOptions::Slow()
               : shared ? LossOptions::Shared()
                        : LossOptions()),
      last_sent_(now),
      last_data_(now - kActiveFor),
      data_gap_(idle_gap),
      up_since_(now) {}

Duration LinkMonitor::Interval(Time now) const {
  if (slow_ && idle_gap_ >= kNoHellos) return kNoHellos;
  // A promise must fit its field.
  const Duration longest = std::chrono::milliseconds(kHelloIntervalMaxMs - 64);
  const Duration gap = std::min(idle_gap_, longest);
  if (slow_) return std::max(Duration(kHelloSlow), gap);
  const bool ample = thrift_ == Thrift::Level::kAmple;
  if (detector_.state() != LinkState::kUp) return ample ? Duration(1s) : gap;
  if (!ample) return std::max<Duration>(kHelloQuiet, gap);
  if (!active(now)) return std::max(Duration(quiet(now) ? kHelloQuiet : kHelloIdle), gap);
  if (idle_gap_ > Duration(0)) {
    // In steps, or each hello would be news.
    Duration step = kHelloActive;
    while (step < data_gap_ && step < gap) step *= 2;
    return std::min(step, gap);
  }
  return shared_ ? kHelloShared : kHelloActive;
}

// Several frames of one moment are one packet's fragments, or a packet and its answer.
void LinkMonitor::NoteData(Time now) {
  const Duration gap = now - last_data_;
  if (gap < kHelloActive && data_gap_ > kHelloActive) return;
  data_gap_ = (data_gap_ + std::min(gap, std::max<Duration>(idle_gap_, kHelloActive))) / 2;
  last_data_ = now;
}

// A quarter of a promise early: the frame has to travel, and timers are late more often than early.
// Over a slow radio that is minutes of air time a day, and the neighbour waits for three promises.
Duration LinkMonitor::Keep() const { return slow_ ? promised_ : promised_ * 3 / 4; }

void LinkMonitor::ExpectRtt(Duration rtt) {
  if (has_rtt_) return;
  const Duration expected = std::min<Duration>(rtt, kExpectedRttMax);
  detector_.SetRtt(expected, expected / 4);
}

void LinkMonitor::OnFrame(Time now, std::uint64_t counter, bool eliciting, bool data) {
  received_.OnFrame(now, counter, eliciting);
  detector_.OnHeard(now);
  if (data) NoteData(now);
}

void LinkMonitor::OnHello(Time now, const Hello& hello) {
  peer_map_digest_ = hello.map_digest;
  detector_.OnHello(now, hello);
  if (hello.wants_reply) reply_owed_ = true;
}

FeedbackOutcome LinkMonitor::OnFeedback(Time now, const Feedback& f, std::uint64_t next_counter) {
  FeedbackOutcome out = held_.OnFeedback(now, f, next_counter);
  if (out.has_rtt) {
    // RFC 6298, section 2.
    if (!has_rtt_) {
      has_rtt_ = true;
      srtt_ = out.rtt;
      rttvar_ = out.rtt / 2;
    } else {
      const Duration error = out.rtt > srtt_ ? out.rtt - srtt_ : srtt_ - out.rtt;
      rttvar_ += (error - rttvar_) / 4;
      srtt_ += (out.rtt - srtt_) / 8;
    }
    queue_.OnRtt(now, out.rtt);
    rtt_peak_ = std::max(out.rtt, rtt_peak_ - rtt_peak_ / kPeakFade);
    detector_.SetRtt(shared_ ? std::max(srtt_, rtt_peak_) : srtt_, rttvar_);
  }
  if (detector_.usable()) Judge(now, out);  // a dead link's losses say nothing about its quality
  UpdateOutstanding();
  if (out.acknowledged > 0) detector_.OnAcknowledged(now, out.newest_acknowledged_sent);
  return out;
}

bool LinkMonitor::congested() const {
  return queue_.any() && queue_.latest() > std::max(kQueued, queue_.base());
}

void LinkMonitor::Judge(Time now, const FeedbackOutcome& out) {
  for (int i = 0; i < out.acknowledged; ++i) loss_ppm_ -= loss_ppm_ / kLossWeight;
  // Which of those that arrived were sent before and which after the lost ones does not matter
  // much: half of them count before.
  for (int size = 0; size < LossDetector::kSizes; ++size) {
    quality_.OnArrived(now, size, out.acknowledged_by_size[static_cast<std::size_t>(size)] / 2);
  }
  if (!congested()) {
    for (const HeldFrame& f : out.lost) {
      loss_ppm_ += (1'000'000 - loss_ppm_) / kLossWeight;
      quality_.OnLost(now, f.bytes);
      if (f.kind == HeldFrame::Kind::kQuality) quality_.OnProbe(now, f.bytes, false);
    }
  }
  for (int size = 0; size < LossDetector::kSizes; ++size) {
    const int count = out.acknowledged_by_size[static_cast<std::size_t>(size)];
    quality_.OnArrived(now, size, count - count / 2);
  }
  for (std::uint32_t bytes : out.quality_arrived) quality_.OnProbe(now, bytes, true);
  detector_.SetLoss(quality_.loss_permille());
}

void LinkMonitor::UpdateOutstanding() {
  detector_.OnOutstanding(held_.outstanding(),
                          held_.outstanding() > 0 ? held_.oldest_sent() : Time{});
}

void LinkMonitor::OnSent(Time now, std::optional<HeldFrame> held) {
  last_sent_ = now;
  if (!held) return;
  if (held->kind == HeldFrame::Kind::kData || held->kind == HeldFrame::Kind::kDirect) {
    NoteData(now);
    quality_.OnTraffic(now, held->bytes);
  }
  held_.Add(std::move(*held));
  UpdateOutstanding();
}

std::optional<Feedback> LinkMonitor::TakeFeedback(Time now) {
  if (!received_.any()) return std::nullopt;
  return received_.Take(now);
}

std::optional<Hello> LinkMonitor::TakeHello(Time now, bool force, std::uint32_t map_digest) {
  const Duration interval = Interval(now);
  const bool news = interval < promised_ || promised_ == Duration(0);
  if (!force && !news && !reply_owed_) return std::nullopt;
  Hello h;
  h.interval_ms =
      interval >= kNoHellos
          ? kHelloNoPromise
          : static_cast<std::uint32_t>(
                std::chrono::duration_cast<std::chrono::milliseconds>(interval).count());
  h.not_hearing = detector_.not_hearing(now);
  h.reply = reply_owed_;
  h.map_digest = map_digest;
  reply_owed_ = false;
  reply_not_before_ = now + kReplyGap;
  if (interval > promised_) {
    // Said twice before it is relied on: until then hellos keep to the old, faster promise.
    // Where there are no hellos, the neighbour knows it from its own end.
    if (++promise_repeats_ >= 2 || interval >= kNoHellos) {
      promised_ = interval;
      promise_repeats_ = 0;
    }
  } else {
    promised_ = interval;
    promise_repeats_ = 0;
  }
  return h;
}

LinkMonitor::Wanted LinkMonitor::TakeWanted(Time now) {
  Wanted w;
  w.probe = detector_.TakeProbe(now);
  w.hello = w.probe || (reply_owed_ && now >= reply_not_before_);
  if (detector_.usable()) {
    if (now - last_sent_ >= Keep()) w.hello = true;
    w.quality = quality_.TakeProbe(now, &w.quality_bytes) && MayAskQuality();
  }
  w.frame = w.hello || (received_.pending() && received_.due(now));
  return w;
}

void LinkMonitor::SetThrift(Thrift::Level level) {
  thrift_ = level;
  detector_.SetProbeGap(Thrift::ProbeGap(level));
}

bool LinkMonitor::MayAskQuality() {
  if (thrift_ == Thrift::Level::kAmple) return true;
  if (thrift_ == Thrift::Level::kSpent || ++quality_skipped_ < kQualityScarce) return false;
  quality_skipped_ = 0;
  return true;
}

bool LinkMonitor::overdue(Time now) const {
  if (!shared_ || held_.outstanding() == 0) return false;
  const Time since = std::max(held_.oldest_sent(), detector_.last_heard());
  const Duration usual = ReceiveTracker::kFeedbackDelayShared + srtt_ + 2 * rttvar_;
  return now - since >= std::clamp(usual, kOverdueMin, kOverdueMax);
}

void LinkMonitor::OnTimeout(Time now) {
  detector_.OnTimeout(now);
  if (!detector_.usable()) up_since_ = now;
}

Time LinkMonitor::NextDeadline() const {
  Time at = std::min(detector_.NextDeadline(), received_.deadline());
  if (reply_owed_) at = std::min(at, reply_not_before_);
  if (detector_.usable()) {
    at = std::min({at, last_sent_ + Keep(), quality_.NextDeadline()});
  }
  return at;
}

}  // namespace selvage
