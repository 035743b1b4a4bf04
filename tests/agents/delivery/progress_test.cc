#define BOOST_TEST_MODULE progress_test
#include "agents/delivery/progress.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

DataHeader Packet(std::uint64_t sequence, std::uint16_t flow = 0x8007, std::uint32_t origin = 9) {
  DataHeader h;
  h.traffic_class = TrafficClass::kTelemetry;
  h.id = {ShortId(origin), 1, flow, sequence};
  return h;
}

constexpr Time kStart = TimeFromNanos(1'000'000'000);

// Packets `gap` apart for `length`; all reports.
std::vector<Progress::Due> Feed(Progress* p, Duration gap, Duration length, std::size_t bytes) {
  std::vector<Progress::Due> out;
  std::uint64_t sequence = 0;
  Time next = kStart;
  for (Time now = kStart; now < kStart + length; now += 1ms) {
    for (Progress::Due& d : p->TakeDue(now)) out.push_back(std::move(d));
    if (now < next) continue;
    p->OnPackets(now, Packet(++sequence), 1, bytes);
    next += gap;
  }
  return out;
}

BOOST_AUTO_TEST_CASE(a_report_survives_coding_and_a_cut_one_is_refused) {
  const ProgressReport r{0x8007, (std::uint64_t{1} << 48) - 1, 123456, 500ms, Duration(43ms)};
  const Bytes body = EncodeProgress(r);
  BOOST_TEST(body.size() == kProgressReportBytes);
  const auto back = DecodeProgress(body);
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST(back->flow == r.flow);
  BOOST_TEST(back->highest == r.highest);
  BOOST_TEST(back->received == r.received);
  BOOST_TEST(ToMillis(back->interval) == 504);  // rounded up: a promise is kept
  BOOST_REQUIRE(back->age.has_value());
  BOOST_TEST(ToMillis(*back->age) == 40);
  for (std::size_t n = 0; n < body.size(); ++n) {
    BOOST_TEST(!DecodeProgress(ByteSpan(body.data(), n)).has_value());
  }
}

BOOST_AUTO_TEST_CASE(an_age_over_a_second_is_told_as_not_known) {
  const ProgressReport r{1, 2, 3, 500ms, Duration(1020ms)};
  const auto back = DecodeProgress(EncodeProgress(r));
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST(!back->age.has_value());
}

BOOST_AUTO_TEST_CASE(the_first_report_follows_the_third_packet_at_once) {
  Progress p;
  for (std::uint64_t n = 1; n <= 2; ++n) p.OnPackets(kStart, Packet(n), 1, 100);
  BOOST_TEST(p.TakeDue(kStart).empty());
  p.OnPackets(kStart, Packet(3), 1, 100);
  const auto due = p.TakeDue(kStart);
  BOOST_REQUIRE(due.size() == 1);
  BOOST_TEST(due[0].report.highest == 3u);
  BOOST_TEST(due[0].report.received == 3u);
  BOOST_TEST((due[0].to == ShortId(9)));
}

BOOST_AUTO_TEST_CASE(a_fast_flow_is_reported_ten_times_a_second_for_less_than_three_percent) {
  Progress p;
  const auto reports = Feed(&p, 1ms, 10s, 200);
  BOOST_TEST(reports.size() >= 95u);
  BOOST_TEST(reports.size() <= 105u);
  BOOST_TEST(reports.size() * Progress::kReportBytes < 10000 * 244 * 3 / 100);
}

BOOST_AUTO_TEST_CASE(a_slow_flow_is_reported_every_four_packets_and_its_promise_kept) {
  Progress p;
  const auto reports = Feed(&p, 100ms, 60s, 64);
  BOOST_TEST(reports.size() >= 140u);
  BOOST_TEST(reports.size() <= 200u);
  BOOST_TEST((reports.back().report.interval <= Progress::kIntervalMax));
}

BOOST_AUTO_TEST_CASE(nothing_is_said_when_nothing_comes_and_the_last_packets_are_told) {
  Progress p;
  Feed(&p, 1ms, 1s, 200);
  p.OnPackets(kStart + 1s, Packet(2000), 1, 200);
  std::uint64_t highest = 0;
  std::size_t reports = 0;
  for (Time now = kStart + 1s; now < kStart + 60s; now += 1ms) {
    for (const auto& d : p.TakeDue(now)) {
      ++reports;
      highest = d.report.highest;
    }
  }
  BOOST_TEST(reports <= 2u);
  BOOST_TEST(highest == 2000u);
  BOOST_TEST((p.NextDeadline() == kNever));
}

BOOST_AUTO_TEST_CASE(a_report_takes_along_the_nodes_that_the_newest_packet_avoids_and_no_links) {
  Progress p;
  for (std::uint64_t n = 1; n <= 3; ++n) p.OnPackets(kStart, Packet(n), 1, 100);
  DataHeader h = Packet(4);
  h.carried.Add({ShortId(5), AdjacencyIndex(2)});
  h.carried.Add(EdgeId::WholeNode(ShortId(6)));
  p.OnPackets(kStart, h, 1, 100);
  const auto due = p.TakeDue(kStart);
  BOOST_REQUIRE(due.size() == 1);
  BOOST_REQUIRE(due[0].avoid.size() == 1);
  BOOST_TEST((due[0].avoid[0] == ShortId(6)));
}

BOOST_AUTO_TEST_CASE(flows_are_bounded_and_the_least_recently_used_begins_anew) {
  Progress p;
  auto four = [&](std::uint32_t origin, std::uint64_t from, Time now) {
    for (std::uint64_t n = from; n < from + 4; ++n) {
      p.OnPackets(now, Packet(n, 0x8007, origin), 1, 100);
    }
  };
  for (std::uint32_t o = 1; o <= Progress::kFlowsMax + 1; ++o) four(o, 1, kStart);
  BOOST_TEST(p.TakeDue(kStart).size() == Progress::kFlowsMax);
  four(1, 5, kStart + 1s);  // was pushed out
  four(3, 5, kStart + 1s);
  for (const auto& d : p.TakeDue(kStart + 1s)) {
    BOOST_TEST(d.report.received == (d.to == ShortId(1) ? 4u : 8u));
  }
}

}  // namespace
}  // namespace selvage
