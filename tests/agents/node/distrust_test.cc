#define BOOST_TEST_MODULE distrust_test
#include "agents/node/distrust.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

constexpr Time kStart = TimeFromNanos(1'000'000'000);
constexpr ShortId kBad(5), kTo(9);
constexpr TrafficClass kClass = TrafficClass::kTelemetry;

// Runs until `end`, answering the first `answered` probes of each trial. When it was trusted again.
Time Run(Distrust* d, Time from, Time end, int answered, std::size_t* probes = nullptr) {
  Random random(1);
  for (Time now = from; now < end; now += 5ms) {
    while (Distrust::Entry* e = d->FindDue(now)) {
      const std::uint64_t nonce = d->NextProbe(now, e, &random);
      if (probes != nullptr) ++*probes;
      BOOST_TEST(!d->OnAnswer(ShortId(77), nonce));
      if (e->sent <= answered) BOOST_TEST(d->OnAnswer(kTo, nonce));
    }
    if (!d->TakeTrusted(now).empty()) return now;
  }
  return kNever;
}

BOOST_AUTO_TEST_CASE(a_node_earns_its_way_back_with_all_answers_but_one) {
  for (int answered : {Distrust::kProbes, Distrust::kProbesAnsweredMin}) {
    Distrust d;
    BOOST_TEST(d.Add(kStart, kBad, kTo, kClass));
    BOOST_TEST(!d.Add(kStart, kBad, kTo, kClass));
    BOOST_TEST(d.nodes().size() == 1u);
    const Time back = Run(&d, kStart, kStart + 30s, answered);
    BOOST_TEST((back >= kStart + Distrust::kHoldFirst));
    BOOST_TEST((back < kStart + Distrust::kHoldFirst + 2s));
    BOOST_TEST(d.nodes().empty());
  }
}

BOOST_AUTO_TEST_CASE(a_node_that_answers_too_little_stays_out_and_is_asked_more_rarely) {
  Distrust d;
  d.Add(kStart, kBad, kTo, kClass);
  std::size_t probes = 0;
  BOOST_TEST((Run(&d, kStart, kStart + 600s, Distrust::kProbesAnsweredMin - 1, &probes) == kNever));
  BOOST_TEST(d.nodes().size() == 1u);
  BOOST_TEST(probes >= 25u * Distrust::kProbes);  // never longer than kHoldMax between trials
  BOOST_TEST(probes <= 45u * Distrust::kProbes);
}

BOOST_AUTO_TEST_CASE(each_relapse_doubles_the_hold) {
  Distrust d;
  Time now = kStart;
  Duration hold = Distrust::kHoldFirst;
  for (int relapse = 0; relapse < 4; ++relapse) {
    BOOST_TEST(d.Add(now, kBad, kTo, kClass));
    const Time back = Run(&d, now, now + 600s, Distrust::kProbes);
    BOOST_TEST((back - now >= hold));
    BOOST_TEST((back - now < hold + 2s));
    now = back + 1s;
    hold *= 2;
  }
}

BOOST_AUTO_TEST_CASE(a_node_on_no_path_of_ours_is_forgotten) {
  Distrust d;
  d.Add(kStart, kBad, kTo, kClass);
  Time now = kStart;
  std::vector<ShortId> trusted;
  for (; now < kStart + 600s && trusted.empty(); now += 100ms) {
    while (Distrust::Entry* e = d.FindDue(now)) d.Postpone(now, e, false);
    trusted = d.TakeTrusted(now);
  }
  BOOST_TEST(trusted.size() == 1u);
  BOOST_TEST((now - kStart < Distrust::kForget + 2 * Distrust::kHoldMax));
}

BOOST_AUTO_TEST_CASE(the_table_is_bounded_and_the_oldest_goes) {
  Distrust d;
  for (std::uint32_t n = 1; n <= Distrust::kNodesMax + 3; ++n) {
    d.Add(kStart, ShortId(n), kTo, kClass);
  }
  BOOST_TEST(d.nodes().size() == Distrust::kNodesMax);
  BOOST_TEST((d.nodes().front() == ShortId(Distrust::kNodesMax + 3)));  // the newest first
  BOOST_TEST((d.nodes().back() == ShortId(4)));
}

}  // namespace
}  // namespace selvage
