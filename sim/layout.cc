#include "sim/layout.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/random_graph.h"
#include "sim/scenario_random.h"

namespace selvage::sim {
namespace {

constexpr int kPlacementTriesMax = 200000;
constexpr int kFlowTriesMax = 100000;

void PlaceGrid(std::uint32_t nodes, Layout* layout) {
  const auto side = static_cast<std::uint32_t>(std::lround(std::sqrt(nodes)));
  layout->positions.clear();
  for (std::uint32_t i = 0; i < nodes; ++i) {
    layout->positions.push_back({(i % side) * kGridSpacing, (i / side) * kGridSpacing});
  }
  layout->field_m = (side - 1) * kGridSpacing;
}

double RangeOf(const Layout& layout) {
  return layout.range_m > 0 ? layout.range_m : NominalRangeMetres();
}

void PlaceRandom(const Scenario& scenario, ScenarioRandom* random, Layout* layout) {
  const std::uint32_t nodes = scenario.nodes;
  layout->field_m = scenario.field_m > 0
                        ? scenario.field_m
                        : RangeOf(*layout) * std::sqrt(nodes * M_PI / scenario.degree);
  layout->positions.clear();
  const auto draw = [&] {  // whole centimetres, so that the exported scenario is exact
    return std::floor(random->Uniform() * layout->field_m * 100) / 100;
  };
  for (std::uint32_t i = 0; i < nodes; ++i) {
    const double x = draw();
    const double y = draw();
    layout->positions.push_back({x, y});
  }
}

// Ends come from a part of the nodes only, so that relays remain which end no flow.
bool DrawFlows(const Scenario& scenario, ScenarioRandom* random, Layout* layout) {
  const std::uint32_t n = layout->size();
  const std::uint32_t pool =
      std::min(n, n <= 50 ? std::max<std::uint32_t>(8, n * 2 / 5) : std::uint32_t{20});
  std::vector<std::uint32_t> order(n);
  for (std::uint32_t i = 0; i < n; ++i) order[i] = i;
  for (std::uint32_t i = 0; i < pool; ++i) std::swap(order[i], order[i + random->Below(n - i)]);
  std::vector<Flow> candidates;
  for (std::uint32_t i = 0; i < pool; ++i) {
    const std::vector<int> hops = layout->HopsFrom(order[i]);
    for (std::uint32_t j = 0; j < pool; ++j) {
      const int h = hops[order[j]];
      if (i != j && h >= static_cast<int>(scenario.min_hops)) {
        candidates.push_back({order[i], order[j], 0, static_cast<std::uint32_t>(h)});
      }
    }
  }
  if (candidates.size() < scenario.flows) return false;
  layout->flows.clear();
  for (std::uint32_t k = 0; k < scenario.flows; ++k) {
    std::swap(candidates[k], candidates[k + random->Below(candidates.size() - k)]);
    Flow flow = candidates[k];
    flow.start_s = scenario.traffic_start_s() + std::floor(random->Uniform() * 1e5) * 1e-5;
    layout->flows.push_back(flow);
  }
  return true;
}

std::vector<bool> HalfByPlace(const Layout& layout) {
  const std::uint32_t n = layout.size();
  std::vector<double> xs;
  for (const Position& p : layout.positions) xs.push_back(p.x);
  std::sort(xs.begin(), xs.end());
  const double cut = n == 0 ? 0 : (xs[n / 2] + xs[(n - 1) / 2]) / 2;
  std::vector<bool> right(n, false);
  for (std::uint32_t i = 0; i < n; ++i) right[i] = layout.positions[i].x > cut - 1e-9;
  return right;
}

// The half nearest to node 0 is connected; the rest may fall into several parts.
std::vector<bool> HalfByLinks(const Layout& layout) {
  const std::uint32_t n = layout.size();
  const std::vector<int> hops = layout.HopsFrom(0);
  std::vector<std::uint32_t> order(n);
  for (std::uint32_t i = 0; i < n; ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return hops[a] < hops[b]; });
  std::vector<bool> right(n, false);
  for (std::uint32_t i = n / 2; i < n; ++i) right[order[i]] = true;
  return right;
}

void PlaceGraph(const Scenario& scenario, ScenarioRandom* random, Layout* layout) {
  PlaceRandom(scenario, random, layout);  // for drawings only
  layout->fixed_links = true;
  layout->neighbours = DrawBiconnected(scenario.nodes, scenario.degree, random);
}

}  // namespace

double NominalRangeMetres() {
  return std::pow(10.0, (kTxDbm - kReferenceLossDb - kLinkDbm) / (10 * kLossExponent));
}

std::vector<int> Layout::HopsFrom(std::uint32_t from, int node, int a, int b) const {
  std::vector<int> hops(size(), -1);
  if (static_cast<int>(from) == node) return hops;
  std::queue<std::uint32_t> queue;
  queue.push(from);
  hops[from] = 0;
  while (!queue.empty()) {
    const std::uint32_t u = queue.front();
    queue.pop();
    for (const std::uint32_t v : neighbours[u]) {
      const int iu = static_cast<int>(u);
      const int iv = static_cast<int>(v);
      if (iv == node || hops[v] >= 0 || (iu == a && iv == b) || (iu == b && iv == a)) continue;
      hops[v] = hops[u] + 1;
      queue.push(v);
    }
  }
  return hops;
}

bool Layout::FlowsSurvive(int node, int a, int b) const {
  return std::all_of(flows.begin(), flows.end(),
                     [&](const Flow& f) { return HopsFrom(f.src, node, a, b)[f.dst] >= 0; });
}

std::vector<double> Layout::Betweenness() const {
  const std::uint32_t n = size();
  std::vector<double> total(n, 0);
  for (std::uint32_t s = 0; s < n; ++s) {
    const std::vector<int> hops = HopsFrom(s);
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < n; ++i) {
      if (hops[i] >= 0) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t x, std::uint32_t y) { return hops[x] < hops[y]; });
    std::vector<double> paths(n, 0);
    std::vector<double> share(n, 0);
    paths[s] = 1;
    for (const std::uint32_t u : order) {
      for (const std::uint32_t v : neighbours[u]) {
        if (hops[v] == hops[u] + 1) paths[v] += paths[u];
      }
    }
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      for (const std::uint32_t u : neighbours[*it]) {
        if (hops[u] + 1 == hops[*it]) share[u] += paths[u] / paths[*it] * (1 + share[*it]);
      }
      if (*it != s) total[*it] += share[*it];
    }
  }
  return total;
}

void CompleteLinks(Layout* layout) {
  const std::uint32_t n = layout->size();
  const double scale = NominalRangeMetres() / RangeOf(*layout);
  layout->rx_dbm.assign(layout->radio ? static_cast<std::size_t>(n) * n : 0, 0);
  layout->neighbours.assign(n, {});
  for (std::uint32_t i = 0; i < n; ++i) {
    for (std::uint32_t j = 0; j < n; ++j) {
      if (i == j) continue;
      const Position& p = layout->positions[i];
      const Position& q = layout->positions[j];
      // Another range is the same radio in a field of another scale.
      const double metres = std::max(1.0, std::hypot(p.x - q.x, p.y - q.y) * scale);
      if (!layout->radio) {
        if (metres <= NominalRangeMetres()) layout->neighbours[i].push_back(j);
        continue;
      }
      const double dbm = kTxDbm - kReferenceLossDb - 10 * kLossExponent * std::log10(metres);
      layout->rx_dbm[static_cast<std::size_t>(i) * n + j] = dbm;
      if (dbm >= kLinkDbm) layout->neighbours[i].push_back(j);
    }
  }
}

void CompleteLayout(Layout* layout) {
  if (!layout->fixed_links) CompleteLinks(layout);
  const std::uint32_t n = layout->size();
  layout->endpoint.assign(n, false);
  for (const Flow& f : layout->flows) layout->endpoint[f.src] = layout->endpoint[f.dst] = true;
  layout->right = layout->fixed_links ? HalfByLinks(*layout) : HalfByPlace(*layout);
}

absl::StatusOr<Layout> DrawLayout(const Scenario& scenario) {
  Layout layout;
  layout.range_m = scenario.range_m;
  layout.radio = !scenario.abstract();
  ScenarioRandom placement(scenario.seed * 7919ull + 17);
  for (int tries = 0;; ++tries) {
    if (tries >= kPlacementTriesMax) {
      return absl::ResourceExhaustedError(
          absl::StrCat("no connected topology of ", scenario.nodes, " nodes in ",
                       kPlacementTriesMax, " tries; raise \"degree\" (now ", scenario.degree, ")"));
    }
    if (scenario.topology == "grid") {
      PlaceGrid(scenario.nodes, &layout);
    } else if (scenario.topology == "random") {
      PlaceGraph(scenario, &placement, &layout);
    } else {
      PlaceRandom(scenario, &placement, &layout);
    }
    CompleteLayout(&layout);
    const std::vector<int> hops = layout.HopsFrom(0);
    if (std::count(hops.begin(), hops.end(), -1) == 0) break;
  }
  ScenarioRandom choice(scenario.seed * 104729ull + 5);
  for (int tries = 0; !DrawFlows(scenario, &choice, &layout); ++tries) {
    if (tries >= kFlowTriesMax) {
      return absl::ResourceExhaustedError(absl::StrCat("cannot place ", scenario.flows,
                                                       " flows of at least ", scenario.min_hops,
                                                       " hops; lower \"flows\" or \"min_hops\""));
    }
  }
  CompleteLayout(&layout);
  return layout;
}

}  // namespace selvage::sim
