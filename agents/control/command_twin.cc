// twin: the map as data. whatif: what would break, asked of the map.
#include "agents/control/commands.h"
#include "routing/what_if.h"

namespace selvage {
namespace control {
namespace {

// A question names at most this many nodes or links.
constexpr std::size_t kFailuresMax = 64;

Json MetricJson(const EdgeMetric& m) {
  return Json{{"latency_us", m.latency_us},
              {"loss", static_cast<double>(m.loss_permille) / 1000.0},
              {"rate_kbps", m.rate_kbps},
              {"slow", m.slow},
              {"tariff", std::string(ToString(m.tariff))}};
}

Json LinkJson(const Twin& twin, int from, const Topology::Edge& e) {
  const Topology::Edge* back = twin.topology.FindEdge(e.reverse);
  return Json{{"a", twin.nodes[static_cast<std::size_t>(from)].name},
              {"b", twin.nodes[static_cast<std::size_t>(e.to)].name},
              {"a_index", e.index.value},
              {"b_index", e.reverse.index.value},
              {"ab", MetricJson(e.metric)},
              {"ba", MetricJson(back == nullptr ? EdgeMetric{} : back->metric)}};
}

Json Names(const Twin& twin, const std::vector<int>& nodes) {
  Json out = Json::array();
  for (const int n : nodes) out.push_back(twin.nodes[static_cast<std::size_t>(n)].name);
  return out;
}

Json Pairs(const Twin& twin, const std::vector<std::pair<int, int>>& pairs) {
  Json out = Json::array();
  for (const auto& [a, b] : pairs) out.push_back(Names(twin, {a, b}));
  return out;
}

Json PointsJson(const Twin& twin, const SinglePoints& points) {
  return Json{{"nodes", Names(twin, points.nodes)}, {"links", Pairs(twin, points.links)}};
}

// The node of the topology that is called so.
absl::StatusOr<int> Resolve(const AgentView& agent, const Twin& twin, const Json& name) {
  if (!name.is_string()) return absl::InvalidArgumentError("a node is named by text");
  const std::optional<NodeId> id = agent.FindNode(name.get<std::string>());
  const int node = id ? twin.topology.Find(id->Short()) : -1;
  if (node < 0) {
    return absl::NotFoundError("no node called " + name.get<std::string>() + " is on the map");
  }
  return node;
}

absl::Status ReadQuestion(const AgentView& agent, const Twin& twin, const Json& request,
                          WhatIfQuestion* question) {
  const Json nodes = request.value("nodes", Json::array());
  const Json links = request.value("links", Json::array());
  if (!nodes.is_array() || !links.is_array() || nodes.size() + links.size() > kFailuresMax) {
    return absl::InvalidArgumentError(
        "\"nodes\" is a list of names, \"links\" of pairs of names; " +
        std::to_string(kFailuresMax) + " in all at most");
  }
  for (const Json& name : nodes) {
    auto node = Resolve(agent, twin, name);
    if (!node.ok()) return node.status();
    question->nodes.push_back(*node);
  }
  for (const Json& pair : links) {
    if (!pair.is_array() || pair.size() != 2) {
      return absl::InvalidArgumentError("a link is a pair of node names");
    }
    auto a = Resolve(agent, twin, pair[0]);
    if (!a.ok()) return a.status();
    auto b = Resolve(agent, twin, pair[1]);
    if (!b.ok()) return b.status();
    bool there = false;
    for (const Topology::Edge& e : twin.topology.EdgesOf(*a)) there = there || e.to == *b;
    if (!there) {
      return absl::NotFoundError("there is no link between " + pair[0].get<std::string>() +
                                 " and " + pair[1].get<std::string>() + " on the map");
    }
    question->links.emplace_back(*a, *b);
  }
  return absl::OkStatus();
}

}  // namespace

Answer ShowTwin(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"class"}); !s.ok()) return s;
  auto c = ClassMember(request);
  if (!c.ok()) return c.status();
  const Twin twin = agent.GetTwin();
  Json nodes = Json::array();
  Json links = Json::array();
  for (std::size_t i = 0; i < twin.nodes.size(); ++i) {
    const TwinNode& n = twin.nodes[i];
    nodes.push_back(Json{{"name", n.name},
                         {"id", n.id.ToHex()},
                         {"epoch", n.epoch.value},
                         {"addresses", n.addresses}});
    const int from = static_cast<int>(i);
    for (const Topology::Edge& e : twin.topology.EdgesOf(from)) {
      if (from < e.to) links.push_back(LinkJson(twin, from, e));
    }
  }
  return Json{{"seen_by", agent.facts().node},
              {"nodes", std::move(nodes)},
              {"links", std::move(links)},
              {"single_points", PointsJson(twin, FindSinglePoints(twin.topology, *c))}};
}

Answer WhatIf(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"nodes", "links", "class"}); !s.ok()) return s;
  auto only = TextMember(request, "class");
  if (!only.ok()) return only.status();
  auto c = ClassMember(request);
  if (!c.ok()) return c.status();
  const Twin twin = agent.GetTwin();
  WhatIfQuestion question;
  if (absl::Status s = ReadQuestion(agent, twin, request, &question); !s.ok()) return s;
  if (question.nodes.empty() && question.links.empty()) {
    return absl::InvalidArgumentError("say what fails: \"nodes\" or \"links\"");
  }
  Json classes = Json::array();
  for (int i = 0; i < kTrafficClasses; ++i) {
    question.traffic_class = static_cast<TrafficClass>(i);
    if (!only->empty() && question.traffic_class != *c) continue;
    const WhatIfAnswer a = AskWhatIf(twin.topology, question);
    Json islands = Json::array();
    for (const auto& island : a.islands) islands.push_back(Names(twin, island));
    Json one{{"class", std::string(ToString(question.traffic_class))},
             {"pairs_lost", a.pairs_lost},
             {"lost", Pairs(twin, a.lost)},
             {"islands", std::move(islands)},
             {"single_points", PointsJson(twin, a.after)},
             {"single_points_added", PointsJson(twin, a.added)}};
    if (a.detours) {
      one["pairs_longer"] = a.detours->pairs;
      one["worst_stretch"] = a.detours->worst_factor;
      if (a.detours->worst.first >= 0) {
        one["worst_pair"] = Names(twin, {a.detours->worst.first, a.detours->worst.second});
      }
    }
    classes.push_back(std::move(one));
  }
  return Json{{"fail", Json{{"nodes", Names(twin, question.nodes)},
                            {"links", Pairs(twin, question.links)}}},
              {"classes", std::move(classes)}};
}

}  // namespace control
}  // namespace selvage
