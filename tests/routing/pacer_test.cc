#define BOOST_TEST_MODULE pacer_test
#include "routing/pacer.h"

#include <boost/test/unit_test.hpp>
#include <deque>

namespace selvage {
namespace {

// A sender, a first-come-first-served bottleneck and a neighbour that acknowledges every 4 ms.
struct Bottleneck {
  Pacer pacer;
  QueueEstimator queue;
  Time now = TimeFromNanos(1'000'000'000);
  double bytes_per_ms;           // what the link carries, headers included
  std::size_t frame = 1300;      // bytes
  double offered_per_ms;         // frames
  double due = 0;
  std::size_t waiting = 0;       // frames held back here
  Time free_at = now;            // when the link has sent all it was given
  struct Sent {
    Time sent, arrives;
  };
  std::deque<Sent> under_way;
  std::uint64_t delivered = 0;
  Duration longest_queue{0};
  double queue_sum = 0;
  int queue_samples = 0;

  Bottleneck(double link, double offered) : bytes_per_ms(link), offered_per_ms(offered) {}
  void Give() {
    const double wire = static_cast<double>(frame + Pacer::kFrameOverhead);
    const Duration takes(static_cast<std::int64_t>(wire / bytes_per_ms * 1e6));
    free_at = std::max(free_at, now) + takes;
    under_way.push_back({now, free_at});
    pacer.OnSent(now, frame);
  }
  void Run(Duration span) {
    longest_queue = Duration(0);
    queue_sum = queue_samples = 0;
    int step = 0;
    for (const Time end = now + span; now < end; now += 100us, ++step) {
      for (due += offered_per_ms / 10; due >= 1; due -= 1) {
        waiting = std::min<std::size_t>(waiting + 1, 500);
      }
      while (waiting > 0 && pacer.MaySend(now, false)) {
        --waiting;
        Give();
      }
      const Duration depth = std::max(free_at - now, Duration(0));
      longest_queue = std::max(longest_queue, depth);
      queue_sum += ToMillis(depth);
      ++queue_samples;
      if (step % 40 != 0) continue;
      int frames = 0;
      Duration rtt{0};
      while (!under_way.empty() && under_way.front().arrives <= now) {
        rtt = under_way.front().arrives - under_way.front().sent;
        under_way.pop_front();
        ++frames;
      }
      if (frames == 0) continue;
      delivered += static_cast<std::uint64_t>(frames);
      queue.OnRtt(now, rtt);
      pacer.OnFeedback(now, queue,
                       {frames, frame * static_cast<std::size_t>(frames),
                        frame * under_way.size(), waiting > 0});
    }
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_link_that_is_not_full_is_never_paced) {
  Bottleneck b(1250, 0.5);
  b.Run(30s);
  BOOST_TEST(!b.pacer.on());
}

BOOST_AUTO_TEST_CASE(twice_what_the_link_carries_leaves_a_short_queue_and_a_busy_link) {
  Bottleneck b(1250, 1.9);  // 10 Mb/s
  b.Run(2s);
  BOOST_TEST(b.pacer.on());
  const std::uint64_t before = b.delivered;
  b.Run(60s);
  const double share = static_cast<double>(b.delivered - before) * 1362 / (60'000 * 1250.0);
  BOOST_TEST(share > 0.90);
  BOOST_TEST(b.queue_sum / b.queue_samples < 3.0);
  BOOST_TEST(ToMillis(b.longest_queue) < 10);
}

BOOST_AUTO_TEST_CASE(a_sudden_flood_fills_the_queue_once_and_not_again) {
  Bottleneck b(1250, 10);
  b.Run(1s);
  BOOST_TEST(b.pacer.on());
  BOOST_TEST(ToMillis(b.longest_queue) < 800);
  b.Run(5s);
  BOOST_TEST(ToMillis(b.longest_queue) < 12);
}

BOOST_AUTO_TEST_CASE(a_link_that_got_faster_or_slower_is_followed) {
  Bottleneck b(1250, 4);
  b.Run(5s);
  b.bytes_per_ms = 2500;
  b.Run(5s);
  std::uint64_t before = b.delivered;
  b.Run(5s);
  BOOST_TEST(static_cast<double>(b.delivered - before) * 1362 / 5000 > 2200);
  b.bytes_per_ms = 600;
  b.Run(3s);
  before = b.delivered;
  b.Run(10s);
  BOOST_TEST(static_cast<double>(b.delivered - before) * 1362 / 10'000 > 520);
  BOOST_TEST(b.queue_sum / b.queue_samples < 5.0);
}

BOOST_AUTO_TEST_CASE(pacing_ends_when_nothing_has_waited_for_a_while) {
  Bottleneck b(1250, 2);
  b.Run(2s);
  BOOST_TEST(b.pacer.on());
  b.offered_per_ms = 0.2;
  b.Run(20s);
  BOOST_TEST(!b.pacer.on());
}

BOOST_AUTO_TEST_CASE(critical_packets_run_ahead_of_the_pace_by_a_bound) {
  Bottleneck b(1250, 2);
  b.Run(2s);
  b.pacer.OnSent(b.now, 1300);
  BOOST_TEST(!b.pacer.MaySend(b.now, false));
  int ahead = 0;
  while (b.pacer.MaySend(b.now, true) && ahead < 1000) {
    b.pacer.OnSent(b.now, 1300);
    ++ahead;
  }
  BOOST_TEST(ahead >= 10);
  BOOST_TEST(ahead <= 40);
}

BOOST_AUTO_TEST_CASE(on_a_shared_channel_it_is_patient_and_a_wrong_rate_is_outgrown) {
  Bottleneck calm(100, 0.3);
  calm.pacer = Pacer(Pacer::Options::Shared());
  calm.frame = 138;  // 200 with its overhead
  calm.Run(30s);
  BOOST_TEST(!calm.pacer.on());
  Bottleneck full(60, 0.45);  // half as much again as there is
  full.pacer = Pacer(Pacer::Options::Shared());
  full.frame = 138;
  full.Run(10s);
  BOOST_TEST(full.pacer.on());
  const std::uint64_t before = full.delivered;
  full.Run(30s);
  BOOST_TEST(static_cast<double>(full.delivered - before) * 200 / (30'000 * 60.0) > 0.9);
  BOOST_TEST(full.queue_sum / full.queue_samples < 150);
  full.bytes_per_ms = 300;
  full.Run(2s);
  const std::uint64_t faster = full.delivered;
  full.Run(2s);
  BOOST_TEST(full.delivered - faster >= 850u);  // all that is offered
}

}  // namespace selvage
