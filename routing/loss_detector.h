// Finds that a link loses frames, from what was acknowledged and what was not; and that it stopped.
//
// A link that says hello and loses a third of what it is given is worse than a dead one: nobody
// leaves it. This class answers with a level of loss (what the map is told) instead of a verdict of
// death, so a lossy link is left when there is a better way and used when there is none.
//
// Leaving: one-sided cumulative sums (Page, "Continuous Inspection Schemes", Biometrika 1954) of
// log-likelihood ratios of Bernoulli trials, one for each of kDesigns loss rates, kept apart for
// kSizes ranges of frame sizes, so that a hole for large frames shows as such while small ones
// pass. With h = 20 and a healthy rate of 0.5 %, 100 % loss is found in 5 frames, 30 % in about 20,
// 5 % in about 280; e^20 healthy frames pass for one false alarm (15 years at 1 frame/s, five days
// at 1,000/s of a link that really loses 0.5 %).
//
// Returning is slow on purpose: the opposite sum (healthy against the level told) must reach
// kReturnNats, over at least hold(), which doubles with each relapse. On a link whose loss stays,
// one attempt in e^8 = 3,000 returns by mistake; so a fault costs two changes of route, leaving and
// returning, and one more each time that it changes by half (Relevel). An idle link is asked with
// probes: slowly at first, and quickly once kCleanProbes of those passed; loss ends the quick ones.
//
// A hole for large frames is searched for the size that still passes (bisection, at most
// kSearchProbesMax probes): longer frames go elsewhere then (size_limit()).
//
// What is not evidence, and must not be reported here: frames lost while a queue stood on the link
// (congestion), frames outstanding when the link was suspected (death is failure_detector.h's).
// Sans-I/O; the same outcomes give the same verdicts. Thread rule: one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/time.h"

namespace selvage {

struct LossOptions {
  int healthy_permille = 5;
  std::array<int, 4> design_permille = {50, 150, 300, 700};
  // Probing a link that was left: slow ones first, this far apart (doubles up to the second with
  // each burst of quick ones that met loss), then quick ones.
  bool probing = true;
  Duration probe_slow = 500ms;
  Duration probe_slow_max = 4s;
  Duration probe_quick = 40ms;
  Duration hold_first = 2s;  // clean at least this long before a return
  Duration hold_max = 16s;
  Duration hold_relax = 60s;  // each such time without alarm forgives one doubling
  bool search_size = true;

  // All take turns on one channel: collisions are part of life, probes cost air.
  static LossOptions Shared();
  // Minutes between frames: only the traffic itself tells.
  static LossOptions Slow();
};

class LossDetector {
 public:
  static constexpr int kSizes = 4;
  static constexpr int kDesigns = 4;
  static constexpr int kAlarmMilliNats = 20'000;
  static constexpr int kReturnMilliNats = 8'000;
  static constexpr int kReturnFramesMin = 16;
  static constexpr int kCleanProbes = 4;
  static constexpr Duration kRelevelAfter = 5s;
  static constexpr int kRelevelFrames = 100;
  static constexpr Duration kSearchGap = 10ms;
  static constexpr int kSearchProbesMax = 64;
  static constexpr std::size_t kSearchStepBytes = 32;  // how exact a working size is
  static constexpr std::uint32_t kLossPermilleMin = 30;  // an alarm tells at least this
  // A hole that was measured: the rest of the link is fine, but whoever can avoid it at no more
  // than one hop's cost should (1 / 0.75^2 = 1.8 hops, path_cost.h).
  static constexpr std::uint32_t kHolePermille = 250;

  explicit LossDetector(const LossOptions& options = {});

  // Which range of sizes a frame of `bytes` belongs to: below 256, 512, 1,024, larger.
  static int SizeOf(std::size_t bytes) {
    return bytes < 256 ? 0 : bytes < 512 ? 1 : bytes < 1024 ? 2 : 3;
  }

  // `count` frames of this size arrived, or one did not.
  void OnArrived(Time now, int size, int count);
  void OnLost(Time now, std::size_t bytes);
  // A probe's fate, in addition to the above: steers the search for a size.
  void OnProbe(Time now, std::size_t bytes, bool arrived);

  // The link's frames may be lost more than a healthy one's.
  bool degraded() const { return degraded_; }
  // What to tell the map: 0 unless degraded.
  std::uint32_t loss_permille() const { return degraded_ ? level_ : 0; }
  // Frames longer than this get lost, shorter ones pass; 0: no such limit is known.
  std::size_t size_limit() const { return degraded_ ? size_limit_ : 0; }
  // True once after any of the three changed.
  bool TakeChanged();
  // For people: "14 of 43 frames lost", "frames over 592 bytes are lost, shorter ones pass".
  const std::string& evidence() const { return evidence_; }
  Duration hold() const;

  // True when a probe of *bytes (0: as small as it gets) should leave now.
  bool TakeProbe(Time now, std::size_t* bytes);
  Time NextDeadline() const { return degraded_ ? next_probe_ : kNever; }
  // A frame of traffic leaves over this link: it will tell as much as a probe of its size would.
  void OnTraffic(Time now, std::size_t bytes);

 private:
  struct Sum {
    int value = 0;
    int frames = 0;  // since value last was 0
    int lost = 0;
  };
  void Alarm(Time now, int size, const Sum& sum);
  void SetLevel(std::uint32_t level);
  void Prove(Time now, int size, int arrived, int lost);
  void Relevel(Time now);
  void Recover(Time now);
  void BeginSearch();
  void EndSearch(std::size_t limit);

  LossOptions options_;
  std::array<int, kDesigns> gain_{};  // milli-nats for a lost frame
  std::array<int, kDesigns> cost_{};  // ... for one that arrived
  std::array<std::array<Sum, kDesigns>, kSizes> sums_{};
  std::array<std::size_t, kSizes> lost_bytes_{};  // longest that was lost, by range

  bool degraded_ = false;
  bool changed_ = false;
  std::uint32_t level_ = 0;
  int worst_size_ = 0;  // the range of sizes that must prove itself
  std::size_t size_limit_ = 0;
  std::string evidence_;
  Time since_{};
  Time recovered_{};
  int relapses_ = 0;

  int proof_ = 0;  // towards kReturnMilliNats
  int proof_frames_ = 0;
  int proof_gain_ = 0;  // for a frame that arrived
  int proof_cost_ = 0;  // for one that did not
  Time clean_since_{};
  // The level is looked at again every kRelevelAfter, with this many frames at least.
  int level_frames_ = 0;
  int level_lost_ = 0;
  Time level_since_{};

  Time next_probe_ = kNever;
  Duration slow_gap_{};
  int clean_probes_ = 0;
  bool quick_ = false;

  bool searching_ = false;
  std::size_t search_low_ = 0;   // passes
  std::size_t search_high_ = 0;  // does not
  std::size_t search_at_ = 0;
  bool search_small_ = false;  // a small frame's turn: its feedback tells of the long one's loss
  int search_lost_ = 0;
  int search_probes_ = 0;
};

}  // namespace selvage
