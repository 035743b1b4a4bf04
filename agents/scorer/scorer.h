// A model of the user's own that scores a window of one link's samples: the stable interface.
//
// Beside the built-in model (agents/anomaly) a node can run one scorer, given from outside: an ONNX
// file (onnx_scorer.h) or a class of somebody's own. It is asked once a second for each link in
// use. What it answers is never believed as it is: ScorerFeed calibrates it on the very stream it
// scores, and an alarm needs as much evidence from elsewhere again, so a bad scorer cannot alarm
// alone, and a silent one takes nothing away.
//
// Window: samples() rows of features() values, the oldest row first, a second apart. The columns
// are those of anomaly::LinkSchema(), in that order; each value is its distance from the usual
// level of this link in usual deviations, within +-kValueMax; 0 where nothing was measured.
#pragma once

#include <cstddef>
#include <string>

namespace selvage {

class Scorer {
 public:
  static constexpr std::size_t kSamplesMax = 64;
  static constexpr float kValueMax = 16;

  virtual ~Scorer() = default;

  // For people: the file it came from.
  virtual const std::string& name() const = 0;
  virtual std::size_t samples() const = 0;   // of a window, 1 to kSamplesMax
  virtual std::size_t features() const = 0;  // of a sample; must be those of the schema
  // Writes features() numbers: 0 or more, larger is more unusual, on any scale that stays the same.
  // False, or a number that is not finite or negative: this window has no score.
  //
  // It keeps nothing from one call to the next, as windows of all links take turns; allocates
  // nothing, blocks on nothing, throws nothing. Thread rule: one call at a time, on the node's
  // protocol thread, which waits for it: the time budget is [model] scorer_budget_us a call, and
  // what takes longer is refused when it is loaded (agents/runtime/scorer_loader.h).
  virtual bool Score(const float* window, float* per_feature) = 0;
};

}  // namespace selvage
