#define BOOST_TEST_MODULE flow_report_test
#include "agents/delivery/flow_report.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"

namespace selvage {
namespace {

FlowReport Any(Random* random) {
  FlowReport r;
  r.epoch = Epoch(static_cast<std::uint32_t>(random->U64()));
  r.flow = static_cast<std::uint16_t>(random->U64());
  r.floor = random->Below(std::uint64_t{1} << 47);
  std::uint64_t at = r.floor;
  const std::uint64_t n = random->Below(kReportRangesMax + 1);
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::uint64_t first = at + (i > 0 ? 1 : 0) + random->Below(300);
    const std::uint64_t last = first + random->Below(1000);
    r.ranges.push_back({first, last});
    at = last + 1;
  }
  return r;
}

BOOST_AUTO_TEST_CASE(reports_in_a_row_come_back_and_cut_ones_are_malformed) {
  Random random(1);
  for (int round = 0; round < 500; ++round) {
    std::vector<FlowReport> in;
    Bytes body;
    for (std::uint64_t i = 0; i <= random.Below(4); ++i) {
      in.push_back(Any(&random));
      const Bytes one = EncodeReport(in.back());
      BOOST_TEST(!DecodeReports(ByteSpan(one).Sub(0, one.size() - 1)).has_value());
      body.insert(body.end(), one.begin(), one.end());
    }
    const auto out = DecodeReports(body);
    BOOST_REQUIRE(out.has_value());
    BOOST_REQUIRE(out->size() == in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      BOOST_TEST((out->at(i).epoch == in[i].epoch));
      BOOST_TEST(out->at(i).flow == in[i].flow);
      BOOST_TEST(out->at(i).floor == in[i].floor);
      BOOST_TEST((out->at(i).ranges == in[i].ranges));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_receipt_without_gaps_takes_13_bytes) {
  BOOST_TEST(EncodeReport({Epoch(1), 2, 3, {}}).size() == 13);
}

BOOST_AUTO_TEST_CASE(ranges_that_overlap_overflow_or_are_too_many_are_malformed) {
  Bytes b = EncodeReport({Epoch(1), 2, 3, {{5, 6}, {8, 9}}});
  BOOST_REQUIRE(DecodeReports(b).has_value());
  Bytes bad = b;
  bad[14] = 0;  // no length
  BOOST_TEST(!DecodeReports(bad).has_value());
  bad = b;
  bad[15] = 0;  // no gap before the second
  BOOST_TEST(!DecodeReports(bad).has_value());
  bad = b;
  bad[12] = kReportRangesMax + 1;
  BOOST_TEST(!DecodeReports(bad).has_value());
  Bytes top = EncodeReport({Epoch(1), 2, (std::uint64_t{1} << 48) - 2, {}});
  top[12] = 1;
  top.push_back(1);
  top.push_back(1);
  BOOST_TEST(DecodeReports(top).has_value());
  top.back() = 2;  // beyond 48 bits
  BOOST_TEST(!DecodeReports(top).has_value());
  Random random(2);
  for (int i = 0; i < 20'000; ++i) {  // noise: whatever is taken is in order
    Bytes noise(random.Below(60));
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random.U64());
    if (noise.size() > 12) noise[12] &= 3;
    const auto out = DecodeReports(noise);
    if (!out) continue;
    for (const FlowReport& r : *out) {
      std::uint64_t at = r.floor;
      for (const SequenceRange& range : r.ranges) {
        BOOST_TEST(range.first >= at);
        BOOST_TEST(range.last >= range.first);
        BOOST_TEST(range.last < std::uint64_t{1} << 48);
        at = range.last + 2;
      }
    }
  }
}

}  // namespace
}  // namespace selvage
