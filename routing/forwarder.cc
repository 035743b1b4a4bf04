#include "routing/forwarder.h"

#include <algorithm>

namespace selvage {

std::string_view ToString(DropReason r) {
  switch (r) {
    case DropReason::kNone:
      return "none";
    case DropReason::kHopLimit:
      return "hop_limit";
    case DropReason::kExhausted:
      return "exhausted";
    case DropReason::kNoNeighbor:
      return "no_neighbor";
    case DropReason::kTooLong:
      return "too_long";
  }
  return "?";
}

Forwarder::Forwarder(ShortId self, std::size_t memory_walks)
    : self_(self), routes_(self), memory_(memory_walks), adjacencies_(256) {}

void Forwarder::SetAdjacency(AdjacencyIndex index, ShortId neighbor, bool usable, bool suspect,
                             bool shared) {
  const std::size_t payload_max = adjacencies_[index.value].payload_max;
  RemoveAdjacency(index);
  adjacencies_[index.value] = {neighbor, true, usable, suspect && !usable, shared, payload_max};
  if (!usable) ++unusable_;
}

void Forwarder::RemoveAdjacency(AdjacencyIndex index) {
  Adjacency& a = adjacencies_[index.value];
  if (a.present && !a.usable) --unusable_;
  a = {};
}

void Forwarder::SetPayloadLimit(AdjacencyIndex index, std::size_t payload_bytes_max) {
  adjacencies_[index.value].payload_max = payload_bytes_max;
}

bool Forwarder::IsUsable(AdjacencyIndex index) const { return adjacencies_[index.value].usable; }

FailureSet Forwarder::OwnFailures() const {
  FailureSet f;
  if (unusable_ == 0) return f;
  for (std::size_t i = 1; i < adjacencies_.size(); ++i) {
    if (adjacencies_[i].present && !adjacencies_[i].usable) {
      f.Add(Own(AdjacencyIndex(static_cast<std::uint8_t>(i))));
    }
  }
  return f;
}

SpfEntry Forwarder::RouteAnyhow(TrafficClass c, const FailureSet& failed, ShortId destination) {
  const SpfEntry around = routes_.Route(c, failed, destination);
  if (around.first.value != 0 || !failed.avoids_nodes()) return around;
  return routes_.Route(c, failed.WithoutNodes(), destination);
}

SpfEntry Forwarder::CurrentRoute(TrafficClass c, ShortId destination,
                                 const std::vector<ShortId>& avoid) {
  FailureSet f = OwnFailures();
  for (ShortId node : avoid) f.Add(EdgeId::WholeNode(node));
  return RouteAnyhow(c, f, destination);
}

SpfEntry Forwarder::AlternateRoute(TrafficClass c, ShortId destination, AdjacencyIndex without,
                                   const std::vector<ShortId>& avoid) {
  FailureSet f = OwnFailures();
  f.Add(Own(without));
  for (ShortId node : avoid) f.Add(EdgeId::WholeNode(node));
  return RouteAnyhow(c, f, destination);
}

std::vector<ShortId> Forwarder::CurrentPath(TrafficClass c, ShortId destination,
                                            const std::vector<ShortId>& avoid, bool strict) {
  const Topology& topology = routes_.topology();
  const int target = topology.Find(destination);
  std::vector<ShortId> path;
  if (target < 0 || routes_.self_node() < 0 || target == routes_.self_node()) return path;
  FailureSet failed = OwnFailures();
  for (ShortId node : avoid) failed.Add(EdgeId::WholeNode(node));
  const std::vector<SpfEntry>* tree = routes_.Table(c, failed);
  if ((*tree)[static_cast<std::size_t>(target)].first.value == 0) {
    if (strict || !failed.avoids_nodes()) return path;
    tree = routes_.Table(c, failed.WithoutNodes());
    if ((*tree)[static_cast<std::size_t>(target)].first.value == 0) return path;
  }
  // Parents end at the root: a tree of as many nodes as the map has.
  for (int node = target; node >= 0 && node != routes_.self_node();
       node = (*tree)[static_cast<std::size_t>(node)].parent) {
    path.push_back(topology.IdOf(node));
  }
  std::reverse(path.begin(), path.end());
  return path;
}

Duration Forwarder::SlowTrip(const Topology::Edge& edge) const {
  if (!edge.metric.slow) return Duration(0);
  const auto one_way = [](const EdgeMetric& m) {
    return std::clamp<Duration>(std::chrono::microseconds(m.latency_us), kSlowHopMin,
                                kSlowRoundTripMax);
  };
  const Topology::Edge* back = routes_.topology().FindEdge(edge.reverse);
  return one_way(edge.metric) + one_way(back != nullptr ? back->metric : edge.metric);
}

std::optional<Duration> Forwarder::SlowRoundTrip(TrafficClass c, ShortId destination) {
  const Topology& topology = routes_.topology();
  const int self = routes_.self_node();
  const int target = topology.Find(destination);
  if (self < 0 || target < 0) return std::nullopt;
  const std::vector<SpfEntry>& tree = *routes_.Table(c, OwnFailures());
  if (tree[static_cast<std::size_t>(target)].first.value == 0) return std::nullopt;
  Duration sum{0};
  if (!topology.has_slow()) return sum;
  for (int node = target; node >= 0 && node != self;) {
    const SpfEntry& entry = tree[static_cast<std::size_t>(node)];
    const Topology::Edge* best = nullptr;
    for (const Topology::Edge& e : topology.EdgesOf(entry.parent)) {
      const bool taken = entry.parent != self || e.index == entry.first;
      if (e.to != node || !taken) continue;
      if (best == nullptr || EdgeCost(e.metric, c) < EdgeCost(best->metric, c)) best = &e;
    }
    if (best != nullptr) sum += SlowTrip(*best);
    node = entry.parent;
  }
  return std::min(sum, kSlowRoundTripMax);
}

ForwardDecision Forwarder::Decide(Time now, DataHeader* header, AdjacencyIndex in,
                                  std::size_t payload_bytes) {
  deciding_bytes_ = payload_bytes;
  ForwardDecision d;
  if (header->destination == self_) {
    d.what = ForwardDecision::What::kDeliver;
    return d;
  }
  const WalkId id{header->id,   header->destination, header->copy,
                  header->walk, header->fragment,    header->attempt};
  Walk* walk = memory_.Find(now, id);
  if (walk == nullptr) {
    walk = memory_.Create(now, id, in);
  } else if (walk->arrived_by.Contains(in)) {
    d.what = ForwardDecision::What::kDuplicate;
    return d;
  } else {
    walk->arrived_by.Add(in);
    d.deviated = true;
    d.revisit = true;
  }
  if (header->hop_limit == 0) {
    d.reason = DropReason::kHopLimit;
    return d;
  }
  bool no_path = false;
  AdjacencyIndex out = FollowMap(header, *walk, &d.deviated, &no_path);
  if (no_path) out = LastResort(*header, *walk);
  if (out.value == 0) {
    d.deviated = true;
    out = BestUntried(*header, *walk);
  }
  const AdjacencyIndex back = walk->first_in;
  if (out.value == 0 && back.value != 0 && IsUsable(back) && Fits(back) &&
      !walk->given_to.Contains(back)) {
    out = back;
  }
  if (out.value == 0) out = LastResort(*header, *walk);
  if (out.value == 0) {
    bool too_long = false;
    for (std::size_t i = 1; i < adjacencies_.size() && !too_long; ++i) {
      too_long = adjacencies_[i].usable && !Fits(AdjacencyIndex(static_cast<std::uint8_t>(i)));
    }
    d.reason = too_long                             ? DropReason::kTooLong
               : back.value == 0 && unusable_ > 0 ? DropReason::kNoNeighbor
                                                    : DropReason::kExhausted;
    return d;
  }
  walk->given_to.Add(out);
  --header->hop_limit;
  d.what = ForwardDecision::What::kSend;
  d.out = out;
  return d;
}

// The tree's choice on the map minus what the packet carries; own dead links that stand in the way
// are added to what it carries, so that nobody sends it back here for them. 0 when the tree has no
// choice left that the traversal rule allows.
AdjacencyIndex Forwarder::FollowMap(DataHeader* header, const Walk& walk, bool* deviated,
                                    bool* no_path) {
  FailureSet failed;
  for (EdgeId e : header->carried) failed.Add(e);
  // Each round either returns or adds an own link: at most as many rounds as links.
  for (std::size_t round = 0; round < adjacencies_.size(); ++round) {
    const SpfEntry route = RouteAnyhow(header->traffic_class, failed, header->destination);
    if (route.first.value == 0) {
      *no_path = true;
      return AdjacencyIndex(0);
    }
    if (IsUsable(route.first) && Fits(route.first)) {
      if (walk.given_to.Contains(route.first) || route.first == walk.first_in) {
        return AdjacencyIndex(0);
      }
      return route.first;
    }
    *deviated = true;
    failed.Add(Own(route.first));
    header->carried.Add(Own(route.first));
    const Adjacency& left = adjacencies_[route.first.value];
    if (!left.usable && left.shared && left.neighbor != header->destination) {
      failed.Add(EdgeId::WholeNode(left.neighbor));
      header->carried.Add(EdgeId::WholeNode(left.neighbor));
    }
  }
  return AdjacencyIndex(0);
}

// The map has no path without the own links in doubt, which are those under suspicion and those
// that long packets were lost on: the one of them that has a path. A hole may have gone since it
// was found; so a packet tries, but it is not lost in one again and again.
AdjacencyIndex Forwarder::LastResort(const DataHeader& header, const Walk& walk) {
  const auto in_doubt = [&](AdjacencyIndex i) {
    const Adjacency& a = adjacencies_[i.value];
    return a.suspect || (a.usable && !Fits(i) && header.walk < kWalksIntoHoles);
  };
  FailureSet failed;
  for (EdgeId e : header.carried) {
    if (e.node != self_ || !in_doubt(e.index)) failed.Add(e);
  }
  bool any = false;
  for (std::size_t i = 1; i < adjacencies_.size(); ++i) {
    const AdjacencyIndex index(static_cast<std::uint8_t>(i));
    const Adjacency& a = adjacencies_[i];
    if (!a.present) continue;
    const bool spent = index == walk.first_in || walk.given_to.Contains(index);
    if (spent || !(in_doubt(index) || (a.usable && Fits(index)))) {
      failed.Add(Own(index));
    } else {
      any = any || in_doubt(index);
    }
  }
  if (!any) return AdjacencyIndex(0);
  const AdjacencyIndex first =
      RouteAnyhow(header.traffic_class, failed, header.destination).first;
  return first.value != 0 && in_doubt(first) ? first : AdjacencyIndex(0);
}

AdjacencyIndex Forwarder::BestUntried(const DataHeader& header, const Walk& walk) {
  FailureSet failed;
  for (EdgeId e : header.carried) failed.Add(e);
  const std::vector<PathCost>* distances =
      routes_.DistancesTo(header.traffic_class, failed, header.destination);
  AdjacencyIndex best;
  PathCost best_cost = 0;
  for (std::size_t i = 1; i < adjacencies_.size(); ++i) {
    const AdjacencyIndex index(static_cast<std::uint8_t>(i));
    if (!adjacencies_[i].usable || !Fits(index) || index == walk.first_in ||
        walk.given_to.Contains(index)) {
      continue;
    }
    const Topology::Edge* edge = routes_.topology().FindEdge(Own(index));
    const PathCost step =
        edge == nullptr ? kHopCostUs : EdgeCost(edge->metric, header.traffic_class);
    if (step == kUnreachable) continue;  // the class never uses this link
    PathCost cost = kUnreachable;        // unknown to the map: last, but tried
    const int node = routes_.topology().Find(adjacencies_[i].neighbor);
    if (adjacencies_[i].neighbor == header.destination) {
      cost = 0;  // the destination itself, whatever the map says
    } else if (node >= 0 && (*distances)[static_cast<std::size_t>(node)] != kUnreachable) {
      cost = step + (*distances)[static_cast<std::size_t>(node)];
    }
    if (best.value == 0 || cost < best_cost) {
      best = index;
      best_cost = cost;
    }
  }
  return best;
}

}  // namespace selvage
