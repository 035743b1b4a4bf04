// Messages over radios where each frame is a bill or minutes long: few copies, told in time.
#define BOOST_TEST_MODULE slow_radio_test
#include <boost/test/unit_test.hpp>

#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

constexpr Duration kMessageTrip = 40s;  // a modem sends a message in some 40 s, one at a time

// As transports/radios/sbd_link.cc.
void MakeMessageModem(LinkInfo* info) {
  info->transport = "satellite";
  info->rate_bps = 40;
  info->slow = true;
  info->tariff = Tariff::kDear;
  info->idle_gap = kNoHellos;
  info->patience = std::chrono::minutes(5);
}

// Two nodes, joined by message modems (l0) and, when asked for, by a cable (l1).
struct MessagePair {
  explicit MessagePair(bool cable) : mesh(11) {
    mesh.Add("a");
    mesh.Add("b");
    ChannelModel sky;
    sky.delay = kMessageTrip;
    mesh.Join("a", "b", sky);
    if (cable) mesh.Join("a", "b");
    mesh.shape_link = [](LinkInfo* info) {
      if (info->name == "l0") MakeMessageModem(info);
    };
    mesh.may_send = [this](const Mesh::Node& n, const SendFrame& f) {
      if (f.link == LinkId(0)) {
        ++frames[n.name];
        if (f.data) ++copies[n.name];
        return sky_works;
      }
      return cable_works;
    };
    mesh.StartAll();
    mesh.Run(std::chrono::hours(2));
    frames.clear();
    copies.clear();
  }
  std::uint64_t Send(TrafficClass c, Duration deadline) {
    Mesh::Node& a = mesh.Find("a");
    std::string why;
    const auto to = mesh.Find("b").identity.certificate.id;
    const auto number = a.core->Submit(mesh.now(), {to, c, 7, Bytes(24, 1), deadline}, &why);
    BOOST_TEST(number != 0u, why);
    mesh.Drain(a);
    return number;
  }
  int Reports(std::uint64_t number, MessageReport::What what) {
    int n = 0;
    for (const MessageReport& r : mesh.Find("a").reports) {
      n += r.message == number && r.what == what;
    }
    return n;
  }
  Mesh mesh;
  bool sky_works = true;
  bool cable_works = true;
  std::map<std::string, int> frames;  // over the sky
  std::map<std::string, int> copies;  // ... with data
};

BOOST_AUTO_TEST_CASE(an_alarm_over_message_modems_is_sent_once_and_answered_once) {
  MessagePair pair(false);
  for (int i = 0; i < 3; ++i) {
    const auto number = pair.Send(TrafficClass::kCritical, 15min);
    pair.mesh.Run(20min);
    BOOST_TEST(pair.Reports(number, MessageReport::What::kDelivered) == 1);
    BOOST_TEST(pair.copies["a"] == i + 1);
    BOOST_TEST(pair.copies["b"] == i + 1);  // receipts
  }
  BOOST_TEST(pair.mesh.Find("b").delivered.size() == 3u);
}

BOOST_AUTO_TEST_CASE(an_alarm_that_no_satellite_takes_is_repeated_rarely_and_told_in_time) {
  MessagePair pair(false);
  pair.sky_works = false;
  const auto number = pair.Send(TrafficClass::kCritical, 15min);
  pair.mesh.Run(15min - 1s);
  BOOST_TEST(pair.Reports(number, MessageReport::What::kFailed) == 0);
  pair.mesh.Run(2s);
  BOOST_TEST(pair.Reports(number, MessageReport::What::kFailed) == 1);
  BOOST_TEST(pair.copies["a"] >= 2);
  BOOST_TEST(pair.copies["a"] <= 5);
}

BOOST_AUTO_TEST_CASE(a_day_without_a_satellite_costs_some_ten_copies_of_a_reliable_message) {
  MessagePair pair(false);
  pair.sky_works = false;
  const auto number = pair.Send(TrafficClass::kReliable, Duration(0));
  pair.mesh.Run(std::chrono::hours(24) - 1min);
  BOOST_TEST(pair.copies["a"] >= 3);
  BOOST_TEST(pair.copies["a"] <= 16);
  pair.mesh.Run(2min);
  BOOST_TEST(pair.Reports(number, MessageReport::What::kFailed) == 1);
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_satellite_takes_the_cable_as_soon_as_that_is_back) {
  MessagePair pair(true);
  pair.cable_works = false;
  pair.mesh.Run(1min);
  pair.sky_works = false;
  const auto number = pair.Send(TrafficClass::kReliable, Duration(0));
  pair.mesh.Run(20min);
  BOOST_TEST(pair.Reports(number, MessageReport::What::kDelivered) == 0);
  pair.cable_works = true;
  pair.mesh.Run(30s);
  BOOST_TEST(pair.Reports(number, MessageReport::What::kDelivered) == 1);
  BOOST_TEST(pair.copies["a"] <= 8);
}

BOOST_AUTO_TEST_CASE(round_trips_by_satellite_do_not_make_the_cable_slow) {
  MessagePair pair(true);
  pair.cable_works = false;
  pair.mesh.Run(1min);
  for (int i = 0; i < 3; ++i) {
    pair.Send(TrafficClass::kCritical, 5min);
    pair.mesh.Run(5min);
  }
  BOOST_TEST(pair.copies["b"] >= 3);
  pair.cable_works = true;
  pair.mesh.Run(10min);
  // One lost answer on the cable: it is asked again within a second, not in minutes.
  pair.Send(TrafficClass::kCritical, 1min);
  pair.mesh.Run(1s);
  pair.cable_works = false;
  const auto number = pair.Send(TrafficClass::kCritical, 1min);
  pair.mesh.Run(20ms);
  pair.cable_works = true;
  pair.mesh.Run(1s);
  BOOST_TEST(pair.Reports(number, MessageReport::What::kDelivered) == 1);
}

// Two nodes by a broadband satellite: 50 to 90 ms there and back, dear enough for few hellos.
struct Dish {
  Dish() : mesh(7) {
    mesh.Add("a");
    mesh.Add("b");
    ChannelModel sky;
    sky.delay = 25ms;
    sky.jitter = 20ms;
    mesh.Join("a", "b", sky);
    mesh.shape_link = [](LinkInfo* info) {
      info->transport = "satellite";
      info->tariff = Tariff::kCostly;
      info->idle_gap = 30s;
    };
    mesh.StartAll();
    mesh.Run(30s);
  }
  int Suspicions() {
    return static_cast<int>(mesh.Counter("a", "suspicions_total") +
                            mesh.Counter("b", "suspicions_total"));
  }
  void Alarms(Duration gap) {
    mesh.Send("a", "b", TrafficClass::kCritical, Bytes(100, 1));
    mesh.At(gap, [this, gap] { Alarms(gap); });
  }
  Mesh mesh;
};

BOOST_AUTO_TEST_CASE(a_satellite_link_that_comes_up_is_not_suspected_for_its_first_answer) {
  Dish dish;
  BOOST_TEST(dish.Suspicions() == 0);
  BOOST_TEST((dish.mesh.StateOf("a", "b") == NeighborState::kUp));
}

BOOST_AUTO_TEST_CASE(a_satellite_link_that_was_away_returns_once) {
  for (const Duration gap : {100ms, 2000ms, 20000ms}) {
    Dish dish;
    dish.Alarms(gap);
    dish.mesh.Run(300s);
    dish.mesh.CutBoth("a", "b");
    dish.mesh.Run(150s);
    const int before = dish.Suspicions();
    dish.mesh.Restore("a", "b");
    dish.mesh.Run(35s);
    BOOST_TEST((dish.mesh.StateOf("a", "b") == NeighborState::kUp));
    dish.mesh.Run(85s);
    BOOST_TEST(dish.Suspicions() == before);
    BOOST_TEST((dish.mesh.StateOf("a", "b") == NeighborState::kUp));
  }
}

// One channel, everybody in reach of everybody: each pair would hold a session of its own.
BOOST_AUTO_TEST_CASE(on_a_crowded_lora_channel_a_few_neighbours_are_enough) {
  constexpr int kNodes = 12;
  Mesh mesh(13);
  ChannelModel air;
  air.delay = 400ms;
  for (int i = 0; i < kNodes; ++i) {
    Mesh::Node& n = mesh.Add("n" + std::to_string(i));
    n.ports.push_back(mesh.network().AddPort());
    for (const auto& other : mesh.nodes()) {
      if (other.get() != &n) mesh.network().Connect(n.ports[0], other->ports[0], air);
    }
  }
  mesh.shape_link = [](LinkInfo* info) {
    info->transport = "lorawan";
    info->slow = true;
    info->tariff = Tariff::kDear;
    info->idle_gap = 300s;
  };
  for (int i = 0; i < kNodes; ++i) {
    mesh.Start("n" + std::to_string(i));
    mesh.Run(2min);
  }
  mesh.Run(std::chrono::hours(3));
  std::size_t ends = 0;
  for (const auto& n : mesh.nodes()) ends += n->core->Neighbors(mesh.now()).size();
  BOOST_TEST(ends / 2 <= 40u);  // of 66 pairs
  for (int i = 1; i < kNodes; ++i) {
    const std::string name = "n" + std::to_string(i);
    mesh.Send(name, "n0", TrafficClass::kTelemetry, Bytes(24, 1));
  }
  mesh.Run(1min);
  BOOST_TEST(mesh.Find("n0").delivered.size() == static_cast<std::size_t>(kNodes - 1));
}

}  // namespace
}  // namespace selvage
