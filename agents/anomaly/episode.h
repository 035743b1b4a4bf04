// Turns evidence per sample into a score, an alarm and a state with hysteresis.
//
// Two questions, two statistics. Is this news? Then the score is the evidence itself, once: a
// sample is news when it beats the decaying maximum of what came before, so one fault is one alarm
// and not a hundred. Does it go on? Then the score stays up at a fifth of the strongest recent
// evidence, so that the length of an episode can be seen and yet a repeat never looks like news.
#pragma once

#include <algorithm>

namespace selvage::anomaly {

enum class State : unsigned char { kOk, kSuspect, kDegraded, kFailed, kRecovering };

const char* StateName(State state);

class Episode {
 public:
  struct Options {
    float alarm_decades = 4;  // alarm at this rarity: one false alarm in 10^4 samples
    float suspect_decades = 2.5F;
    float recover_samples = 30;  // quiet for so long, then it is over
  };
  struct Outcome {
    float score = 0;
    bool onset = false;  // an alarm starts with this sample
    bool alarm = false;  // an alarmed episode runs
    State state = State::kOk;
  };

  Episode() = default;
  explicit Episode(const Options& options) : options_(options) {}

  // `news` and `ongoing`: evidence of change and of being out of pattern, decades. `rarity`: of the
  // news by its own calibrated tail, decades. `failed`: nothing at all comes from the source.
  Outcome Update(float news, float ongoing, float rarity, bool failed);

  template <class Archive>
  void Visit(Archive& a) {
    a.Field(peak_, 0, 1e6);
    a.Field(held_, 0, 1e6);
    a.Field(quiet_, 0, 1e6);
    a.Field(alarm_, 0, 1);
  }

 private:
  static constexpr float kPeakDecay = 0.997F;  // per sample; news again after some hundred samples
  static constexpr float kNewsMargin = 1.15F;  // over the decayed peak
  static constexpr float kNewsMin = 1.3F;      // decades
  static constexpr float kHeldDecay = 0.98F;   // per sample: an episode fades within some 50
  static constexpr float kHeldShare = 0.2F;

  Options options_;
  float peak_ = 0;
  float held_ = 0;
  float quiet_ = 0;  // samples since the last suspicion
  unsigned char alarm_ = 0;
};

}  // namespace selvage::anomaly
