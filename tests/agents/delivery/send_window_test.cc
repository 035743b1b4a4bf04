#define BOOST_TEST_MODULE send_window_test
#include "agents/delivery/send_window.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

constexpr Time kStart = TimeFromNanos(1'000'000'000);

// Sends as much as there is room for, in packets of one.
int Fill(SendWindow* w) {
  int sent = 0;
  while (w->Admit(1)) {
    w->Enter(1);
    ++sent;
  }
  return sent;
}
void Answer(SendWindow* w, int packets) {
  for (int i = 0; i < packets; ++i) {
    w->OnAnswered(1);
    w->Leave(1);
  }
}

BOOST_AUTO_TEST_CASE(it_doubles_in_a_round_trip_and_after_a_loss_grows_by_one) {
  SendWindow w;
  BOOST_TEST(Fill(&w) == 32);
  Answer(&w, 32);
  BOOST_TEST(Fill(&w) == 64);
  w.OnTimeout(kStart + 1s, kStart);
  Answer(&w, 64);
  const int after = Fill(&w);
  BOOST_TEST(after >= 32);
  BOOST_TEST(after <= 35);  // 64 answers at one in a window
  Answer(&w, after);
  BOOST_TEST(Fill(&w) == after + 1);
}

BOOST_AUTO_TEST_CASE(all_losses_of_one_flight_halve_it_once) {
  SendWindow w;
  BOOST_TEST(Fill(&w) == 32);
  for (int i = 0; i < 32; ++i) w.OnTimeout(kStart + 1s, kStart);
  BOOST_TEST(w.size() == 16);
  w.OnTimeout(kStart + 2s, kStart + 1s);
  BOOST_TEST(w.size() == 8);
  for (int i = 2; i < 20; ++i) w.OnTimeout(kStart + (i + 1) * 1s, kStart + i * 1s);
  BOOST_TEST(w.size() == SendWindow::kMin);
}

BOOST_AUTO_TEST_CASE(it_does_not_grow_while_it_is_not_used_up_and_never_beyond_its_bound) {
  SendWindow w;
  for (int i = 0; i < 1000; ++i) {
    BOOST_TEST(w.Admit(1));
    w.Enter(1);
    Answer(&w, 1);
  }
  BOOST_TEST(w.size() == SendWindow::kFirst);
  for (int i = 0; i < 20; ++i) Answer(&w, Fill(&w));
  BOOST_TEST(w.size() == SendWindow::kMax);
}

BOOST_AUTO_TEST_CASE(what_is_larger_than_the_window_goes_alone) {
  SendWindow w;
  for (int i = 0; i < 20; ++i) w.OnTimeout(kStart + (i + 1) * 1s, kStart + i * 1s);
  BOOST_TEST(w.Admit(46));
  w.Enter(46);
  BOOST_TEST(!w.Admit(1));
  w.Leave(46);
  w.Enter(1);
  BOOST_TEST(!w.Admit(46));
}

BOOST_AUTO_TEST_CASE(timeouts_double_until_a_round_trip_is_measured) {
  SendWindow w;
  RoundTrip rtt;
  rtt.OnSample(10ms);
  const Duration first = w.Timeout(rtt);
  BOOST_TEST(!w.EndPatience());
  for (int i = 1; i < 4; ++i) {
    w.OnTimeout(kStart + i * 1s, kStart + (i - 1) * 1s);
    BOOST_TEST((w.Timeout(rtt) == first * (1 << i)));
  }
  for (int i = 4; i < 40; ++i) w.OnTimeout(kStart + i * 1s, kStart + (i - 1) * 1s);
  BOOST_TEST((w.Timeout(rtt) == SendWindow::kPauseMax));
  BOOST_TEST(w.EndPatience());
  BOOST_TEST((w.Timeout(rtt) == first));
}

}  // namespace
}  // namespace selvage
