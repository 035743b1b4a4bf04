#include "routing/what_if.h"

#include <algorithm>

namespace selvage {
namespace {

using Pair = std::pair<int, int>;

Pair Ordered(int a, int b) { return {std::min(a, b), std::max(a, b)}; }

struct Step {
  int to = 0;
  int edge = 0;  // both directions of a link have the same number
};

// The links a class may use both ways, undirected, minus what failed.
struct Graph {
  std::vector<bool> alive;
  std::vector<std::vector<Step>> steps;
  std::vector<Pair> edges;
};

Graph Build(const Topology& topology, TrafficClass c, const std::vector<bool>& dead,
            const std::vector<Pair>& cut) {
  Graph g;
  const int n = topology.size();
  g.alive.assign(static_cast<std::size_t>(n), true);
  g.steps.resize(static_cast<std::size_t>(n));
  for (int u = 0; u < n; ++u)
    g.alive[static_cast<std::size_t>(u)] = !dead[static_cast<std::size_t>(u)];
  for (int u = 0; u < n; ++u) {
    for (const Topology::Edge& e : topology.EdgesOf(u)) {
      if (u > e.to || !g.alive[static_cast<std::size_t>(u)] ||
          !g.alive[static_cast<std::size_t>(e.to)]) {
        continue;
      }
      const Topology::Edge* back = topology.FindEdge(e.reverse);
      if (back == nullptr || EdgeCost(e.metric, c) == kUnreachable ||
          EdgeCost(back->metric, c) == kUnreachable ||
          std::binary_search(cut.begin(), cut.end(), Ordered(u, e.to))) {
        continue;
      }
      const int number = static_cast<int>(g.edges.size());
      g.edges.push_back({u, e.to});
      g.steps[static_cast<std::size_t>(u)].push_back({e.to, number});
      g.steps[static_cast<std::size_t>(e.to)].push_back({u, number});
    }
  }
  return g;
}

// The connected part each node belongs to; -1: failed.
std::vector<int> Parts(const Graph& g) {
  std::vector<int> part(g.alive.size(), -1);
  int parts = 0;
  std::vector<int> stack;
  for (std::size_t start = 0; start < part.size(); ++start) {
    if (part[start] >= 0 || !g.alive[start]) continue;
    part[start] = parts;
    stack.push_back(static_cast<int>(start));
    while (!stack.empty()) {
      const auto u = static_cast<std::size_t>(stack.back());
      stack.pop_back();
      for (const Step& s : g.steps[u]) {
        if (part[static_cast<std::size_t>(s.to)] >= 0) continue;
        part[static_cast<std::size_t>(s.to)] = parts;
        stack.push_back(s.to);
      }
    }
    ++parts;
  }
  return part;
}

// Depth first with low points; without recursion, for a chain of 8,192 nodes is 8,192 deep.
SinglePoints CutPoints(const Graph& g) {
  struct Visit {
    int order = -1;
    int low = 0;
    int parent_edge = -1;
    int parent = -1;
    int children = 0;
    std::size_t next = 0;
    bool cut = false;
  };
  std::vector<Visit> visits(g.alive.size());
  SinglePoints out;
  int clock = 0;
  for (std::size_t root = 0; root < visits.size(); ++root) {
    if (!g.alive[root] || visits[root].order >= 0) continue;
    visits[root].order = visits[root].low = clock++;
    std::vector<int> path{static_cast<int>(root)};
    while (!path.empty()) {
      const int node = path.back();
      Visit& v = visits[static_cast<std::size_t>(node)];
      if (v.next < g.steps[static_cast<std::size_t>(node)].size()) {
        const Step s = g.steps[static_cast<std::size_t>(node)][v.next++];
        if (s.edge == v.parent_edge) continue;
        Visit& w = visits[static_cast<std::size_t>(s.to)];
        if (w.order >= 0) {
          v.low = std::min(v.low, w.order);
          continue;
        }
        w.order = w.low = clock++;
        w.parent_edge = s.edge;
        w.parent = node;
        ++v.children;
        path.push_back(s.to);
        continue;
      }
      path.pop_back();
      if (v.parent < 0) {
        v.cut = v.children > 1;
        continue;
      }
      Visit& p = visits[static_cast<std::size_t>(v.parent)];
      p.low = std::min(p.low, v.low);
      if (v.low >= p.order && p.parent >= 0) p.cut = true;
      if (v.low > p.order) out.links.push_back(Ordered(node, v.parent));
    }
  }
  for (std::size_t i = 0; i < visits.size(); ++i) {
    if (visits[i].cut) out.nodes.push_back(static_cast<int>(i));
  }
  std::sort(out.links.begin(), out.links.end());
  return out;
}

template <typename T>
std::vector<T> Missing(const std::vector<T>& from, const std::vector<T>& without) {
  std::vector<T> out;
  std::set_difference(from.begin(), from.end(), without.begin(), without.end(),
                      std::back_inserter(out));
  return out;
}

// Splits `before` by `after` and tells what is torn apart.
void Tear(const std::vector<int>& before, const std::vector<int>& after, WhatIfAnswer* answer) {
  std::vector<std::vector<int>> pieces;  // by part after
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i] < 0) continue;
    if (static_cast<std::size_t>(after[i]) >= pieces.size()) {
      pieces.resize(static_cast<std::size_t>(after[i]) + 1);
    }
    pieces[static_cast<std::size_t>(after[i])].push_back(static_cast<int>(i));
  }
  const auto whole = [&](const std::vector<int>& piece) {
    return before[static_cast<std::size_t>(piece.front())];
  };
  std::vector<std::uint64_t> survivors(before.size(), 0);
  std::vector<std::size_t> count(before.size(), 0);
  for (const auto& piece : pieces) {
    survivors[static_cast<std::size_t>(whole(piece))] += piece.size();
    ++count[static_cast<std::size_t>(whole(piece))];
  }
  std::uint64_t twice = 0;
  for (const auto& piece : pieces) {
    twice += piece.size() * (survivors[static_cast<std::size_t>(whole(piece))] - piece.size());
    if (count[static_cast<std::size_t>(whole(piece))] > 1) answer->islands.push_back(piece);
  }
  answer->pairs_lost = twice / 2;
  std::stable_sort(answer->islands.begin(), answer->islands.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (std::size_t i = 0; i < answer->islands.size(); ++i) {
    for (std::size_t j = i + 1; j < answer->islands.size(); ++j) {
      if (whole(answer->islands[i]) != whole(answer->islands[j])) continue;
      for (const int a : answer->islands[i]) {
        for (const int b : answer->islands[j]) {
          if (answer->lost.size() >= WhatIfAnswer::kPairsListed) return;
          answer->lost.push_back(Ordered(a, b));
        }
      }
    }
  }
}

WhatIfAnswer::Detours FindDetours(const Topology& topology, TrafficClass c,
                                  const FailureSet& failed, const std::vector<bool>& dead) {
  WhatIfAnswer::Detours out;
  const FailureSet none;
  for (int from = 0; from < topology.size(); ++from) {
    if (dead[static_cast<std::size_t>(from)]) continue;
    const std::vector<SpfEntry> before = ComputeSpf(topology, from, c, none);
    const std::vector<SpfEntry> after = ComputeSpf(topology, from, c, failed);
    for (int to = 0; to < topology.size(); ++to) {
      const PathCost was = before[static_cast<std::size_t>(to)].cost;
      const PathCost is = after[static_cast<std::size_t>(to)].cost;
      if (to == from || dead[static_cast<std::size_t>(to)] || is == kUnreachable || is <= was) {
        continue;
      }
      ++out.pairs;
      const double factor = static_cast<double>(is) / static_cast<double>(was);
      if (factor > out.worst_factor) {
        out.worst_factor = factor;
        out.worst = {from, to};
      }
    }
  }
  return out;
}

}  // namespace

WhatIfAnswer AskWhatIf(const Topology& topology, const WhatIfQuestion& question) {
  const auto n = static_cast<std::size_t>(topology.size());
  std::vector<bool> dead(n, false);
  for (const int node : question.nodes) dead[static_cast<std::size_t>(node)] = true;
  std::vector<Pair> cut;
  for (const Pair& l : question.links) cut.push_back(Ordered(l.first, l.second));
  std::sort(cut.begin(), cut.end());

  FailureSet failed;
  for (int u = 0; u < topology.size(); ++u) {
    for (const Topology::Edge& e : topology.EdgesOf(u)) {
      if (dead[static_cast<std::size_t>(u)] || dead[static_cast<std::size_t>(e.to)] ||
          std::binary_search(cut.begin(), cut.end(), Ordered(u, e.to))) {
        failed.Add(e.id);
      }
    }
  }
  const Graph before = Build(topology, question.traffic_class, std::vector<bool>(n, false), {});
  const Graph after = Build(topology, question.traffic_class, dead, cut);

  WhatIfAnswer answer;
  Tear(Parts(before), Parts(after), &answer);
  if (topology.size() <= WhatIfAnswer::kDetourNodesMax) {
    answer.detours = FindDetours(topology, question.traffic_class, failed, dead);
  }
  const SinglePoints was = CutPoints(before);
  answer.after = CutPoints(after);
  answer.added.nodes = Missing(answer.after.nodes, was.nodes);
  answer.added.links = Missing(answer.after.links, was.links);
  return answer;
}

SinglePoints FindSinglePoints(const Topology& topology, TrafficClass c) {
  return CutPoints(
      Build(topology, c, std::vector<bool>(static_cast<std::size_t>(topology.size()), false), {}));
}

}  // namespace selvage
