#include "routing/failure_detector.h"

#include <algorithm>
#include <cstdio>

#include "core/link.h"

namespace selvage {
namespace {

std::string Millis(Duration d) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", ToMillis(d));
  return text;
}

}  // namespace

std::string_view ToString(LinkState s) {
  switch (s) {
    case LinkState::kUp:
      return "up";
    case LinkState::kSuspect:
      return "suspect";
    case LinkState::kOneway:
      return "oneway";
    case LinkState::kDown:
      return "down";
  }
  return "?";
}

DetectorOptions DetectorOptions::Slow(Duration patience, bool silent) {
  DetectorOptions o;
  o.feedback_delay = 5s;
  o.tx_timeout_min = std::max<Duration>(20s, patience);
  o.tx_timeout_max = std::max<Duration>(300s, 4 * patience);
  o.rx_timeout_min = std::max<Duration>(60s, 3 * patience);
  o.confirm = std::max<Duration>(60s, patience);
  o.probe_first = std::max<Duration>(20s, patience);
  o.probe_max = 600s;
  if (silent) {
    o.first_promise = kNoHellos;
    o.probes_fast = 2;
    o.probe_max = std::chrono::hours(6);
  }
  o.hold_suspect = 20s;
  o.hold_suspect_max = 60s;
  o.hold_first = 60s;
  o.hold_max = 3600s;
  o.hold_relax = 3600s;
  return o;
}

DetectorOptions DetectorOptions::Shared() {
  DetectorOptions o;
  o.silence_convicts = true;
  o.feedback_delay = 25ms;
  o.tx_timeout_min = 100ms;
  o.tx_timeout_max = 250ms;
  o.rx_timeout_min = 200ms;
  o.confirm = 600ms;
  o.probe_first = 200ms;
  o.probes_fast = 2;
  o.probe_max = 2s;
  o.hold_suspect = 200ms;
  return o;
}

FailureDetector::FailureDetector(Time now, const DetectorOptions& options)
    : options_(options),
      since_(now),
      last_heard_(now),
      up_since_(now),
      peer_interval_(options.first_promise) {}

Duration FailureDetector::TxTimeout() const {
  return std::clamp(options_.feedback_delay + srtt_ + 4 * rttvar_, options_.tx_timeout_min,
                    options_.tx_timeout_max);
}

// A flow with many frames in flight needs less patience than a single frame that may just be lost.
Duration FailureDetector::SuspectAfter() const {
  const Duration ask = TxTimeout();
  // At 30 % loss each way half of all answers stay out: patience for 1 + 8 * 0.3 times as long
  // leaves a chance of one in a hundred to see none of those that are asked for meanwhile.
  if (loss_permille_ > 0) return ask * 2 * (1000 + 8 * loss_permille_) / 1000;
  if (outstanding_ >= static_cast<std::size_t>(options_.frames_for_verdict)) return ask * 8 / 5;
  // A neighbour that goes on talking: a flow towards us may have filled its queue in one burst, and
  // what it says of our few frames waits at the end of that.
  return ask * (last_heard_ >= oldest_sent_ + ask ? options_.patience_talking : 2);
}

Duration FailureDetector::RxTimeout() const {
  return std::max(options_.rx_timeout_min, 3 * peer_interval_ + 4 * rttvar_);
}

Duration FailureDetector::hold() const {
  // A link that is suspected again and again costs a move each time, also when it is never proved
  // dead: after the second suspicion the wait doubles as it does after failures.
  if (only_way_) return options_.hold_suspect;
  const Duration max = confirmed_ ? options_.hold_max : options_.hold_suspect_max;
  Duration h = confirmed_ ? options_.hold_first : options_.hold_suspect;
  for (int i = confirmed_ ? 1 : 2; i < (confirmed_ ? failures_ : suspicions_) && h < max; ++i) {
    h *= 2;
  }
  return std::min(h, max);
}

void FailureDetector::OnHeard(Time now) {
  last_heard_ = now;
  if (state_ == LinkState::kUp) return;
  // A sign of life: find out soon whether it works both ways.
  const Time soon = now + options_.probe_first;
  if (probe_gap_ > 5 * options_.probe_first && next_probe_ > soon) {
    next_probe_ = soon;
    probe_gap_ = 5 * options_.probe_first;
  }
}

void FailureDetector::OnHello(Time now, const Hello& hello) {
  peer_interval_ = hello.interval_ms == kHelloNoPromise
                       ? Duration(kNoHellos)
                       : std::chrono::milliseconds(std::max<std::uint32_t>(hello.interval_ms, 1));
  peer_not_hearing_ = hello.not_hearing;
  if (!peer_not_hearing_) return;
  proof_since_ = kNever;
  if (state_ == LinkState::kUp || state_ == LinkState::kSuspect) {
    Enter(now, LinkState::kOneway, "the neighbour reports that it hears nothing from this node");
  }
}

void FailureDetector::OnAcknowledged(Time now, Time sent) {
  asked_ = false;
  if (state_ == LinkState::kUp || sent < since_ || peer_not_hearing_) return;
  if (proof_since_ == kNever) {
    proof_since_ = now;
    next_probe_ = std::min(next_probe_, now + options_.probe_first);
    probe_gap_ = 5 * options_.probe_first;
  }
  last_proof_ = now;
  if (now - proof_since_ >= hold()) {
    Enter(now, LinkState::kUp, "answers both ways for " + Millis(now - proof_since_));
  }
}

void FailureDetector::OnOutstanding(std::size_t frames, Time oldest_sent) {
  if (frames == 0 || oldest_sent != oldest_sent_) asked_ = asked_ && frames > 0;
  outstanding_ = frames;
  oldest_sent_ = oldest_sent;
}

void FailureDetector::OnCarrierLost(Time now) {
  if (state_ == LinkState::kDown) return;
  Enter(now, LinkState::kDown, "the carrier is gone");
}

void FailureDetector::OnCarrierBack(Time now) {
  if (state_ == LinkState::kUp) return;
  confirmed_ = false;
  next_probe_ = now;
  probe_gap_ = options_.probe_first;
  probes_ = 0;
}

void FailureDetector::Enter(Time now, LinkState state, std::string evidence) {
  const bool was_up = state_ == LinkState::kUp;
  if (was_up && state != LinkState::kUp) {
    const int forgiven = static_cast<int>(
        std::min<std::int64_t>((now - up_since_) / options_.hold_relax, 64));
    failures_ = std::max(0, failures_ - forgiven);
    suspicions_ = std::min(std::max(0, suspicions_ - forgiven) + 1, 32);
    confirmed_ = false;
    probes_ = 0;
    probe_gap_ = options_.probe_first;
    next_probe_ = now;
    proof_since_ = kNever;
  }
  // Down is certain when it is said: the carrier went, or nothing came for kConfirm.
  if (state == LinkState::kDown) Confirm();
  if (state == LinkState::kUp) {
    up_since_ = now;
    confirmed_ = false;
    next_probe_ = kNever;
    probe_now_ = false;
    asked_ = false;
    outstanding_ = 0;
  }
  state_ = state;
  since_ = was_up || state == LinkState::kUp ? now : since_;
  evidence_ = std::move(evidence);
}

void FailureDetector::Confirm() {
  if (confirmed_) return;
  confirmed_ = true;
  failures_ = std::min(failures_ + 1, 32);
}

void FailureDetector::OnTimeout(Time now) {
  if (state_ == LinkState::kUp) {
    JudgeUp(now);
  } else {
    JudgeOut(now);
  }
}

void FailureDetector::JudgeUp(Time now) {
  if (now < excused_until_) return;
  if (outstanding_ > 0) {
    const Duration age = now - oldest_sent_;
    const bool talks = options_.silence_convicts && now - last_heard_ < SuspectAfter();
    if (age >= SuspectAfter() && !talks) {
      Enter(now, LinkState::kSuspect,
            "no acknowledgement for " + Millis(age) + " on " + std::to_string(outstanding_) +
                " frames (timeout " + Millis(SuspectAfter()) + ")");
      return;
    }
    // Where silence convicts, who talks needs no asking either: under load many answers are late,
    // and questions about them would take the air that the answers wait for.
    const bool quiet = !options_.silence_convicts || now - last_heard_ >= TxTimeout();
    if (age >= TxTimeout() && quiet && !asked_) {
      asked_ = true;
      probe_now_ = true;
    }
  }
  if (not_hearing(now)) {
    Enter(now, LinkState::kSuspect,
          "nothing heard for " + Millis(now - last_heard_) + ", promised every " +
              Millis(peer_interval_));
  }
}

void FailureDetector::JudgeOut(Time now) {
  if (proof_since_ != kNever &&
      now - last_proof_ > std::max(10 * options_.probe_first, hold() / 2)) {
    proof_since_ = kNever;  // a gap: start over
  }
  if (state_ == LinkState::kSuspect && proof_since_ == kNever) {
    const bool heard_since = last_heard_ > since_ + 2 * options_.probe_first;
    const bool probed = probes_ >= 3 && now - first_probe_ >= 6 * options_.probe_first;
    if (heard_since && probed) {
      Enter(now, LinkState::kOneway,
            "its frames arrive here, but " + std::to_string(probes_) +
                " probes went unanswered: " + evidence_);
    } else if (now - since_ >= options_.confirm && !heard_since) {
      Enter(now, LinkState::kDown, evidence_);
    }
  }
  // A neighbour that was held up for a moment says "I hear nothing from you" and takes it back.
  if (state_ == LinkState::kOneway && proof_since_ == kNever && now - since_ >= options_.confirm) {
    Confirm();
  }
  if (now >= next_probe_) {
    probe_now_ = true;
    if (probes_ == 0) first_probe_ = now;
    ++probes_;
    if (proof_since_ != kNever) {
      probe_gap_ = std::max(options_.probe_first, hold() / 10);
    } else if (probes_ > options_.probes_fast) {
      probe_gap_ = std::min(probe_gap_ * 2, std::max(options_.probe_max, probe_gap_least_));
    }
    next_probe_ = now + probe_gap_;
  }
}

Time FailureDetector::NextDeadline() const {
  if (probe_now_) return Time::min();
  if (state_ == LinkState::kUp) {
    Time at = kNever;
    if (outstanding_ > 0) {
      const Duration patience = asked_ ? SuspectAfter() : TxTimeout();
      at = oldest_sent_ + patience;
      if (options_.silence_convicts) at = std::max(at, last_heard_ + patience);
    }
    at = std::min(at, last_heard_ + RxTimeout());
    return std::max(at, excused_until_);
  }
  return next_probe_;  // verdicts on a link that is out are passed when probes leave
}

bool FailureDetector::TakeProbe(Time) {
  const bool probe = probe_now_;
  probe_now_ = false;
  return probe;
}

}  // namespace selvage
