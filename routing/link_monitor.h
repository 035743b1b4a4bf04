// Watches one neighbour over one link from the frames that flow anyway.
//
// Composes what has arrived (receive tracker), what is unacknowledged (hold buffer), the verdict on
// life (failure detector) and on quality (loss detector), estimates RTT, jitter and loss, and says
// when a frame must leave although nobody has anything to send: feedback that is due, a probe, a
// hello that was promised. While data flows a hello is promised every kHelloActive and costs
// nothing, for frames are hellos; an idle link falls back to kHelloIdle within about two seconds,
// and to kHelloQuiet after kQuietAfter. Where bytes are paid for (an idle gap is given) the hellos
// of a link with traffic follow that traffic: a message each few seconds buys no fifty hellos.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/frame.h"
#include "core/link.h"
#include "core/time.h"
#include "routing/failure_detector.h"
#include "routing/hold_buffer.h"
#include "routing/loss_detector.h"
#include "routing/queue_estimator.h"
#include "routing/receive_tracker.h"
#include "routing/thrift.h"

namespace selvage {

class LinkMonitor {
 public:
  static constexpr Duration kHelloActive = 20ms;
  static constexpr Duration kHelloIdle = 2s;
  // After a minute without traffic. Whoever begins to send over a link that died meanwhile is told
  // by the first frames, as ever.
  static constexpr Duration kHelloQuiet = 6s;
  static constexpr Duration kQuietAfter = 60s;
  static constexpr Duration kHelloShared = 1s;  // active, where all take turns on one channel
  static constexpr Duration kHelloSlow = 300s;      // duty-cycled radios
  // Bounds of the wait after which an answer is overdue on a shared channel.
  static constexpr Duration kOverdueMin = 37ms;
  static constexpr Duration kOverdueMax = 100ms;
  static constexpr Duration kActiveFor = 1s;        // after the last data frame
  static constexpr std::int64_t kLossWeight = 128;  // frames a loss estimate remembers

  // `idle_gap`: hellos of the idle link are at least so far apart (LinkInfo::idle_gap); kNoHellos:
  // there are none, where the link is slow. `patience`: LinkInfo::patience, for slow links.
  LinkMonitor(Time now, bool slow, bool shared = false, Duration idle_gap = Duration(0),
              Duration patience = Duration(0));

  // What the handshake took, until a round trip is measured: without it a link by satellite was
  // suspected as soon as it was up, because its first answer took 50 ms. At most kExpectedRttMax.
  void ExpectRtt(Duration rtt);
  static constexpr Duration kExpectedRttMax = 1s;  // RFC 6298, 2.1

  // ---- receiving. `eliciting`: the frame asks for feedback. `data`: it carries traffic.
  void OnFrame(Time now, std::uint64_t counter, bool eliciting, bool data);
  void OnHello(Time now, const Hello& hello);
  // Lost frames in the outcome are the caller's to send again.
  FeedbackOutcome OnFeedback(Time now, const Feedback& f, std::uint64_t next_counter);

  // ---- sending. `held` when the frame asks for feedback.
  void OnSent(Time now, std::optional<HeldFrame> held);
  // To put into the next frame, whatever it is; nullopt when there is nothing to say.
  std::optional<Feedback> TakeFeedback(Time now);
  // The hello to put along: when its content is news, or `force`.
  std::optional<Hello> TakeHello(Time now, bool force, std::uint32_t map_digest);
  struct Wanted {
    bool frame = false;  // a frame must leave now
    bool hello = false;  // ... with a hello
    bool probe = false;  // ... that wants a reply
    bool quality = false;           // a frame of padding must leave now, besides
    std::size_t quality_bytes = 0;  // ... this long; 0: as short as it gets
  };
  // What must leave now without being asked. Each want is reported once.
  Wanted TakeWanted(Time now);

  // After the hold buffer was emptied by its owner.
  void ForgetOutstanding() { UpdateOutstanding(); }

  void OnTimeout(Time now);
  Time NextDeadline() const;

  FailureDetector& detector() { return detector_; }
  const FailureDetector& detector() const { return detector_; }
  LossDetector& quality() { return quality_; }
  const LossDetector& quality() const { return quality_; }
  const QueueEstimator& queue() const { return queue_; }
  // Frames wait on this link: what is lost meanwhile is lost to congestion.
  bool congested() const;
  HoldBuffer& held() { return held_; }
  ReceiveTracker& received() { return received_; }

  // From the next promise on.
  void SetIdleGap(Duration gap) { idle_gap_ = gap; }
  // Whose bytes are paid for: how much the network's own may be. When they are not ample, hellos
  // are those of an idle link, and quality is asked for rarely or not at all.
  void SetThrift(Thrift::Level level);

  Duration srtt() const { return srtt_; }
  Duration rttvar() const { return rttvar_; }
  bool has_rtt() const { return has_rtt_; }
  // Share of frames the neighbour did not get, parts per million.
  std::int64_t loss_ppm() const { return loss_ppm_; }
  std::uint32_t peer_map_digest() const { return peer_map_digest_; }
  bool active(Time now) const { return now - last_data_ < kActiveFor; }
  // Up, and without traffic, for kQuietAfter.
  bool quiet(Time now) const { return now - std::max(last_data_, up_since_) >= kQuietAfter; }
  // Where all take turns on one channel: frames are out and the neighbour has neither answered nor
  // been heard for longer than is usual. Long before suspicion (a busy channel must not convict),
  // but new packets do well to take another way until it answers: each frame to a neighbour that
  // is dead holds up those behind it for some 12 ms.
  bool overdue(Time now) const;

 private:
  Duration Interval(Time now) const;
  // A frame with traffic left or came.
  void NoteData(Time now);
  bool MayAskQuality();
  Duration Keep() const;  // a hello leaves when nothing else did for so long
  void UpdateOutstanding();
  void Judge(Time now, const FeedbackOutcome& outcome);

  bool slow_;
  bool shared_;
  Duration idle_gap_;
  Thrift::Level thrift_ = Thrift::Level::kAmple;
  int quality_skipped_ = 0;
  ReceiveTracker received_;
  HoldBuffer held_;
  FailureDetector detector_;
  LossDetector quality_;
  QueueEstimator queue_;
  Time last_sent_;
  Time last_data_;
  Duration data_gap_;  // between moments with traffic, of late; where bytes are paid for
  Time up_since_;  // the quiet before a link came up does not count
  Duration promised_{0};     // what the last hello of ours said
  int promise_repeats_ = 0;  // a slower promise is said twice: losing it costs a false alarm
  bool reply_owed_ = false;
  Time reply_not_before_{};
  bool has_rtt_ = false;
  Duration srtt_{0};
  Duration rttvar_{0};
  Duration rtt_peak_{0};
  std::int64_t loss_ppm_ = 0;
  std::uint32_t peer_map_digest_ = 0;
};

}  // namespace selvage
