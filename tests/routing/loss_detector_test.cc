#define BOOST_TEST_MODULE loss_detector_test
#include "routing/loss_detector.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "core/random.h"
#include "routing/queue_estimator.h"

namespace selvage {
namespace {

constexpr Time kStart = TimeFromNanos(1'000'000'000);

// A link that loses a share of what it is given, frames over a length in full.
struct Link {
  LossDetector detector;
  Random random;
  Time now = kStart;
  double loss = 0;
  std::size_t hole = 10'000;  // longer frames are lost
  int probes = 0;
  int changes = 0;

  explicit Link(std::uint64_t seed = 1, const LossOptions& options = {})
      : detector(options), random(seed) {}
  bool Passes(std::size_t bytes) { return bytes <= hole && random.Uniform() >= loss; }
  void Give(std::size_t bytes) {
    const bool arrived = Passes(bytes);
    if (arrived) {
      detector.OnArrived(now, LossDetector::SizeOf(bytes), 1);
    } else {
      detector.OnLost(now, bytes);
    }
    changes += detector.TakeChanged();
  }
  // `gap` zero: no traffic, probes only.
  void Run(Duration span, Duration gap, std::size_t bytes = 300) {
    Time next = now;
    for (const Time end = now + span; now < end; now += 1ms) {
      if (gap > Duration(0) && now >= next) {
        next = now + gap;
        detector.OnTraffic(now, bytes);
        Give(bytes);
      }
      std::size_t probe = 0;
      if (!detector.TakeProbe(now, &probe)) continue;
      ++probes;
      const std::size_t length = probe == 0 ? 64 : probe;
      const bool arrived = Passes(length);
      if (arrived) {
        detector.OnArrived(now, LossDetector::SizeOf(length), 1);
      } else {
        detector.OnLost(now, length);
      }
      detector.OnProbe(now, length, arrived);
      changes += detector.TakeChanged();
    }
  }
  int FramesUntilDegraded(int limit) {
    int frames = 0;
    while (!detector.degraded() && frames < limit) {
      Give(300);
      now += 1ms;
      ++frames;
    }
    return frames;
  }
};

int MedianFramesUntilDegraded(double loss) {
  std::vector<int> counts;
  for (std::uint64_t seed = 1; seed <= 101; ++seed) {
    Link link(seed);
    link.Run(1s, 1ms);
    link.loss = loss;
    counts.push_back(link.FramesUntilDegraded(100'000));
  }
  std::sort(counts.begin(), counts.end());
  return counts[counts.size() / 2];
}

}  // namespace

BOOST_AUTO_TEST_CASE(heavy_loss_is_found_within_a_few_frames_and_light_loss_within_hundreds) {
  BOOST_TEST(MedianFramesUntilDegraded(1.0) <= 6);
  BOOST_TEST(MedianFramesUntilDegraded(0.6) <= 12);
  BOOST_TEST(MedianFramesUntilDegraded(0.3) <= 30);
  BOOST_TEST(MedianFramesUntilDegraded(0.05) <= 600);
}

BOOST_AUTO_TEST_CASE(a_link_that_loses_one_frame_in_a_thousand_stays_good_for_a_million_frames) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Link link(seed);
    link.loss = 0.001;
    BOOST_TEST(link.FramesUntilDegraded(1'000'000) == 1'000'000);
  }
}

BOOST_AUTO_TEST_CASE(the_level_told_is_near_the_loss_and_says_how_it_was_found) {
  Link link;
  link.loss = 0.3;
  link.Run(10s, 1ms);
  BOOST_TEST(link.detector.degraded());
  BOOST_TEST(link.detector.loss_permille() > 150);
  BOOST_TEST(link.detector.loss_permille() < 600);
  BOOST_TEST(link.detector.evidence().find("frames lost") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_idle_link_is_probed_and_returns_within_thirty_seconds_of_its_recovery) {
  for (double loss : {0.05, 0.3, 0.6, 1.0}) {
    Link link(7);
    link.loss = loss;
    link.FramesUntilDegraded(100'000);
    link.Run(120s, Duration(0));
    BOOST_TEST(link.detector.degraded());
    link.loss = 0;
    const Time mended = link.now;
    while (link.detector.degraded() && link.now - mended < 60s) link.Run(100ms, Duration(0));
    BOOST_TEST(!link.detector.degraded());
    BOOST_TEST(ToSeconds(link.now - mended) <= 30);
    BOOST_TEST(link.detector.loss_permille() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(an_hour_of_steady_loss_causes_few_changes_and_few_probes) {
  for (double loss : {0.05, 0.3}) {
    Link link(3);
    link.loss = loss;
    link.FramesUntilDegraded(100'000);
    link.detector.TakeChanged();
    link.changes = link.probes = 0;
    link.Run(3600s, Duration(0));
    BOOST_TEST(link.changes <= 4);
    BOOST_TEST(link.probes < 3 * 3600);
    BOOST_TEST(link.detector.degraded());
  }
}

BOOST_AUTO_TEST_CASE(a_link_that_relapses_must_prove_itself_for_longer_each_time) {
  Link link;
  Duration before{0};
  for (int i = 0; i < 4; ++i) {
    link.loss = 1;
    link.FramesUntilDegraded(100);
    BOOST_TEST(link.detector.degraded());
    BOOST_TEST(link.detector.hold().count() > before.count());
    before = link.detector.hold();
    link.loss = 0;
    while (link.detector.degraded()) link.Run(10ms, 1ms);
  }
  BOOST_TEST(before.count() <= Duration(16s).count());
  link.Run(600s, 10ms);
  link.loss = 1;
  link.FramesUntilDegraded(100);
  BOOST_TEST(link.detector.hold().count() == Duration(2s).count());
}

BOOST_AUTO_TEST_CASE(the_size_that_passes_a_hole_is_found_and_given_up_when_the_hole_closes) {
  Link link;
  link.hole = 600;
  for (int i = 0; i < 20 && !link.detector.degraded(); ++i) link.Give(960);
  BOOST_TEST(link.detector.degraded());
  BOOST_TEST(link.detector.loss_permille() >= 900u);
  link.Run(1s, Duration(0));
  BOOST_TEST(link.detector.size_limit() <= 600u);
  BOOST_TEST(link.detector.size_limit() >= 600u - LossDetector::kSearchStepBytes);
  BOOST_TEST(link.detector.loss_permille() == LossDetector::kHolePermille);
  BOOST_TEST(link.probes <= 100);
  // Short frames pass all the time and prove nothing.
  link.Run(60s, 10ms, 200);
  BOOST_TEST(link.detector.size_limit() > 0u);
  link.hole = 10'000;
  link.Run(30s, 10ms, 200);
  BOOST_TEST(!link.detector.degraded());
  BOOST_TEST(link.detector.size_limit() == 0u);
}

BOOST_AUTO_TEST_CASE(loss_of_long_frames_in_part_is_no_hole) {
  Link link(5);
  link.loss = 0.3;
  for (int i = 0; i < 1000 && !link.detector.degraded(); ++i) link.Give(960);
  link.Run(5s, Duration(0));
  BOOST_TEST(link.detector.degraded());
  BOOST_TEST(link.detector.size_limit() == 0u);
}

BOOST_AUTO_TEST_CASE(a_search_whose_probes_are_never_answered_ends) {
  Link link;
  link.hole = 0;
  for (int i = 0; i < 20; ++i) link.Give(960);
  int probes = 0;
  std::size_t bytes = 0;
  for (const Time end = link.now + 10s; link.now < end; link.now += 1ms) {
    probes += link.detector.TakeProbe(link.now, &bytes);
  }
  BOOST_TEST(probes <= LossDetector::kSearchProbesMax + 25);
}

BOOST_AUTO_TEST_CASE(a_slow_radio_is_never_probed) {
  Link link(1, LossOptions::Slow());
  link.loss = 1;
  link.FramesUntilDegraded(1000);
  BOOST_TEST(link.detector.degraded());
  BOOST_TEST((link.detector.NextDeadline() == kNever));
}

BOOST_AUTO_TEST_CASE(a_queue_shows_in_round_trips_and_a_burst_is_no_standing_queue) {
  QueueEstimator queue;
  Time now = kStart;
  auto feed = [&](Duration span, Duration low, Duration high) {
    bool odd = false;
    for (const Time end = now + span; now < end; now += 5ms) {
      queue.OnRtt(now, odd ? high : low);
      odd = !odd;
    }
  };
  feed(1s, 2ms, 2ms);
  BOOST_TEST(ToMillis(queue.standing()) == 0);
  feed(1s, 2ms, 30ms);  // every other one waits: noise
  BOOST_TEST(ToMillis(queue.standing()) == 0);
  BOOST_TEST(ToMillis(queue.latest()) == 28);
  feed(1s, 22ms, 30ms);
  BOOST_TEST(ToMillis(queue.standing()) == 20);
  feed(30s, 22ms, 30ms);  // as it stays it becomes the way itself
  BOOST_TEST(ToMillis(queue.standing()) == 0);
}

}  // namespace selvage
