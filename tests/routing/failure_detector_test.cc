#define BOOST_TEST_MODULE failure_detector_test
#include "routing/failure_detector.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

const Time kStart = TimeFromNanos(1'000'000'000);
const DetectorOptions kOptions;

// A detector and a neighbour whose behaviour is two switches.
struct Bench {
  FailureDetector d{kStart, kOptions};
  Time now = kStart;
  bool we_hear = true;   // the neighbour's frames arrive here
  bool it_hears = true;  // ours arrive there
  int probes = 0;

  Bench() { Hello(100); }
  void Hello(std::uint32_t interval_ms, bool not_hearing = false) {
    selvage::Hello h;
    h.interval_ms = interval_ms;
    h.not_hearing = not_hearing;
    d.OnHeard(now);
    d.OnHello(now, h);
  }
  // Milliseconds one by one: the neighbour says something every 10 ms and answers probes.
  void Run(Duration span) {
    for (const Time end = now + span; now < end;) {
      now += 1ms;
      const bool beat = ToNanos(now) % 10'000'000 == 0;
      if (we_hear && beat) d.OnHeard(now);
      d.OnTimeout(now);
      if (!d.TakeProbe(now)) continue;
      ++probes;
      if (we_hear && it_hears) {
        d.OnHeard(now);
        d.OnAcknowledged(now, now);
      }
    }
  }
};

BOOST_AUTO_TEST_CASE(unanswered_frames_are_asked_about_and_then_suspicious) {
  for (const std::size_t frames : {std::size_t{1}, std::size_t(kOptions.frames_for_verdict)}) {
    FailureDetector d(kStart, kOptions);
    Hello h;
    h.interval_ms = 1000;
    d.OnHeard(kStart);
    d.OnHello(kStart, h);
    d.OnOutstanding(frames, kStart);
    const Duration ask = kOptions.tx_timeout_min;
    BOOST_TEST((d.NextDeadline() == kStart + ask));
    d.OnTimeout(kStart + ask - Duration(1));
    BOOST_TEST(!d.TakeProbe(kStart + ask));
    d.OnTimeout(kStart + ask);
    BOOST_TEST(d.TakeProbe(kStart + ask));
    BOOST_TEST(d.usable());
    const Time verdict = d.NextDeadline();
    d.OnTimeout(verdict - Duration(1));
    BOOST_TEST(d.usable());
    d.OnTimeout(verdict);
    BOOST_TEST((d.state() == LinkState::kSuspect));
    // Many frames in flight need less patience than one.
    BOOST_TEST((verdict - kStart < 2 * ask) == (frames > 1));
    BOOST_TEST((verdict - kStart <= 2 * ask));
    BOOST_TEST(!d.evidence().empty());
  }
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_in_time_prevents_suspicion) {
  Bench b;
  for (int i = 0; i < 200; ++i) {
    b.d.OnOutstanding(5, b.now);
    b.Run(8ms);
    b.d.OnOutstanding(0, Time{});
    b.d.OnAcknowledged(b.now, b.now - 8ms);
  }
  BOOST_TEST(b.d.usable());
  BOOST_TEST(b.probes == 0);
}

BOOST_AUTO_TEST_CASE(a_neighbour_that_breaks_its_promise_to_speak_is_suspected) {
  for (const std::uint32_t interval : {20u, 100u, 2000u}) {
    FailureDetector d(kStart, kOptions);
    Hello h;
    h.interval_ms = interval;
    d.OnHeard(kStart);
    d.OnHello(kStart, h);
    const Time limit = kStart + std::max<Duration>(kOptions.rx_timeout_min,
                                                   std::chrono::milliseconds(3 * interval));
    d.OnTimeout(limit - Duration(1));
    BOOST_TEST(d.usable());
    BOOST_TEST(!d.not_hearing(limit - Duration(1)));
    d.OnTimeout(limit);
    BOOST_TEST((d.state() == LinkState::kSuspect));
    BOOST_TEST(d.not_hearing(limit));
  }
}

BOOST_AUTO_TEST_CASE(a_neighbour_that_hears_nothing_from_us_makes_the_link_oneway_at_once) {
  Bench b;
  b.Hello(100, true);
  BOOST_TEST((b.d.state() == LinkState::kOneway));
  b.it_hears = false;
  b.Run(2s);
  BOOST_TEST((b.d.state() == LinkState::kOneway));
  BOOST_TEST(b.probes > 5);
}

BOOST_AUTO_TEST_CASE(silence_both_ways_is_down_once_confirmed) {
  Bench b;
  b.we_hear = b.it_hears = false;
  b.d.OnOutstanding(10, b.now);
  b.Run(30ms);
  BOOST_TEST((b.d.state() == LinkState::kSuspect));
  b.Run(kOptions.confirm + 50ms);
  BOOST_TEST((b.d.state() == LinkState::kDown));
}

BOOST_AUTO_TEST_CASE(frames_that_arrive_while_probes_go_unanswered_mean_oneway) {
  Bench b;
  b.it_hears = false;
  b.d.OnOutstanding(10, b.now);
  b.Run(200ms);
  BOOST_TEST((b.d.state() == LinkState::kOneway));
}

BOOST_AUTO_TEST_CASE(a_mere_suspicion_is_taken_back_after_answers_without_a_gap) {
  Bench b;
  b.d.OnOutstanding(10, b.now);
  b.it_hears = false;
  b.Run(17ms);
  BOOST_REQUIRE((b.d.state() == LinkState::kSuspect));
  b.it_hears = true;
  const Time healed = b.now;
  while (!b.d.usable() && b.now < healed + 5s) b.Run(1ms);
  BOOST_TEST(b.d.usable());
  BOOST_TEST((b.now - healed >= kOptions.hold_suspect));
  BOOST_TEST((b.now - healed < 4 * kOptions.hold_suspect));
}

BOOST_AUTO_TEST_CASE(each_confirmed_failure_doubles_the_wait_up_to_a_bound) {
  Bench b;
  Duration expected = kOptions.hold_first;
  for (int failure = 1; failure <= 8; ++failure) {
    b.we_hear = b.it_hears = false;
    b.d.OnOutstanding(10, b.now);
    b.Run(1s);
    BOOST_REQUIRE((b.d.state() == LinkState::kDown));
    BOOST_TEST((b.d.hold() == expected));
    b.we_hear = b.it_hears = true;
    const Time healed = b.now;
    while (!b.d.usable() && b.now < healed + 60s) b.Run(1ms);
    BOOST_REQUIRE(b.d.usable());
    BOOST_TEST((b.now - healed >= expected));
    expected = std::min(2 * expected, kOptions.hold_max);
  }
  BOOST_TEST((expected == kOptions.hold_max));
  // Time spent up forgives.
  b.Run(20 * kOptions.hold_relax);
  b.we_hear = b.it_hears = false;
  b.d.OnOutstanding(10, b.now);
  b.Run(1s);
  BOOST_TEST((b.d.hold() == kOptions.hold_first));
}

BOOST_AUTO_TEST_CASE(the_only_way_to_a_neighbour_returns_soon_after_many_failures_too) {
  Bench b;
  for (int failure = 1; failure <= 6; ++failure) {
    b.we_hear = b.it_hears = false;
    b.d.OnOutstanding(10, b.now);
    b.Run(1s);
    b.d.SetOnlyWay(true);
    b.we_hear = b.it_hears = true;
    const Time healed = b.now;
    while (!b.d.usable() && b.now < healed + 60s) b.Run(1ms);
    BOOST_REQUIRE(b.d.usable());
    BOOST_TEST((b.now - healed >= kOptions.hold_suspect));
    BOOST_TEST((b.now - healed <= kOptions.hold_suspect + kOptions.probe_max + 100ms));
    b.d.SetOnlyWay(false);
  }
}

BOOST_AUTO_TEST_CASE(a_lost_carrier_is_certain_and_a_returned_one_is_undone_quickly) {
  Bench b;
  b.d.OnCarrierLost(b.now);
  BOOST_TEST((b.d.state() == LinkState::kDown));
  b.d.OnCarrierBack(b.now);
  const Time back = b.now;
  while (!b.d.usable() && b.now < back + 5s) b.Run(1ms);
  BOOST_TEST(b.d.usable());
  BOOST_TEST((b.now - back < kOptions.hold_first));
}

BOOST_AUTO_TEST_CASE(a_process_that_was_held_up_passes_no_verdict_until_it_has_caught_up) {
  Bench b;
  b.d.OnOutstanding(10, b.now);
  const Time late = b.now + 200ms;
  b.d.Excuse(late + 5ms);
  b.d.OnTimeout(late);
  BOOST_TEST(b.d.usable());
  BOOST_TEST((b.d.NextDeadline() >= late + 5ms));
  b.d.OnTimeout(late + 5ms);
  BOOST_TEST(!b.d.usable());
}

BOOST_AUTO_TEST_CASE(on_a_shared_channel_a_neighbour_that_talks_is_not_asked_about_late_answers) {
  for (const bool talks : {true, false}) {
    FailureDetector d(kStart, DetectorOptions::Shared());
    Hello h;
    h.interval_ms = 1000;
    d.OnHeard(kStart);
    d.OnHello(kStart, h);
    d.OnOutstanding(1, kStart);
    int probes = 0;
    for (Time now = kStart; now < kStart + 900ms; now += 5ms) {
      if (talks) d.OnHeard(now);
      BOOST_TEST((d.NextDeadline() >= now - 5ms));  // it is not called in vain
      d.OnTimeout(now);
      probes += d.TakeProbe(now);
    }
    BOOST_TEST((probes > 0) == !talks);
    BOOST_TEST(d.usable() == talks);
  }
}

BOOST_AUTO_TEST_CASE(few_unanswered_frames_get_more_time_while_the_neighbour_goes_on_talking) {
  const Duration ask = kOptions.tx_timeout_min;
  for (const bool few : {true, false}) {
    Bench b;
    b.it_hears = false;
    const Time sent = b.now;
    b.d.OnOutstanding(few ? 1 : std::size_t(kOptions.frames_for_verdict), sent);
    while (b.d.usable() && b.now - sent < 1s) b.Run(1ms);  // it says something every 10 ms
    BOOST_TEST((b.now - sent >= kOptions.patience_talking * ask) == few);
    BOOST_TEST((b.now - sent <= kOptions.patience_talking * ask + 1ms));
  }
}

BOOST_AUTO_TEST_CASE(suspicions_in_a_row_take_longer_to_come_back_from_each_time) {
  Bench b;
  std::vector<Duration> holds;
  for (int i = 0; i < 12; ++i) {
    b.d.OnOutstanding(5, b.now);
    b.it_hears = false;
    b.Run(20ms);
    BOOST_TEST(!b.d.usable());
    BOOST_TEST(!b.d.confirmed());
    holds.push_back(b.d.hold());
    b.it_hears = true;
    const Time out = b.now;
    while (!b.d.usable()) b.Run(1ms);
    BOOST_TEST((b.now - out >= holds.back()));
    b.d.OnOutstanding(0, Time{});
  }
  BOOST_TEST((holds[0] == kOptions.hold_suspect));
  BOOST_TEST((holds[1] == kOptions.hold_suspect));
  for (std::size_t i = 2; i < holds.size(); ++i) {
    BOOST_TEST((holds[i] == std::min(2 * holds[i - 1], kOptions.hold_suspect_max)));
  }
  BOOST_TEST((holds.back() == kOptions.hold_suspect_max));
  // Time spent up forgives.
  b.Run(12 * kOptions.hold_relax);
  b.d.OnOutstanding(5, b.now);
  b.it_hears = false;
  b.Run(20ms);
  BOOST_TEST((b.d.hold() == kOptions.hold_suspect));
}

BOOST_AUTO_TEST_CASE(a_slow_radio_is_given_seconds_where_a_fast_one_is_given_milliseconds) {
  FailureDetector d(kStart, DetectorOptions::Slow());
  Hello h;
  h.interval_ms = 300'000;
  d.OnHeard(kStart);
  d.OnHello(kStart, h);
  d.OnTimeout(kStart + 899s);
  BOOST_TEST(d.usable());
  d.OnOutstanding(1, kStart + 899s);
  d.OnTimeout(kStart + 899s + 500ms);
  BOOST_TEST(d.usable());
  d.OnTimeout(kStart + 900s);
  BOOST_TEST(!d.usable());
}

BOOST_AUTO_TEST_CASE(where_nothing_is_promised_only_an_answer_that_stays_out_convicts) {
  FailureDetector d(kStart, DetectorOptions::Slow(120s, true));
  Hello h;
  h.interval_ms = kHelloNoPromise;
  d.OnHeard(kStart);
  d.OnHello(kStart, h);
  const Time later = kStart + std::chrono::hours(24 * 60);
  d.OnTimeout(later);
  BOOST_TEST(d.usable());
  d.OnOutstanding(1, later);
  d.OnTimeout(later + 119s);
  BOOST_TEST(!d.asked());
  d.OnTimeout(later + 121s);
  BOOST_TEST(d.asked());
  BOOST_TEST(d.TakeProbe(later + 121s));
  d.OnTimeout(later + 241s);
  BOOST_TEST(!d.usable());
  // Each question is a bill: a few at first, then four a day.
  int probes = 0;
  for (Time now = later + 241s; now < later + std::chrono::hours(240); now += 60s) {
    d.OnTimeout(now);
    probes += d.TakeProbe(now);
  }
  BOOST_TEST(probes < 60);
  BOOST_TEST(probes > 30);
}

}  // namespace
}  // namespace selvage
