// Decides as early as possible that losses have become more frequent, at a set false-alarm rate.
//
// Losses are counts, not a level: a smoothed loss ratio either lags or cries wolf. Here each
// outcome multiplies, for several alternatives at once, the Shiryaev-Roberts statistic R <- (1 + R)
// p1 / p0 (Shiryaev 1963, Roberts 1966). For a known baseline R - n is a martingale, so the
// weighted sum crosses A no more often than once in A outcomes on average, whatever the
// alternatives are; and for any alternative near the true one the delay is near ln(A) / KL, which
// no test can beat by much (Lorden 1971). The sum covers a loss of twice the usual odds up to total
// loss.
//
// Radio losses come in bursts, so p0 depends on the outcome before: two probabilities, learnt
// apart. What is under suspicion is not learnt: outcomes wait until the evidence is gone, and are
// dropped when there is an alarm.
#pragma once

#include <array>
#include <cstddef>

namespace selvage::anomaly {

class RateTest {
 public:
  struct Options {
    // Mean outcomes between false alarms, at least. One a day on a node with 8 links of 10
    // packets/s is 8 * 10 * 86400 = 6.9e6.
    float outcomes_per_false_alarm = 6.9e6F;
    // What is believed before anything was seen, worth kPriorWeight outcomes.
    float usual_loss = 0.01F;
    // A loss that stays for so many outcomes is a regime and no fault: Adopt by itself. 6 hours at
    // 10 packets/s.
    float adopt_after = 216000;
  };

  RateTest() : RateTest(Options()) {}
  explicit RateTest(const Options& options);

  // One outcome. True when this is the alarm; the test then starts afresh (the baseline stays).
  bool OnOutcome(bool lost);
  // Decades of evidence, log10 of the statistic: the alarm is at log10(outcomes_per_false_alarm).
  float decades() const { return decades_; }
  // Usual loss probability after a delivered and after a lost packet.
  float usual_loss() const { return Usual(0); }
  float usual_loss_after_loss() const { return Usual(1); }
  // Takes the present loss as the new usual one (a regime that stays is no fault).
  void Adopt();
  // Keeps what is usual and drops the evidence: after a gap nobody has watched.
  void ForgetEvidence();

  template <class Archive>
  void Visit(Archive& a) {
    for (float& r : statistics_) a.Field(r, 0, 1e30);
    for (float& n : trials_) a.Field(n, 0, 1e7);
    for (float& n : losses_) a.Field(n, 0, 1e7);
    for (float& n : waiting_trials_) a.Field(n, 0, 1e7);
    for (float& n : waiting_losses_) a.Field(n, 0, 1e7);
    a.Field(options_.usual_loss, 0, 1);
    a.Field(recent_loss_, 0, 1);
    a.Field(restless_, 0, 1e7);
    a.Field(after_loss_, 0, 1);
    a.Field(decades_, -100, 100);
    Prepare();
  }

  static constexpr std::size_t kAlternatives = 9;

 private:
  static constexpr float kPriorWeight = 100;
  static constexpr float kPriorWeightAfterLoss = 5;
  static constexpr float kBurstPrior = 0.3F;
  static constexpr float kTrialsMax = 50000;  // outcomes the baseline remembers
  static constexpr int kCommitEvery = 64;

  float Usual(std::size_t after) const;
  float Overall() const;
  void Prepare();
  void Commit();

  Options options_;
  std::array<float, kAlternatives> statistics_{};
  // Likelihood ratios of [after loss][lost] for each alternative; from the baseline, by Prepare.
  std::array<std::array<std::array<float, 2>, 2>, kAlternatives> ratios_{};
  std::array<float, 2> trials_{};
  std::array<float, 2> losses_{};
  std::array<float, 2> waiting_trials_{};
  std::array<float, 2> waiting_losses_{};
  float recent_loss_ = 0;  // mean of about the last 256 outcomes
  float restless_ = 0;     // outcomes since the evidence was last calm
  unsigned char after_loss_ = 0;
  float decades_ = 0;
};

}  // namespace selvage::anomaly
