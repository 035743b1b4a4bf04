#define BOOST_TEST_MODULE link_monitor_test
#include "routing/link_monitor.h"

#include <boost/test/unit_test.hpp>
#include <deque>

#include "core/random.h"

namespace selvage {
namespace {

// Two monitors that face each other over a channel with delay and loss; no cryptography.
struct Facing {
  struct Frame {
    Time at{};
    std::uint64_t counter = 0;
    std::optional<Feedback> feedback;
    std::optional<Hello> hello;
    bool data = false;
  };
  struct Side {
    LinkMonitor monitor;
    std::uint64_t next = 1;
    std::deque<Frame> inbox;
    int sent = 0;
    std::size_t lost = 0;
    Side(Time now, bool slow, bool shared) : monitor(now, slow, shared) {}
  };

  Time now = TimeFromNanos(1'000'000'000);
  Side a, b;
  Duration delay = 3ms;
  double loss = 0;
  Random random{1};

  explicit Facing(bool slow = false, bool shared = false)
      : a(now, slow, shared), b(now, slow, shared) {}
  Side& Other(Side& s) { return &s == &a ? b : a; }

  void Send(Side& s, bool data, LinkMonitor::Wanted wanted) {
    Frame f;
    f.at = now + delay;
    f.counter = s.next++;
    f.data = data;
    if (!data || s.monitor.received().pending()) f.feedback = s.monitor.TakeFeedback(now);
    f.hello = s.monitor.TakeHello(now, wanted.hello, 7);
    if (f.hello) f.hello->wants_reply = wanted.probe;
    std::optional<HeldFrame> held;
    if (data || wanted.probe) {
      held.emplace();
      held->counter = f.counter;
      held->sent = now;
      held->kind = data ? HeldFrame::Kind::kData : HeldFrame::Kind::kProbe;
    }
    s.monitor.OnSent(now, std::move(held));
    ++s.sent;
    if (random.Uniform() >= loss) Other(s).inbox.push_back(f);
  }
  void Serve(Side& s) {
    while (!s.inbox.empty() && s.inbox.front().at <= now) {
      const Frame f = s.inbox.front();
      s.inbox.pop_front();
      s.monitor.OnFrame(now, f.counter, f.data || (f.hello && f.hello->wants_reply), f.data);
      if (f.feedback) s.lost += s.monitor.OnFeedback(now, *f.feedback, s.next).lost.size();
      if (f.hello) s.monitor.OnHello(now, *f.hello);
    }
    if (now >= s.monitor.NextDeadline()) s.monitor.OnTimeout(now);
    const LinkMonitor::Wanted w = s.monitor.TakeWanted(now);
    if (w.frame) Send(s, false, w);
  }
  // `gap`: a sends data this often; zero: never.
  void Run(Duration span, Duration gap = Duration(0), Duration step = 1ms) {
    for (const Time end = now + span; now < end;) {
      now += step;
      if (gap > Duration(0) && (now.time_since_epoch() % gap) < step) Send(a, true, {});
      Serve(a);
      Serve(b);
    }
  }
};

BOOST_AUTO_TEST_CASE(round_trip_and_loss_are_learned_from_the_frames_that_flow) {
  Facing f;
  f.Run(5s, 1ms);
  BOOST_TEST(f.a.monitor.has_rtt());
  BOOST_TEST(ToMillis(f.a.monitor.srtt()) >= 6);
  BOOST_TEST(ToMillis(f.a.monitor.srtt()) < 8);
  BOOST_TEST(f.a.monitor.loss_ppm() == 0);
  BOOST_TEST(f.a.monitor.detector().usable());
  BOOST_TEST(f.a.monitor.peer_map_digest() == 7u);
  f.loss = 0.1;
  f.Run(5s, 1ms);
  BOOST_TEST(f.a.monitor.loss_ppm() > 30'000);
  BOOST_TEST(f.a.monitor.loss_ppm() < 250'000);
  BOOST_TEST(f.a.lost > 300);
  BOOST_TEST(f.a.lost < 800);
}

BOOST_AUTO_TEST_CASE(no_frame_is_left_unacknowledged_when_a_flow_ends) {
  Facing f;
  f.Run(1s, 1ms);
  f.Run(1s);
  BOOST_TEST(f.a.monitor.held().outstanding() == 0);
  BOOST_TEST(f.a.lost == 0);
}

BOOST_AUTO_TEST_CASE(feedback_costs_few_frames_and_hellos_none_while_data_flows) {
  Facing f;
  f.Run(2s, 1ms);
  const int data = f.a.sent, back = f.b.sent;
  f.Run(2s, 1ms);
  BOOST_TEST(f.a.sent - data <= 2000 + 5);
  BOOST_TEST(f.b.sent - back <= 2000 / 3);
  BOOST_TEST(f.b.sent - back >= 2000 / ReceiveTracker::kFramesPerFeedback);
}

BOOST_AUTO_TEST_CASE(an_idle_link_falls_back_to_seconds_and_stays_up) {
  Facing f;
  f.Run(1s, 1ms);
  f.Run(3s);
  const int before = f.a.sent;
  f.Run(60s);
  BOOST_TEST(f.a.sent - before <= 60 / 1.5 + 2);
  BOOST_TEST(f.a.sent - before >= 25);
  BOOST_TEST(f.a.monitor.detector().usable());
  BOOST_TEST(f.b.monitor.detector().usable());
}

BOOST_AUTO_TEST_CASE(a_link_without_traffic_for_a_minute_is_nearly_silent_and_stays_up) {
  Facing f;
  f.Run(1s, 1ms);
  f.Run(LinkMonitor::kQuietAfter + 5s);
  const int before = f.a.sent;
  f.Run(120s);
  BOOST_TEST(f.a.sent - before <= 120 / 4.5 + 2);
  BOOST_TEST(f.a.sent - before >= 20);
  BOOST_TEST(f.a.monitor.detector().usable());
  BOOST_TEST(f.b.monitor.detector().usable());
}

BOOST_AUTO_TEST_CASE(a_link_that_died_in_the_quiet_is_found_by_the_first_packets) {
  Facing f;
  f.Run(LinkMonitor::kQuietAfter + 20s);
  f.loss = 1;
  f.Run(2s);
  BOOST_TEST(f.a.monitor.detector().usable());  // no word was due
  const Time begin = f.now;
  while (f.a.monitor.detector().usable() && f.now < begin + 1s) f.Run(1ms, 1ms);
  BOOST_TEST(ToMillis(f.now - begin) < 60);
}

BOOST_AUTO_TEST_CASE(a_link_that_dies_in_the_quiet_is_found_without_traffic_too) {
  Facing f;
  f.Run(LinkMonitor::kQuietAfter + 20s);
  f.loss = 1;
  const Time cut = f.now;
  while (f.a.monitor.detector().usable() && f.now < cut + 60s) f.Run(10ms);
  BOOST_TEST(ToMillis(f.now - cut) <= 20'000);
}

BOOST_AUTO_TEST_CASE(an_idle_slow_link_says_a_word_every_few_minutes_and_stays_up) {
  Facing f(true);
  f.Run(std::chrono::hours(6), Duration(0), 100ms);
  BOOST_TEST(f.a.sent <= 110);
  BOOST_TEST(f.a.sent >= 60);
  BOOST_TEST(f.a.monitor.detector().usable());
  BOOST_TEST(f.b.monitor.detector().usable());
}

BOOST_AUTO_TEST_CASE(a_silent_link_is_suspected_within_tens_of_milliseconds_under_traffic) {
  Facing f;
  f.Run(3s, 1ms);
  f.loss = 1;
  const Time cut = f.now;
  while (f.a.monitor.detector().usable() && f.now < cut + 1s) f.Run(1ms, 1ms);
  BOOST_TEST(ToMillis(f.now - cut) < 40);
  f.Run(1s, 1ms);
  BOOST_TEST((f.a.monitor.detector().state() == LinkState::kDown));
  // Losses of a dead link say nothing about its quality.
  BOOST_TEST(f.a.monitor.loss_ppm() < 300'000);
}

BOOST_AUTO_TEST_CASE(where_own_bytes_are_scarce_hellos_are_those_of_an_idle_link) {
  const Time now = TimeFromNanos(1'000'000'000);
  LinkMonitor m(now, false, false, 30s);
  std::uint64_t counter = 0;
  for (int i = 0; i < 100; ++i) m.OnFrame(now + i * 50ms, ++counter, true, true);
  const Time busy = now + 5s;
  BOOST_TEST(m.TakeHello(busy, true, 7)->interval_ms < 1000u);
  m.SetThrift(Thrift::Level::kScarce);
  BOOST_TEST(m.TakeHello(busy, true, 7)->interval_ms == 30000u);
  m.SetThrift(Thrift::Level::kAmple);
  BOOST_TEST(m.TakeHello(busy, true, 7)->interval_ms < 1000u);
}

BOOST_AUTO_TEST_CASE(a_neighbour_that_probes_without_end_is_answered_at_a_bounded_rate) {
  Facing f;
  f.Run(3s);
  const int before = f.b.sent;
  for (int i = 0; i < 1000; ++i) {
    Hello h;
    h.interval_ms = 2000;
    h.wants_reply = true;
    f.b.monitor.OnHello(f.now, h);
    f.now += 1ms;
    const auto w = f.b.monitor.TakeWanted(f.now);
    if (w.frame) f.Send(f.b, false, w);
  }
  BOOST_TEST(f.b.sent - before <= 1000 / 5 + 2);
  BOOST_TEST(f.b.sent - before >= 100);
}

BOOST_AUTO_TEST_CASE(on_a_shared_channel_an_answer_is_overdue_long_before_suspicion) {
  Facing f(false, true);
  f.Run(3s, 20ms);
  BOOST_TEST(!f.a.monitor.overdue(f.now));
  f.loss = 1;
  const Time cut = f.now;
  while (!f.a.monitor.overdue(f.now) && f.now < cut + 1s) f.Run(1ms, 20ms);
  BOOST_TEST(ToMillis(f.now - cut) <= 65);  // a packet interval, and twice that for the answer
  BOOST_TEST(ToMillis(f.now - cut) >= 10);  // the frame before may be under way
  BOOST_TEST(f.a.monitor.detector().usable());
  while (f.a.monitor.detector().usable() && f.now < cut + 1s) f.Run(1ms, 20ms);
  BOOST_TEST(ToMillis(f.now - cut) >= 120);
  BOOST_TEST(ToMillis(f.now - cut) < 500);
}

BOOST_AUTO_TEST_CASE(a_neighbour_that_is_heard_is_not_overdue) {
  Facing f(false, true);
  f.Run(3s, 20ms);
  HeldFrame held;
  held.counter = f.a.next++;
  held.sent = f.now;
  held.kind = HeldFrame::Kind::kData;
  f.a.monitor.OnSent(f.now, std::move(held));
  const Time sent = f.now;
  f.a.monitor.OnFrame(sent + 40ms, 1'000'000, false, true);
  BOOST_TEST(!f.a.monitor.overdue(sent + 45ms));
  BOOST_TEST(f.a.monitor.overdue(sent + 40ms + LinkMonitor::kOverdueMax));
}

BOOST_AUTO_TEST_CASE(a_link_of_its_own_knows_no_overdue_answers) {
  Facing f;
  f.Run(3s, 20ms);
  f.loss = 1;
  f.Run(15ms, 1ms);
  BOOST_TEST(!f.a.monitor.overdue(f.now + 10s));
}

}  // namespace
}  // namespace selvage
