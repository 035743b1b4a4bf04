// Gray failures in a mesh: links that are up and lose, corrupt or shorten what they are given.
#define BOOST_TEST_MODULE gray_test
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>

#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

// 1,000 telemetry packets a second from s to d.
struct Flow {
  Mesh* mesh;
  std::size_t bytes = 200;
  bool on = true;
  std::vector<Time> sent;
  void Next() {
    if (!on) return;
    Bytes b(bytes);
    ByteWriter w(b);
    w.U32(static_cast<std::uint32_t>(sent.size()));
    sent.push_back(mesh->now());
    mesh->Send("s", "d", TrafficClass::kTelemetry, std::move(b));
    mesh->At(1ms, [this] { Next(); });
  }
  struct Result {
    int sent = 0;
    int lost = 0;
    int duplicates = 0;
    int run = 0;  // longest row of packets lost or more than 200 ms late
  };
  Result Measure(Time from, Time to) {
    std::vector<int> seen(sent.size());
    std::vector<bool> late(sent.size());
    for (const Delivered& d : mesh->Find("d").delivered) {
      if (d.what.traffic_class != TrafficClass::kTelemetry) continue;
      ByteReader in(d.what.payload);
      const std::uint32_t n = in.U32();
      if (seen[n]++ == 0) late[n] = d.at - sent[n] > 200ms;
    }
    Result r;
    int run = 0;
    for (std::size_t i = 0; i < sent.size(); ++i) {
      if (sent[i] < from || sent[i] >= to) continue;
      ++r.sent;
      r.lost += seen[i] == 0;
      r.duplicates += std::max(0, seen[i] - 1);
      run = seen[i] == 0 || late[i] ? run + 1 : 0;
      r.run = std::max(r.run, run);
    }
    return r;
  }
};

struct World {
  Mesh mesh;
  Flow flow{&mesh};
  std::string first, second;  // the relays of the path in use
  explicit World(std::uint64_t seed, std::size_t bytes = 200) : mesh(seed) {
    BuildDiamond(&mesh);
    mesh.StartAll();
    mesh.Run(3s);
    flow.bytes = bytes;
    flow.Next();
    mesh.Run(2s);
    const bool a = InUse("a1");
    first = a ? "a1" : "b1";
    second = a ? "a2" : "b2";
  }
  bool InUse(const std::string& relay) {
    const std::uint64_t before = mesh.Counter(relay, "frames_forwarded_total");
    mesh.Run(100ms);
    return mesh.Counter(relay, "frames_forwarded_total") >= before + 50;
  }
  int Count(const std::string& node, const std::string& kind) {
    const auto& events = mesh.Find(node).events;
    return static_cast<int>(std::count_if(events.begin(), events.end(),
                                          [&](const Event& e) { return e.kind == kind; }));
  }
  NeighborInfo Neighbor(const std::string& at, const std::string& of) {
    for (const NeighborInfo& n : mesh.Find(at).core->Neighbors(mesh.now())) {
      if (n.name == of) return n;
    }
    throw std::runtime_error("no such neighbour");
  }
  // Lets the flow's last packets arrive.
  Flow::Result Finish(Time from) {
    const Time to = mesh.now();
    flow.on = false;
    mesh.Run(1s);
    return flow.Measure(from, to);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(traffic_leaves_a_lossy_link_at_once_and_little_is_lost) {
  for (double loss : {0.3, 0.6}) {
    World w(11);
    const Time broken = w.mesh.now();
    w.mesh.SetChannel(w.first, w.second, ChannelModel{1ms, 0ms, loss});
    w.mesh.Run(500ms);
    BOOST_TEST(!w.InUse(w.second));
    // Told once, and once more at most when it turns out to be worse than it first seemed.
    BOOST_TEST(w.Count(w.first, "neighbor-degraded") >= 1);
    BOOST_TEST(w.Count(w.first, "neighbor-degraded") <= 2);
    BOOST_TEST(w.Neighbor(w.first, w.second).loss > 0.1);
    BOOST_TEST(w.Neighbor(w.first, w.second).health < 0.9);
    w.mesh.Run(10s);
    const Flow::Result r = w.Finish(broken);
    BOOST_TEST(r.lost <= r.sent / 200);
    BOOST_TEST(r.run <= 50);
    BOOST_TEST(r.duplicates == 0);
  }
}

BOOST_AUTO_TEST_CASE(five_percent_of_loss_is_found_within_seconds) {
  World w(12);
  const Time broken = w.mesh.now();
  w.mesh.SetChannel(w.first, w.second, ChannelModel{1ms, 0ms, 0.05});
  w.mesh.Run(6s);
  BOOST_TEST(!w.InUse(w.second));
  w.mesh.Run(20s);
  const std::uint64_t reroutes = w.mesh.Counter("s", "reroutes_total");
  BOOST_TEST(reroutes <= 2u);
  BOOST_TEST(w.Finish(broken).lost <= 5);
}

BOOST_AUTO_TEST_CASE(a_link_that_mended_is_said_to_be_good_within_thirty_seconds) {
  World w(13);
  w.mesh.SetChannel(w.first, w.second, ChannelModel{1ms, 0ms, 0.3});
  w.mesh.Run(20s);
  w.mesh.SetChannel(w.first, w.second, ChannelModel{});
  w.mesh.Run(30s);
  BOOST_TEST(w.Count(w.first, "neighbor-recovered") == 1);
  BOOST_TEST(w.Neighbor(w.first, w.second).loss < 0.03);
  for (const RouteInfo& r : w.mesh.Find(w.first).core->Routes(w.mesh.now(),
                                                              TrafficClass::kTelemetry)) {
    if (r.name == "d") BOOST_TEST(r.next_hop == w.second);
  }
}

BOOST_AUTO_TEST_CASE(each_direction_of_a_link_is_judged_by_its_own_loss) {
  World w(14);
  w.mesh.SetOneWay(w.first, w.second, ChannelModel{1ms, 0ms, 0.3});
  w.mesh.Run(2s);
  BOOST_TEST(!w.InUse(w.second));
  BOOST_TEST(w.Neighbor(w.first, w.second).loss > 0.1);
  BOOST_TEST(w.Neighbor(w.second, w.first).loss < 0.1);
}

BOOST_AUTO_TEST_CASE(the_only_path_stays_in_use_while_it_loses_and_nearly_all_arrives) {
  Mesh mesh(15);
  for (const char* n : {"s", "r", "d"}) mesh.Add(n);
  mesh.Join("s", "r");
  mesh.Join("r", "d");
  mesh.StartAll();
  mesh.Run(3s);
  Flow flow{&mesh};
  flow.Next();
  mesh.Run(1s);
  const Time broken = mesh.now();
  mesh.SetChannel("r", "d", ChannelModel{1ms, 0ms, 0.3});
  mesh.Run(20s);
  const Time end = mesh.now();
  flow.on = false;
  mesh.Run(1s);
  const Flow::Result r = flow.Measure(broken, end);
  BOOST_TEST(r.lost <= r.sent / 100);
  BOOST_TEST(r.duplicates == 0);
}

BOOST_AUTO_TEST_CASE(a_hole_for_large_frames_is_left_and_its_working_size_found) {
  World w(16, 900);
  const Time broken = w.mesh.now();
  ChannelModel hole;
  hole.mtu_bytes = 600;
  w.mesh.SetChannel(w.first, w.second, hole);
  w.mesh.Run(300ms);
  BOOST_TEST(!w.InUse(w.second));
  w.mesh.Run(2s);
  BOOST_TEST(w.Count(w.first, "neighbor-degraded") >= 2);  // lossy, then what passes
  std::string bytes_max;
  for (const Event& e : w.mesh.Find(w.first).events) {
    if (e.kind == "neighbor-degraded") bytes_max = e.fields.at("frame_bytes_max");
  }
  BOOST_TEST(std::stoi(bytes_max) <= 600);
  BOOST_TEST(std::stoi(bytes_max) >= 560);
  w.mesh.Run(10s);
  w.mesh.SetChannel(w.first, w.second, ChannelModel{});
  w.mesh.Run(30s);
  BOOST_TEST(w.Count(w.first, "neighbor-recovered") == 1);
  const Flow::Result r = w.Finish(broken);
  BOOST_TEST(r.run <= 30);
  BOOST_TEST(r.lost <= 30);
}

BOOST_AUTO_TEST_CASE(a_hole_that_has_gone_is_tried_when_there_is_one_on_the_other_way_too) {
  World w(21, 900);
  ChannelModel hole;
  hole.mtu_bytes = 600;
  // Three times, so that the first link is kept off for long.
  for (int i = 0; i < 3; ++i) {
    w.mesh.SetChannel(w.first, w.second, hole);
    w.mesh.Run(3s);
    w.mesh.SetChannel(w.first, w.second, ChannelModel{});
    if (i < 2) w.mesh.Run(10s);
  }
  BOOST_TEST(!w.InUse(w.second));
  const Time broken = w.mesh.now();
  w.mesh.SetChannel(w.first == "a1" ? "b1" : "a1", w.first == "a1" ? "b2" : "a2", hole);
  w.mesh.Run(3s);
  const Flow::Result r = w.Finish(broken);
  BOOST_TEST(r.run <= 350);  // until the missing progress is noticed; not until the hold is over
  BOOST_TEST(r.lost <= 350);
}

BOOST_AUTO_TEST_CASE(short_packets_go_through_a_hole_that_long_ones_avoid) {
  // s - d directly with a hole, and by r.
  Mesh mesh(17);
  for (const char* n : {"s", "r", "d"}) mesh.Add(n);
  mesh.Join("s", "d");
  mesh.Join("s", "r");
  mesh.Join("r", "d");
  mesh.StartAll();
  mesh.Run(3s);
  ChannelModel hole;
  hole.mtu_bytes = 600;
  mesh.SetChannel("s", "d", hole);
  Flow flow{&mesh, 900};
  flow.Next();
  mesh.Run(3s);
  flow.on = false;
  mesh.Run(100ms);
  const auto direct = [&] { return mesh.Counter("r", "frames_forwarded_total"); };
  std::uint64_t before = direct();
  flow.bytes = 100;
  flow.on = true;
  flow.Next();
  mesh.Run(1s);
  BOOST_TEST(direct() < before + 100);  // one hop over the hole is nearer than two around it
  before = direct();
  flow.bytes = 900;
  mesh.Run(1s);
  BOOST_TEST(direct() > before + 900);
}

BOOST_AUTO_TEST_CASE(a_flapping_link_costs_few_changes_of_route_and_hardly_a_packet) {
  World w(18);
  const Time broken = w.mesh.now();
  for (int i = 0; i < 10; ++i) {
    w.mesh.CutBoth(w.first, w.second);
    w.mesh.Run(1s);
    w.mesh.Restore(w.first, w.second);
    w.mesh.Run(1s);
  }
  const Flow::Result r = w.Finish(broken);
  BOOST_TEST(r.lost <= r.sent * 3 / 1000);
  BOOST_TEST(r.run <= 50);
  BOOST_TEST(w.mesh.Counter("s", "reroutes_total") <= 12u);
}

BOOST_AUTO_TEST_CASE(a_full_link_keeps_its_place_and_critical_goes_before_bulk) {
  World w(19);
  ChannelModel narrow;
  narrow.rate_bps = 10'000'000;
  w.mesh.SetChannel(w.first, w.second, narrow);
  // 20 Mb/s of bulk; the measured flow goes on as telemetry, beside 100 critical messages a second.
  std::vector<Time> critical;
  bool on = true;
  std::function<void()> bulk = [&] {
    if (!on) return;
    for (int i = 0; i < 2; ++i) w.mesh.Send("s", "d", TrafficClass::kBulk, Bytes(1200));
    w.mesh.At(1ms, bulk);
  };
  std::function<void()> precious = [&] {
    if (!on) return;
    Bytes b(200);
    ByteWriter out(b);
    out.U32(static_cast<std::uint32_t>(critical.size()));
    critical.push_back(w.mesh.now());
    w.mesh.Send("s", "d", TrafficClass::kCritical, std::move(b), nullptr, 9);
    w.mesh.At(10ms, precious);
  };
  bulk();
  w.mesh.Run(1s);  // what was in the queue before the pacer took over
  precious();
  const Time from = w.mesh.now();
  const std::uint64_t reroutes = w.mesh.Counter("s", "reroutes_total");
  w.mesh.Run(20s);
  BOOST_TEST(w.InUse(w.second));
  on = false;
  const Flow::Result telemetry = w.Finish(from);
  BOOST_TEST(telemetry.lost == 0);
  BOOST_TEST(telemetry.run == 0);
  for (const char* kind : {"neighbor-degraded", "neighbor-suspect", "neighbor-down"}) {
    for (const char* node : {"a1", "a2", "b1", "b2", "s", "d"}) {
      BOOST_TEST(w.Count(node, kind) == 0);
    }
  }
  BOOST_TEST(w.mesh.Counter("s", "reroutes_total") == reroutes);
  BOOST_TEST(w.Count(w.first, "link-full") == 1);
  BOOST_TEST(w.mesh.Counter(w.first, "frames_shed_bulk_total") > 1000u);
  BOOST_TEST(w.mesh.Counter(w.first, "frames_shed_telemetry_total") == 0u);
  std::vector<double> delays;
  for (const Delivered& d : w.mesh.Find("d").delivered) {
    if (d.what.port != 9) continue;
    ByteReader in(d.what.payload);
    delays.push_back(ToMillis(d.at - critical.at(in.U32())));
  }
  BOOST_TEST(delays.size() >= 1990u);
  std::sort(delays.begin(), delays.end());
  // Three hops of 1 ms, three bulk packets' time on the narrow link, and 5 ms.
  BOOST_TEST(delays[delays.size() * 99 / 100] <= 3 + 3 * 1.1 + 5);
}

}  // namespace selvage
