// A modem's properties become a state; what is missing or out of range stays missing.
#define BOOST_TEST_MODULE cellular_state_test
#include "transports/modem_manager/cellular_state.h"

#include <boost/test/unit_test.hpp>

namespace selvage {
namespace {

constexpr char kModem[] = "org.freedesktop.ModemManager1.Modem";

BusValue Number(std::int64_t v) { return {v}; }
BusValue Text(const std::string& v) { return {v}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(cellular_state)

BOOST_AUTO_TEST_CASE(a_connected_nr_modem_is_read) {
  std::map<std::string, BusProperties> in;
  in[kModem]["State"] = Number(11);
  in[kModem]["AccessTechnologies"] = Number(1 << 15);
  in[kModem]["SignalQuality"] = {std::vector<BusValue>{Number(80), {true}}};
  in[kModem]["Bearers"] = {std::vector<BusValue>{Text("/b/1"), Text("/b/2")}};
  in[std::string(kModem) + ".Signal"]["Nr5g"] = {
      BusProperties{{"rsrp", {-88.0}}, {"rsrq", {-10.0}}, {"snr", {23.0}}}};
  const CellularState s = ReadModem(in);
  BOOST_TEST((s.state == ModemState::kConnected));
  BOOST_TEST((s.technology == redcap::AccessTechnology::kNrSa));
  BOOST_TEST(*s.quality_percent == 80);
  BOOST_TEST(*s.nr.rsrp_dbm == -88);
  BOOST_TEST(*s.nr.sinr_db == 23);
  BOOST_TEST(s.lte.empty());
  BOOST_TEST(s.bearer_paths.size() == 2u);
  BOOST_TEST(!s.usable());  // no bearer was read yet
}

BOOST_AUTO_TEST_CASE(what_is_missing_or_of_another_type_stays_missing) {
  std::map<std::string, BusProperties> in;
  in[kModem]["State"] = Text("connected");
  in[kModem]["SignalQuality"] = {std::vector<BusValue>{}};
  in[kModem]["AccessTechnologies"] = {3.0};
  in[std::string(kModem) + ".Signal"]["Lte"] = {
      BusProperties{{"rsrp", {-32768.0}}, {"rsrq", Number(-10)}}};
  const CellularState s = ReadModem(in);
  BOOST_TEST((s.state == ModemState::kUnknown));
  BOOST_TEST(!s.quality_percent.has_value());
  BOOST_TEST(s.lte.empty());
  in[kModem]["State"] = Number(99);
  BOOST_TEST((ReadModem(in).state == ModemState::kUnknown));
  BOOST_TEST(std::string(ModemStateName(ModemState::kFailed)) == "failed");
  BOOST_TEST(std::string(ModemStateName(ModemState::kConnected)) == "connected");
  BOOST_TEST((ReadModem({}).state == ModemState::kUnknown));
}

BOOST_AUTO_TEST_CASE(a_bearer_is_usable_when_connected_and_not_suspended) {
  BusProperties p{
      {"Connected", {true}},
      {"Suspended", {false}},
      {"Interface", Text("wwan0")},
      {"Ip4Config", {BusProperties{{"address", Text("10.64.1.2")}, {"mtu", Number(1420)}}}}};
  CellularState s;
  s.state = ModemState::kConnected;
  s.bearer = ReadBearer(p);
  BOOST_TEST(s.usable());
  BOOST_TEST(s.bearer->interface == "wwan0");
  BOOST_TEST(s.bearer->ip4_address == "10.64.1.2");
  BOOST_TEST(*s.bearer->mtu_bytes == 1420u);
  p["Suspended"] = {true};
  s.bearer = ReadBearer(p);
  BOOST_TEST(!s.usable());
  p["Ip4Config"] = {BusProperties{{"mtu", Number(10)}}};
  BOOST_TEST(!ReadBearer(p).mtu_bytes.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
