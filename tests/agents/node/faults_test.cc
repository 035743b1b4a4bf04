#define BOOST_TEST_MODULE faults
#include <boost/test/unit_test.hpp>

#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

// A 3 x 3 grid, nodes n0 to n8, and what a node said last of a neighbour.
class Grid {
 public:
  explicit Grid(const ModelConfig& model = {}) : mesh(11) {
    for (int i = 0; i < 9; ++i) {
      NodeConfig config;
      config.lab = true;
      config.model = model;
      mesh.Add(Name(i), mesh.members(), config);
    }
    for (int i = 0; i < 9; ++i) {
      if (i % 3 < 2) mesh.Join(Name(i), Name(i + 1));
      if (i < 6) mesh.Join(Name(i), Name(i + 3));
    }
    mesh.StartAll();
    mesh.Run(3s);
  }
  static std::string Name(int i) { return "n" + std::to_string(i); }
  // 50 packets a second of 600 bytes each way between two nodes.
  void Traffic(int from, int to, Duration d) {
    for (Duration t = 0ms; t < d; t += 20ms) {
      mesh.At(t, [this, from, to] {
        mesh.Send(Name(from), Name(to), TrafficClass::kTelemetry, Bytes(600, 1));
        mesh.Send(Name(to), Name(from), TrafficClass::kTelemetry, Bytes(600, 1));
      });
    }
  }
  std::string Said(int node, int about) {
    std::string last = "nothing";
    for (const Event& e : mesh.Find(Name(node)).events) {
      const auto who = e.fields.find("neighbor");
      if (who == e.fields.end() || who->second != Name(about)) continue;
      if (e.kind == "fault") last = e.fields.at("fault");
      if (e.kind == "fault-over") last = "over: " + e.fields.at("fault");
    }
    return last;
  }

  Mesh mesh;
};

BOOST_AUTO_TEST_CASE(a_dead_link_is_told_from_a_dead_node) {
  Grid g;
  g.Traffic(3, 4, 8s);
  g.Traffic(5, 4, 8s);
  g.Traffic(1, 4, 8s);
  g.mesh.Run(2s);
  BOOST_TEST(g.Said(3, 4) == "nothing");
  g.mesh.CutBoth("n3", "n4");
  g.mesh.Run(3s);
  BOOST_TEST(g.Said(3, 4) == "link silent");
  BOOST_TEST(g.Said(4, 3) == "link silent");
  for (const char* other : {"n1", "n5", "n7"}) g.mesh.CutBoth(other, "n4");
  g.mesh.Run(3s);
  BOOST_TEST(g.Said(5, 4) == "neighbor gone");
  BOOST_TEST(g.Said(1, 4) == "neighbor gone");
}

BOOST_AUTO_TEST_CASE(a_link_that_works_one_way_is_called_that_by_who_hears) {
  Grid g;
  g.Traffic(3, 4, 6s);
  g.mesh.Run(2s);
  g.mesh.Cut("n3", "n4");
  g.mesh.Run(3s);
  BOOST_TEST(g.Said(3, 4) == "link one-way");
}

BOOST_AUTO_TEST_CASE(what_others_lost_with_all_behind_it_is_a_partition_and_it_ends) {
  Grid g;
  for (int row = 0; row < 3; ++row) g.Traffic(3 * row, 3 * row + 1, 20s);
  g.mesh.Run(2s);
  for (int row = 0; row < 3; ++row) g.mesh.CutBoth(g.Name(3 * row), g.Name(3 * row + 1));
  g.mesh.Run(4s);
  BOOST_TEST(g.Said(0, 1) == "partitioned");
  BOOST_TEST(g.Said(4, 3) == "partitioned");
  for (int row = 0; row < 3; ++row) g.mesh.Restore(g.Name(3 * row), g.Name(3 * row + 1));
  g.mesh.Run(10s);
  BOOST_TEST(g.Said(0, 1) == "over: partitioned");
}

BOOST_AUTO_TEST_CASE(without_a_fault_nothing_is_named) {
  Grid g;
  g.Traffic(0, 8, 60s);
  g.mesh.Run(60s);
  for (int i = 0; i < 9; ++i) {
    BOOST_TEST(g.mesh.Counter(g.Name(i), "faults_named_total") == 0u);
  }
}

}  // namespace
}  // namespace selvage
