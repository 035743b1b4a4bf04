// What an idle network costs in a day where bytes or air time are scarce: real nodes, virtual time.
#define BOOST_TEST_MODULE radio_day_test
#include <boost/test/unit_test.hpp>

#include "tests/agents/node/mesh.h"
#include "transports/lorawan/air/modulation.h"
#include "transports/radios/control_budget.h"
#include "transports/radios/ip_radio.h"
#include "transports/small/fragments.h"

namespace selvage {
namespace {

constexpr Duration kDay = std::chrono::hours(24);
constexpr std::uint64_t kIpHeaders = IpTransport::kCarrierHeaderBytes;

struct MeteredDay {
  std::uint64_t bytes = 0;  // with IP and UDP, both directions
  std::uint64_t frames = 0;
  NeighborState state{};
};

// `every`: a critical message of 100 bytes each so long; 0: none.
MeteredDay RunMetered(bool peer_dies, Duration every = Duration(0)) {
  Mesh mesh(3);
  mesh.Add("field");
  mesh.Add("hub");
  ChannelModel cellular;
  cellular.delay = 30ms;
  cellular.jitter = 20ms;
  cellular.loss = 0.005;
  mesh.Join("field", "hub", cellular);
  mesh.shape_link = [](LinkInfo* info) {
    info->transport = "redcap";
    info->tariff = Tariff::kMetered;
    info->idle_gap = kMeteredIdleGap;
  };
  MeteredDay day;
  mesh.may_send = [&](const Mesh::Node&, const SendFrame& f) {
    day.bytes += f.frame.size() + kIpHeaders;
    ++day.frames;
    return true;
  };
  mesh.StartAll();
  mesh.Run(60s);
  BOOST_TEST((mesh.StateOf("field", "hub") == NeighborState::kUp));
  if (peer_dies) mesh.Kill("hub");
  day.bytes = day.frames = 0;
  std::function<void()> send = [&] {
    mesh.Send("field", "hub", TrafficClass::kCritical, Bytes(100, 1));
    mesh.At(every, send);
  };
  if (every > Duration(0)) send();
  mesh.Run(kDay);
  day.state = mesh.StateOf("field", "hub");
  return day;
}

struct SlowDay {
  double control_s[2] = {};  // air time by node
  double denied_s = 0;
  std::uint64_t frames = 0;
  NeighborState state{};
};

SlowDay RunSlow(int sf) {
  lorawan::LoraModulation modulation;
  modulation.spreading_factor = sf;
  modulation.bandwidth_hz = 125'000;
  const std::size_t unit = std::array<std::size_t, 6>{231, 231, 124, 60, 60, 60}
      [static_cast<std::size_t>(sf - 7)];
  const auto airtime = [&](std::size_t bytes) { return LoraTimeOnAir(modulation, bytes + 4); };
  Mesh mesh(5);
  mesh.Add("a");
  mesh.Add("b");
  ChannelModel radio;
  radio.delay = airtime(40);
  radio.loss = 0.1;
  radio.mtu_bytes = 1452;
  mesh.Join("a", "b", radio);
  mesh.shape_link = [&](LinkInfo* info) {
    info->transport = "lorawan";
    info->slow = true;
    info->tariff = Tariff::kDear;
    info->mtu_bytes = static_cast<std::uint32_t>(FrameBytesMax(unit, 1452));
    info->idle_gap = std::min<Duration>(airtime(35) * 1000, 2000s);
  };
  std::map<std::string, ControlBudget> budgets;
  Fragmenter cut;
  SlowDay day;
  mesh.may_send = [&](const Mesh::Node& n, const SendFrame& f) {
    const std::vector<Bytes> units = cut.Split(f.frame, unit);
    BOOST_TEST(!units.empty());
    for (const Bytes& u : units) {
      const Duration t = airtime(u.size());
      if (!budgets[n.name].Take(mesh.now(), t, units.size() == 1)) {
        day.denied_s += ToSeconds(t);
        return false;
      }
      day.control_s[n.name == "a" ? 0 : 1] += ToSeconds(t);
    }
    ++day.frames;
    return true;
  };
  mesh.StartAll();
  mesh.Run(kDay);
  day.state = mesh.StateOf("a", "b");
  return day;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(radio_day)

BOOST_AUTO_TEST_CASE(an_idle_metered_link_costs_less_than_a_megabyte_a_day) {
  const MeteredDay day = RunMetered(false);
  BOOST_TEST_MESSAGE("idle metered link: " << day.bytes << " bytes, " << day.frames << " frames");
  BOOST_TEST(day.bytes < 1'000'000u);
  BOOST_TEST(day.bytes > 50'000u);  // it is watched all the same
  BOOST_TEST((day.state == NeighborState::kUp));
}

// A message and its receipt each two seconds: what watches the link must not cost more than they.
BOOST_AUTO_TEST_CASE(hellos_of_a_metered_link_follow_its_traffic) {
  const MeteredDay busy = RunMetered(false, 2s);
  const std::uint64_t messages = 43'200;
  BOOST_TEST_MESSAGE("a message each 2 s: " << busy.bytes / messages << " bytes and "
                                            << static_cast<double>(busy.frames) / messages
                                            << " frames each");
  BOOST_TEST(busy.frames < 8 * messages);
  BOOST_TEST(busy.bytes < 900 * messages);
  BOOST_TEST((busy.state == NeighborState::kUp));
}

BOOST_AUTO_TEST_CASE(calling_for_a_peer_that_died_costs_less_than_a_megabyte_a_day) {
  const MeteredDay day = RunMetered(true);
  BOOST_TEST_MESSAGE("dead metered peer: " << day.bytes << " bytes, " << day.frames << " frames");
  BOOST_TEST(day.bytes < 1'000'000u);
}

// Behind the node in the field somebody comes and goes every 20 s, and nobody is served over the
// metered link: it is told of that now and then.
BOOST_AUTO_TEST_CASE(a_map_that_never_rests_costs_a_metered_link_a_megabyte_a_day_too) {
  Mesh mesh(3);
  mesh.Add("field");
  mesh.Add("hub");
  mesh.Add("mover");
  ChannelModel cellular;
  cellular.delay = 30ms;
  cellular.jitter = 20ms;
  cellular.loss = 0.005;
  mesh.Join("field", "hub", cellular);
  mesh.Join("field", "mover", ChannelModel());
  mesh.shape_link = [](LinkInfo* info) {
    if (info->name != "l0") return;  // the mover's only link is metered too, at its own end
    info->transport = "redcap";
    info->tariff = Tariff::kMetered;
    info->idle_gap = kMeteredIdleGap;
  };
  std::uint64_t bytes = 0;
  mesh.may_send = [&](const Mesh::Node& n, const SendFrame& f) {
    const bool cell = n.name == "hub" || (n.name == "field" && f.link.value == 0);
    bytes += cell ? f.frame.size() + kIpHeaders : 0;
    return true;
  };
  mesh.StartAll();
  mesh.Run(60s);
  bool away = false;
  std::function<void()> toggle = [&] {
    away ? mesh.Restore("field", "mover") : mesh.CutBoth("field", "mover");
    away = !away;
    mesh.At(20s, toggle);
  };
  toggle();
  mesh.Run(std::chrono::hours(1));
  bytes = 0;
  mesh.Run(kDay);
  BOOST_TEST_MESSAGE("a map that never rests: " << bytes << " bytes");
  BOOST_TEST(bytes < 1'200'000u);
  BOOST_TEST((mesh.StateOf("field", "hub") == NeighborState::kUp));
}

BOOST_AUTO_TEST_CASE(an_idle_lora_link_stays_up_for_a_day_within_two_thousandths_of_the_air) {
  for (const int sf : {7, 9, 10, 12}) {
    const SlowDay day = RunSlow(sf);
    BOOST_TEST_MESSAGE("SF" << sf << ": " << day.control_s[0] << " and " << day.control_s[1]
                            << " s on air, " << day.denied_s << " s denied, " << day.frames
                            << " frames");
    for (const double s : day.control_s) BOOST_TEST(s <= 172.8);
    BOOST_TEST((day.state == NeighborState::kUp));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace selvage
