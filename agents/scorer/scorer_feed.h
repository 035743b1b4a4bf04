// Feeds a scorer with one link's samples and turns what it answers into decades of rarity.
//
// A scorer's numbers mean nothing by themselves: its scale is its own, and it may be wrong. So each
// link learns how its scores usually lie (their logarithm has a baseline), and how rare one is
// comes from a tail calibrated on the same stream, as with the channels of the built-in model:
// whatever the scorer, one sample in 10^d reaches d decades. A scorer that always shouts says
// nothing.
//
// Fuse() is the rule for what may follow from it. Memory is allocated by the constructor alone. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "agents/anomaly/baseline.h"
#include "agents/anomaly/schema.h"
#include "agents/anomaly/tail.h"
#include "agents/scorer/scorer.h"

namespace selvage {

class ScorerFeed {
 public:
  // Samples until its scores count: levels and usual scores have to be learnt first.
  static constexpr std::uint64_t kWarmUp = 120;
  // Of an alarm's decades a scorer may bring at most this share; the rest must be found elsewhere.
  static constexpr float kShareMax = 0.5F;

  struct Outcome {
    float decades = 0;        // of rarity; 0 while it warms up or has no score
    std::size_t feature = 0;  // which it blames most
  };

  // `schema` (of the scorer's feature count) and what is in it must outlive the feed.
  ScorerFeed(std::shared_ptr<Scorer> scorer, const anomaly::Schema& schema);

  // One row of schema.count values, NaN where missing.
  const Outcome& OnSample(const float* row);
  const Outcome& outcome() const { return outcome_; }
  const Scorer& scorer() const { return *scorer_; }
  std::uint64_t samples() const { return samples_; }
  std::uint64_t failures() const { return failures_; }  // windows without a score
  std::size_t bytes() const;

  // Decades towards an alarm at `limit` that evidence from elsewhere (`own`) and the scorer reach
  // together. With less than (1 - kShareMax) * limit elsewhere it is `own`: a scorer alone reaches
  // nothing.
  static float Fuse(float own, float scored, float limit);

 private:
  float Read(std::size_t feature, float value);

  std::shared_ptr<Scorer> scorer_;
  const anomaly::Schema& schema_;
  std::vector<anomaly::Baseline> levels_;
  std::vector<float> window_;  // rows as the scorer gets them
  std::vector<float> scores_;
  anomaly::Baseline usual_;  // of the score's logarithm
  anomaly::Tail tail_;
  std::uint64_t samples_ = 0;
  std::uint64_t failures_ = 0;
  float gain_ = 1;
  Outcome outcome_;
};

}  // namespace selvage
