// quarantine: who is not to carry the traffic of others, and what neighbours say of each other.
#include "agents/control/commands.h"

namespace selvage {
namespace control {
namespace {

Json ListJson(const AgentView& agent) {
  Json nodes = Json::array();
  for (const QuarantineInfo& q : agent.Quarantined()) {
    Json node{{"node", q.name},
              {"state", q.state},
              {"cause", q.cause},
              {"evidence", q.evidence},
              {"witnesses", q.witnesses},
              {"since_s", ToSeconds(q.since)}};
    if (q.left) node["left_s"] = ToSeconds(*q.left);
    nodes.push_back(std::move(node));
  }
  Json words = Json::array();
  for (const AccusationInfo& a : agent.Accusations()) {
    words.push_back({{"witness", a.witness},
                     {"node", a.node},
                     {"says", a.what},
                     {"age_s", ToSeconds(a.age)}});
  }
  return Json{{"nodes", std::move(nodes)}, {"testimonies", std::move(words)}};
}

}  // namespace

Answer Quarantine(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"action", "to", "force"}); !s.ok()) return s;
  auto action = TextMember(request, "action");
  if (!action.ok()) return action.status();
  if (*action == "list") return ListJson(agent);
  if (*action != "add" && *action != "remove") {
    return absl::InvalidArgumentError("\"action\" must be list, add or remove");
  }
  auto force = BoolMember(request, "force", false);
  if (!force.ok()) return force.status();
  auto node = NodeMember(agent, request);
  if (!node.ok()) return node.status();
  const std::string name = agent.NameOf(*node);
  if (*action == "remove") {
    if (!agent.QuarantineRemove(*node)) {
      return absl::NotFoundError(name + " is not in quarantine");
    }
    return Json{{"removed", name}};
  }
  const std::string refusal = agent.QuarantineAdd(*node, *force);
  if (!refusal.empty()) {
    return absl::FailedPreconditionError(name + " was not put in quarantine: " + refusal);
  }
  return Json{{"added", name}, {"force", *force}};
}

}  // namespace control
}  // namespace selvage
