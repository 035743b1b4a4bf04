#include "agents/node/link_watch.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include "agents/anomaly/archive.h"

namespace selvage {
namespace {

// What is believed of a link before anything was seen; on a shared channel what
// LossOptions::Shared() takes for healthy.
constexpr float kUsualLoss = 0.01F;
constexpr float kUsualLossShared = 0.08F;
// Readings closer together than this are averaged by the trend anyway.
constexpr Duration kRadioGap = 20ms;
constexpr float kLossRate = 0.01F;
// Of smoothing retries, and of learning how many are usual. Many are no news where they always were
// many: a channel full of strangers, a rate control that tries.
constexpr float kRetriesRate = 0.33F;
constexpr float kUsualRetriesRate = 0.01F;
constexpr float kUnusualRetries = 3;
constexpr float kRetriesMax = 10;  // more say no more
// A signal this many usual deviations below its level explains losses.
constexpr float kFallen = 3;
// Seconds within which evidence of two models is of one thing.
constexpr int kScorerTogether = 5;
// Decades that the test of losses reaches by chance now and then.
constexpr float kLossChance = 3;
constexpr std::uint32_t kStateMagic = 0x574c5653;  // "SVLW"
constexpr std::uint32_t kStateVersion = 1;

std::string Text(const char* format, double a, double b, double c) {
  char text[160];
  std::snprintf(text, sizeof(text), format, a, b, c);
  return text;
}

}  // namespace

LinkWatch::LinkWatch(const ModelConfig& config, bool shared) : config_(config) {
  row_.fill(kMissing);
  until_.fill(Time::min());
  anomaly::RateTest::Options losses;
  losses.usual_loss = shared ? kUsualLossShared : kUsualLoss;
  losses_ = anomaly::RateTest(losses);
  if (config_.scorer != nullptr) {
    scorer_ = std::make_unique<ScorerFeed>(config_.scorer, anomaly::LinkSchema());
  }
  BuildModel();
}

void LinkWatch::BuildModel() {
  anomaly::Model::Options options;
  options.features = schema().features;
  options.count = schema().count;
  options.episode.alarm_decades = config_.alarm_decades;
  model_ = std::make_unique<anomaly::Model>(options);
  prior_voices_ = 0;
}

bool LinkWatch::TakePrior(const anomaly::Digest& prior, std::size_t voices) {
  if (prior.count != schema().count) return false;
  BuildModel();
  model_->TakePrior(prior);
  prior_voices_ = voices;
  return true;
}

void LinkWatch::Raise(Time now, Kind kind, Alarm alarm) {
  const bool fresh = now >= until_[kind];
  until_[kind] = now + kEpisode;
  if (!fresh) return;
  last_alarm_ = alarm;
  last_alarm_at_ = now;
  alarm_ = std::move(alarm);
}

std::optional<LinkWatch::Alarm> LinkWatch::TakeAlarm() {
  return std::exchange(alarm_, std::nullopt);
}

void LinkWatch::OnOutcomes(Time now, int arrived, int lost, bool loaded) {
  sampler_.OnOutcomes(arrived, lost);
  if (loaded) return;
  bool alarm = false;
  float decades = 0;
  auto feed = [&](int count, bool is_lost) {
    for (int i = 0; i < count; ++i) {
      recent_loss_ += kLossRate * ((is_lost ? 1.0F : 0.0F) - recent_loss_);
      if (config_.thresholds_only) continue;
      alarm = losses_.OnOutcome(is_lost) || alarm;
      decades = std::max(decades, losses_.decades());
    }
  };
  // Which of those that arrived were sent before the lost ones is not told: half of them.
  feed(arrived / 2, false);
  feed(lost, true);
  feed(arrived - arrived / 2, false);
  if (!alarm) return;
  Alarm a;
  a.diagnosis = signal_fall_ < -kFallen ? Diagnosis::kFading : Diagnosis::kLoss;
  a.feature = "loss";
  a.score = decades;
  a.evidence = Text("%.0f %% of its frames get lost, usual are %.1f %%", 100.0 * recent_loss_,
                    100.0 * losses_.usual_loss(), 0);
  Raise(now, kLoss, std::move(a));
}

void LinkWatch::OnRadio(Time now, const RadioReading& reading) {
  if (last_radio_at_ != Time::min() && now - last_radio_at_ < kRadioGap) return;
  last_radio_at_ = now;
  last_radio_ = reading;
  if (!radio_ && (!IsMissing(reading.rssi_dbm) || !IsMissing(reading.snr_db))) {
    radio_ = true;
    BuildModel();
  }
  sampler_.OnRadio(reading);
  if (!IsMissing(reading.retry_ratio)) JudgeRetries(now, reading.retry_ratio);
  if (IsMissing(reading.margin_db)) return;
  const float elapsed =
      last_margin_at_ == Time::min() ? 1 : static_cast<float>(ToSeconds(now - last_margin_at_));
  last_margin_at_ = now;
  const auto& forecast = precursor_.OnMargin(reading.margin_db, elapsed);
  if (config_.thresholds_only || !forecast.raised) return;
  Alarm a;
  a.diagnosis = Diagnosis::kFading;
  a.feature = IsMissing(reading.snr_db) ? "rssi" : "snr";
  a.score = -std::log10(std::max(1 - forecast.probability, 1e-9F));
  a.seconds_to_failure = std::isfinite(forecast.seconds_to_failure)
                             ? std::min(forecast.seconds_to_failure, 999.0F)
                             : kMissing;
  a.evidence = forecast.slope < 0
                   ? Text("margin %.1f dB and falling by %.1f dB/s: used up in %.1f s",
                          forecast.level, -forecast.slope, forecast.seconds_to_failure)
                   : Text("margin %.1f dB is used up", forecast.level, 0, 0);
  Raise(now, kMargin, std::move(a));
}

// The MAC hides losses until it gives up, so they come late and all at once. What it repeats comes
// first.
void LinkWatch::JudgeRetries(Time now, float ratio) {
  ratio = std::clamp(ratio, 0.0F, kRetriesMax);
  retries_ += kRetriesRate * (ratio - retries_);
  if (config_.thresholds_only) return;
  if (retries_ < std::max(kManyRetries, kUnusualRetries * usual_retries_)) {
    usual_retries_ += kUsualRetriesRate * (ratio - usual_retries_);
    return;
  }
  Alarm a;
  a.diagnosis = Diagnosis::kFading;
  a.feature = "retries";
  a.score = std::log10(retries_ / std::max(usual_retries_, 0.01F));
  a.evidence = Text("the radio repeats each frame %.1f times, usual are %.1f", retries_,
                    usual_retries_, 0);
  Raise(now, kRetries, std::move(a));
}

std::size_t LinkWatch::WorstLevel() const {
  std::size_t worst = model_->features();
  for (std::size_t f = 0; f < model_->features(); ++f) {
    if (!IsWorse(schema().features[f].name, model_->residual(f))) continue;
    if (worst == model_->features() || model_->blame()[f] > model_->blame()[worst]) worst = f;
  }
  return worst;
}

LinkWatch::Alarm LinkWatch::LevelAlarm(std::size_t worst, float score) const {
  const anomaly::Feature& feature = schema().features[worst];
  const bool signal =
      std::strcmp(feature.name, "rssi") == 0 || std::strcmp(feature.name, "snr") == 0;
  const float margin = last_radio_.margin_db;
  Alarm a;
  a.feature = feature.name;
  a.score = score;
  a.diagnosis = !signal                 ? Diagnosis::kCongestion
                : margin < kLowMarginDb ? Diagnosis::kFading
                                        : Diagnosis::kWeakening;  // or nobody knows the margin
  const float deviation = model_->residual(worst);
  a.evidence = std::string(feature.name) +
               Text(" is %.1f usual deviations ", std::fabs(deviation), 0, 0) +
               (deviation < 0 ? "below its level" : "above its level");
  return a;
}

void LinkWatch::JudgeLevels(Time now, const anomaly::Verdict& verdict) {
  if (!verdict.alarm) return;
  if (!verdict.onset) {
    if (now < until_[kLevels]) until_[kLevels] = now + kEpisode;
    return;
  }
  const std::size_t worst = WorstLevel();
  if (worst == model_->features()) return;  // a change for the better
  Raise(now, kLevels, LevelAlarm(worst, verdict.rarity));
}

void LinkWatch::JudgeScorer(Time now, const anomaly::Verdict& verdict) {
  if (scorer_ == nullptr) return;
  const ScorerFeed::Outcome& scored = scorer_->OnSample(row_.data());
  // The built-in model speaks up when something is news, another may need a few samples more.
  if (++recent_rarity_age_ > kScorerTogether || verdict.rarity > recent_rarity_) {
    recent_rarity_ = verdict.rarity;
    recent_rarity_age_ = 0;
  }
  const float lost = losses_.decades() - kLossChance;
  const float own = std::max(recent_rarity_, lost);
  const float limit = config_.alarm_decades;
  const float fused = ScorerFeed::Fuse(own, scored.decades, limit);
  if (own >= limit || fused < limit || now < until_[kLevels] || now < until_[kLoss]) return;
  const std::size_t worst = WorstLevel();
  Alarm a;
  if (lost >= recent_rarity_) {
    a.diagnosis = Diagnosis::kLoss;
    a.feature = "loss";
    a.score = fused;
    a.evidence = Text("%.0f %% of its frames get lost, usual are %.1f %%", 100.0 * recent_loss_,
                      100.0 * losses_.usual_loss(), 0);
  } else if (worst < model_->features()) {
    a = LevelAlarm(worst, fused);
  } else {
    return;  // a change for the better
  }
  a.evidence += Text(" (%.1f decades) and ", own, 0, 0) + scorer_->scorer().name() +
                Text(" finds it %.1f decades rare, most of all ", scored.decades, 0, 0) +
                anomaly::LinkSchema().features[scored.feature].name;
  if (now >= until_[kScorer]) ++scorer_alarms_;
  Raise(now, kScorer, std::move(a));
}

void LinkWatch::JudgeLimits(Time now) {
  const float margin = last_radio_.margin_db;
  const bool weak = !IsMissing(margin) && margin < kLimitMarginDb;
  if (!weak && recent_loss_ < kLimitLoss) return;
  Alarm a;
  a.diagnosis = weak ? Diagnosis::kFading : Diagnosis::kLoss;
  a.feature = weak ? "snr" : "loss";
  a.evidence = weak
                   ? Text("margin %.1f dB is below the limit of %.0f dB", margin, kLimitMarginDb, 0)
                   : Text("%.0f %% of its frames get lost, the limit is %.0f %%",
                          100.0 * recent_loss_, 100.0 * kLimitLoss, 0);
  Raise(now, weak ? kMargin : kLoss, std::move(a));
}

void LinkWatch::OnSecond(Time now, std::size_t waiting_bytes, std::uint64_t rate_bps) {
  const Duration elapsed = last_second_ == Time::min() ? Duration(1s) : now - last_second_;
  last_second_ = now;
  const bool any = sampler_.any();
  row_ = sampler_.Take(elapsed, waiting_bytes, rate_bps);
  if (config_.thresholds_only) {
    JudgeLimits(now);
    return;
  }
  if (!any) return;
  std::array<float, 4> judged{};
  PickJudged(row_, radio_, judged.data());
  ++samples_;
  const anomaly::Verdict& verdict = model_->OnSample(judged.data());
  signal_fall_ = radio_ ? std::min(model_->residual(0), model_->residual(1)) : 0;
  JudgeLevels(now, verdict);
  JudgeScorer(now, verdict);
}

bool LinkWatch::Quiet(Time now) const {
  if (config_.thresholds_only) {
    const float margin = last_radio_.margin_db;
    return (IsMissing(margin) || margin >= kLimitMarginDb) && now >= until_[kLoss];
  }
  if (now < until_[kLoss] || now < until_[kScorer]) return false;
  if (retries_ >= kManyRetries / 2 && now < until_[kRetries]) return false;
  return !precursor_.forecast().raised;
}

template <class Archive>
void LinkWatch::VisitHeader(Archive& archive, std::uint8_t* radio) {
  std::uint32_t magic = kStateMagic;
  std::uint32_t version = kStateVersion;
  archive.Field(magic, kStateMagic, kStateMagic);
  archive.Field(version, kStateVersion, kStateVersion);
  archive.Field(*radio, 0, 1);
  archive.Field(samples_, 0, 1e15);
  losses_.Visit(archive);
}

Bytes LinkWatch::TakeState() {
  if (samples_ == taken_samples_) return {};
  taken_samples_ = samples_;
  std::uint8_t radio = radio_ ? 1 : 0;
  anomaly::StateWriter counter(nullptr, 0);
  VisitHeader(counter, &radio);
  Bytes state(counter.size() + model_->SaveState(nullptr, 0));
  anomaly::StateWriter writer(state.data(), counter.size());
  VisitHeader(writer, &radio);
  model_->SaveState(state.data() + counter.size(), state.size() - counter.size());
  return state;
}

bool LinkWatch::RestoreState(ByteSpan state) {
  ModelConfig alone = config_;
  alone.scorer = nullptr;  // it keeps nothing
  LinkWatch other(alone, false);
  std::uint8_t radio = 0;
  anomaly::StateWriter counter(nullptr, 0);
  other.VisitHeader(counter, &radio);
  const ByteSpan head = state.Sub(0, counter.size());
  const ByteSpan tail = state.Sub(counter.size());
  anomaly::StateReader reader(head.data(), head.size());
  other.VisitHeader(reader, &radio);
  if (!reader.Finished()) return false;
  other.radio_ = radio != 0;
  other.BuildModel();
  if (!other.model_->RestoreState(tail.data(), tail.size())) return false;
  radio_ = other.radio_;
  samples_ = taken_samples_ = other.samples_;
  losses_ = other.losses_;
  losses_.ForgetEvidence();
  recent_loss_ = losses_.usual_loss();
  model_ = std::move(other.model_);
  return true;
}

bool LinkWatch::Proved() const {
  // False while the margin is missing.
  return last_radio_.margin_db < 0 || recent_loss_ >= kLimitLoss || retries_ >= kProvedRetries;
}

}  // namespace selvage
