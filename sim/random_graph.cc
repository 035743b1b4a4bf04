#include "sim/random_graph.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace selvage::sim {
namespace {

// New nodes on one ear.
constexpr std::uint32_t kEarNodesMax = 6;
constexpr std::uint32_t kCycleNodesMax = 12;

bool Joined(const Neighbours& n, std::uint32_t a, std::uint32_t b) {
  return std::find(n[a].begin(), n[a].end(), b) != n[a].end();
}

void Join(Neighbours* n, std::uint32_t a, std::uint32_t b) {
  if (a == b || Joined(*n, a, b)) return;
  (*n)[a].push_back(b);
  (*n)[b].push_back(a);
}

std::uint32_t Draw(ScenarioRandom* random, std::size_t n) {
  return static_cast<std::uint32_t>(random->Below(n));
}

}  // namespace

Neighbours DrawBiconnected(std::uint32_t nodes, double degree, ScenarioRandom* random) {
  Neighbours graph(nodes);
  std::vector<std::uint32_t> order(nodes);
  for (std::uint32_t i = 0; i < nodes; ++i) order[i] = i;
  for (std::uint32_t i = 0; i < nodes; ++i) {
    std::swap(order[i], order[i + Draw(random, nodes - i)]);
  }
  std::uint32_t there =
      std::min(nodes, 3 + Draw(random, std::min(nodes, kCycleNodesMax) - 2));  // on the cycle
  for (std::uint32_t i = 0; i < there; ++i) Join(&graph, order[i], order[(i + 1) % there]);
  while (there < nodes) {
    const std::uint32_t length = std::min(nodes - there, 1 + Draw(random, kEarNodesMax));
    const std::uint32_t begin = Draw(random, there);
    std::uint32_t end = Draw(random, there - 1);
    if (end >= begin) ++end;
    std::uint32_t last = order[begin];
    for (std::uint32_t i = 0; i < length; ++i) {
      Join(&graph, last, order[there + i]);
      last = order[there + i];
    }
    Join(&graph, last, order[end]);
    there += length;
  }
  std::size_t ends = 0;
  for (const auto& n : graph) ends += n.size();
  const auto wanted = static_cast<std::size_t>(
      std::min(std::floor(degree * nodes), static_cast<double>(nodes) * (nodes - 1)));
  while (ends + 1 < wanted) {
    const std::uint32_t a = Draw(random, nodes);
    const std::uint32_t b = Draw(random, nodes);
    if (a == b || Joined(graph, a, b)) continue;
    Join(&graph, a, b);
    ends += 2;
  }
  for (auto& n : graph) std::sort(n.begin(), n.end());
  return graph;
}

bool IsBiconnected(const Neighbours& neighbours) {
  const auto n = static_cast<std::uint32_t>(neighbours.size());
  // Once with nobody missing, then without each: n small searches are fast enough for tests and
  // for graphs of some hundred nodes.
  for (std::uint32_t without = 0; without <= n; ++without) {
    std::vector<bool> seen(n, false);
    const std::uint32_t start = without == 0 ? 1 : 0;
    std::vector<std::uint32_t> stack = {start};
    seen[start] = true;
    std::uint32_t count = 1;
    while (!stack.empty()) {
      const std::uint32_t at = stack.back();
      stack.pop_back();
      for (const std::uint32_t next : neighbours[at]) {
        if (next == without || seen[next]) continue;
        seen[next] = true;
        ++count;
        stack.push_back(next);
      }
    }
    if (count < (without < n ? n - 1 : n)) return false;
  }
  return true;
}

}  // namespace selvage::sim
