#define BOOST_TEST_MODULE reorder_buffer_test
#include "agents/delivery/reorder_buffer.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

const Time kStart = TimeFromNanos(1'000'000'000);
ReceivedFlow Flow(std::uint16_t n) { return ReceivedFlow(1, 1, n); }
HeldMessage Of(std::uint64_t last, std::size_t bytes = 10) { return {last, 7, Bytes(bytes)}; }

BOOST_AUTO_TEST_CASE(runs_and_gaps_are_told_and_messages_come_out_by_their_first_number) {
  ReorderBuffer b;
  for (std::uint64_t first : {3, 4, 9}) BOOST_TEST(b.Add(kStart, Flow(1), first, Of(first)));
  BOOST_TEST(b.Add(kStart, Flow(1), 5, Of(7)));
  BOOST_TEST((*b.Around(Flow(1), 6) == SequenceRange{3, 7}));
  BOOST_TEST((*b.Around(Flow(1), 9) == SequenceRange{9, 9}));
  BOOST_TEST(!b.Around(Flow(1), 8).has_value());
  BOOST_TEST(!b.Around(Flow(2), 6).has_value());
  BOOST_TEST(!b.Take(Flow(1), 6).has_value());
  BOOST_TEST(b.Take(Flow(1), 5)->last == 7);
  BOOST_TEST(!b.Take(Flow(1), 5).has_value());
  b.Drop(Flow(1), {0, 4});
  BOOST_TEST(b.messages() == 1);
  b.Drop(Flow(1), {9, 9});
  BOOST_TEST(b.messages() == 0);
  BOOST_TEST(b.bytes() == 0);
  BOOST_TEST(b.evicted() == 0);
}

BOOST_AUTO_TEST_CASE(a_flow_is_bounded_in_messages_and_bytes) {
  ReorderBuffer b;
  for (std::uint64_t i = 0; i < ReorderBuffer::kFlowMessagesMax; ++i) {
    BOOST_REQUIRE(b.Add(kStart, Flow(1), 2 * i, Of(2 * i)));
  }
  BOOST_TEST(!b.Add(kStart, Flow(1), 9999, Of(9999)));
  BOOST_TEST(b.Add(kStart, Flow(2), 1, Of(1)));
  const std::size_t most = ReorderBuffer::kFlowBytesMax - ReorderBuffer::kEntryBytes;
  BOOST_TEST(b.Add(kStart, Flow(3), 1, Of(1, most)));
  BOOST_TEST(!b.Add(kStart, Flow(3), 3, Of(3, 0)));
}

BOOST_AUTO_TEST_CASE(full_over_all_the_flow_without_news_for_longest_is_let_go) {
  ReorderBuffer b;
  const std::size_t most = ReorderBuffer::kFlowBytesMax - ReorderBuffer::kEntryBytes;
  for (std::uint16_t i = 0; i < 4; ++i) {
    BOOST_TEST(b.Add(kStart + i * 1ms, Flow(i), 1, Of(1, most)));
  }
  BOOST_TEST(b.Add(kStart + 9ms, Flow(9), 1, Of(1)));
  BOOST_TEST(!b.Around(Flow(0), 1).has_value());
  BOOST_TEST(b.Around(Flow(1), 1).has_value());
  BOOST_TEST(b.evicted() == 1);
  ReorderBuffer many;
  for (std::uint16_t i = 0; i <= ReorderBuffer::kFlowsMax; ++i) {
    BOOST_TEST(many.Add(kStart + i * 1ms, Flow(i), 1, Of(1)));
  }
  BOOST_TEST(many.messages() == ReorderBuffer::kFlowsMax);
}

BOOST_AUTO_TEST_CASE(what_nobody_asks_for_is_let_go_in_time) {
  ReorderBuffer b;
  b.Add(kStart, Flow(1), 1, Of(1));
  b.Add(kStart + 10s, Flow(2), 1, Of(1));
  b.DropIdle(kStart + ReorderBuffer::kIdle + 1s);
  BOOST_TEST(b.messages() == 1);
  BOOST_TEST(b.Around(Flow(2), 1).has_value());
}

}  // namespace
}  // namespace selvage
