#define BOOST_TEST_MODULE node_quarantine_test
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <memory>

#include "tests/agents/node/quarantine_mesh.h"

namespace selvage {
namespace {

NodeId IdOf(Mesh* mesh, const std::string& name) {
  return mesh->Find(name).identity.certificate.id;
}

bool Contains(const std::vector<std::string>& path, const std::string& node) {
  return std::find(path.begin(), path.end(), node) != path.end();
}

const LinkList kDiamond = {{"s", "a1"}, {"a1", "a2"}, {"a2", "d"},
                           {"s", "b1"}, {"b1", "b2"}, {"b2", "d"}};

BOOST_AUTO_TEST_CASE(an_operator_takes_a_node_off_all_paths_and_puts_it_back) {
  Mesh mesh(1);
  BuildSuspects(&mesh, kDiamond);
  const std::string relay = TelemetryPath(&mesh, "s", "d").at(1);
  BOOST_TEST(mesh.Find("s").core->QuarantineAdd(mesh.now(), IdOf(&mesh, relay), false) == "");
  mesh.Drain(mesh.Find("s"));
  BOOST_TEST(!Contains(TelemetryPath(&mesh, "s", "d"), relay));
  BOOST_TEST(TelemetryPath(&mesh, "s", relay).size() == 2u);  // still a destination
  BOOST_TEST((mesh.StateOf("s", relay) == NeighborState::kQuarantined));
  BOOST_TEST(QuarantineCause(&mesh, "s", relay) == "operator");
  BOOST_TEST(QuarantineState(&mesh, "d", relay) == "");  // told to nobody
  mesh.Run(700s);
  BOOST_TEST(QuarantineState(&mesh, "s", relay) == "quarantined");  // until it is taken out
  BOOST_TEST(mesh.Find("s").core->QuarantineRemove(mesh.now(), IdOf(&mesh, relay)));
  mesh.Drain(mesh.Find("s"));
  BOOST_TEST(!mesh.Find("s").core->QuarantineRemove(mesh.now(), IdOf(&mesh, relay)));
  BOOST_TEST(Contains(TelemetryPath(&mesh, "s", "d"), relay));
  BOOST_TEST((mesh.StateOf("s", relay) == NeighborState::kUp));
}

BOOST_AUTO_TEST_CASE(nobody_is_cut_off_without_force) {
  Mesh mesh(2);
  BuildSuspects(&mesh, {{"s", "m"}, {"m", "d"}});
  NodeCore& s = *mesh.Find("s").core;
  const std::string refusal = s.QuarantineAdd(mesh.now(), IdOf(&mesh, "m"), false);
  BOOST_TEST(refusal.find("cut off") != std::string::npos);
  BOOST_TEST(s.QuarantineAdd(mesh.now(), IdOf(&mesh, "s"), false) == "this is the node itself");
  BOOST_TEST(TelemetryPath(&mesh, "s", "d").size() == 3u);
  BOOST_TEST(s.QuarantineAdd(mesh.now(), IdOf(&mesh, "m"), true) == "");
  mesh.Drain(mesh.Find("s"));
  BOOST_TEST(TelemetryPath(&mesh, "s", "d").size() == 0u);
  BOOST_TEST(TelemetryPath(&mesh, "s", "m").size() == 2u);
  BOOST_TEST(QuarantineState(&mesh, "s", "m") == "barred");
}

BOOST_AUTO_TEST_CASE(a_node_in_quarantine_carries_when_nothing_else_does) {
  Mesh mesh(3);
  BuildSuspects(&mesh, kDiamond);
  const std::string relay = TelemetryPath(&mesh, "s", "d").at(1);
  mesh.Find("s").core->QuarantineAdd(mesh.now(), IdOf(&mesh, relay), false);
  mesh.Drain(mesh.Find("s"));
  mesh.CutBoth("s", relay == "a1" ? "b1" : "a1");
  mesh.Run(30s);
  BOOST_TEST(Contains(TelemetryPath(&mesh, "s", "d"), relay));
  mesh.Send("s", "d", TrafficClass::kTelemetry, Bytes{1, 2, 3});
  mesh.Run(1s);
  BOOST_TEST(mesh.Find("d").delivered.size() == 1u);
}

BOOST_AUTO_TEST_CASE(quarantine_survives_a_restart_and_so_does_its_end) {
  Mesh mesh(4);
  BuildSuspects(&mesh, kDiamond);
  mesh.Find("s").core->QuarantineAdd(mesh.now(), IdOf(&mesh, "a1"), false);
  mesh.Drain(mesh.Find("s"));
  mesh.Kill("s");
  mesh.Start("s");
  mesh.Run(3s);
  BOOST_TEST(QuarantineState(&mesh, "s", "a1") == "quarantined");
  BOOST_TEST(!Contains(TelemetryPath(&mesh, "s", "d"), "a1"));
  mesh.Find("s").core->QuarantineRemove(mesh.now(), IdOf(&mesh, "a1"));
  mesh.Drain(mesh.Find("s"));
  mesh.Kill("s");
  mesh.Start("s");
  mesh.Run(3s);
  BOOST_TEST(QuarantineState(&mesh, "s", "a1") == "");
}

// What the fault script knows: flows over the middle of a 5x5 grid, whose relay drops a share.
struct Dropper {
  explicit Dropper(std::uint64_t seed, double share, const ChannelModel& model = {},
                   Duration gap = 20ms)
      : mesh(seed), share_(share) {
    BuildSuspects(&mesh, GridLinks(5), model);
    for (auto [from, to] : {std::pair{"r2c0", "r2c4"}, {"r0c2", "r4c2"}, {"r2c4", "r1c0"}}) {
      flows.push_back(std::make_unique<SteadyFlow>(SteadyFlow{&mesh, from, to, gap}));
      flows.back()->Next();
    }
    mesh.Run(3s);
    std::map<std::string, int> used;
    for (auto& f : flows) {
      for (const std::string& n : TelemetryPath(&mesh, f->from, f->to)) ++used[n];
      --used[f->from];
      --used[f->to];
    }
    bad = "r2c2";
    for (const auto& [name, n] : used) {
      if (n > used[bad] && name.substr(1, 1) != "0" && name.substr(3, 1) != "0") bad = name;
    }
    fault = mesh.now();
    mesh.Find(bad).core->LabDropForwarded(share_, std::nullopt);
  }
  // Nodes at most `hops` grid steps from the dropper that do not have it in quarantine.
  std::vector<std::string> Missing(int hops) {
    std::vector<std::string> out;
    for (auto& n : mesh.nodes()) {
      const int distance = std::abs(n->name[1] - bad[1]) + std::abs(n->name[3] - bad[3]);
      if (distance == 0 || distance > hops) continue;
      if (QuarantineState(&mesh, n->name, bad) != "quarantined") out.push_back(n->name);
    }
    return out;
  }
  // Honest nodes in quarantine anywhere, with who put them there.
  std::string Wrong() {
    std::string text;
    for (auto& n : mesh.nodes()) {
      for (const QuarantineInfo& q : n->core->Quarantined(mesh.now())) {
        if (q.name != bad) text += " " + n->name + ":" + q.name + "/" + q.cause;
      }
    }
    return text;
  }
  Mesh mesh;
  std::vector<std::unique_ptr<SteadyFlow>> flows;
  std::string bad;
  Time fault{};

 private:
  double share_;
};

BOOST_AUTO_TEST_CASE(a_silent_dropper_is_left_in_a_second_and_quarantined_around_it_in_five) {
  for (std::uint64_t seed : {1, 2, 3}) {
    Dropper d(seed, 1);
    d.mesh.Run(5s);
    BOOST_TEST(d.Missing(2).empty(), d.bad << QuarantineStory(&d.mesh));
    for (auto& f : d.flows) {
      BOOST_TEST(f->Arrived(d.fault + 1s, d.mesh.now() - 100ms) == 1.0, QuarantineStory(&d.mesh));
    }
    BOOST_TEST(d.Wrong() == "");
    d.mesh.Run(25s);
    BOOST_TEST(d.Missing(8).empty(), QuarantineStory(&d.mesh));  // everybody, and it lasts
    BOOST_TEST(d.Wrong() == "");
  }
}

BOOST_AUTO_TEST_CASE(a_relay_that_drops_a_fifth_is_left_in_five_seconds_quarantined_in_twenty) {
  for (std::uint64_t seed : {1, 2}) {
    Dropper d(seed, 0.2, {}, 5ms);
    d.mesh.Run(20s);
    BOOST_TEST(d.Missing(2).empty(), d.bad << QuarantineStory(&d.mesh));
    for (auto& f : d.flows) {
      BOOST_TEST(f->Arrived(d.fault + 5s, d.mesh.now() - 100ms) >= 0.999,
                 QuarantineStory(&d.mesh));
    }
    BOOST_TEST(d.Wrong() == "");
  }
}

BOOST_AUTO_TEST_CASE(a_dropper_that_mends_its_ways_returns_on_probation_and_waits_longer_again) {
  Dropper d(4, 1);
  d.mesh.Run(5s);
  BOOST_TEST(d.Missing(2).empty());
  d.mesh.Find(d.bad).core->LabDropForwarded(0, std::nullopt);
  d.mesh.Run(60s);
  for (auto& n : d.mesh.nodes()) {
    BOOST_TEST(QuarantineState(&d.mesh, n->name, d.bad) != "quarantined",
               n->name << QuarantineStory(&d.mesh));
  }
  const std::string neighbor = d.bad.substr(0, 3) + static_cast<char>(d.bad[3] + 1);
  BOOST_TEST(QuarantineState(&d.mesh, neighbor, d.bad) == "probation");
  // Relapse: found again, held twice as long.
  d.mesh.Find(d.bad).core->LabDropForwarded(1, std::nullopt);
  d.mesh.Run(10s);
  BOOST_TEST(QuarantineState(&d.mesh, neighbor, d.bad) == "quarantined", QuarantineStory(&d.mesh));
  bool longer = false;
  for (const Event& e : d.mesh.Find(neighbor).events) {
    longer = longer || (e.kind == "node-quarantined" &&
                        e.text.find("for 20 s at least") != std::string::npos);
  }
  BOOST_TEST(longer, QuarantineStory(&d.mesh));
}

BOOST_AUTO_TEST_CASE(a_third_of_all_frames_lost_at_random_puts_nobody_in_quarantine) {
  for (std::uint64_t seed : {1, 2}) {
    ChannelModel lossy;
    lossy.loss = 0.3;
    Dropper d(seed, 0, lossy);
    d.mesh.Run(40s);
    for (auto& n : d.mesh.nodes()) {  // ever
      BOOST_TEST(d.mesh.Counter(n->name, "quarantines_total") == 0u, QuarantineStory(&d.mesh));
    }
  }
}

// Runs a 5x5 grid with its flows for `span` under `disturb`, and says who is in quarantine ever.
std::string EverQuarantined(std::uint64_t seed, Duration span,
                            const std::function<void(Mesh*)>& disturb) {
  Dropper d(seed, 0);
  d.bad.clear();
  disturb(&d.mesh);
  d.mesh.Run(span);
  std::string text = d.Wrong();
  for (auto& n : d.mesh.nodes()) {
    for (const Event& e : n->events) {
      if (e.kind == "node-quarantined") text += "\n" + n->name + " " + e.text;
    }
  }
  return text;
}

BOOST_AUTO_TEST_CASE(a_clean_mesh_checks_nobody) {
  Dropper d(21, 0);
  d.mesh.Run(120s);
  d.bad.clear();
  BOOST_TEST(d.Wrong() == "");
  for (auto& n : d.mesh.nodes()) {
    BOOST_TEST(d.mesh.Counter(n->name, "quarantine_checks_total") == 0u);
    BOOST_TEST(d.mesh.Counter(n->name, "testimonies_sent_total") == 0u);
  }
}

BOOST_AUTO_TEST_CASE(crashes_and_restarts_put_nobody_in_quarantine) {
  for (std::uint64_t seed : {31, 32, 33}) {
    const std::string found = EverQuarantined(seed, 40s, [&](Mesh* mesh) {
      const char* victims[] = {"r2c2", "r1c1", "r2c1", "r3c2", "r1c2", "r2c3"};
      for (int i = 0; i < 6; ++i) {
        const std::string victim = victims[i];
        mesh->At(i * 6s, [=] { mesh->Kill(victim); });
        mesh->At(i * 6s + (i % 2 == 0 ? 300ms : 4s), [=] { mesh->Start(victim); });
      }
    });
    BOOST_TEST(found == "");
  }
}

BOOST_AUTO_TEST_CASE(a_partition_and_links_that_flap_put_nobody_in_quarantine) {
  for (std::uint64_t seed : {41, 42}) {
    const std::string found = EverQuarantined(seed, 60s, [&](Mesh* mesh) {
      for (int c = 0; c < 5; ++c) {
        const std::string a = "r2c" + std::to_string(c);
        const std::string b = "r3c" + std::to_string(c);
        mesh->At(2s, [=] { mesh->CutBoth(a, b); });
        mesh->At(20s, [=] { mesh->Restore(a, b); });
      }
      for (int i = 0; i < 20; ++i) {
        mesh->At(25s + i * 1s, [=] { mesh->CutBoth("r2c1", "r2c2"); });
        mesh->At(25s + i * 1s + 400ms, [=] { mesh->Restore("r2c1", "r2c2"); });
      }
    });
    BOOST_TEST(found == "");
  }
}

BOOST_AUTO_TEST_CASE(congestion_puts_nobody_in_quarantine) {
  for (std::uint64_t seed : {51, 52, 53, 54, 55, 56, 57, 58}) {
    const std::string found = EverQuarantined(seed, 30s, [&](Mesh* mesh) {
      ChannelModel narrow;
      narrow.rate_bps = 64'000;  // less than a flow of 50 packets a second with its headers
      for (const auto& [a, b] : {std::pair{"r2c1", "r2c2"}, {"r1c2", "r2c2"}, {"r2c2", "r2c3"},
                                 {"r2c2", "r3c2"}, {"r1c1", "r1c2"}}) {
        mesh->SetChannel(a, b, narrow);
      }
    });
    BOOST_TEST(found == "");
  }
}

BOOST_AUTO_TEST_CASE(who_accuses_all_its_neighbors_is_put_in_quarantine_and_they_are_not) {
  for (const char* liar : {"r2c2", "r0c2", "r0c0"}) {
    Dropper d(6, 0);
    d.bad = liar;
    d.mesh.Find(liar).core->LabAccuse(false);
    d.mesh.Run(30s);
    BOOST_TEST(d.Wrong() == "", liar << QuarantineStory(&d.mesh));
    // All but those that it accuses: who is accused has nothing but its own word against it.
    for (const std::string& node : d.Missing(8)) {
      BOOST_TEST((d.mesh.StateOf(liar, node) != NeighborState::kDown), node);
    }
    BOOST_TEST(d.Missing(8).size() <= 2u, liar << QuarantineStory(&d.mesh));
    for (auto& f : d.flows) BOOST_TEST(f->Arrived(d.fault, d.mesh.now() - 100ms) >= 0.999);
    if (liar != std::string("r0c2")) continue;
    for (auto& f : d.flows) f->running = false;
    d.mesh.Find(liar).core->LabOff();
    d.mesh.Run(900s);  // strikes are forgotten
    BOOST_TEST(d.Missing(8).size() == 24u, QuarantineStory(&d.mesh));
  }
}

BOOST_AUTO_TEST_CASE(old_forged_and_malformed_testimonies_by_the_hundred_are_dropped_and_counted) {
  Mesh mesh(8);
  BuildSuspects(&mesh, GridLinks(3));
  mesh.Find("r1c1").core->LabAccuse(true);
  mesh.Run(10s);
  BOOST_TEST(mesh.Counter("r0c1", "testimonies_stale_total") >= 500u);
  BOOST_TEST(mesh.Counter("r0c1", "testimonies_malformed_total") >= 500u);
  BOOST_TEST(mesh.Counter("r0c1", "testimonies_forged_total") >= 100u);
  BOOST_TEST(mesh.Counter("r0c1", "testimonies_throttled_total") >= 100u);
  for (auto& n : mesh.nodes()) {
    for (const QuarantineInfo& q : n->core->Quarantined(mesh.now())) {
      BOOST_TEST(q.name == "r1c1", n->name << QuarantineStory(&mesh));
    }
    if (n->name == "r1c1") continue;
    BOOST_TEST(mesh.Counter(n->name, "quarantine_probes_sent_total") < 2000u);
  }
}

BOOST_AUTO_TEST_CASE(where_there_is_no_way_around_nobody_is_blamed) {
  // On a chain nobody can be asked around the one in the middle: no check, no verdict.
  Mesh mesh(9);
  BuildSuspects(&mesh, {{"s", "m"}, {"m", "d"}});
  SteadyFlow flow{&mesh, "s", "d"};
  flow.Next();
  mesh.Run(2s);
  mesh.Find("m").core->LabDropForwarded(1, std::nullopt);
  mesh.Run(20s);
  for (auto& n : mesh.nodes()) BOOST_TEST(n->core->Quarantined(mesh.now()).empty());
}

BOOST_AUTO_TEST_CASE(a_dropper_that_cannot_be_spared_is_found_and_stays) {
  // Each side can check m with its own half; all ways between the halves lead over m.
  Mesh mesh(10);
  BuildSuspects(&mesh, {{"a", "b"}, {"a", "m"}, {"b", "m"}, {"m", "x"}, {"m", "y"}, {"x", "y"}});
  SteadyFlow flow{&mesh, "a", "x"};
  flow.Next();
  mesh.Run(2s);
  mesh.Find("m").core->LabDropForwarded(0.3, std::nullopt);
  mesh.Run(30s);
  for (auto& n : mesh.nodes()) {
    for (const QuarantineInfo& q : n->core->Quarantined(mesh.now())) {
      BOOST_TEST(q.state != "quarantined", n->name << " " << q.name << QuarantineStory(&mesh));
    }
  }
  BOOST_TEST(flow.Arrived(mesh.now() - 10s, mesh.now() - 1s) > 0.5);  // worse, not cut off
}

}  // namespace
}  // namespace selvage
