// Signal and registration lines of cellular modems are read; what is not there stays missing.
#define BOOST_TEST_MODULE at_telemetry_test
#include "transports/redcap/at_telemetry.h"

#include <boost/test/unit_test.hpp>

#include "core/random.h"

namespace selvage::redcap {

BOOST_AUTO_TEST_SUITE(at_telemetry)

BOOST_AUTO_TEST_CASE(csq_is_two_decibels_a_step_and_99_is_not_known) {
  BOOST_TEST(*ParseCsq("+CSQ: 0,99")->rssi_dbm == -113);
  BOOST_TEST(*ParseCsq("+CSQ: 31,0")->rssi_dbm == -51);
  BOOST_REQUIRE(ParseCsq("+CSQ: 99,99").has_value());
  BOOST_TEST(ParseCsq("+CSQ: 99,99")->empty());
  for (const char* line : {"+CSQ: 100,1", "+CSQ: ,", "+CSQ: 12", "+CESQ: 1,2", "CSQ: 1,2", ""}) {
    BOOST_TEST(!ParseCsq(line).has_value(), line);
  }
}

BOOST_AUTO_TEST_CASE(cesq_maps_lte_and_nr_values) {
  const auto lte = ParseCesq("+CESQ: 99,99,255,255,20,60");
  BOOST_REQUIRE(lte.has_value());
  BOOST_TEST(*lte->lte.rsrq_db == -10.0);
  BOOST_TEST(*lte->lte.rsrp_dbm == -81);
  BOOST_TEST(lte->nr.empty());
  const auto nr = ParseCesq("+CESQ: 99,99,255,255,255,255,65,68,92");
  BOOST_REQUIRE(nr.has_value());
  BOOST_TEST(nr->lte.empty());
  BOOST_TEST(*nr->nr.rsrq_db == -10.5);
  BOOST_TEST(*nr->nr.rsrp_dbm == -88);
  BOOST_TEST(*nr->nr.sinr_db == 23);
  const auto partly = ParseCesq("+CESQ: 99,99,255,255,255,255,255,68,255");
  BOOST_TEST((!partly->nr.rsrq_db && partly->nr.rsrp_dbm && !partly->nr.sinr_db));
  BOOST_TEST(!ParseCesq("+CESQ: 99,99,255,255,20").has_value());
}

BOOST_AUTO_TEST_CASE(registration_is_read_as_answer_and_as_report) {
  const auto answer = ParseRegistration("+C5GREG: 2,1,\"FAD5\",\"0FAD5383F2\",11,1,01");
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->registered());
  BOOST_TEST(*answer->area == 0xfad5u);
  BOOST_TEST(*answer->cell == 0xfad5383f2u);
  BOOST_TEST((answer->technology == AccessTechnology::kNrSa));
  const auto report = ParseRegistration("+CEREG: 5,\"1A2B\",\"01C3D4E5\",7");
  BOOST_REQUIRE(report.has_value());
  BOOST_TEST((report->state == Registration::kRoaming));
  BOOST_TEST(*report->area == 0x1a2bu);
  BOOST_TEST((report->technology == AccessTechnology::kLte));
  BOOST_TEST((ParseRegistration("+CREG: 0,2")->state == Registration::kSearching));
  BOOST_TEST((ParseRegistration("+CREG: 2")->state == Registration::kSearching));
  BOOST_TEST(!ParseRegistration("+CEREG: 0,3")->registered());
  BOOST_TEST(!ParseRegistration("+CEREG: x").has_value());
  BOOST_TEST(!ParseRegistration("+COPS: 0,0,\"x\",11").has_value());
}

BOOST_AUTO_TEST_CASE(a_captured_serving_cell_line_of_nr_is_read) {
  const auto c = ParseServingCell(
      "+QENG: "
      "\"servingcell\",\"NOCONN\",\"NR5G-SA\",\"TDD\",240,68,FAD5383F2,310,64,634080,78,12,-88,"
      "-10,23,1,-");
  BOOST_REQUIRE(c.has_value());
  BOOST_TEST(c->state == "NOCONN");
  BOOST_TEST((c->technology == AccessTechnology::kNrSa));
  BOOST_TEST(c->duplex == "TDD");
  BOOST_TEST(*c->mcc == 240);
  BOOST_TEST(*c->mnc == 68);
  BOOST_TEST(*c->cell == 0xfad5383f2u);
  BOOST_TEST(*c->physical_cell == 310);
  BOOST_TEST(*c->area == 0x64u);
  BOOST_TEST(*c->channel == 634080);
  BOOST_TEST(*c->band == 78);
  BOOST_TEST(*c->signal.rsrp_dbm == -88);
  BOOST_TEST(*c->signal.rsrq_db == -10);
  BOOST_TEST(*c->signal.sinr_db == 23);
}

BOOST_AUTO_TEST_CASE(nsa_has_sinr_before_rsrq) {
  const auto c = ParseServingCell("+QENG: \"NR5G-NSA\",262,01,500,-95,18,-11,634080,78,12,1");
  BOOST_REQUIRE(c.has_value());
  BOOST_TEST((c->technology == AccessTechnology::kNrNsa));
  BOOST_TEST(*c->signal.rsrp_dbm == -95);
  BOOST_TEST(*c->signal.sinr_db == 18);
  BOOST_TEST(*c->signal.rsrq_db == -11);
}

BOOST_AUTO_TEST_CASE(lte_as_serving_cell_and_as_anchor_is_read) {
  for (const char* line :
       {"+QENG: "
        "\"servingcell\",\"NOCONN\",\"LTE\",\"FDD\",262,01,1A2D001,53,1300,3,5,5,1A2B,-97,-11,-"
        "66,14,9,230,30",
        "+QENG: \"LTE\",\"FDD\",262,01,1A2D001,53,1300,3,5,5,1A2B,-97,-11,-66,14,9,230,30"}) {
    const auto c = ParseServingCell(line);
    BOOST_REQUIRE(c.has_value());
    BOOST_TEST((c->technology == AccessTechnology::kLte));
    BOOST_TEST(*c->band == 3);
    BOOST_TEST(*c->area == 0x1a2bu);
    BOOST_TEST(*c->signal.rsrp_dbm == -97);
    BOOST_TEST(*c->signal.rssi_dbm == -66);
    BOOST_TEST(*c->signal.sinr_db == 14);
  }
}

BOOST_AUTO_TEST_CASE(absent_values_stay_absent) {
  const auto searching = ParseServingCell("+QENG: \"servingcell\",\"SEARCH\"");
  BOOST_REQUIRE(searching.has_value());
  BOOST_TEST(searching->state == "SEARCH");
  BOOST_TEST(searching->signal.empty());
  const auto c = ParseServingCell(
      "+QENG: "
      "\"servingcell\",\"LIMSRV\",\"NR5G-SA\",\"TDD\",-,,FAD5383F2,310,64,634080,78,12,-32768,-"
      ",-32768,1,-");
  BOOST_REQUIRE(c.has_value());
  BOOST_TEST(!c->mcc.has_value());
  BOOST_TEST(!c->mnc.has_value());
  BOOST_TEST(c->signal.empty());
  const auto cut = ParseServingCell("+QENG: \"servingcell\",\"CONNECT\",\"NR5G-SA\",\"TDD\",240");
  BOOST_REQUIRE(cut.has_value());
  BOOST_TEST(*cut->mcc == 240);
  BOOST_TEST(!cut->band.has_value());
}

BOOST_AUTO_TEST_CASE(network_info_is_read_in_both_spellings) {
  for (const char* first : {"TDD NR5G", "NR5G-SA"}) {
    const auto n = ParseNetworkInfo(std::string("+QNWINFO: \"") + first +
                                    "\",\"24068\",\"NR5G BAND 78\",634080");
    BOOST_REQUIRE(n.has_value());
    BOOST_TEST((n->technology == AccessTechnology::kNrSa));
    BOOST_TEST(n->operator_code == "24068");
    BOOST_TEST(*n->band == 78);
    BOOST_TEST(*n->channel == 634080);
  }
  BOOST_TEST((ParseNetworkInfo("+QNWINFO: \"FDD LTE\",\"26201\",\"LTE BAND 3\",1300")->technology ==
              AccessTechnology::kLte));
  const auto none = ParseNetworkInfo("+QNWINFO: \"No Service\"");
  BOOST_REQUIRE(none.has_value());
  BOOST_TEST((none->technology == AccessTechnology::kUnknown));
}

BOOST_AUTO_TEST_CASE(changed_lines_give_values_in_range_or_none) {
  const std::string lines[] = {
      "+CSQ: 20,99",
      "+CESQ: 99,99,255,255,20,60,65,68,92",
      "+C5GREG: 2,1,\"FAD5\",\"0FAD5383F2\",11,1,01",
      "+QENG: "
      "\"servingcell\",\"NOCONN\",\"NR5G-SA\",\"TDD\",240,68,FAD5383F2,310,64,634080,78,12,-88,"
      "-10,23,1,-",
      "+QENG: \"NR5G-NSA\",262,01,500,-95,18,-11,634080,78,12,1",
      "+QNWINFO: \"TDD NR5G\",\"24068\",\"NR5G BAND 78\",634080"};
  Random random(9);
  for (int i = 0; i < 100'000; ++i) {
    std::string line = lines[random.Below(std::size(lines))];
    for (std::uint64_t n = 1 + random.Below(4); n > 0; --n) {
      line[random.Below(line.size())] = static_cast<char>(random.Below(256));
    }
    if (random.Below(4) == 0) line.resize(random.Below(line.size() + 1));
    ParseNetworkInfo(line);
    ParseRegistration(line);
    const auto check = [](const CellSignal& s) {
      BOOST_TEST((!s.rsrp_dbm || (*s.rsrp_dbm >= -156 && *s.rsrp_dbm <= -30)));
      BOOST_TEST((!s.rsrq_db || (*s.rsrq_db >= -43 && *s.rsrq_db <= 20)));
      BOOST_TEST((!s.sinr_db || (*s.sinr_db >= -23 && *s.sinr_db <= 40.5)));
      BOOST_TEST((!s.rssi_dbm || (*s.rssi_dbm >= -120 && *s.rssi_dbm <= -20)));
    };
    if (const auto s = ParseCsq(line)) check(*s);
    if (const auto s = ParseCesq(line)) check(s->lte), check(s->nr);
    if (const auto s = ParseServingCell(line)) check(s->signal);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage::redcap
