#include "agents/quarantine/transit.h"

#include <algorithm>

namespace selvage {
namespace {

// The part of the map each node is in when `gone` are not there; -1 for those.
std::vector<int> Parts(const Topology& topology, const std::vector<bool>& gone) {
  std::vector<int> part(gone.size(), -1);
  std::vector<int> stack;
  int parts = 0;
  for (int first = 0; first < topology.size(); ++first) {
    const auto f = static_cast<std::size_t>(first);
    if (gone[f] || part[f] >= 0) continue;
    part[f] = parts;
    stack.push_back(first);
    while (!stack.empty()) {
      const int node = stack.back();
      stack.pop_back();
      for (const Topology::Edge& e : topology.EdgesOf(node)) {
        const auto to = static_cast<std::size_t>(e.to);
        if (gone[to] || part[to] >= 0) continue;
        part[to] = parts;
        stack.push_back(e.to);
      }
    }
    ++parts;
  }
  return part;
}

bool Reaches(const Topology& topology, int from, int to, const std::vector<bool>& gone) {
  if (from == to) return true;
  const std::vector<int> part = Parts(topology, gone);
  return part[static_cast<std::size_t>(from)] >= 0 &&
         part[static_cast<std::size_t>(from)] == part[static_cast<std::size_t>(to)];
}

}  // namespace

std::pair<ShortId, ShortId> FindCutOff(const Topology& topology, const NodeSet& without,
                                       ShortId also) {
  std::vector<bool> gone(static_cast<std::size_t>(topology.size()), false);
  for (std::uint32_t node : without) {
    const int n = topology.Find(ShortId(node));
    if (n >= 0) gone[static_cast<std::size_t>(n)] = true;
  }
  const int more = topology.Find(also);
  if (more < 0 || gone[static_cast<std::size_t>(more)]) return {};
  const std::vector<int> before = Parts(topology, gone);
  gone[static_cast<std::size_t>(more)] = true;
  const std::vector<int> after = Parts(topology, gone);
  // The first node of each part before: whoever was with it and is not any more was cut off.
  std::vector<int> first(static_cast<std::size_t>(topology.size()), -1);
  for (int n = 0; n < topology.size(); ++n) {
    const auto i = static_cast<std::size_t>(n);
    if (after[i] < 0) continue;
    int& representative = first[static_cast<std::size_t>(before[i])];
    if (representative < 0) {
      representative = n;
    } else if (after[static_cast<std::size_t>(representative)] != after[i]) {
      return {topology.IdOf(representative), topology.IdOf(n)};
    }
  }
  return {};
}

bool IsReachableAround(const Topology& topology, ShortId from, ShortId to, ShortId around) {
  const int a = topology.Find(from);
  const int b = topology.Find(to);
  const int without = topology.Find(around);
  if (a < 0 || b < 0) return false;
  std::vector<bool> gone(static_cast<std::size_t>(topology.size()), false);
  if (without >= 0) gone[static_cast<std::size_t>(without)] = true;
  return Reaches(topology, a, b, gone);
}

bool AreNeighbors(const Topology& topology, ShortId a, ShortId b) {
  const int from = topology.Find(a);
  const int to = topology.Find(b);
  if (from < 0 || to < 0) return false;
  const auto& edges = topology.EdgesOf(from);
  return std::any_of(edges.begin(), edges.end(),
                     [&](const Topology::Edge& e) { return e.to == to; });
}

std::vector<ShortId> NeighborsOf(const Topology& topology, ShortId node) {
  std::vector<ShortId> out;
  const int n = topology.Find(node);
  if (n < 0) return out;
  for (const Topology::Edge& e : topology.EdgesOf(n)) out.push_back(topology.IdOf(e.to));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::uint32_t LossBetween(const Topology& topology, ShortId from, ShortId to) {
  std::uint32_t best = 1000;
  const int a = topology.Find(from);
  const int b = topology.Find(to);
  if (a < 0 || b < 0) return best;
  for (const Topology::Edge& e : topology.EdgesOf(a)) {
    if (e.to == b) best = std::min(best, e.metric.loss_permille);
  }
  return best;
}

bool AreDisjoint(const Topology& topology, ShortId judge, ShortId accused, ShortId a, ShortId b) {
  if (!AreNeighbors(topology, a, accused) || !AreNeighbors(topology, b, accused)) return false;
  const int self = topology.Find(judge);
  if (self < 0) return false;
  std::vector<bool> gone(static_cast<std::size_t>(topology.size()), false);
  gone[static_cast<std::size_t>(topology.Find(accused))] = true;
  for (const auto& [witness, other] : {std::pair{a, b}, std::pair{b, a}}) {
    if (other == judge) continue;  // what it knows itself needs no way
    const auto o = static_cast<std::size_t>(topology.Find(other));
    gone[o] = true;
    if (!Reaches(topology, self, topology.Find(witness), gone)) return false;
    gone[o] = false;
  }
  return true;
}

}  // namespace selvage
