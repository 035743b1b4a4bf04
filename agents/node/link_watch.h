// Watches one neighbour over one link for what is unusual, and says what it looks like.
//
// Three clocks, for three kinds of evidence. Frame by frame: a sequential test of losses
// (anomaly/rate_test.h). Whenever the radio says something: the trend of its margin, and when that
// will be used up (anomaly/precursor.h), and whether its MAC must repeat most frames. Once a
// second, while the link is in use: the model of levels and rhythms (anomaly/model.h). What each of
// them finds becomes one Alarm with a diagnosis; whether anything is done about it is the healer's
// business. A model of the user's own (agents/scorer) looks at the same seconds; with other
// evidence it can raise an alarm, not alone.
//
// A second way to judge is there for comparison: fixed limits of loss and margin, as an operator
// would set them.
// Sans-I/O; all memory is allocated by the constructor, except that a radio that first speaks later
// begins a new model. Thread rule: one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agents/anomaly/model.h"
#include "agents/anomaly/precursor.h"
#include "agents/anomaly/rate_test.h"
#include "agents/healer/healer.h"
#include "agents/node/model_config.h"
#include "agents/scorer/scorer_feed.h"
#include "agents/telemetry/telemetry.h"
#include "core/bytes.h"
#include "core/time.h"

namespace selvage {

class LinkWatch {
 public:
  // An alarm of its kind stays one alarm until this long after its last evidence.
  static constexpr Duration kEpisode = 30s;
  // Weaker than this and falling unusually: fading, even if it is not yet clear when it ends.
  static constexpr float kLowMarginDb = 6;
  // Limits of the way to judge by thresholds: those an operator would set on a Wi-Fi mesh.
  static constexpr float kLimitMarginDb = 3;
  static constexpr float kLimitLoss = 0.1F;
  // A MAC that repeats each frame on average gets every second transmission through. Wi-Fi gives up
  // after seven attempts (dot11ShortRetryLimit, IEEE 802.11-2020, C.3), so 0.8 % of frames are lost
  // then; where it repeats each three times, 13 %.
  static constexpr float kManyRetries = 1;
  static constexpr float kProvedRetries = 3;

  struct Alarm {
    Diagnosis diagnosis = Diagnosis::kNone;
    const char* feature = "";             // blamed; of anomaly::LinkSchema()
    float score = 0;                      // decades of rarity
    std::string evidence;                 // for people, one clause
    float seconds_to_failure = kMissing;  // foreseen by a precursor
  };

  // `shared`: collisions are part of life there, so some loss is usual.
  LinkWatch(const ModelConfig& config, bool shared);

  // `loaded`: frames wait on the link, what is lost meanwhile is lost to congestion.
  void OnOutcomes(Time now, int arrived, int lost, bool loaded);
  void OnRtt(Duration rtt) { sampler_.OnRtt(rtt); }
  void OnSent(std::uint64_t bytes) { sampler_.OnSent(bytes); }
  void OnRadio(Time now, const RadioReading& reading);
  // Once a second.
  void OnSecond(Time now, std::size_t waiting_bytes, std::uint64_t rate_bps);

  // Once for each alarm.
  std::optional<Alarm> TakeAlarm();
  // Nothing suspicious is left: neither an alarm in its episode nor a margin about to be used up.
  bool Quiet(Time now) const;
  // What the last alarm foresaw came true: the margin is gone, or frames get lost.
  bool Proved() const;

  // ---- for people
  const LinkValues& row() const { return row_; }
  const anomaly::Model& model() const { return *model_; }
  const anomaly::Schema& schema() const { return JudgedLinkSchema(radio_); }
  const RadioReading& radio() const { return last_radio_; }
  const anomaly::Precursor::Forecast& forecast() const { return precursor_.forecast(); }
  float loss_decades() const { return losses_.decades(); }
  std::uint64_t samples() const { return samples_; }
  const std::optional<Alarm>& last_alarm() const { return last_alarm_; }
  Time last_alarm_at() const { return last_alarm_at_; }
  // Of the user's own model; null: there is none.
  const ScorerFeed* scorer() const { return scorer_.get(); }
  std::uint64_t scorer_alarms() const { return scorer_alarms_; }  // it had a part in
  std::size_t bytes() const {
    return sizeof(*this) + model_->bytes() + (scorer_ != nullptr ? scorer_->bytes() : 0);
  }

  // ---- kept over restarts
  // What was learnt, as bytes of this machine's order; empty: nothing since the last call.
  Bytes TakeState();
  // Only for a watch that has seen nothing. False: no state of a watch of this form; then nothing
  // has changed. Evidence of losses starts afresh, as nobody knows what was lost meanwhile.
  bool RestoreState(ByteSpan state);
  // Begins the model again from what others have learnt; for a young watch. False: of another kind.
  bool TakePrior(const anomaly::Digest& prior, std::size_t voices);
  // How many that was drawn from; 0: it began from nothing.
  std::size_t prior_voices() const { return prior_voices_; }

 private:
  enum Kind : std::size_t { kLoss, kMargin, kRetries, kLevels, kScorer, kKinds };

  void BuildModel();
  void Raise(Time now, Kind kind, Alarm alarm);
  void JudgeRetries(Time now, float ratio);
  void JudgeLevels(Time now, const anomaly::Verdict& verdict);
  void JudgeLimits(Time now);
  // What the user's own model makes of this second, beside evidence from elsewhere.
  void JudgeScorer(Time now, const anomaly::Verdict& verdict);
  // The feature to blame of those that got worse; as many as there are: none did.
  std::size_t WorstLevel() const;
  Alarm LevelAlarm(std::size_t worst, float score) const;
  template <class Archive>
  void VisitHeader(Archive& archive, std::uint8_t* radio);

  ModelConfig config_;
  bool radio_ = false;
  LinkSampler sampler_;
  LinkValues row_;
  std::unique_ptr<anomaly::Model> model_;
  std::unique_ptr<ScorerFeed> scorer_;
  std::uint64_t scorer_alarms_ = 0;
  float recent_rarity_ = 0;  // of the built-in model, the highest of the last few samples
  int recent_rarity_age_ = 0;
  anomaly::RateTest losses_;
  anomaly::Precursor precursor_;
  RadioReading last_radio_;
  Time last_radio_at_ = Time::min();
  Time last_margin_at_ = Time::min();
  Time last_second_ = Time::min();
  float recent_loss_ = 0;  // smoothed over about 100 frames
  float signal_fall_ = 0;  // usual deviations of the last sample
  float retries_ = 0;      // smoothed over a few readings
  float usual_retries_ = 0;
  std::uint64_t samples_ = 0;
  std::size_t prior_voices_ = 0;
  std::uint64_t taken_samples_ = 0;  // as of the last TakeState
  std::array<Time, kKinds> until_;   // of each kind's episode
  std::optional<Alarm> alarm_;       // not taken yet
  std::optional<Alarm> last_alarm_;
  Time last_alarm_at_ = Time::min();
};

}  // namespace selvage
