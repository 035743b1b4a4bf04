// What a LoRa receiver makes of overlapping frames, case by case; no simulator.
#define BOOST_TEST_MODULE lora_reception_test
#include "sim/model/lora_reception.h"

#include <boost/test/unit_test.hpp>

#include "transports/lorawan/air/modulation.h"

namespace selvage::sim {
namespace {

constexpr double kStrong = -100;

Duration Symbols(int factor, double count) {
  lorawan::LoraModulation m;
  m.spreading_factor = factor;
  return Duration(static_cast<std::int64_t>(
      static_cast<double>(lorawan::LoraSymbolTime(m).count()) * count));
}

// `at` and lengths in symbols of the frame's own spreading factor.
LoraSignal Frame(std::uint64_t id, double at, double dbm, int factor = 7, double length = 70) {
  LoraSignal s;
  s.id = id;
  s.frequency_hz = 868'100'000;
  s.spreading_factor = factor;
  s.dbm = dbm;
  s.start = Time(1s) + Symbols(factor, at);
  s.end = s.start + Symbols(factor, length);
  return s;
}

struct Pair {
  LoraFate first;
  LoraFate second;
};

// Two frames, the second beginning later and ending after the first.
Pair Receive(LoraReceiver::Options options, const LoraSignal& first, const LoraSignal& second) {
  LoraReceiver receiver(std::move(options));
  Pair fates{};
  receiver.OnStart(first);
  if (first.end <= second.start) {
    fates.first = receiver.OnEnd(first.id);
    receiver.OnStart(second);
    fates.second = receiver.OnEnd(second.id);
    return fates;
  }
  receiver.OnStart(second);
  if (first.end <= second.end) {
    fates.first = receiver.OnEnd(first.id);
    fates.second = receiver.OnEnd(second.id);
  } else {
    fates.second = receiver.OnEnd(second.id);
    fates.first = receiver.OnEnd(first.id);
  }
  return fates;
}

LoraReceiver::Options Device(int factor = 7) {
  LoraReceiver::Options o;
  o.spreading_factor = factor;
  return o;
}

BOOST_AUTO_TEST_CASE(sensitivities_are_those_of_the_data_sheets) {
  const double sx1276[] = {-124, -127, -130, -133, -135, -137};
  const double sx1301[] = {-130, -132.5, -135, -137.5, -140, -142.5};
  for (int factor = 7; factor <= 12; ++factor) {
    BOOST_TEST(LoraSensitivityDbm(factor, 125000, 6) == sx1276[factor - 7],
               boost::test_tools::tolerance(0.01));
    BOOST_TEST(LoraSensitivityDbm(factor, 125000, 0.5) == sx1301[factor - 7],
               boost::test_tools::tolerance(0.001));
  }
}

BOOST_AUTO_TEST_CASE(a_frame_alone_is_received_down_to_the_sensitivity) {
  const double least = LoraSensitivityDbm(7, 125000, 6);
  for (const double off : {0.1, -0.1}) {
    LoraReceiver receiver(Device());
    receiver.OnStart(Frame(1, 0, least + off));
    BOOST_TEST((receiver.OnEnd(1) == LoraFate::kReceived) == (off > 0));
  }
}

BOOST_AUTO_TEST_CASE(equal_powers_leave_the_first_if_its_six_symbols_came_through) {
  const Pair late = Receive(Device(), Frame(1, 0, kStrong), Frame(2, 20, kStrong));
  BOOST_TEST((late.first == LoraFate::kReceived));
  BOOST_TEST((late.second == LoraFate::kBusy));
}

BOOST_AUTO_TEST_CASE(a_stronger_frame_spoils_the_payload_and_is_lost_with_it) {
  const Pair pair = Receive(Device(), Frame(1, 0, kStrong), Frame(2, 40, kStrong + 3));
  BOOST_TEST((pair.first == LoraFate::kInterference));
  BOOST_TEST((pair.second == LoraFate::kBusy));
}

BOOST_AUTO_TEST_CASE(a_stronger_frame_within_preamble_or_header_is_received_instead) {
  for (const double at : {3.0, 9.0, 18.0}) {
    const Pair pair = Receive(Device(), Frame(1, 0, kStrong), Frame(2, at, kStrong + 3));
    BOOST_TEST((pair.first != LoraFate::kReceived));
    BOOST_TEST((pair.second == LoraFate::kReceived), at);
  }
}

BOOST_AUTO_TEST_CASE(the_last_six_symbols_of_a_preamble_are_enough) {
  // The first ends one, two and three symbols into the second's eight.
  for (const double into : {1.0, 2.0, 3.0}) {
    const Pair pair =
        Receive(Device(), Frame(1, 0, kStrong + 10), Frame(2, 70 - into, kStrong));
    BOOST_TEST((pair.first == LoraFate::kReceived));
    BOOST_TEST((pair.second == LoraFate::kReceived) == (into <= 2), into);
  }
}

BOOST_AUTO_TEST_CASE(without_capture_any_overlap_of_the_same_factor_spoils_both) {
  LoraReceiver::Options options = Device();
  options.capture = false;
  const Pair apart = Receive(options, Frame(1, 0, kStrong), Frame(2, 70.001, kStrong));
  BOOST_TEST((apart.first == LoraFate::kReceived && apart.second == LoraFate::kReceived));
  const Pair touching = Receive(options, Frame(1, 0, kStrong + 30), Frame(2, 69.99, kStrong));
  BOOST_TEST((touching.first != LoraFate::kReceived && touching.second != LoraFate::kReceived));
}

BOOST_AUTO_TEST_CASE(other_factors_are_tolerated_up_to_the_measured_isolation) {
  // SF7 beside SF9: Croce et al. measured 9 dB; SF12 beside SF7: 25 dB.
  const struct {
    int factor, other;
    double margin_db;
  } cases[] = {{7, 9, 9}, {12, 7, 25}, {10, 11, 17}};
  for (const auto& c : cases) {
    for (const double off : {0.5, -0.5}) {
      LoraSignal disturbing = Frame(2, 0, kStrong + c.margin_db + off, c.other, 1e6);
      LoraReceiver receiver(Device(c.factor));
      LoraSignal wanted = Frame(1, 30, kStrong, c.factor);
      disturbing.start = Time(1s);
      receiver.OnStart(disturbing);
      receiver.OnStart(wanted);
      BOOST_TEST((receiver.OnEnd(1) == LoraFate::kReceived) == (off < 0), c.factor);
    }
  }
}

BOOST_AUTO_TEST_CASE(interference_of_other_factors_adds_up_that_of_the_same_does_not) {
  LoraReceiver receiver(Device());
  receiver.OnStart(Frame(1, 0, kStrong));
  receiver.OnStart(Frame(2, 30, kStrong - 0.5));
  receiver.OnStart(Frame(3, 31, kStrong - 0.5));
  BOOST_TEST((receiver.OnEnd(1) == LoraFate::kReceived));
  // Two of SF9, each 2 dB below what is tolerated, are 1 dB above together.
  LoraReceiver other(Device());
  other.OnStart(Frame(1, 0, kStrong));
  other.OnStart(Frame(2, 10, kStrong + 7, 9));
  other.OnStart(Frame(3, 11, kStrong + 7, 9));
  BOOST_TEST((other.OnEnd(1) == LoraFate::kOtherFactor));
}

BOOST_AUTO_TEST_CASE(who_sends_hears_nothing) {
  LoraReceiver receiver(Device());
  const LoraSignal during = Frame(1, 0, kStrong);
  receiver.OnStart(during);
  receiver.OnTransmit(during.start + Symbols(7, 30), during.start + Symbols(7, 40));
  BOOST_TEST((receiver.OnEnd(1) == LoraFate::kDeaf));
  // What begins while we still send is received when six of its preamble's symbols are left.
  const LoraSignal early = Frame(2, 100, kStrong);
  const LoraSignal late = Frame(3, 300, kStrong);
  receiver.OnTransmit(early.start - Symbols(7, 5), early.start + Symbols(7, 2));
  receiver.OnStart(early);
  BOOST_TEST((receiver.OnEnd(2) == LoraFate::kReceived));
  receiver.OnTransmit(late.start - Symbols(7, 5), late.start + Symbols(7, 2.1));
  receiver.OnStart(late);
  BOOST_TEST((receiver.OnEnd(3) == LoraFate::kDeaf));
}

BOOST_AUTO_TEST_CASE(a_gateway_hears_all_factors_but_no_more_at_once_than_it_has_demodulators) {
  LoraReceiver::Options options;
  options.spreading_factor = 0;
  options.demodulators = 2;
  LoraReceiver receiver(options);
  for (int factor = 7; factor <= 9; ++factor) {
    LoraSignal frame = Frame(static_cast<std::uint64_t>(factor), 0, kStrong, factor);
    frame.end = frame.start + 1s;
    receiver.OnStart(frame);
  }
  int received = 0;
  for (int factor = 7; factor <= 9; ++factor) {
    received += receiver.OnEnd(static_cast<std::uint64_t>(factor)) == LoraFate::kReceived;
  }
  BOOST_TEST(received == 2);
  LoraReceiver device(Device(7));
  device.OnStart(Frame(1, 0, kStrong, 8));
  BOOST_TEST((device.OnEnd(1) == LoraFate::kNotTuned));
}

BOOST_AUTO_TEST_CASE(signals_beyond_the_bound_are_counted_and_lost) {
  LoraReceiver receiver(Device());
  for (std::uint64_t id = 1; id <= LoraReceiver::kSignalsMax + 3; ++id) {
    receiver.OnStart(Frame(id, 0, -155));
  }
  BOOST_TEST(receiver.overflow() == 3u);
  BOOST_TEST((receiver.OnEnd(LoraReceiver::kSignalsMax + 1) == LoraFate::kBusy));
}

}  // namespace
}  // namespace selvage::sim
