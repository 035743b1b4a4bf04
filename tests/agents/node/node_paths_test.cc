#define BOOST_TEST_MODULE node_paths_test
#include <boost/test/unit_test.hpp>
#include <set>

#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

// A telemetry flow from s to d.
struct Flow {
  Mesh* mesh;
  Duration gap = 1ms;
  std::string from = "s";
  std::string to = "d";
  TrafficClass traffic_class = TrafficClass::kTelemetry;
  std::uint32_t sent = 0;
  bool running = true;
  std::map<std::uint32_t, Time> sent_at{};
  void Next() {
    if (!running) return;
    Bytes b(200);
    ByteWriter w(b);
    w.U32(sent);
    sent_at[sent++] = mesh->now();
    mesh->Send(from, to, traffic_class, std::move(b));
    mesh->At(gap, [this] { Next(); });
  }
  // Of what was sent in between.
  double Arrived(Time begin, Time end) {
    std::set<std::uint32_t> seen;
    for (const Delivered& d : mesh->Find(to).delivered) {
      ByteReader in(d.what.payload);
      seen.insert(in.U32());
    }
    int all = 0;
    int got = 0;
    for (const auto& [number, at] : sent_at) {
      if (at < begin || at >= end) continue;
      ++all;
      got += static_cast<int>(seen.count(number));
    }
    return static_cast<double>(got) / all;
  }
};

void BuildLab(Mesh* mesh, const std::vector<std::pair<std::string, std::string>>& links) {
  NodeConfig lab;
  lab.lab = true;
  lab.quarantine = false;  // what an origin does on its own; the rest: node_quarantine_test.cc
  std::set<std::string> names;
  for (const auto& [a, b] : links) {
    names.insert(a);
    names.insert(b);
  }
  for (const std::string& n : names) mesh->Add(n, mesh->members(), lab);
  for (const auto& [a, b] : links) mesh->Join(a, b);
  mesh->StartAll();
  mesh->Run(1s);
}

void BuildLabDiamond(Mesh* mesh) {
  BuildLab(mesh, {{"s", "a1"}, {"a1", "a2"}, {"a2", "d"}, {"s", "b1"}, {"b1", "b2"}, {"b2", "d"}});
}

// r0c0 .. r2c2
void BuildLabGrid(Mesh* mesh, int side) {
  std::vector<std::pair<std::string, std::string>> links;
  auto name = [](int r, int c) { return "r" + std::to_string(r) + "c" + std::to_string(c); };
  for (int r = 0; r < side; ++r) {
    for (int c = 0; c < side; ++c) {
      if (c + 1 < side) links.push_back({name(r, c), name(r, c + 1)});
      if (r + 1 < side) links.push_back({name(r, c), name(r + 1, c)});
    }
  }
  BuildLab(mesh, links);
}

std::vector<std::string> PathOf(Mesh* mesh, const std::string& from = "s",
                                const std::string& to = "d") {
  return mesh->Find(from).core->Path(mesh->now(), mesh->Find(to).identity.certificate.id,
                                     TrafficClass::kTelemetry);
}

int Events(Mesh* mesh, const std::string& at, const std::string& kind,
           const std::string& node = "") {
  int n = 0;
  for (const Event& e : mesh->Find(at).events) {
    const auto field = e.fields.find("node");
    n += e.kind == kind && (node.empty() || (field != e.fields.end() && field->second == node));
  }
  return n;
}

std::string Story(Mesh* mesh, const std::string& at) {
  std::string text;
  for (const Event& e : mesh->Find(at).events) {
    text += "\n  " + std::to_string(ToMillis(e.time.time_since_epoch())) + " " + e.kind + ": " +
            e.text;
  }
  return text;
}

BOOST_AUTO_TEST_CASE(a_healthy_flow_is_reported_on_and_nothing_is_suspected) {
  Mesh mesh(1);
  BuildLabDiamond(&mesh);
  Flow flow{&mesh};
  flow.Next();
  mesh.Run(10s);
  // Ten reports a second, and no more than 3 % of the flow's bytes.
  BOOST_TEST(mesh.Counter("d", "progress_reports_sent_total") >= 90u);
  BOOST_TEST(mesh.Counter("d", "progress_reports_sent_total") <= 110u);
  BOOST_TEST(mesh.Counter("s", "path_suspicions_total") == 0u);
  flow.running = false;
  mesh.Run(2s);
  const auto reports = mesh.Counter("d", "progress_reports_sent_total");
  mesh.Run(20s);
  BOOST_TEST(mesh.Counter("d", "progress_reports_sent_total") == reports);  // silent when idle
  BOOST_TEST(mesh.Counter("s", "path_suspicions_total") == 0u);
}

BOOST_AUTO_TEST_CASE(flows_of_any_rate_are_left_alone_while_they_arrive) {
  for (const Duration gap : {Duration(5ms), Duration(100ms), Duration(700ms), Duration(6s)}) {
    Mesh mesh(2);
    BuildLabDiamond(&mesh);
    Flow flow{&mesh, gap};
    flow.Next();
    mesh.Run(60s);
    BOOST_TEST(mesh.Counter("s", "path_suspicions_total") == 0u, Story(&mesh, "s"));
    BOOST_TEST(flow.Arrived(Time{}, mesh.now() - 1s) == 1.0);
    const auto reports = static_cast<double>(mesh.Counter("d", "progress_reports_sent_total"));
    BOOST_TEST(reports <= 1 + flow.sent * 0.34 + (gap > 1s ? 10 : 0));
  }
}

BOOST_AUTO_TEST_CASE(a_relay_that_forwards_nothing_is_left_within_half_a_second_and_named) {
  for (int which : {1, 2}) {
    Mesh mesh(3);
    BuildLabDiamond(&mesh);
    Flow flow{&mesh};
    flow.Next();
    mesh.Run(2s);
    const std::string bad = PathOf(&mesh).at(static_cast<std::size_t>(which));
    const Time fault = mesh.now();
    mesh.Find(bad).core->LabDropForwarded(1, std::nullopt);
    mesh.Run(3s);
    BOOST_TEST(flow.Arrived(fault + 500ms, mesh.now() - 100ms) == 1.0, Story(&mesh, "s"));
    BOOST_TEST(Events(&mesh, "s", "node-distrusted") == 1, Story(&mesh, "s"));
    BOOST_TEST(Events(&mesh, "s", "node-distrusted", bad) == 1);
    for (const std::string& node : PathOf(&mesh)) BOOST_TEST(node != bad);
    BOOST_TEST((mesh.StateOf("s", "a1") == NeighborState::kUp));
    BOOST_TEST((mesh.StateOf("s", "b1") == NeighborState::kUp));
  }
}

BOOST_AUTO_TEST_CASE(a_reliable_flow_leaves_a_relay_that_forwards_nothing_and_loses_nothing) {
  Mesh mesh(12);
  BuildLabDiamond(&mesh);
  Flow flow{&mesh, 5ms, "s", "d", TrafficClass::kReliable};
  flow.Next();
  mesh.Run(2s);
  const std::string bad = PathOf(&mesh).at(1);
  mesh.Find(bad).core->LabDropForwarded(1, std::nullopt);
  mesh.Run(3s);
  // Off the relay, not only repaired around it packet by packet.
  const auto dropped = mesh.Counter(bad, "frames_dropped_lab_total");
  const auto sent = flow.sent;
  mesh.Run(1s);
  BOOST_TEST(mesh.Counter(bad, "frames_dropped_lab_total") - dropped < (flow.sent - sent) / 10,
             Story(&mesh, "s"));
  flow.running = false;
  mesh.Run(5s);
  BOOST_TEST(flow.Arrived(Time{}, mesh.now()) == 1.0);
  BOOST_TEST(Events(&mesh, "s", "node-distrusted", bad) == 1, Story(&mesh, "s"));
  int delivered = 0;
  for (const MessageReport& r : mesh.Find("s").reports) {
    delivered += r.what == MessageReport::What::kDelivered;
  }
  BOOST_TEST(delivered == static_cast<int>(flow.sent));  // receipts found the way back as well
}

BOOST_AUTO_TEST_CASE(a_slow_flow_leaves_a_relay_that_forwards_nothing_within_a_second) {
  Mesh mesh(4);
  BuildLabGrid(&mesh, 4);
  Flow flow{&mesh, 100ms, "r0c0", "r3c3"};
  flow.Next();
  mesh.Run(5s);
  const std::string bad = PathOf(&mesh, "r0c0", "r3c3").at(2);
  const Time fault = mesh.now();
  mesh.Find(bad).core->LabDropForwarded(1, std::nullopt);
  mesh.Run(60s);
  BOOST_TEST(flow.Arrived(fault, mesh.now() - 100ms) > 0.98);
  BOOST_TEST(flow.Arrived(fault + 1s, mesh.now() - 100ms) == 1.0, Story(&mesh, "r0c0"));
  BOOST_TEST(Events(&mesh, "r0c0", "node-distrusted") == 1, Story(&mesh, "r0c0"));
  BOOST_TEST(Events(&mesh, "r0c0", "node-distrusted", bad) == 1);
}

BOOST_AUTO_TEST_CASE(a_relay_that_behaves_again_is_used_again_within_half_a_minute) {
  Mesh mesh(5);
  BuildLabDiamond(&mesh);
  Flow flow{&mesh, 5ms};
  flow.Next();
  mesh.Run(2s);
  const auto before = PathOf(&mesh);
  const std::string bad = before.at(1);
  mesh.Find(bad).core->LabDropForwarded(1, std::nullopt);
  mesh.Run(20s);
  BOOST_TEST((PathOf(&mesh) != before));
  const Time cured = mesh.now();
  mesh.Find(bad).core->LabOff();
  mesh.Run(30s);
  BOOST_TEST((PathOf(&mesh) == before), Story(&mesh, "s"));
  BOOST_TEST(Events(&mesh, "s", "node-trusted", bad) == 1, Story(&mesh, "s"));
  BOOST_TEST(flow.Arrived(cured, mesh.now() - 100ms) == 1.0);
}

BOOST_AUTO_TEST_CASE(a_relay_that_drops_a_third_is_found_and_left) {
  // Which probes get lost is chance: now and then the first finding names its neighbour, or the
  // second path leads over it too.
  int cases = 0;
  int named = 0;
  int whole = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    for (const std::size_t which : {1, 2, 3}) {
      Mesh mesh(seed);
      BuildLabGrid(&mesh, 3);
      Flow flow{&mesh, 2ms, "r0c0", "r2c2"};
      flow.Next();
      mesh.Run(2s);
      const std::string bad = PathOf(&mesh, "r0c0", "r2c2").at(which);
      mesh.Find(bad).core->LabDropForwarded(0.3, std::nullopt);
      const Time fault = mesh.now();
      mesh.Run(4s);
      ++cases;
      named += Events(&mesh, "r0c0", "node-distrusted", bad) == 1;
      whole += flow.Arrived(fault + 2s, mesh.now() - 100ms) > 0.999;
      BOOST_TEST(flow.Arrived(fault + 2s, mesh.now() - 100ms) > 0.95, Story(&mesh, "r0c0"));
    }
  }
  BOOST_TEST(named * 10 >= cases * 8, named << " of " << cases);
  BOOST_TEST(whole * 10 >= cases * 8, whole << " of " << cases);
}

BOOST_AUTO_TEST_CASE(where_no_path_leads_around_the_relay_it_stays_in_use) {
  Mesh mesh(7);
  BuildLab(&mesh, {{"s", "a"}, {"a", "d"}});
  Flow flow{&mesh};
  flow.Next();
  mesh.Run(2s);
  mesh.Find("a").core->LabDropForwarded(0.5, std::nullopt);
  mesh.Run(20s);
  BOOST_TEST(PathOf(&mesh).size() == 3);
  mesh.Find("a").core->LabOff();
  const Time cured = mesh.now();
  mesh.Run(2s);
  BOOST_TEST(flow.Arrived(cured, mesh.now() - 100ms) == 1.0);
  BOOST_TEST(mesh.Counter("s", "path_suspicions_total") < 20u);  // each waits longer than the last
}

BOOST_AUTO_TEST_CASE(a_destination_that_dies_takes_nobody_down_with_it) {
  Mesh mesh(8);
  BuildLab(&mesh, {{"s", "a1"}, {"a1", "a2"}, {"a2", "x"}, {"s", "b1"}, {"b1", "b2"}, {"b2", "x"},
                   {"x", "d"}});
  Flow flow{&mesh, 5ms};
  flow.Next();
  mesh.Run(2s);
  mesh.Kill("d");
  mesh.Run(30s);
  BOOST_TEST(Events(&mesh, "s", "node-distrusted") == 0, Story(&mesh, "s"));
}

BOOST_AUTO_TEST_CASE(a_broken_way_back_alone_blames_nobody_on_the_way_there) {
  // Reports and answers of d to s vanish at b1 unless they ask to be led around it; traffic goes
  // over a.
  Mesh mesh(9);
  BuildLabDiamond(&mesh);
  Flow flow{&mesh, 2ms};
  flow.Next();
  mesh.Run(2s);
  const auto path = PathOf(&mesh);
  const auto back = PathOf(&mesh, "d", "s");
  const std::string bad = path.at(1) == "a1" ? "b1" : "a1";
  mesh.Find(bad).core->LabDropForwarded(1, std::nullopt);
  const Time fault = mesh.now();
  mesh.Run(20s);
  BOOST_TEST(flow.Arrived(fault, fault + 2s) > 0.7, Story(&mesh, "s"));  // the other way was tried
  BOOST_TEST(flow.Arrived(fault + 2s, mesh.now() - 100ms) == 1.0, Story(&mesh, "s"));
  BOOST_TEST(Events(&mesh, "s", "path-way-back") >= 1);
  BOOST_TEST(Events(&mesh, "s", "node-distrusted", path.at(1)) == 0, Story(&mesh, "s"));
  BOOST_TEST(Events(&mesh, "s", "node-distrusted", path.at(2)) == 0, Story(&mesh, "s"));
}

BOOST_AUTO_TEST_CASE(a_relay_that_dies_is_left_by_hop_detection_and_not_distrusted) {
  Mesh mesh(10);
  BuildLabGrid(&mesh, 3);
  Flow flow{&mesh, 1ms, "r0c0", "r2c2"};
  flow.Next();
  mesh.Run(2s);
  const std::string dead = PathOf(&mesh, "r0c0", "r2c2").at(2);
  mesh.Kill(dead);
  mesh.Run(10s);
  BOOST_TEST(Events(&mesh, "r0c0", "node-distrusted") == 0, Story(&mesh, "r0c0"));
  BOOST_TEST(mesh.Counter("r0c0", "path_suspicions_total") <= 1u);
}

BOOST_AUTO_TEST_CASE(the_reroute_says_why_and_the_finding_has_evidence_and_alternative) {
  Mesh mesh(11);
  BuildLabDiamond(&mesh);
  Flow flow{&mesh};
  flow.Next();
  mesh.Run(2s);
  mesh.Find(PathOf(&mesh).at(1)).core->LabDropForwarded(1, std::nullopt);
  mesh.Run(2s);
  int found = 0;
  for (const Event& e : mesh.Find("s").events) {
    if (e.kind == "reroute") {
      BOOST_TEST(e.fields.at("evidence").find("keeps off") != std::string::npos);
    }
    if (e.kind != "path-suspect" && e.kind != "node-distrusted") continue;
    ++found;
    BOOST_TEST(e.fields.at("destination") == "d");
    BOOST_TEST(e.fields.at("class") == "telemetry");
    BOOST_TEST(!e.fields.at("evidence").empty());
    BOOST_TEST(!e.fields.at("alternative").empty());
  }
  BOOST_TEST(found == 2);
}

}  // namespace
}  // namespace selvage
