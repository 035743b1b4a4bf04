#define BOOST_TEST_MODULE large_map_test
#include <boost/test/unit_test.hpp>

#include "tests/agents/node/mesh.h"

namespace selvage {
namespace {

std::string NameOf(int i) { return "n" + std::to_string(i); }

// Square grid of side * side nodes, 1 ms a link.
void BuildGrid(Mesh* mesh, int side) {
  for (int i = 0; i < side * side; ++i) mesh->Add(NameOf(i));
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const int i = y * side + x;
      if (x + 1 < side) mesh->Join(NameOf(i), NameOf(i + 1));
      if (y + 1 < side) mesh->Join(NameOf(i), NameOf(i + side));
    }
  }
}

// Share of pairs with a route, in thousandths.
std::size_t Reached(Mesh* mesh, Time now) {
  std::size_t reached = 0;
  const std::size_t n = mesh->nodes().size();
  for (auto& node : mesh->nodes()) {
    for (const RouteInfo& r : node->core->Routes(now, TrafficClass::kTelemetry)) {
      reached += r.next_hop.empty() ? 0 : 1;
    }
  }
  return reached * 1000 / (n * (n - 1));
}

BOOST_AUTO_TEST_CASE(forty_nine_nodes_that_start_cold_have_routes_to_each_other_within_1500_ms) {
  Mesh mesh(31);
  BuildGrid(&mesh, 7);
  mesh.StartAll();
  mesh.Run(1500ms);
  const std::size_t reached = Reached(&mesh, mesh.now());
  BOOST_TEST_MESSAGE("pairs with a route after 1.5 s: " << reached << " of 1000");
  BOOST_TEST(reached >= 990u);
  BOOST_TEST(reached <= 1000u);
}

BOOST_AUTO_TEST_CASE(a_large_map_is_taken_in_together_and_in_the_end_whole) {
  Mesh mesh(32);
  BuildGrid(&mesh, 10);
  mesh.StartAll();
  mesh.Run(20s);
  BOOST_TEST(Reached(&mesh, mesh.now()) == 1000u);
  const std::uint64_t news = mesh.Counter("n55", "link_state_accepted_total");
  const std::uint64_t made = mesh.Counter("n55", "routes_made_total");
  BOOST_TEST_MESSAGE(made << " times routes of " << news << " advertisements");
  BOOST_TEST(made >= 1u);
  BOOST_TEST(made * 2 < news);
}

}  // namespace
}  // namespace selvage
