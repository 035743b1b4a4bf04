#define BOOST_TEST_MODULE flow_progress_test
#include "agents/node/flow_progress.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

constexpr Time kStart = TimeFromNanos(1'000'000'000);
constexpr ShortId kTo(7);
constexpr std::uint16_t kFlow = 0x8007;
constexpr TrafficClass kClass = TrafficClass::kTelemetry;

// A flow of a packet a millisecond whose destination reports every 100 ms what `share` leaves.
// Stops at an alarm: whoever gets one has to call Restart. Reports are of the packet `old` packets
// ago, and say so if `ages`.
struct World {
  std::uint64_t old = 0;
  bool ages = false;
  FlowProgress flows;
  Time now = kStart;
  std::uint64_t sent = 0;
  double arrived = 0;
  std::vector<FlowProgress::Alarm> alarms;
  void Run(Duration length, double share, bool reports = true) {
    for (const Time end = now + length; now < end; now += 1ms) {
      flows.OnSent(now, kTo, kClass, kFlow, ++sent);
      arrived += share;
      if (reports && sent % 100 == 0) {
        flows.OnReport(now, kTo,
                       {kFlow, sent - old, static_cast<std::uint32_t>(arrived), Duration(104ms),
                        ages ? Duration(1ms) * static_cast<std::int64_t>(old) : Duration(0)});
      }
      for (auto& a : flows.TakeAlarms(now)) alarms.push_back(a);
      if (!alarms.empty()) return;
    }
  }
};

BOOST_AUTO_TEST_CASE(reports_in_time_raise_no_alarm) {
  World w;
  w.Run(10s, 1);
  BOOST_TEST(w.alarms.empty());
}

BOOST_AUTO_TEST_CASE(silence_of_a_destination_that_reported_raises_an_alarm_once) {
  World w;
  w.Run(1s, 1);
  const Time last = w.now;
  while (w.alarms.empty() && w.now < last + 2s) w.Run(1ms, 0, false);
  BOOST_REQUIRE(w.alarms.size() == 1);
  BOOST_TEST(ToMillis(w.now - last) < 400);
  BOOST_TEST(ToMillis(w.now - last) > 200);
  BOOST_TEST(w.alarms[0].stalled);
  BOOST_TEST(w.alarms[0].reporter);
  w.flows.Restart(w.now, kTo, kClass);
  w.alarms.clear();
  w.Run(100ms, 0, false);
  BOOST_TEST(w.alarms.empty());
}

double AlarmMillis(World* w) {
  const Time last = w->now;
  while (w->alarms.empty() && w->now < last + 2s) w->Run(1ms, 0, false);
  return ToMillis(w->now - last);
}

BOOST_AUTO_TEST_CASE(what_waited_at_the_destination_is_no_part_of_the_round_trip) {
  World silent, open;
  silent.old = open.old = 90;
  open.ages = true;
  silent.Run(3s, 1);
  open.Run(3s, 1);
  const double long_wait = AlarmMillis(&silent);
  const double wait = AlarmMillis(&open);
  BOOST_REQUIRE(open.alarms.size() == 1u);
  BOOST_TEST(wait + 60 < long_wait);
  BOOST_TEST(ToMillis(open.alarms[0].round_trip) < 10);
}

BOOST_AUTO_TEST_CASE(on_an_empty_shared_channel_a_stall_gets_hardly_more_time_than_elsewhere) {
  World own, shared;
  shared.flows.SetShared(true);
  own.Run(1s, 1);
  shared.Run(1s, 1);
  BOOST_TEST(AlarmMillis(&shared) < AlarmMillis(&own) + 20);
}

BOOST_AUTO_TEST_CASE(on_a_full_shared_channel_a_stall_gets_more_time_and_loss_is_no_alarm) {
  World w;
  w.flows.SetShared(true);
  w.old = 60;
  w.Run(1s, 1);
  w.Run(5s, 0.5);
  BOOST_TEST(w.alarms.empty());
  const Time last = w.now;
  while (w.alarms.empty() && w.now < last + 2s) w.Run(1ms, 0, false);
  BOOST_REQUIRE(w.alarms.size() == 1);
  BOOST_TEST(w.alarms[0].stalled);
  BOOST_TEST(ToMillis(w.now - last) > 450);
}

BOOST_AUTO_TEST_CASE(a_destination_that_never_reported_gets_more_time) {
  World w;
  while (w.alarms.empty() && w.now < kStart + 5s) w.Run(1ms, 0, false);
  BOOST_REQUIRE(w.alarms.size() == 1);
  BOOST_TEST(ToMillis(w.now - kStart) > 1000);
  BOOST_TEST(!w.alarms[0].reporter);
}

BOOST_AUTO_TEST_CASE(two_packets_are_too_few_for_an_alarm) {
  FlowProgress flows;
  for (std::uint64_t n = 1; n <= 2; ++n) flows.OnSent(kStart, kTo, kClass, kFlow, n);
  BOOST_TEST(flows.TakeAlarms(kStart + 600s).empty());
  flows.OnSent(kStart + 600s, kTo, kClass, kFlow, 3);
  BOOST_TEST(flows.TakeAlarms(kStart + 605s).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_fifth_lost_raises_an_alarm_a_twentieth_does_not) {
  World good;
  good.Run(10s, 0.95);
  BOOST_TEST(good.alarms.empty());
  World bad;
  bad.Run(1s, 1);
  bad.Run(1s, 0.8);
  BOOST_REQUIRE(!bad.alarms.empty());
  BOOST_TEST(!bad.alarms[0].stalled);
  BOOST_TEST(bad.alarms[0].arrived < bad.alarms[0].packets);
}

BOOST_AUTO_TEST_CASE(a_late_report_that_nothing_was_lost_calls_the_alarm_false) {
  World w;
  w.Run(1s, 1);
  w.Run(400ms, 1, false);
  BOOST_REQUIRE(w.alarms.size() == 1);
  w.flows.Restart(w.now, kTo, kClass);
  w.alarms.clear();
  w.Run(10ms, 1, false);
  const ProgressReport all{kFlow, w.sent, static_cast<std::uint32_t>(w.arrived), Duration(104ms)};
  BOOST_TEST((w.flows.OnReport(w.now, kTo, all) == FlowProgress::News::kNothingLost));

  World lost;
  lost.Run(1s, 1);
  lost.Run(400ms, 0, false);
  lost.flows.Restart(lost.now, kTo, kClass);
  lost.alarms.clear();
  lost.Run(10ms, 1, false);
  const ProgressReport some{kFlow, lost.sent, static_cast<std::uint32_t>(lost.arrived),
                            Duration(104ms)};
  BOOST_TEST((lost.flows.OnReport(lost.now, kTo, some) == FlowProgress::News::kProgress));
}

BOOST_AUTO_TEST_CASE(reports_of_what_was_never_sent_and_old_ones_are_not_believed) {
  World w;
  w.Run(1s, 1);
  w.flows.OnReport(w.now, kTo, {kFlow, w.sent + 1'000'000, 5000, Duration(104ms)});
  w.flows.OnReport(w.now, ShortId(8), {kFlow, w.sent, 5000, Duration(104ms)});  // of another
  const Time last = w.now;
  while (w.alarms.empty() && w.now < last + 2s) {
    w.Run(1ms, 0, false);
    w.flows.OnReport(w.now, kTo, {kFlow, 500, 500, Duration(104ms)});  // replayed
  }
  BOOST_TEST(ToMillis(w.now - last) < 500);
  BOOST_TEST(w.alarms.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_route_change_gives_a_stall_more_time_but_only_once) {
  World w;
  w.Run(1s, 1);
  const Time last = w.now;
  while (w.alarms.empty() && w.now < last + 5s) {
    w.Run(50ms, 0, false);
    w.flows.OnRoutesChanged(w.now);
  }
  BOOST_TEST(w.alarms.size() == 1u);
  BOOST_TEST(ToMillis(w.now - last) < 1000);
}

BOOST_AUTO_TEST_CASE(flows_are_bounded) {
  FlowProgress flows;
  for (std::uint32_t to = 1; to <= 2 * FlowProgress::kFlowsMax; ++to) {
    for (std::uint64_t n = 1; n <= 4; ++n) flows.OnSent(kStart, ShortId(to), kClass, kFlow, n);
  }
  BOOST_TEST(flows.TakeAlarms(kStart + 10s).size() == FlowProgress::kFlowsMax);
}

}  // namespace
}  // namespace selvage
