#include <cmath>

#include "agents/control/commands.h"

namespace selvage {
namespace control {
namespace {

// A reply holds one class of a large network or all of a small one (see kReplyBytesMax).
constexpr std::size_t kRoutesMax = 16384;

}  // namespace

Json RouteJson(const RouteInfo& r) {
  return Json{{"to", r.name},
              {"id", r.to.ToHex()},
              {"class", std::string(ToString(r.traffic_class))},
              {"next_hop", r.next_hop},
              {"link", r.next_link},
              {"alternate", r.alternate},
              {"cost_us", r.cost},
              {"hops", r.hops}};
}

// What is not known is left out; null: the link says nothing of itself.
Json TelemetryJson(const std::optional<LinkTelemetry>& telemetry) {
  if (!telemetry) return nullptr;
  Json out = Json::object();
  for (const TelemetryField& f : kTelemetryFields) {
    const LinkTelemetry::Value& v = *telemetry.*f.value;
    if (v) out[std::string(f.name)] = std::round(*v * 1000.0) / 1000.0;
  }
  return out;
}

Answer Links(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {}); !s.ok()) return s;
  Json out = Json::array();
  for (const LinkStatus& link : agent.Links()) {
    out.push_back(Json{{"name", link.info.name},
                       {"transport", link.info.transport},
                       {"mtu_bytes", link.info.mtu_bytes},
                       {"rate_bps", link.info.rate_bps},
                       {"broadcast", link.info.broadcast},
                       {"slow", link.info.slow},
                       {"shared", link.info.shared},
                       {"tariff", std::string(ToString(link.info.tariff))},
                       {"up", link.up},
                       {"radio", link.radio},
                       {"telemetry", TelemetryJson(link.telemetry)},
                       {"neighbors", link.neighbors}});
  }
  return out;
}

Answer Routes(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"class", "all"}); !s.ok()) return s;
  auto only = ClassMember(request);
  if (!only.ok()) return only.status();
  auto all = BoolMember(request, "all", false);
  if (!all.ok()) return all.status();
  Json out = Json::array();
  for (int i = 0; i < kTrafficClasses; ++i) {
    TrafficClass c = static_cast<TrafficClass>(i);
    if (!*all && c != *only) continue;
    for (const RouteInfo& route : agent.Routes(c)) {
      if (out.size() >= kRoutesMax) {
        return absl::ResourceExhaustedError("too many routes for one answer; ask for one class");
      }
      out.push_back(RouteJson(route));
    }
  }
  return out;
}

Answer Path(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"to", "class"}); !s.ok()) return s;
  auto to = NodeMember(agent, request);
  if (!to.ok()) return to.status();
  auto c = ClassMember(request);
  if (!c.ok()) return c.status();
  std::vector<std::string> path = agent.Path(*to, *c);
  if (path.empty()) {
    return absl::NotFoundError("there is no path to " + agent.NameOf(*to) + " for class " +
                               std::string(ToString(*c)) + " now");
  }
  std::size_t hops = path.size() - 1;
  return Json{{"to", agent.NameOf(*to)},
              {"class", std::string(ToString(*c))},
              {"path", std::move(path)},
              {"hops", hops}};
}

}  // namespace control
}  // namespace selvage
