// Air time equals the published tables to the microsecond.
#define BOOST_TEST_MODULE modulation_test
#include "transports/lorawan/air/modulation.h"

#include <boost/test/unit_test.hpp>

#include "transports/lorawan/air/region.h"

namespace selvage::lorawan {
namespace {

std::int64_t Micros(int sf, std::int64_t bandwidth_hz, std::size_t bytes, bool crc = true) {
  LoraModulation m;
  m.spreading_factor = sf;
  m.bandwidth_hz = bandwidth_hz;
  m.crc = crc;
  const Duration t = LoraTimeOnAir(m, bytes);
  BOOST_TEST(t.count() % 1000 == 0);
  return ToMicros(t);
}

struct Row {
  std::size_t bytes;
  std::int64_t micros[6];  // SF7 to SF12 at 125 kHz
};
constexpr Row kTable[] = {
    {10, {41216, 72192, 144384, 288768, 577536, 991232}},
    {23, {61696, 113152, 205824, 370688, 823296, 1482752}},
    {64, {118016, 215552, 390144, 698368, 1560576, 2793472}},
    {255, {399616, 707072, 1250304, 2295808, 5001216, 9019392}},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(modulation)

BOOST_AUTO_TEST_CASE(air_time_equals_the_table_at_125_khz) {
  for (const Row& row : kTable) {
    for (int sf = 7; sf <= 12; ++sf) {
      BOOST_TEST_CONTEXT("SF" << sf << ", " << row.bytes << " bytes") {
        BOOST_TEST(Micros(sf, 125000, row.bytes) == row.micros[sf - 7]);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(air_time_equals_the_table_at_500_khz_and_without_crc) {
  BOOST_TEST(Micros(8, 500000, 23) == 28288);
  BOOST_TEST(Micros(8, 500000, 255) == 176768);
  BOOST_TEST(Micros(12, 125000, 17, false) == 1155072);
}

BOOST_AUTO_TEST_CASE(low_rate_optimisation_starts_at_16_ms_symbols) {
  // SF11 at 250 kHz has 8.192 ms symbols and goes without, SF12 at 250 kHz has 16.384 ms and needs
  // it: 4 SF bits per block against 4 (SF - 2).
  BOOST_TEST(LoraSymbolTime({11, 250000}).count() == 8'192'000);
  BOOST_TEST(LoraSymbolTime({12, 250000}).count() == 16'384'000);
  // 64 bytes: ceil(512 / 44) = 12 blocks of 5 symbols and 20.25 besides.
  BOOST_TEST(Micros(11, 250000, 64) == 8192 * (12 * 5 + 20) + 8192 / 4);
  // ceil(508 / 40) = 13 blocks.
  BOOST_TEST(Micros(12, 250000, 64) == 16384 * (13 * 5 + 20) + 16384 / 4);
}

BOOST_AUTO_TEST_CASE(fsk_frames_carry_eleven_bytes_of_their_own) {
  BOOST_TEST(FskTimeOnAir(50000, 20).count() == 31 * 8 * 20'000);
}

BOOST_AUTO_TEST_CASE(the_largest_us915_frames_keep_to_the_dwell_time) {
  for (int index = 0; index <= 3; ++index) {
    const DataRate& rate = *Us915().FindDataRate(index);
    BOOST_TEST(Us915().HasDwellLimit(rate));
    BOOST_TEST(
        Us915().TimeOnAir(rate, rate.payload_bytes_max + kDataOverheadBytes, false).count() <=
        Us915().dwell_max.count());
  }
  BOOST_TEST(!Us915().HasDwellLimit(*Us915().FindDataRate(4)));
}

BOOST_AUTO_TEST_CASE(a_channel_belongs_to_a_sub_band_only_with_all_its_bandwidth) {
  const Region& eu = Eu868();
  BOOST_TEST(eu.FindSubBand(868'100'000, 125000) == 2);
  BOOST_TEST(eu.FindSubBand(869'525'000, 125000) == 4);
  BOOST_TEST(eu.FindSubBand(868'000'000, 125000) == -1);
  BOOST_TEST(eu.FindSubBand(868'650'000, 125000) == -1);
  BOOST_TEST(eu.FindSubBand(433'175'000, 125000) == -1);
  BOOST_TEST(FindRegion("EU868") == &eu);
  BOOST_TEST(FindRegion("EU433") == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage::lorawan
