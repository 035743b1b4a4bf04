#define BOOST_TEST_MODULE link_watch
#include "agents/node/link_watch.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

#include "core/random.h"

namespace selvage {
namespace {

// Standard normal, from the sum of twelve uniform numbers.
float Normal(Random* random) {
  float sum = -6;
  for (int i = 0; i < 12; ++i) sum += static_cast<float>(random->Below(1 << 20)) / (1 << 20);
  return sum;
}

RadioReading Reading(float margin, Random* random) {
  const float snr = margin + 5 + Normal(random);
  return {-90 + snr, snr, snr - 5};
}

// A radio link in use for `d`: 20 readings and 50 frames a second, margin as `margin(t)` says.
template <typename Margin>
std::optional<LinkWatch::Alarm> Use(LinkWatch* w, Time* now, Duration d, Random* random,
                                    Margin margin) {
  const Time begin = *now;
  std::optional<LinkWatch::Alarm> first;
  for (int i = 0; *now - begin < d; ++i) {
    *now += 50ms;
    w->OnRadio(*now, Reading(static_cast<float>(margin(ToSeconds(*now - begin))), random));
    w->OnOutcomes(*now, 3, 0, false);
    w->OnRtt(10ms + std::chrono::microseconds(random->Below(1000)));
    if (i % 20 == 19) w->OnSecond(*now, 300, 6'000'000);
    if (auto alarm = w->TakeAlarm(); alarm && !first) first = alarm;
  }
  return first;
}

BOOST_AUTO_TEST_CASE(a_steady_link_raises_nothing_in_six_hours) {
  Random random(1);
  LinkWatch w(ModelConfig(), false);
  Time now{10s};
  const auto alarm = Use(&w, &now, 6h, &random, [](double) { return 20.0; });
  BOOST_TEST(!alarm.has_value());
  BOOST_TEST(w.samples() > 21000u);
  BOOST_TEST(w.Quiet(now));
}

BOOST_AUTO_TEST_CASE(a_link_that_fades_is_told_of_before_its_margin_is_gone) {
  for (const double slope : {1.0, 2.0, 5.0, 20.0}) {
    Random random(2);
    LinkWatch w(ModelConfig(), false);
    Time now{10s};
    Use(&w, &now, 120s, &random, [](double) { return 20.0; });
    const Time begin = now;
    std::optional<LinkWatch::Alarm> alarm;
    double margin = 20;
    while (!alarm && now - begin < 30s) {
      alarm = Use(&w, &now, 50ms, &random, [&](double t) {
        margin = 20 - slope * (ToSeconds(now - begin));
        return margin + 0 * t;
      });
      // Weakening alone is no reason to leave.
      if (alarm && alarm->diagnosis == Diagnosis::kWeakening) alarm.reset();
    }
    BOOST_TEST_REQUIRE(alarm.has_value());
    BOOST_TEST((alarm->diagnosis == Diagnosis::kFading));
    BOOST_TEST_MESSAGE("slope " << slope << " dB/s: alarm at a margin of " << margin << " dB, "
                                << alarm->evidence);
    BOOST_TEST(margin > 1.5);
    BOOST_TEST(!w.Quiet(now));
  }
}

// Once a second what a driver says of its MAC; every frame arrives in the end.
std::optional<LinkWatch::Alarm> Repeat(LinkWatch* w, Time* now, int seconds, Random* random,
                                       float retries) {
  std::optional<LinkWatch::Alarm> first;
  for (int i = 0; i < seconds; ++i) {
    *now += 1s;
    RadioReading reading;
    reading.retry_ratio = std::max(0.0F, retries * (1 + 0.3F * Normal(random)));
    w->OnRadio(*now, reading);
    w->OnOutcomes(*now, 50, 0, false);
    w->OnRtt(10ms + std::chrono::microseconds(random->Below(1000)));
    w->OnSecond(*now, 300, 6'000'000);
    if (auto alarm = w->TakeAlarm(); alarm && !first) first = alarm;
  }
  return first;
}

BOOST_AUTO_TEST_CASE(a_mac_that_must_repeat_most_frames_is_told_of_before_any_is_lost) {
  Random random(7);
  LinkWatch w(ModelConfig(), true);
  Time now{10s};
  BOOST_TEST(!Repeat(&w, &now, 600, &random, 0.2F).has_value());
  const auto alarm = Repeat(&w, &now, 5, &random, 1.5F);
  BOOST_TEST_REQUIRE(alarm.has_value());
  BOOST_TEST((alarm->diagnosis == Diagnosis::kFading));
  BOOST_TEST(std::string(alarm->feature) == "retries");
  BOOST_TEST(!w.Quiet(now));
  BOOST_TEST(!w.Proved());
  Repeat(&w, &now, 5, &random, 5);
  BOOST_TEST(w.Proved());
  Repeat(&w, &now, 10, &random, 0.2F);
  BOOST_TEST(w.Quiet(now));
}

BOOST_AUTO_TEST_CASE(a_mac_that_always_repeats_as_many_raises_nothing) {
  Random random(8);
  LinkWatch w(ModelConfig(), true);
  Time now{10s};
  for (float retries = 0; retries < 1.2F; retries += 0.002F) {
    BOOST_TEST(!Repeat(&w, &now, 10, &random, retries).has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_signal_that_drops_and_stays_strong_enough_is_weakening_not_fading) {
  Random random(3);
  LinkWatch w(ModelConfig(), false);
  Time now{10s};
  Use(&w, &now, 1h, &random, [](double) { return 60.0; });
  const auto alarm =
      Use(&w, &now, 60s, &random, [](double t) { return 60 - std::min(20.0, 4 * t); });
  BOOST_TEST_REQUIRE(alarm.has_value());
  BOOST_TEST((alarm->diagnosis == Diagnosis::kWeakening));
}

BOOST_AUTO_TEST_CASE(losses_beyond_the_usual_are_an_alarm_and_one_lost_frame_is_none) {
  LinkWatch w(ModelConfig(), false);
  Time now{10s};
  for (int i = 0; i < 3000; ++i) {
    now += 20ms;
    w.OnOutcomes(now, 1, 0, false);
  }
  w.OnOutcomes(now, 0, 1, false);
  BOOST_TEST(!w.TakeAlarm().has_value());
  int frames = 0;
  std::optional<LinkWatch::Alarm> alarm;
  for (; !alarm && frames < 1000; ++frames) {
    now += 20ms;
    w.OnOutcomes(now, frames % 5 == 0 ? 0 : 1, frames % 5 == 0 ? 1 : 0, false);
    alarm = w.TakeAlarm();
  }
  BOOST_TEST_REQUIRE(alarm.has_value());
  BOOST_TEST((alarm->diagnosis == Diagnosis::kLoss));
  BOOST_TEST(frames < 60);
  BOOST_TEST(!w.Quiet(now));
  BOOST_TEST(w.Quiet(now + LinkWatch::kEpisode));
}

BOOST_AUTO_TEST_CASE(what_gets_lost_in_a_queue_convicts_nobody) {
  LinkWatch w(ModelConfig(), false);
  Time now{10s};
  for (int i = 0; i < 1000; ++i) {
    now += 20ms;
    w.OnOutcomes(now, 1, 1, true);
    BOOST_TEST_REQUIRE(!w.TakeAlarm().has_value());
  }
}

BOOST_AUTO_TEST_CASE(round_trips_that_jump_are_congestion) {
  Random random(4);
  LinkWatch w(ModelConfig(), false);
  Time now{10s};
  std::optional<LinkWatch::Alarm> alarm;
  for (int s = 0; s < 400; ++s) {
    for (int i = 0; i < 50; ++i) {
      w.OnRtt((s < 300 ? 10ms : 90ms) + std::chrono::microseconds(random.Below(1000)));
    }
    now += 1s;
    w.OnSecond(now, 300, 0);
    if (auto a = w.TakeAlarm(); a && !alarm) {
      alarm = a;
      BOOST_TEST(s >= 300);
    }
  }
  BOOST_TEST_REQUIRE(alarm.has_value());
  BOOST_TEST((alarm->diagnosis == Diagnosis::kCongestion));
  BOOST_TEST(std::string(alarm->feature) == "rtt");
}

BOOST_AUTO_TEST_CASE(eight_links_need_less_than_64_kilobytes) {
  Random random(5);
  LinkWatch w(ModelConfig(), false);
  Time now{10s};
  Use(&w, &now, 3s, &random, [](double) { return 20.0; });
  BOOST_TEST(8 * w.bytes() < 64u * 1024);
}

BOOST_AUTO_TEST_CASE(a_restored_watch_judges_as_the_saved_one_does) {
  Random random(8);
  LinkWatch w(ModelConfig(), false);
  Time now{10s};
  Use(&w, &now, 30min, &random, [](double) { return 20.0; });
  const Bytes state = w.TakeState();
  BOOST_TEST(!state.empty());
  BOOST_TEST(w.TakeState().empty());  // nothing new
  LinkWatch restored(ModelConfig(), false);
  BOOST_TEST_REQUIRE(restored.RestoreState(state));
  BOOST_TEST(restored.samples() == w.samples());
  for (int s = 0; s < 300; ++s) {
    for (int i = 0; i < 20; ++i) {
      now += 50ms;
      const RadioReading reading = Reading(s < 200 ? 20.0F : 2.0F, &random);
      for (LinkWatch* each : {&w, &restored}) {
        each->OnRadio(now, reading);
        each->OnOutcomes(now, 3, 0, false);
        each->OnRtt(10ms);
      }
    }
    w.OnSecond(now, 300, 6'000'000);
    restored.OnSecond(now, 300, 6'000'000);
    BOOST_TEST_REQUIRE(w.model().verdict().score == restored.model().verdict().score);
    BOOST_TEST_REQUIRE(w.model().verdict().alarm == restored.model().verdict().alarm);
  }
  BOOST_TEST(w.last_alarm().has_value());
  BOOST_TEST(restored.last_alarm().has_value());
}

BOOST_AUTO_TEST_CASE(a_state_that_is_none_changes_nothing) {
  Random random(9);
  LinkWatch w(ModelConfig(), false);
  Time now{10s};
  Use(&w, &now, 60s, &random, [](double) { return 20.0; });
  const Bytes state = w.TakeState();
  LinkWatch fresh(ModelConfig(), false);
  for (std::size_t size = 0; size < state.size(); ++size) {
    BOOST_TEST_REQUIRE(!fresh.RestoreState(ByteSpan(state).Sub(0, size)));
  }
  for (int i = 0; i < 2000; ++i) {
    Bytes wild = state;
    for (int n = 0; n < 8; ++n) {
      wild[random.Below(static_cast<std::uint32_t>(wild.size()))] =
          static_cast<std::uint8_t>(random.Below(256));
    }
    LinkWatch other(ModelConfig(), false);
    // Taken or not (the checksum of the archive is what tells): it goes on with finite scores.
    const bool taken = other.RestoreState(wild);
    BOOST_TEST_REQUIRE(other.samples() == (taken ? other.samples() : 0u));
    Time later = now;
    Use(&other, &later, 3s, &random, [](double) { return 20.0; });
    BOOST_TEST_REQUIRE(std::isfinite(other.model().verdict().score));
  }
  BOOST_TEST(fresh.samples() == 0u);
}

BOOST_AUTO_TEST_CASE(limits_alone_see_a_fade_only_when_the_limit_is_passed) {
  Random random(6);
  ModelConfig config;
  config.thresholds_only = true;
  LinkWatch w(config, false);
  Time now{10s};
  BOOST_TEST(!Use(&w, &now, 60s, &random, [](double) { return 20.0; }).has_value());
  const auto alarm = Use(&w, &now, 20s, &random, [](double t) { return 20 - 2 * t; });
  BOOST_TEST_REQUIRE(alarm.has_value());
  BOOST_TEST(w.radio().margin_db < 4);
}

}  // namespace
}  // namespace selvage
