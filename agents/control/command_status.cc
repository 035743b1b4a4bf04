#include <unistd.h>

#include <cmath>

#include "agents/control/commands.h"

namespace selvage {
namespace control {
namespace {

// Three digits after the point: what a person or a threshold can use, and no 17-digit noise.
double Rounded(double value) { return std::round(value * 1000.0) / 1000.0; }

}  // namespace

Json NeighborJson(const NeighborInfo& n) {
  return Json{{"name", n.name},
              {"id", n.id.ToHex()},
              {"link", n.link_name},
              {"transport", n.transport},
              {"state", std::string(ToString(n.state))},
              {"rtt_ms", Rounded(n.rtt_ms)},
              {"jitter_ms", Rounded(n.jitter_ms)},
              {"loss", Rounded(n.loss)},
              {"health", Rounded(n.health)},
              {"in_state_s", Rounded(ToSeconds(n.in_state))}};
}

Answer Status(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {}); !s.ok()) return s;
  const AgentFacts& facts = agent.facts();
  Json neighbors = Json::array();
  for (const NeighborInfo& n : agent.Neighbors()) neighbors.push_back(NeighborJson(n));
  return Json{{"node", facts.node},
              {"id", facts.id.ToHex()},
              {"epoch", facts.epoch.value},
              {"network", facts.network},
              {"version", facts.version},
              {"pid", getpid()},
              {"uptime_s", Rounded(ToSeconds(agent.now() - facts.started))},
              {"neighbors", std::move(neighbors)},
              {"nodes_known", agent.nodes_known()},
              {"outbox_messages", agent.outbox_messages()},
              {"store_failure", agent.store_failure()},
              {"counters", agent.Counters()},
              {"api", facts.api_endpoint},
              {"healing", facts.healing},
              {"lab", facts.lab_enabled},
              {"lab_active", agent.lab_active()}};
}

Answer Neighbors(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {}); !s.ok()) return s;
  Json neighbors = Json::array();
  for (const NeighborInfo& n : agent.Neighbors()) neighbors.push_back(NeighborJson(n));
  return neighbors;
}

Answer Outbox(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {}); !s.ok()) return s;
  const OutboxInfo outbox = agent.Outbox();
  Json lines = Json::array();
  for (const OutboxInfo::Line& l : outbox.lines) {
    lines.push_back(Json{{"from", l.from},
                         {"to", l.to},
                         {"messages", l.messages},
                         {"reachable", l.reachable},
                         {"oldest_s", Rounded(ToSeconds(l.oldest))}});
  }
  return Json{{"messages", outbox.messages},
              {"bytes", outbox.bytes},
              {"carried_messages", outbox.carried_messages},
              {"carried_bytes", outbox.carried_bytes},
              {"store_failure", agent.store_failure()},
              {"waiting", std::move(lines)}};
}

// What `selvage doctor` judges beside what it can see of the machine itself.
Answer Doctor(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {}); !s.ok()) return s;
  const AgentFacts& facts = agent.facts();
  auto status = Status(agent, Json::object());
  if (!status.ok()) return status.status();
  auto links = Links(agent, Json::object());
  if (!links.ok()) return links.status();
  return Json{{"status", *std::move(status)},
              {"links", *std::move(links)},
              {"state_dir", facts.state_dir},
              {"config_file", facts.config_file},
              {"tun_name", facts.tun_name},
              {"tun_address", facts.tun_address},
              {"certificate_not_after", facts.certificate_not_after},
              {"uid", geteuid()}};
}

}  // namespace control
}  // namespace selvage
