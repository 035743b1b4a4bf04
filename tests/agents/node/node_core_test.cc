#define BOOST_TEST_MODULE node_core_test
#include "agents/node/node_core.h"

#include <boost/test/unit_test.hpp>

#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

Bytes Number(std::uint32_t n, std::size_t size = 200) {
  Bytes b(size);
  ByteWriter w(b);
  w.U32(n);
  return b;
}

// A 1 kHz telemetry flow from s to d; returns, per packet, when it arrived (kNever: lost).
struct Flow {
  Mesh* mesh;
  int packets;
  std::uint32_t sent = 0;
  Time started{};
  void Start() {
    started = mesh->now();
    Next();
  }
  void Next() {
    if (sent == static_cast<std::uint32_t>(packets)) return;
    mesh->Send("s", "d", TrafficClass::kTelemetry, Number(sent));
    ++sent;
    mesh->At(1ms, [this] { Next(); });
  }
  struct Result {
    int lost = 0;
    int duplicates = 0;
    Duration longest_gap{0};
  };
  Result Measure() {
    std::map<std::uint32_t, int> seen;
    Result r;
    Time last = started;
    for (const Delivered& d : mesh->Find("d").delivered) {
      ByteReader in(d.what.payload);
      ++seen[in.U32()];
      r.longest_gap = std::max(r.longest_gap, d.at - last);
      last = d.at;
    }
    for (int i = 0; i < packets; ++i) {
      const int n =
          seen.count(static_cast<std::uint32_t>(i)) ? seen[static_cast<std::uint32_t>(i)] : 0;
      if (n == 0) ++r.lost;
      if (n > 1) r.duplicates += n - 1;
    }
    return r;
  }
};

std::string FirstRelay(Mesh* mesh) {
  return mesh->Find("s")
      .core->Path(mesh->now(), mesh->Find("d").identity.certificate.id, TrafficClass::kTelemetry)
      .at(1);
}

BOOST_AUTO_TEST_CASE(neighbours_find_each_other_and_the_map_within_a_second) {
  Mesh mesh(1);
  BuildDiamond(&mesh);
  mesh.StartAll();
  mesh.Run(1s);
  for (auto& n : mesh.nodes()) {
    BOOST_TEST(n->core->Neighbors(mesh.now()).size() == 2);
    BOOST_TEST(n->core->nodes_known() == 6);
  }
  const auto path = mesh.Find("s").core->Path(mesh.now(), mesh.Find("d").identity.certificate.id,
                                              TrafficClass::kTelemetry);
  BOOST_TEST(path.size() == 4);
}

BOOST_AUTO_TEST_CASE(a_flow_without_faults_loses_nothing_and_repeats_nothing) {
  Mesh mesh(2);
  BuildDiamond(&mesh);
  mesh.StartAll();
  mesh.Run(1s);
  Flow flow{&mesh, 3000};
  flow.Start();
  mesh.Run(4s);
  const auto r = flow.Measure();
  BOOST_TEST(r.lost == 0);
  BOOST_TEST(r.duplicates == 0);
  BOOST_TEST(mesh.Counter("s", "suspicions_total") == 0);
}

BOOST_AUTO_TEST_CASE(a_silent_link_is_left_in_tens_of_milliseconds_and_nothing_is_lost) {
  Mesh mesh(3);
  BuildDiamond(&mesh);
  mesh.StartAll();
  mesh.Run(1s);
  const std::string relay = FirstRelay(&mesh);
  const std::string second = relay == "a1" ? "a2" : "b2";
  Flow flow{&mesh, 4000};
  mesh.At(1s, [&] { mesh.CutBoth(relay, second); });
  flow.Start();
  mesh.Run(5s);
  const auto r = flow.Measure();
  BOOST_TEST(r.lost == 0);
  BOOST_TEST(r.duplicates == 0);
  BOOST_TEST(ToMillis(r.longest_gap) < 60);
  BOOST_TEST((mesh.StateOf(relay, second) == NeighborState::kDown));
  BOOST_TEST(FirstRelay(&mesh) != relay);
}

BOOST_AUTO_TEST_CASE(on_a_shared_channel_traffic_leaves_a_silent_neighbour_before_suspicion) {
  Mesh mesh(23);
  mesh.shape_link = [](LinkInfo* info) { info->shared = true; };
  BuildDiamond(&mesh);
  mesh.StartAll();
  mesh.Run(5s);
  const std::string relay = FirstRelay(&mesh);
  const std::string second = relay == "a1" ? "a2" : "b2";
  Flow flow{&mesh, 4000};
  std::uint64_t suspicions = 99;
  Duration behind = 1s;
  mesh.At(1s, [&] { mesh.Kill(second); });
  mesh.At(1100ms, [&] {
    suspicions = mesh.Counter(relay, "suspicions_total");
    behind = mesh.now() - mesh.Find("d").delivered.back().at;
  });
  flow.Start();
  mesh.Run(6s);
  const auto r = flow.Measure();
  BOOST_TEST(suspicions == 0);
  BOOST_TEST(ToMillis(behind) < 10);  // it flows another way
  BOOST_TEST(r.lost == 0);
  BOOST_TEST(ToMillis(r.longest_gap) < 60);
  BOOST_TEST((mesh.StateOf(relay, second) == NeighborState::kDown));
}

BOOST_AUTO_TEST_CASE(a_one_way_link_is_left_and_called_oneway_in_either_direction) {
  for (const bool reverse : {false, true}) {
    Mesh mesh(4);
    BuildDiamond(&mesh);
    mesh.StartAll();
    mesh.Run(1s);
    const std::string relay = FirstRelay(&mesh);
    const std::string second = relay == "a1" ? "a2" : "b2";
    Flow flow{&mesh, 4000};
    bool seen = false;
    mesh.At(1s, [&] { reverse ? mesh.Cut(second, relay) : mesh.Cut(relay, second); });
    mesh.At(1200ms, [&] {
      seen = mesh.StateOf(relay, second) == NeighborState::kOneway ||
             mesh.StateOf(second, relay) == NeighborState::kOneway;
    });
    flow.Start();
    mesh.Run(5s);
    const auto r = flow.Measure();
    BOOST_TEST(r.lost == 0);
    BOOST_TEST(r.duplicates == 0);
    BOOST_TEST(ToMillis(r.longest_gap) < 60);
    BOOST_TEST(seen);
  }
}

BOOST_AUTO_TEST_CASE(a_killed_relay_costs_a_few_packets_at_most_and_comes_back_with_a_new_epoch) {
  Mesh mesh(5);
  BuildDiamond(&mesh);
  mesh.StartAll();
  mesh.Run(1s);
  const std::string relay = FirstRelay(&mesh);
  const NodeId before = mesh.Find(relay).identity.certificate.id;
  Flow flow{&mesh, 6000};
  mesh.At(1s, [&] { mesh.Kill(relay); });
  mesh.At(3s, [&] { mesh.Start(relay); });
  flow.Start();
  mesh.Run(5s);
  BOOST_TEST(mesh.Find(relay).core->Neighbors(mesh.now()).size() == 2);
  BOOST_TEST((mesh.StateOf("s", relay) == NeighborState::kUp));
  BOOST_TEST((mesh.Find(relay).core->identity().certificate.id == before));
  mesh.Run(2s);
  const auto r = flow.Measure();
  BOOST_TEST(r.lost <= 2);
  BOOST_TEST(r.duplicates == 0);
}

BOOST_AUTO_TEST_CASE(a_suspected_link_without_an_alternative_keeps_its_traffic) {
  // A chain: nowhere else to go, so a neighbour that is held up for a moment must cost nothing.
  Mesh mesh(16);
  for (const char* n : {"s", "m", "d"}) mesh.Add(n);
  mesh.Join("s", "m");
  mesh.Join("m", "d");
  mesh.StartAll();
  mesh.Run(1s);
  Flow flow{&mesh, 4000};
  for (int i = 0; i < 3; ++i) {
    mesh.At(500ms + i * 1s, [&] { mesh.Cut("d", "m"); });  // feedback is late, frames arrive
    mesh.At(530ms + i * 1s, [&] { mesh.Restore("d", "m"); });
    mesh.At(900ms + i * 1s, [&] { mesh.CutBoth("m", "d"); });  // and here they do not, for a moment
    mesh.At(930ms + i * 1s, [&] { mesh.Restore("m", "d"); });
  }
  flow.Start();
  mesh.Run(6s);
  const auto r = flow.Measure();
  BOOST_TEST(mesh.Counter("m", "suspicions_total") >= 3);
  BOOST_TEST(r.lost == 0);
  BOOST_TEST(r.duplicates == 0);
}

BOOST_AUTO_TEST_CASE(suspicion_on_every_path_at_once_drops_nothing) {
  Mesh mesh(17);
  BuildDiamond(&mesh);
  mesh.StartAll();
  mesh.Run(1s);
  Flow flow{&mesh, 3000};
  // Feedback of one hop on each path is late at the same time; frames arrive all along.
  for (const auto& [from, to] : {std::pair{"a1", "s"}, {"b2", "b1"}}) {
    const std::string a = from, b = to;
    mesh.At(500ms, [&mesh, a, b] { mesh.Cut(a, b); });
    mesh.At(540ms, [&mesh, a, b] { mesh.Restore(a, b); });
    mesh.At(1500ms, [&mesh, a, b] { mesh.Cut(b, a); });
    mesh.At(1540ms, [&mesh, a, b] { mesh.Restore(b, a); });
  }
  flow.Start();
  mesh.Run(5s);
  const auto r = flow.Measure();
  BOOST_TEST(mesh.Counter("s", "suspicions_total") + mesh.Counter("b1", "suspicions_total") >= 2);
  BOOST_TEST(r.lost == 0);
  BOOST_TEST(r.duplicates == 0);
}

BOOST_AUTO_TEST_CASE(a_healed_link_is_used_again) {
  Mesh mesh(6);
  BuildDiamond(&mesh);
  mesh.StartAll();
  mesh.Run(1s);
  const std::string relay = FirstRelay(&mesh);
  mesh.CutBoth("s", relay);
  mesh.Run(10s);
  BOOST_TEST(FirstRelay(&mesh) != relay);
  mesh.Restore("s", relay);
  mesh.Run(5s);
  BOOST_TEST((mesh.StateOf("s", relay) == NeighborState::kUp));
  BOOST_TEST(FirstRelay(&mesh) == relay);
}

BOOST_AUTO_TEST_CASE(with_healing_off_a_silent_link_keeps_its_traffic) {
  Mesh mesh(7);
  NodeConfig config;
  config.healing = false;
  for (const char* n : {"s", "a1", "a2", "b1", "b2", "d"}) mesh.Add(n, mesh.members(), config);
  for (auto [a, b] :
       {std::pair{"s", "a1"}, {"a1", "a2"}, {"a2", "d"}, {"s", "b1"}, {"b1", "b2"}, {"b2", "d"}}) {
    mesh.Join(a, b);
  }
  mesh.StartAll();
  mesh.Run(1s);
  const std::string relay = FirstRelay(&mesh);
  Flow flow{&mesh, 3000};
  mesh.At(1s, [&] { mesh.CutBoth("s", relay); });
  flow.Start();
  mesh.Run(4s);
  BOOST_TEST(flow.Measure().lost > 1500);
}

BOOST_AUTO_TEST_CASE(reliable_messages_arrive_once_and_are_reported) {
  Mesh mesh(8);
  ChannelModel lossy;
  lossy.loss = 0.2;
  BuildDiamond(&mesh, lossy);
  mesh.StartAll();
  mesh.Run(5s);
  for (std::uint32_t i = 0; i < 50; ++i) {
    std::string reason;
    BOOST_TEST(mesh.Send("s", "d", TrafficClass::kReliable, Number(i), &reason) > 0, reason);
    mesh.Run(10ms);
  }
  mesh.Run(30s);
  BOOST_TEST(mesh.Find("d").delivered.size() == 50);
  int accepted = 0, delivered = 0;
  for (const auto& r : mesh.Find("s").reports) {
    accepted += r.what == MessageReport::What::kAccepted;
    delivered += r.what == MessageReport::What::kDelivered;
  }
  BOOST_TEST(accepted == 50);
  BOOST_TEST(delivered == 50);
  BOOST_TEST(mesh.Find("s").core->outbox_messages() == 0);
}

BOOST_AUTO_TEST_CASE(what_was_accepted_survives_the_death_of_its_sender_and_arrives_once) {
  Mesh mesh(9);
  BuildDiamond(&mesh);
  mesh.StartAll();
  mesh.Run(1s);
  mesh.Kill("d");
  for (std::uint32_t i = 0; i < 20; ++i)
    mesh.Send("s", "d", TrafficClass::kReliable, Number(i, 3000));
  mesh.Run(2s);
  mesh.Kill("s");
  mesh.Run(1s);
  mesh.Start("s");
  mesh.Start("d");
  mesh.Run(20s);
  std::map<std::uint32_t, int> seen;
  for (const Delivered& d : mesh.Find("d").delivered) {
    ByteReader in(d.what.payload);
    ++seen[in.U32()];
    BOOST_TEST(d.what.payload.size() == 3000);
  }
  BOOST_TEST(seen.size() == 20);
  for (const auto& [n, times] : seen) BOOST_TEST(times == 1);
}

BOOST_AUTO_TEST_CASE(nothing_counts_as_accepted_before_it_is_durable) {
  Mesh mesh(10);
  BuildDiamond(&mesh);
  mesh.StartAll();
  mesh.Run(1s);
  mesh.disk_works = false;
  BOOST_TEST(mesh.Send("s", "d", TrafficClass::kCritical, Number(1)) > 0);
  mesh.Run(100ms);
  BOOST_TEST(mesh.Find("s").reports.empty());
  BOOST_TEST(mesh.Find("d").delivered.empty());
}

BOOST_AUTO_TEST_CASE(strangers_change_no_routing_table_and_are_counted) {
  auto crypto = NewSodiumCrypto();
  Mesh mesh(11, crypto);
  TestNetwork other(crypto, "other");
  TestNetwork impostor(crypto, "test");  // same name, another key
  mesh.Add("a");
  mesh.Add("b");
  mesh.Add("foreign", other, NodeConfig());
  mesh.Add("fake", impostor, NodeConfig());
  Mesh::Node& expired = mesh.Add("expired");
  expired.identity = mesh.members().Admit("expired", 1, 500);
  mesh.Join("a", "b");
  mesh.Join("a", "foreign");
  mesh.Join("a", "fake");
  mesh.Join("a", "expired");
  mesh.StartAll();
  mesh.Run(5s);
  // Random bytes and replays on the good link do not help either.
  Random random(3);
  Mesh::Node& a = mesh.Find("a");
  for (int i = 0; i < 2000; ++i) {
    Bytes noise(1 + random.Below(300));
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random.U64());
    if (i % 2 == 0) noise[0] = static_cast<std::uint8_t>(0x10 | (i / 2 % 6));
    a.core->OnFrame(mesh.now(), LinkId(0), MemoryNetwork::AddressOf(a.ports[0]), noise);
    mesh.Drain(a);
  }
  mesh.Run(1s);
  const auto neighbors = a.core->Neighbors(mesh.now());
  BOOST_REQUIRE(neighbors.size() == 1);
  BOOST_TEST(neighbors[0].name == "b");
  BOOST_TEST(a.core->nodes_known() == 2);
  BOOST_TEST(a.core->Routes(mesh.now(), TrafficClass::kTelemetry).size() == 1);
  const auto counters = a.core->Counters();
  BOOST_TEST(counters.at("frames_other_version_total") > 500);
  BOOST_TEST(counters.at("frames_unknown_session_total") + counters.at("frames_forged_total") >
             100);
  std::uint64_t refused = 0;
  for (auto& n : mesh.nodes()) refused += n->core->Counters().at("handshakes_refused_total");
  BOOST_TEST(refused >= 3);
}

BOOST_AUTO_TEST_CASE(replayed_frames_are_counted_and_change_nothing) {
  Mesh mesh(12);
  mesh.Add("a");
  mesh.Add("b");
  ChannelModel twice;
  twice.duplicate = 1.0;
  mesh.Join("a", "b", twice);
  mesh.StartAll();
  mesh.Run(1s);
  for (std::uint32_t i = 0; i < 100; ++i) {
    mesh.Send("a", "b", TrafficClass::kTelemetry, Number(i));
    mesh.Run(5ms);
  }
  mesh.Run(100ms);
  BOOST_TEST(mesh.Find("b").delivered.size() == 100);
  BOOST_TEST(mesh.Counter("b", "frames_replayed_total") >= 100);
}

BOOST_AUTO_TEST_CASE(sessions_are_rekeyed_without_losing_a_packet) {
  Mesh mesh(13);
  BuildDiamond(&mesh);
  mesh.StartAll();
  mesh.Run(118s);
  Flow flow{&mesh, 6000};
  flow.Start();
  mesh.Run(8s);
  const auto r = flow.Measure();
  BOOST_TEST(r.lost == 0);
  BOOST_TEST(r.duplicates == 0);
  std::uint64_t rekeys = 0;
  for (auto& n : mesh.nodes()) rekeys += n->core->Counters().at("rekeys_total");
  BOOST_TEST(rekeys >= 6);  // three links in use, two ends each
  BOOST_TEST(mesh.Counter("s", "suspicions_total") == 0);
}

BOOST_AUTO_TEST_CASE(without_traffic_keys_are_renewed_each_hour) {
  Mesh mesh(13);
  BuildDiamond(&mesh);
  mesh.StartAll();
  const auto rekeys = [&mesh] {
    std::uint64_t n = 0;
    for (auto& node : mesh.nodes()) n += node->core->Counters().at("rekeys_total");
    return n;
  };
  mesh.Run(3500s);
  BOOST_TEST(rekeys() == 0u);
  mesh.Run(200s);
  BOOST_TEST(rekeys() >= 12u);
}

BOOST_AUTO_TEST_CASE(an_idle_node_says_little) {
  Mesh mesh(14);
  BuildDiamond(&mesh);
  mesh.StartAll();
  mesh.Run(70s);
  const std::uint64_t bytes = mesh.Counter("s", "control_bytes_sent_total");
  const std::uint64_t frames = mesh.Counter("s", "control_frames_sent_total");
  mesh.Run(300s);
  // As on Ethernet: 62 bytes of headers to each frame of ours.
  const double rate =
      static_cast<double>(mesh.Counter("s", "control_bytes_sent_total") - bytes +
                          62 * (mesh.Counter("s", "control_frames_sent_total") - frames)) /
      300;
  BOOST_TEST_MESSAGE("idle control: " << rate << " B/s");
  BOOST_TEST(rate < 80);
  BOOST_TEST(rate > 10);
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_effects) {
  std::uint64_t first = 0;
  for (int round = 0; round < 2; ++round) {
    Mesh mesh(15);
    ChannelModel lossy;
    lossy.loss = 0.05;
    lossy.jitter = 1ms;
    for (int i = 0; i < 25; ++i) mesh.Add("n" + std::to_string(i));
    for (int r = 0; r < 5; ++r) {
      for (int c = 0; c < 5; ++c) {
        const auto name = [](int r, int c) { return "n" + std::to_string(r * 5 + c); };
        if (c < 4) mesh.Join(name(r, c), name(r, c + 1), lossy);
        if (r < 4) mesh.Join(name(r, c), name(r + 1, c), lossy);
      }
    }
    mesh.StartAll();
    mesh.Run(3s);
    mesh.At(500ms, [&] { mesh.CutBoth("n11", "n12"); });
    mesh.At(700ms, [&] { mesh.Kill("n7"); });
    for (std::uint32_t i = 0; i < 1000; ++i) {
      mesh.Send("n0", "n24", TrafficClass::kTelemetry, Number(i));
      mesh.Send("n20", "n4", TrafficClass::kReliable, Number(i));
      mesh.Run(2ms);
    }
    if (round == 0) first = mesh.Hash();
    BOOST_TEST(mesh.Hash() == first);
  }
  BOOST_TEST_MESSAGE("effects hash " << first);
}

}  // namespace
}  // namespace selvage
