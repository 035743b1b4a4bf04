// Decides from evidence whether a neighbour can be used: up, suspect, oneway or down.
//
// Two questions, each with its own clock. "Do my frames arrive?" is answered by feedback: while
// frames are outstanding, silence longer than the retransmission timeout (RFC 6298 form: feedback
// delay + srtt + 4 rttvar) first asks for an answer (a probe), then raises suspicion. "Do I hear
// it?" is answered by whatever arrives within the time the neighbour promised. Suspicion is cheap
// and reversible (traffic moves to the precomputed alternate at once); confirmation takes kConfirm
// longer and is what the map is told.
//
//   state    leaves when                                              to
//   up       frames unanswered, or nothing heard in time              suspect
//            the neighbour says that it hears nothing from us         oneway
//   suspect  we hear it and it does not hear us (told, or probes
//            unanswered while its frames arrive), or the other way    oneway
//            nothing heard since, for kConfirm                        down
//            probes answered without a gap for hold()                 up
//   oneway,  probes answered both ways without a gap for hold()       up
//   down
//
// "Oneway" is shown at once and certain (confirmed()) only after kConfirm, for a neighbour that was
// held up for a moment says it and takes it back. "Down" is certain when it is said.
// (kConfirm is DetectorOptions::confirm.)
//
// hold() is short after a mere suspicion and doubles with each confirmed failure, and with each
// suspicion after the second (damping: leave fast, return slowly); it relaxes while the link stays
// up. Damping protects traffic that has another way: on a link to a neighbour that no other path
// leads to, hold() stays short.
#pragma once

#include <cstdint>
#include <string>

#include "core/frame.h"
#include "core/time.h"

namespace selvage {

enum class LinkState : std::uint8_t { kUp, kSuspect, kOneway, kDown };
std::string_view ToString(LinkState s);

struct DetectorOptions {
  Duration feedback_delay = 4400us;  // so long the neighbour may sit on it (receive_tracker.h)
  Duration tx_timeout_min = 10ms;  // no verdict on silence shorter than this
  Duration tx_timeout_max = 2s;
  // Unanswered frames convict only a neighbour that is not heard either: on a shared channel our
  // own frames may wait in the MAC for long while the neighbour talks.
  bool silence_convicts = false;
  int frames_for_verdict = 3;      // with fewer outstanding the neighbour gets twice the time, ...
  int patience_talking = 10;       // ... and so many times while it goes on talking
  Duration rx_timeout_min = 60ms;  // three hellos at the fastest rate
  Duration first_promise = 2s;     // of a neighbour that has promised nothing yet
  Duration confirm = 150ms;        // suspicion to certainty
  Duration probe_first = 10ms;
  int probes_fast = 10;  // at probe_first; then the gap doubles
  Duration probe_max = 1s;
  Duration hold_suspect = 60ms;  // answers needed to come back from suspicion
  Duration hold_suspect_max = 4s;
  Duration hold_first = 500ms;   // ... from the first confirmed failure
  Duration hold_max = 16s;
  Duration hold_relax = 10s;  // each such time spent up forgives one doubling
  // For radios with seconds of air time per frame. `patience`: how long an answer may take.
  // `silent`: each frame is a bill, so a neighbour that does not answer is asked rarely.
  static DetectorOptions Slow(Duration patience = Duration(0), bool silent = false);
  // For a channel that all take turns on: probes are few, for each one to a dead neighbour is
  // repeated by the MAC and holds up the traffic behind it for some 10 ms.
  static DetectorOptions Shared();
};

class FailureDetector {
 public:
  FailureDetector(Time now, const DetectorOptions& options);

  // ---- evidence
  // Any authentic frame from the neighbour.
  void OnHeard(Time now);
  void OnHello(Time now, const Hello& hello);
  // A frame of ours sent at `sent` is known to have arrived.
  void OnAcknowledged(Time now, Time sent);
  // How many frames are unanswered and since when; after every change.
  void OnOutstanding(std::size_t frames, Time oldest_sent);
  void SetRtt(Duration srtt, Duration rttvar) {
    srtt_ = srtt;
    rttvar_ = rttvar;
  }
  // The link is known to lose frames (parts per thousand): silence says less there, and whoever can
  // go elsewhere does so already.
  void SetLoss(std::uint32_t permille) { loss_permille_ = permille; }
  // The carrier itself says the link is gone: no damping on the way out.
  void OnCarrierLost(Time now);
  // ... and back: what it took away it gives back at once, if the neighbour answers.
  void OnCarrierBack(Time now);
  // While out, the neighbour is asked no more often than this, once the first few probes have met
  // silence; 0: as usual.
  void SetProbeGap(Duration least) { probe_gap_least_ = least; }
  // No other path leads to the neighbour.
  void SetOnlyWay(bool only) { only_way_ = only; }
  // This process was held up: frames may sit unread, so no verdict before `until`.
  void Excuse(Time until) { excused_until_ = until; }

  // ---- time
  void OnTimeout(Time now);
  Time NextDeadline() const;
  // True once when a probe (hello that wants a reply) should leave now.
  bool TakeProbe(Time now);

  // ---- verdict
  LinkState state() const { return state_; }
  // Out beyond doubt: damped, and what the map is told. Suspicion, and "oneway" for the first
  // moment, are not.
  bool confirmed() const { return confirmed_; }
  bool usable() const { return state_ == LinkState::kUp; }
  // Up, but what was sent is unanswered for so long that the neighbour was asked: a verdict nears.
  bool asked() const { return usable() && asked_; }
  Time since() const { return since_; }
  // Nothing heard within the promised time: what hellos tell the neighbour.
  bool not_hearing(Time now) const { return now - last_heard_ >= RxTimeout(); }
  Time last_heard() const { return last_heard_; }
  // Why the last transition happened, for people: "no acknowledgement for 16.2 ms on 14 frames".
  const std::string& evidence() const { return evidence_; }
  Duration hold() const;

 private:
  Duration TxTimeout() const;
  Duration SuspectAfter() const;
  Duration RxTimeout() const;
  void Enter(Time now, LinkState state, std::string evidence);
  void JudgeUp(Time now);
  void JudgeOut(Time now);
  void Confirm();

  DetectorOptions options_;
  LinkState state_ = LinkState::kUp;
  Time since_;
  Time last_heard_;
  Time up_since_;
  std::string evidence_;

  Duration srtt_{0};
  Duration rttvar_{0};
  std::uint32_t loss_permille_ = 0;
  bool only_way_ = false;
  Duration peer_interval_;
  bool peer_not_hearing_ = false;
  std::size_t outstanding_ = 0;
  Time oldest_sent_{};

  bool asked_ = false;  // up: probed for the present silence
  bool probe_now_ = false;
  Time next_probe_ = kNever;
  Duration probe_gap_{0};
  Duration probe_gap_least_{0};
  int probes_ = 0;  // since leaving up
  Time first_probe_{};

  Time proof_since_ = kNever;
  Time last_proof_{};
  bool confirmed_ = false;  // this outage went beyond suspicion
  int failures_ = 0;        // confirmed, not yet forgiven
  int suspicions_ = 0;      // of any kind, not yet forgiven
  Time excused_until_{};
};

}  // namespace selvage
