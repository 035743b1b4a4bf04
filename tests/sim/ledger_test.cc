#define BOOST_TEST_MODULE ledger_test
#include "sim/ledger.h"

#include <boost/test/unit_test.hpp>

namespace selvage::sim {
namespace {

BOOST_AUTO_TEST_CASE(first_copies_are_data_and_everything_else_is_control) {
  Ledger ledger(2, 1, 10, 20, 30);
  const PacketLabel packet = {0, 5, 0};
  ledger.Count(21, 0, 92, &packet);  // origin
  ledger.Count(21, 1, 92, &packet);  // first copy of the relay
  ledger.Count(22, 1, 92, &packet);  // sent once more
  ledger.Count(23, 1, 48, nullptr);  // routing
  BOOST_TEST(ledger.after().data_bytes == 184u);
  BOOST_TEST(ledger.after().data_packets == 2u);
  BOOST_TEST(ledger.after().control_bytes == 140u);
  BOOST_TEST(ledger.after().control_packets == 2u);
  BOOST_TEST(ledger.after().repeated_bytes == 92u);
  BOOST_TEST(ledger.before().data_bytes == 0u);
}

BOOST_AUTO_TEST_CASE(what_rides_on_a_data_frame_is_control) {
  Ledger ledger(1, 1, 0, 20, 30);
  const PacketLabel packet = {0, 0, 12};
  ledger.Count(1, 0, 150, &packet);
  BOOST_TEST(ledger.before().data_bytes == 138u);
  BOOST_TEST(ledger.before().control_bytes == 12u);
  BOOST_TEST(ledger.before().control_packets == 0u);
}

BOOST_AUTO_TEST_CASE(nothing_outside_the_windows_counts_but_a_copy_sent_then_is_not_first_later) {
  Ledger ledger(1, 1, 10, 20, 30);
  const PacketLabel packet = {0, 900, 0};
  ledger.Count(9, 0, 92, &packet);
  ledger.Count(30, 0, 48, nullptr);
  BOOST_TEST(ledger.before().data_bytes + ledger.after().control_bytes == 0u);
  ledger.Count(10, 0, 92, &packet);
  BOOST_TEST(ledger.before().repeated_bytes == 92u);
}

BOOST_AUTO_TEST_CASE(the_hash_depends_on_order_and_boundaries) {
  const std::uint8_t bytes[] = {1, 2, 3};
  TraceHash split;
  split.Span(bytes, 1);
  split.Span(bytes + 1, 2);
  TraceHash other;
  other.Span(bytes, 2);
  other.Span(bytes + 2, 1);
  TraceHash same;
  same.Span(bytes, 1);
  same.Span(bytes + 1, 2);
  BOOST_TEST(split.value() != other.value());
  BOOST_TEST(split.value() == same.value());
  TraceHash empty;
  empty.Byte('a');
  BOOST_TEST(empty.value() == 0xaf63dc4c8601ec8cull);  // published FNV-1a value of "a"
}

}  // namespace
}  // namespace selvage::sim
