// The anomaly model of one link or one machine: a sample in; score, alarm and blame out.
//
// Streaming, without labels or training: it learns on the node, from the first sample, and does not
// learn the fault. Each feature has a robust baseline; five channels look at its residual, alone
// (point, rhythm, slow and fast level) and beside the other features (conditional). Each channel's
// sum over the features is turned into decades of rarity by a tail calibrated on this very stream,
// so a threshold means the same false-alarm rate everywhere. Where the schema knows a feature's
// natural noise, a CUSUM adds evidence of a slow shift, and lost samples are tested as counts.
//
//   Model model(Model::Options{features, count});
//   const Verdict& v = model.OnSample(values);   // NaN where a value is missing
//   if (v.onset) ... model.blame()[f] ...
//
// All memory is allocated by the constructor; OnSample allocates nothing and takes time bounded by
// the number of features. Not thread-safe. Standard library only; builds without exceptions/RTTI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agents/anomaly/baseline.h"
#include "agents/anomaly/conditional.h"
#include "agents/anomaly/digest.h"
#include "agents/anomaly/drift.h"
#include "agents/anomaly/episode.h"
#include "agents/anomaly/level.h"
#include "agents/anomaly/log8.h"
#include "agents/anomaly/predictor.h"
#include "agents/anomaly/rate_test.h"
#include "agents/anomaly/schema.h"
#include "agents/anomaly/tail.h"

namespace selvage::anomaly {

struct Verdict {
  float score = 0;     // decades; news counts full, what goes on counts half (see Episode)
  float evidence = 0;  // decades of this sample alone
  float rarity = 0;    // of the evidence, calibrated: at 5, one sample in 10^5 looks like this
  bool onset = false;
  bool alarm = false;
  bool frozen = false;  // some sensor repeats itself bit for bit
  State state = State::kOk;
};

// `Stored` is what residuals and the inverse correlation are kept in: float, or Log8 for a quarter
// of the memory.
template <class Stored>
class BasicModel {
 public:
  static constexpr std::size_t kFeaturesMax = 64;

  struct Options {
    // What each value of a sample is; must outlive the model. Null: nothing is known of any.
    const Feature* features = nullptr;
    std::size_t count = 1;  // 1 to kFeaturesMax
    Episode::Options episode;
  };

  explicit BasicModel(const Options& options);

  // One sample of options.count values in time order. The result is valid until the next call.
  const Verdict& OnSample(const float* values);
  const Verdict& verdict() const { return verdict_; }
  // Share of each feature in what looks wrong now; options.count of them, sum 1.
  const float* blame() const { return blame_.data(); }
  std::size_t features() const { return count_; }
  // Deviation of a feature's last value from its baseline, in its usual deviations.
  float residual(std::size_t feature) const { return residuals_[feature]; }

  // What others of its kind may learn from: scale, shape and tails, no level. `kind` is left to the
  // caller. False: more features than a digest holds, or too few samples yet (kDigestSamples).
  static constexpr float kDigestSamples = 1800;
  bool GetDigest(Digest* out) const;
  // A cold start from what others have learnt; only before the first sample. False: of another
  // number of features.
  static constexpr float kPriorWeight = 100;
  static constexpr float kPriorTailWeight = 1000;
  bool TakePrior(const Digest& prior);

  // Bytes of everything the model keeps, itself included.
  std::size_t bytes() const;

  // State as bytes of this machine's order. SaveState returns the size; nothing is written while
  // `out` is null or too small. RestoreState takes only what a model of the same form and feature
  // count has saved, and changes nothing when it returns false; it allocates a copy of the model.
  std::size_t SaveState(std::uint8_t* out, std::size_t capacity);
  bool RestoreState(const std::uint8_t* in, std::size_t size);

 private:
  enum Channel : std::size_t { kPoint, kRhythm, kSlowLevel, kFastLevel, kConditional, kChannels };
  static_assert(Digest::kTails == kChannels + 2 && Digest::kTaps == Predictor<Stored>::kTaps);

  struct PerFeature {
    Baseline baseline;
    RecentChange recent;
    Predictor<Stored> predictor;
    Level level;
    Drift drift;
    Freeze freeze;
    float blame = 0;
    float prior = 0;  // samples that shapes learnt elsewhere are worth

    template <class Archive>
    void Visit(Archive& a) {
      baseline.Visit(a);
      recent.Visit(a);
      predictor.Visit(a);
      level.Visit(a);
      drift.Visit(a);
      freeze.Visit(a);
      a.Field(blame, 0, 1e6);
      a.Field(prior, 0, 1e6);
    }
  };

  template <class Archive>
  void Visit(Archive& a);
  // The value as its baseline sees it; NaN when missing or out of the plausible range.
  float Read(std::size_t feature, float value) const;
  float Noise(std::size_t feature) const;
  bool IsSignal(std::size_t feature) const;
  void JudgeFeature(std::size_t feature, float value);
  void Blame();
  const Tail& TailAt(std::size_t i) const {
    return i < kChannels ? tails_[i] : i == kChannels ? peak_tail_ : fused_tail_;
  }

  const Feature* described_;
  std::size_t count_;
  bool radio_ = false;  // the schema has a signal level: a row without any is a lost packet
  std::vector<PerFeature> features_;
  Conditional<Stored> conditional_;
  Tail tails_[kChannels];
  Tail peak_tail_;  // of the most unusual feature alone
  Tail fused_tail_;
  RateTest presence_;
  Episode episode_;
  float gain_ = 1;
  float seen_ = 0;  // samples

  // Of the sample at hand.
  std::vector<float> residuals_;
  std::vector<float> conditional_residuals_;
  std::vector<float> blame_;
  float sums_[kChannels] = {};
  float peak_ = 0;
  std::size_t present_ = 0;
  float absolute_ = 0;
  bool frozen_ = false;
  Verdict verdict_;
};

using Model = BasicModel<float>;
using ByteModel = BasicModel<Log8>;

}  // namespace selvage::anomaly
