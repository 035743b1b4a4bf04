#define BOOST_TEST_MODULE discovery_test
#include "agents/node/discovery.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

const LinkId kLink(3);
const Time kStart = TimeFromNanos(1'000'000'000);

PeerAddress Address(std::uint8_t n) { return PeerAddress::From(Bytes{n, 1}); }

// When beacons leave in the next `span`, as offsets from kStart.
std::vector<Duration> Beacons(Discovery* d, Duration span) {
  std::vector<Duration> out;
  Time now = kStart;
  while (d->NextDeadline() <= kStart + span) {
    now = std::max(now, d->NextDeadline());
    d->OnTimeout(now);
    for (std::size_t i = d->TakeDue().size(); i > 0; --i) out.push_back(now - kStart);
  }
  return out;
}

bool IsAbout(Duration gap, Duration nominal) {
  return gap >= nominal * 7 / 8 && gap <= nominal * 9 / 8;
}

BOOST_AUTO_TEST_CASE(a_young_link_is_announced_often_and_an_old_one_every_ten_seconds) {
  Random random(1);
  Discovery d(&random);
  BOOST_TEST((d.NextDeadline() == kNever));
  d.OnLinkUp(kStart, kLink, true, false);
  const auto at = Beacons(&d, 100s);
  BOOST_REQUIRE(at.size() > 10);
  BOOST_TEST((at[0] == 0ms));
  BOOST_TEST(IsAbout(at[1], 50ms));
  BOOST_TEST(IsAbout(at[2] - at[1], 100ms));
  BOOST_TEST(IsAbout(at[3] - at[2], 200ms));
  for (std::size_t i = 12; i < at.size(); ++i) {
    BOOST_TEST(IsAbout(at[i] - at[i - 1], Discovery::kSteady));
  }
}

BOOST_AUTO_TEST_CASE(nodes_switched_on_together_do_not_go_on_speaking_together) {
  Random one(1);
  Random other(2);
  Discovery a(&one);
  Discovery b(&other);
  a.OnLinkUp(kStart, kLink, true, false);
  b.OnLinkUp(kStart, kLink, true, false);
  const auto at = Beacons(&a, 100s);
  const auto and_at = Beacons(&b, 100s);
  for (std::size_t i = 1; i < std::min(at.size(), and_at.size()); ++i) {
    BOOST_TEST((at[i] - and_at[i] > 100us || and_at[i] - at[i] > 100us));
  }
}

BOOST_AUTO_TEST_CASE(a_line_on_which_nobody_is_missing_is_announced_once_a_minute) {
  Random random(1);
  Discovery d(&random);
  d.OnLinkUp(kStart, kLink, true, false, Duration(0), /*shared=*/false);
  d.SetConnected(kStart, kLink, Address(1), true);
  auto at = Beacons(&d, 600s);
  BOOST_TEST(IsAbout(at[at.size() - 1] - at[at.size() - 2], Discovery::kSteadyMet));
  // Somebody is lost: often at first, then every ten seconds until it is back.
  d.SetConnected(kStart + 600s, kLink, Address(1), false);
  at = Beacons(&d, 700s);
  BOOST_REQUIRE(at.size() > 10);
  BOOST_TEST(IsAbout(at[1] - at[0], Discovery::kFirst));
  BOOST_TEST(IsAbout(at[at.size() - 1] - at[at.size() - 2], Discovery::kSteady));
  d.SetConnected(kStart + 700s, kLink, Address(2), true);
  at = Beacons(&d, 800s);
  BOOST_TEST(IsAbout(at[at.size() - 1] - at[at.size() - 2], Discovery::kSteady));
  d.SetConnected(kStart + 800s, kLink, Address(1), true);
  at = Beacons(&d, 1200s);
  BOOST_TEST(IsAbout(at[at.size() - 1] - at[at.size() - 2], Discovery::kSteadyMet));
}

BOOST_AUTO_TEST_CASE(a_radio_channel_is_announced_every_ten_seconds_whoever_was_met) {
  Random random(1);
  Discovery d(&random);
  d.OnLinkUp(kStart, kLink, true, false, Duration(0), /*shared=*/true);
  d.SetConnected(kStart, kLink, Address(1), true);
  const auto at = Beacons(&d, 600s);
  BOOST_TEST(IsAbout(at[at.size() - 1] - at[at.size() - 2], Discovery::kSteady));
}

BOOST_AUTO_TEST_CASE(a_slow_link_is_announced_rarely) {
  Random random(1);
  Discovery d(&random);
  d.OnLinkUp(kStart, kLink, true, true);
  const auto at = Beacons(&d, std::chrono::hours(24));
  BOOST_TEST(at.size() < 24 * 4 + 8);
  BOOST_TEST(IsAbout(at[1] - at[0], Discovery::kFirstSlow));
  BOOST_TEST(IsAbout(at[at.size() - 1] - at[at.size() - 2], Discovery::kSteadySlow));
}

BOOST_AUTO_TEST_CASE(a_link_without_broadcast_announces_to_configured_peers_only) {
  Random random(1);
  Discovery d(&random);
  d.OnLinkUp(kStart, kLink, false, false);
  BOOST_TEST((d.NextDeadline() == kNever));
  d.OnConfiguredPeer(kStart, kLink, Address(1));
  d.OnConfiguredPeer(kStart, kLink, Address(1));
  d.OnConfiguredPeer(kStart, kLink, PeerAddress::Broadcast());
  d.OnTimeout(kStart);
  const auto due = d.TakeDue();
  BOOST_REQUIRE(due.size() == 1);
  BOOST_TEST((due[0].second == Address(1)));
  const auto at = Beacons(&d, 60s);
  BOOST_TEST(IsAbout(at[at.size() - 1] - at[at.size() - 2], Discovery::kPeerRetryMax));
}

BOOST_AUTO_TEST_CASE(a_neighbour_needs_no_beacon_until_it_is_lost) {
  Random random(1);
  Discovery d(&random);
  d.OnLinkUp(kStart, kLink, false, false);
  d.OnConfiguredPeer(kStart, kLink, Address(1));
  d.SetConnected(kStart, kLink, Address(1), true);
  BOOST_TEST((d.NextDeadline() == kNever));
  d.SetConnected(kStart + 5s, kLink, Address(1), false);
  BOOST_TEST((d.NextDeadline() == kStart + 5s));
}

BOOST_AUTO_TEST_CASE(one_stranger_is_answered_at_most_ten_times_a_second) {
  Random random(1);
  Discovery d(&random);
  for (int i = 0; i < 50; ++i) d.Answer(kStart, kLink, Address(1));
  d.Answer(kStart + Discovery::kAnswerGap - Duration(1), kLink, Address(1));
  BOOST_TEST(d.TakeDue().size() == 1);
  d.Answer(kStart + Discovery::kAnswerGap, kLink, Address(1));
  d.Answer(kStart + Discovery::kAnswerGap, kLink, Address(2));
  BOOST_TEST(d.TakeDue().size() == 2);
  BOOST_TEST((d.NextDeadline() == kNever));
}

BOOST_AUTO_TEST_CASE(a_link_that_goes_down_is_silent) {
  Random random(1);
  Discovery d(&random);
  d.OnLinkUp(kStart, kLink, true, false);
  d.OnConfiguredPeer(kStart, kLink, Address(1));
  d.OnLinkDown(kLink);
  BOOST_TEST((d.NextDeadline() == kNever));
}

BOOST_AUTO_TEST_CASE(a_beacon_is_22_bytes_and_anything_shorter_is_none) {
  Beacon b;
  b.id.bytes[0] = 9;
  b.id.bytes[15] = 8;
  b.epoch = Epoch(77);
  const Bytes frame = Discovery::Encode(b);
  BOOST_TEST(frame.size() == 22);
  Beacon back;
  BOOST_TEST(Discovery::Decode(frame, &back));
  BOOST_TEST((back.id == b.id));
  BOOST_TEST((back.epoch == b.epoch));
  for (std::size_t n = 0; n < frame.size(); ++n) {
    BOOST_TEST(!Discovery::Decode(ByteSpan(frame).Sub(0, n), &back));
  }
  BOOST_TEST(!Discovery::Decode(Discovery::Encode({NodeId(), Epoch(1)}), &back));  // nobody
}

}  // namespace
}  // namespace selvage
