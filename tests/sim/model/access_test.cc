// Terminals of access networks: queue and order, the satellite's geometry and slots, the cell.
#define BOOST_TEST_MODULE access_test
#include <boost/test/unit_test.hpp>

#include "ns3/double.h"
#include "ns3/node.h"
#include "ns3/simulator.h"
#include "ns3/string.h"
#include "ns3/uinteger.h"
#include "sim/model/access_carrier.h"
#include "sim/model/access_helper.h"
#include "sim/protocol.h"
#include "sim/validate/validate.h"

namespace selvage::sim {
namespace {

constexpr double kEpoch = 1767225600;

struct World {
  ~World() { ns3::Simulator::Destroy(); }
  static ns3::Ptr<ns3::Node> Node() { return ns3::CreateObject<ns3::Node>(); }
  AccessHelper access;
};

double ValueOf(const ValidationRow& row, const std::string& name) {
  for (const auto& [key, value] : row) {
    if (key == name) return value;
  }
  BOOST_FAIL("no " + name);
  return 0;
}

BOOST_FIXTURE_TEST_CASE(a_cable_delays_by_its_rate_and_length, World) {
  const auto a = access.InstallFixed(Node(), ns3::MilliSeconds(3));
  const auto b = access.InstallFixed(Node(), ns3::MilliSeconds(4));
  a->SetAttribute("UpRate", ns3::StringValue("1Mbps"));
  std::vector<double> at;
  b->TraceConnectWithoutContext(
      "Rx", ns3::Callback<void, ns3::Ptr<const ns3::Packet>>([&](ns3::Ptr<const ns3::Packet>) {
        at.push_back(ns3::Simulator::Now().GetSeconds() * 1000);
      }));
  for (int i = 0; i < 2; ++i) a->Send(ns3::Create<ns3::Packet>(1000), b->GetAddress(), 0);
  ns3::Simulator::Run();
  // 8 ms at 1 Mb/s, 3 ms, 0.08 ms at 100 Mb/s, 4 ms; the second 8 ms later.
  BOOST_TEST_REQUIRE(at.size() == 2u);
  BOOST_TEST(at[0] == 15.08, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(at[1] == 23.08, boost::test_tools::tolerance(1e-6));
}

BOOST_FIXTURE_TEST_CASE(a_full_queue_loses_the_newest_and_a_device_that_is_off_everything, World) {
  const auto a = access.InstallFixed(Node(), ns3::MilliSeconds(3));
  const auto b = access.InstallFixed(Node(), ns3::MilliSeconds(4));
  a->SetAttribute("QueuePackets", ns3::UintegerValue(3));
  int taken = 0;
  for (int i = 0; i < 5; ++i) taken += a->Send(ns3::Create<ns3::Packet>(9), b->GetAddress(), 0);
  BOOST_TEST(taken == 3);
  ns3::Simulator::Run();
  BOOST_TEST(b->bytes_received() == 27u);
  b->SetOn(false);
  BOOST_TEST(a->Send(ns3::Create<ns3::Packet>(9), b->GetAddress(), 0));
  ns3::Simulator::Run();
  BOOST_TEST(b->bytes_received() == 27u);
  BOOST_TEST(!b->Send(ns3::Create<ns3::Packet>(9), a->GetAddress(), 0));
}

BOOST_AUTO_TEST_CASE(a_shell_stands_where_kepler_says) {
  const auto shell = std::make_shared<LeoShell>(LeoShell::Walker(550, 53, 72, 22, 39, kEpoch),
                                                kEpoch);
  BOOST_TEST(shell->size() == 1584u);
  const orbit::Site site{50, 4, 0};
  for (int minute = 0; minute < 20; ++minute) {
    const Time now = TimeFromNanos(minute * 60'000'000'000);
    const auto visible = shell->Visible(now, site, site, 25, 25);
    BOOST_TEST(visible.size() >= 5u);
    for (const LeoShell::Choice& choice : visible) {
      BOOST_TEST(choice.from_terminal.elevation_deg >= 25);
      // 1,123 km at 25 degrees; the earth's and the orbit's flattening make 15 km.
      BOOST_TEST(choice.from_terminal.range_km <= 1140);
      BOOST_TEST(choice.from_terminal.range_km >= 530);
    }
  }
}

BOOST_AUTO_TEST_CASE(satellites_change_in_step_with_the_utc_minute) {
  auto shell = std::make_shared<LeoShell>(LeoShell::Walker(550, 53, 72, 22, 39, kEpoch), kEpoch);
  LeoAccess model;
  model.Configure(shell, {50, 4, 0}, {51, 5, 0});
  model.AssignStreams(3);
  std::size_t before = model.Current(TimeFromNanos(0))->satellite;
  int changes = 0;
  for (int second = 1; second < 300; ++second) {
    const Time now = TimeFromNanos(second * 1'000'000'000LL);
    const std::size_t satellite = model.Current(now)->satellite;
    if (satellite == before) continue;
    ++changes;
    BOOST_TEST(second % 15 == 12);
    before = satellite;
  }
  BOOST_TEST(changes >= 15);  // of 20 boundaries; some choose the same again
}

BOOST_AUTO_TEST_CASE(where_no_satellite_is_nothing_passes) {
  auto shell = std::make_shared<LeoShell>(LeoShell::Walker(550, 53, 72, 22, 39, kEpoch), kEpoch);
  LeoAccess model;
  model.Configure(shell, {89, 0, 0}, {88, 0, 0});  // the shell ends at 53 degrees
  BOOST_TEST(!model.Available(TimeFromNanos(1)));
  BOOST_TEST(model.Up(TimeFromNanos(2)).lost);
  BOOST_TEST(model.slots_without_satellite() == 1u);
}

BOOST_AUTO_TEST_CASE(round_trips_are_those_of_the_measurements) {
  const auto leo = RunValidation("leo-trips", {{"seconds", 7300}});
  BOOST_TEST_REQUIRE(leo.ok());
  BOOST_TEST(ValueOf(*leo, "rtt_p50") == 44, boost::test_tools::tolerance(0.1));
  BOOST_TEST(ValueOf(*leo, "rtt_p95") == 80, boost::test_tools::tolerance(0.1));
  const auto cell = RunValidation("cell-trips", {{"seconds", 36000}});
  BOOST_TEST_REQUIRE(cell.ok());
  BOOST_TEST(ValueOf(*cell, "rtt_p50") == 84, boost::test_tools::tolerance(0.05));
  BOOST_TEST(ValueOf(*cell, "rtt_p95") == 119, boost::test_tools::tolerance(0.05));
}

BOOST_AUTO_TEST_CASE(a_cell_follows_its_quantiles_and_wakes_up_late) {
  auto model = ns3::CreateObject<CellAccess>();
  BOOST_TEST(model->RoundTripMs(0) == 23);
  BOOST_TEST(model->RoundTripMs(0.5) == 84, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(model->RoundTripMs(1) == 1594);
  model->SetAttribute("GapsPerHour", ns3::DoubleValue(0));
  model->SetAttribute("Hold", ns3::TimeValue(ns3::Seconds(1000000)));
  const Duration asleep = model->Up(TimeFromNanos(0)).delay;
  const Duration awake = model->Up(TimeFromNanos(1)).delay;
  BOOST_TEST(ToMillis(asleep - awake) >= 50);
  BOOST_TEST(ToMillis(asleep - awake) <= 150);
  model->SetAttribute("Edrx", ns3::TimeValue(ns3::Seconds(10)));
  BOOST_TEST(ToMillis(model->Down(TimeFromNanos(2)).delay - awake) == 0);
  const Time later = TimeFromNanos(63'000'000'000);
  BOOST_TEST(ToMillis(model->Down(later).delay - awake) >= 7050);  // paged at 70 s
}

// Two agents who know each other's addresses, one in a cell, one under satellites.
struct Uplinks : World {
  Uplinks() {
    scenario.traffic_class = "telemetry";
    layout.positions.resize(2);
    layout.flows.push_back({0, 1, 0, 1});
    layout.neighbours = {{1}, {0}};
    stage.scenario = &scenario;
    stage.layout = &layout;
    stage.nodes.Create(2);
    devices.push_back(access.InstallCell(stage.nodes.Get(0), "att"));
    const auto shell = std::make_shared<LeoShell>(
        LeoShell::Walker(550, 53, 72, 22, 39, kEpoch), kEpoch);
    devices.push_back(access.InstallLeo(stage.nodes.Get(1), shell, {50, 4, 0}, {51, 5, 0}));
    access.AssignStreams(9);
    stage.new_carrier = [this](std::uint32_t node) -> std::unique_ptr<Carrier> {
      return std::make_unique<AccessCarrier>(
          devices[node], node == 0 ? RedcapLinkInfo("cell") : SatelliteLinkInfo("dish"), devices);
    };
    protocol = NewSelvageProtocol();
    protocol->Install(stage, [this](std::uint32_t, std::uint32_t) { ++arrived; });
  }

  Scenario scenario;
  Layout layout;
  Stage stage;
  std::vector<ns3::Ptr<AccessNetDevice>> devices;
  std::unique_ptr<Protocol> protocol;
  int arrived = 0;
};

BOOST_FIXTURE_TEST_CASE(two_agents_meet_over_a_cell_and_a_satellite, Uplinks) {
  for (std::uint32_t i = 0; i < 200; ++i) {
    ns3::Simulator::Schedule(ns3::Seconds(60 + i), [this, i] { protocol->Send(0, i); });
  }
  ns3::Simulator::Stop(ns3::Seconds(280));
  ns3::Simulator::Run();
  BOOST_TEST(arrived > 180);  // best effort, through gaps of both
  BOOST_TEST(devices[1]->EnergyJoules() == 30 * 280, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(devices[0]->EnergyJoules() > 200);
}

}  // namespace
}  // namespace selvage::sim
