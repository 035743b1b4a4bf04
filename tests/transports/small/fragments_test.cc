// Frames of any size cross units of any size; strangers' parts cost bounded memory and time.
#define BOOST_TEST_MODULE fragments_test
#include "transports/small/fragments.h"

#include <rapidcheck.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "transports/small/frame_queue.h"

namespace selvage {
namespace {

Time At(int s) { return TimeFromNanos(std::int64_t{s} * 1'000'000'000); }
PeerAddress Peer(std::uint8_t n) { return PeerAddress::From(std::array<std::uint8_t, 1>{n}); }
Bytes Pattern(std::size_t n) {
  Bytes b(n);
  for (std::size_t i = 0; i < n; ++i) b[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  return b;
}

struct Carrier final : UnitCarrier {
  std::size_t unit_bytes_max() const override { return unit; }
  SendAnswer SendUnit(Time now, const PeerAddress&, ByteSpan bytes, bool control) override {
    if (bytes.size() > unit) return {SendAnswer::What::kTooBig, kNever};
    if (answer.what != SendAnswer::What::kAccepted) return answer;
    units.push_back(bytes.ToBytes());
    if (accept > 0 && --accept == 0) answer = {SendAnswer::What::kBusy, now + 1s};
    return {};
  }
  // What arrives when everything does.
  std::vector<Bytes> Frames() {
    Reassembler r(60s);
    std::vector<Bytes> out;
    for (const Bytes& u : units) {
      if (auto f = r.OnUnit(At(0), Peer(1), u)) out.push_back(*f);
    }
    return out;
  }
  std::size_t unit = 51;
  SendAnswer answer;
  int accept = 0;
  std::vector<Bytes> units;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(fragments)

BOOST_AUTO_TEST_CASE(every_frame_crosses_every_unit_size_in_any_order_of_parts) {
  rc::check("round trip", [] {
    const auto unit = *rc::gen::inRange<std::size_t>(kUnitBytesMin, 260);
    const auto size = *rc::gen::inRange<std::size_t>(1, FrameBytesMax(unit, 2000) + 1);
    Fragmenter cut;
    const Bytes frame = Pattern(size);
    std::vector<Bytes> units = cut.Split(frame, unit);
    RC_ASSERT(!units.empty() && units.size() <= kFragmentsMax);
    std::rotate(units.begin(), units.begin() + static_cast<std::ptrdiff_t>(size % units.size()),
                units.end());
    Reassembler join(60s);
    std::optional<Bytes> out;
    for (const Bytes& u : units) {
      RC_ASSERT(u.size() <= unit);
      RC_ASSERT(!out.has_value());
      out = join.OnUnit(At(1), Peer(1), u);
    }
    RC_ASSERT(out.has_value() && *out == frame);
    RC_ASSERT(join.open() == 0u);
  });
}

BOOST_AUTO_TEST_CASE(a_frame_that_fits_costs_one_byte_and_a_handshake_crosses_the_narrowest_unit) {
  Fragmenter cut;
  BOOST_TEST(cut.Split(Pattern(50), 51).at(0).size() == 51u);
  BOOST_TEST(cut.Split(Pattern(51), 51).size() == 2u);
  BOOST_TEST(FrameBytesMax(kUnitBytesMin, 2000) >= 400u);
  BOOST_TEST(cut.Split(Pattern(FrameBytesMax(51, 2000) + 1), 51).empty());
  BOOST_TEST(cut.Split(Bytes(), 51).empty());
}

BOOST_AUTO_TEST_CASE(a_lost_part_loses_its_frame_in_time_and_no_other) {
  Fragmenter cut;
  const auto first = cut.Split(Pattern(100), 51);
  const auto second = cut.Split(Pattern(90), 51);
  BOOST_TEST(PartsToCome(first[0]) == 2);
  BOOST_TEST(PartsToCome(first[2]) == 0);
  BOOST_TEST(PartsToCome(cut.Split(Pattern(10), 51)[0]) == 0);
  Reassembler join(60s);
  BOOST_TEST(!join.OnUnit(At(0), Peer(1), first[0]).has_value());
  BOOST_TEST(!join.OnUnit(At(1), Peer(1), second[0]).has_value());
  BOOST_TEST((join.OnUnit(At(2), Peer(1), second[1]) == std::optional<Bytes>(Pattern(90))));
  BOOST_TEST((join.NextDeadline() == At(60)));
  join.OnTimeout(At(60));
  BOOST_TEST(join.open() == 0u);
  BOOST_TEST(join.counters().timed_out == 1u);
  BOOST_TEST(!join.OnUnit(At(61), Peer(1), first[1]).has_value());  // too late
}

BOOST_AUTO_TEST_CASE(parts_of_one_frame_do_not_complete_that_of_another_peer) {
  Fragmenter cut;
  const auto units = cut.Split(Pattern(90), 51);
  Reassembler join(60s);
  BOOST_TEST(!join.OnUnit(At(0), Peer(1), units[0]).has_value());
  BOOST_TEST(!join.OnUnit(At(0), Peer(2), units[1]).has_value());
  BOOST_TEST(!join.OnUnit(At(0), Peer(1), units[0]).has_value());
  BOOST_TEST(join.counters().duplicates == 1u);
}

BOOST_AUTO_TEST_CASE(beginnings_without_end_take_bounded_room_and_spare_other_peers) {
  Reassembler join(60s);
  Fragmenter honest;
  const auto units = honest.Split(Pattern(90), 51);
  BOOST_TEST(!join.OnUnit(At(0), Peer(9), units[0]).has_value());
  Fragmenter cut;
  for (int i = 0; i < 60; ++i) join.OnUnit(At(1), Peer(1), cut.Split(Pattern(90), 51)[0]);
  BOOST_TEST(join.open() == 1 + Reassembler::kOpenPerPeerMax);
  BOOST_TEST(join.OnUnit(At(2), Peer(9), units[1]).has_value());
  for (std::uint8_t p = 0; p < 200; ++p) {
    join.OnUnit(At(3), Peer(p), cut.Split(Pattern(90), 51)[0]);
  }
  BOOST_TEST(join.open() == Reassembler::kOpenMax);
}

BOOST_AUTO_TEST_CASE(garbage_is_counted_and_room_for_it_is_bounded) {
  rc::check("any bytes", [](const std::vector<Bytes>& units) {
    Reassembler join(60s);
    for (const Bytes& u : units) {
      const auto frame = join.OnUnit(At(0), Peer(1), u);
      if (frame && u[0] == 0x50) RC_ASSERT(frame->size() == u.size() - 1);
    }
    RC_ASSERT(join.open() <= Reassembler::kOpenPerPeerMax);
  });
  Reassembler join(60s);
  join.OnUnit(At(0), Peer(1), Bytes{0x51, 0, 0, 1});     // one part of one
  join.OnUnit(At(0), Peer(1), Bytes{0x51, 0, 0x25, 1});  // sixth of two
  join.OnUnit(At(0), Peer(1), Bytes{0x50});              // nothing in it
  join.OnUnit(At(0), Peer(1), Bytes{0x99, 1, 2, 3});     // something else
  BOOST_TEST(join.counters().malformed == 4u);
}

BOOST_AUTO_TEST_CASE(an_alarm_passes_what_is_longer_and_control_waits_in_order_for_data) {
  FrameQueue queue;
  Carrier carrier;
  queue.Add(At(0), Peer(1), Pattern(500), true);
  queue.Add(At(0), Peer(1), Pattern(20), true);
  queue.Add(At(0), Peer(1), Pattern(400), false);
  queue.Add(At(0), Peer(1), Pattern(40), false);
  queue.Pump(At(1), &carrier);
  std::vector<std::size_t> sizes;
  for (const Bytes& f : carrier.Frames()) sizes.push_back(f.size());
  BOOST_TEST((sizes == std::vector<std::size_t>{40, 400, 500, 20}));
  BOOST_TEST((queue.NextDeadline() == kNever));
}

BOOST_AUTO_TEST_CASE(a_busy_radio_is_asked_again_when_it_said_and_the_frame_goes_on) {
  FrameQueue queue;
  Carrier carrier;
  carrier.accept = 2;
  queue.Add(At(0), Peer(1), Pattern(300), false);
  queue.Pump(At(0), &carrier);
  BOOST_TEST(carrier.units.size() == 2u);
  BOOST_TEST((queue.NextDeadline() == At(1)));
  carrier.answer = {};
  queue.Pump(TimeFromNanos(1), &carrier);  // too early
  BOOST_TEST(carrier.units.size() == 2u);
  queue.Pump(At(1), &carrier);
  BOOST_TEST((carrier.Frames() == std::vector<Bytes>{Pattern(300)}));
}

BOOST_AUTO_TEST_CASE(without_budget_control_is_dropped_and_data_waits_as_long_as_it_is_worth) {
  FrameQueue queue;
  Carrier carrier;
  carrier.answer = {SendAnswer::What::kNoBudget, At(100)};
  queue.Add(At(0), Peer(1), Pattern(20), true);
  queue.Add(At(0), Peer(1), Pattern(30), false);
  queue.Pump(At(0), &carrier);
  BOOST_TEST((queue.NextDeadline() == At(100)));
  carrier.answer = {};
  queue.Pump(At(100), &carrier);
  BOOST_TEST((carrier.Frames() == std::vector<Bytes>{Pattern(30), Pattern(20)}));

  carrier.answer = {SendAnswer::What::kNoBudget, At(100'000)};
  queue.Add(At(101), Peer(1), Pattern(20), true);
  queue.Add(At(101), Peer(1), Pattern(30), false);
  queue.Pump(At(101), &carrier);
  BOOST_TEST(queue.size() == 0u);
  BOOST_TEST(queue.counters().dropped_budget == 2u);
}

BOOST_AUTO_TEST_CASE(a_unit_that_shrinks_under_way_cuts_the_frame_anew) {
  FrameQueue queue;
  Carrier carrier;
  carrier.accept = 1;
  queue.Add(At(0), Peer(1), Pattern(150), false);
  queue.Pump(At(0), &carrier);
  BOOST_TEST(carrier.units.size() == 1u);
  carrier.units.clear();
  carrier.answer = {};
  carrier.unit = 30;
  queue.Pump(At(1), &carrier);
  BOOST_TEST((carrier.Frames() == std::vector<Bytes>{Pattern(150)}));
  BOOST_TEST(carrier.units.front().size() <= 30u);
}

BOOST_AUTO_TEST_CASE(what_waits_is_bounded_in_number_and_in_time) {
  FrameQueue queue;
  Carrier carrier;
  carrier.answer = {SendAnswer::What::kBusy, At(1000)};
  for (int i = 0; i < 100; ++i) queue.Add(At(0), Peer(1), Pattern(20), false);
  BOOST_TEST(queue.size() == FrameQueue::kFramesMax);
  BOOST_TEST(queue.counters().dropped_full == 100 - FrameQueue::kFramesMax);
  queue.Pump(At(0), &carrier);
  carrier.answer = {};
  queue.Pump(At(1000), &carrier);  // all but the one begun are too old
  BOOST_TEST(carrier.units.size() == 1u);
  BOOST_TEST(queue.counters().dropped_late == FrameQueue::kFramesMax - 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
