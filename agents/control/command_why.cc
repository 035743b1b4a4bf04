// Why traffic to a destination goes where it goes: the route as it is, and what made it so.
#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "agents/control/commands.h"

namespace selvage {
namespace control {
namespace {

// Enough to tell one failure from its suspicion to its repair, few enough to read.
constexpr std::size_t kReasonsMax = 12;

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string Ago(Duration ago) {
  double s = ToSeconds(ago);
  if (s < 1.0) return Format("%.0f ms ago", s * 1e3);
  if (s < 120.0) return Format("%.1f s ago", s);
  return s < 7200.0 ? Format("%.0f min ago", s / 60.0) : Format("%.1f h ago", s / 3600.0);
}

std::string Field(const Event& event, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    auto found = event.fields.find(name);
    if (found != event.fields.end() && !found->second.empty()) return found->second;
  }
  return "";
}

// Whom the event is about: the neighbour, or the next hop that traffic left.
std::string Subject(const Event& event) { return Field(event, {"neighbor", "from"}); }

// An event explains a route when it is about this destination, about a neighbour the route uses or
// could use, or about an adjacency that traffic had to leave.
bool Concerns(const Event& event, const std::string& destination, const std::string& class_name,
              const std::set<std::string>& on_route) {
  static const std::set<std::string> kAboutRoutes = {
      "reroute",       "neighbor-suspect", "neighbor-oneway",      "neighbor-down",
      "neighbor-up",   "link-down",        "neighbor-quarantined", "link-up",
      "node-trusted",  "anomaly",          "healer-action",        "healer-advice",
      "healer-return", "rule-over",        "node-quarantined",     "node-quarantine-withheld",
      "node-released"};
  std::string about = Field(event, {"destination"});
  std::string about_class = Field(event, {"class"});
  if (!about_class.empty() && about_class != class_name) return false;
  if (!about.empty()) return about == destination;
  if (kAboutRoutes.count(event.kind) == 0) return false;
  if (event.kind != "neighbor-up" && event.kind != "link-up") return true;
  return on_route.count(Subject(event)) > 0;
}

std::string Told(const Event& event, Time now) {
  std::string evidence = Field(event, {"evidence", "reason"});
  std::string subject = Subject(event);
  std::string link = Field(event, {"link", "from_link"});
  std::string alternative = Field(event, {"alternative", "to"});
  std::string alternative_link = Field(event, {"to_link"});
  std::string text;
  if (event.kind == "reroute" && !subject.empty() && !link.empty()) {
    text = "left " + subject + " via " + link + " " + Ago(now - event.time);
    if (!evidence.empty()) text += ": " + evidence;
    if (!alternative.empty()) text += "; alternate " + alternative;
    if (!alternative_link.empty()) text += " via " + alternative_link;
    return text;
  }
  text = Ago(now - event.time) + ": " + (event.text.empty() ? event.kind : event.text);
  if (!evidence.empty() && event.text.find(evidence) == std::string::npos) {
    text += " (" + evidence + ")";
  }
  return text;
}

// A fault that has a name: those that last, and those that ended a moment ago.
struct NamedFault {
  Event told;    // the last name
  Time since{};  // of the first one
  bool over = false;
  Time ended{};
  bool removed = false;  // the neighbour was forgotten meanwhile
};

// From the events alone, oldest first: what was told and has not been taken back.
std::vector<NamedFault> FaultsIn(const std::vector<Event>& events, Time now) {
  constexpr Duration kTellOver = 60s;
  std::map<std::string, NamedFault> faults;  // by neighbour and link
  for (const Event& event : events) {
    const std::string about = Field(event, {"neighbor"}) + "/" + Field(event, {"link"});
    const auto known = faults.find(about);
    if (event.kind == "fault") {
      const bool goes_on = known != faults.end() && !known->second.over;
      faults[about] = {event, goes_on ? known->second.since : event.time, false, {}, false};
    } else if (known == faults.end() || known->second.over) {
      continue;
    } else if (event.kind == "neighbor-removed") {
      known->second.removed = true;
    } else if (event.kind == "fault-over" ||
               (event.kind == "neighbor-up" && known->second.removed)) {
      known->second.over = true;
      known->second.ended = event.time;
    }
  }
  std::vector<NamedFault> out;
  for (auto& [about, fault] : faults) {
    if (!fault.over || now - fault.ended <= kTellOver) out.push_back(std::move(fault));
  }
  std::sort(out.begin(), out.end(), [](const NamedFault& a, const NamedFault& b) {
    return a.over != b.over ? b.over : a.told.number < b.told.number;
  });
  return out;
}

Json FaultJson(const NamedFault& fault, Time now) {
  return Json{
      {"neighbor", Field(fault.told, {"neighbor"})}, {"link", Field(fault.told, {"link"})},
      {"fault", Field(fault.told, {"fault"})},       {"evidence", Field(fault.told, {"evidence"})},
      {"since_s", ToSeconds(now - fault.since)},     {"over", fault.over}};
}

std::string Told(const NamedFault& fault, Time now) {
  return "fault: " + fault.told.text + (fault.over ? " (since " : " (for ") +
         (fault.over ? Ago(now - fault.since) + ", over " + Ago(now - fault.ended)
                     : Format("%.1f s", ToSeconds(now - fault.since))) +
         ")";
}

// "r2c2", "r2c2/critical": a flow is a destination and the class its packets travel in.
absl::StatusOr<Json> SplitFlow(const Json& request) {
  Json out = request;
  auto to = TextMember(request, "to");
  if (!to.ok()) return to.status();
  std::string::size_type slash = to->rfind('/');
  if (slash == std::string::npos) return out;
  if (request.contains("class")) {
    return absl::InvalidArgumentError("the class is given twice: in the flow and as \"class\"");
  }
  out["to"] = to->substr(0, slash);
  out["class"] = to->substr(slash + 1);
  return out;
}

std::string Sentence(const NeighborInfo& n) {
  return n.name + " via " + n.link_name + " is " + std::string(ToString(n.state)) + " since " +
         Format("%.1f s", ToSeconds(n.in_state)) + ": round trip " + Format("%.2f ms", n.rtt_ms) +
         ", loss " + Format("%.1f %%", n.loss * 100.0) + ", health " + Format("%.2f", n.health);
}

std::string PathText(const std::vector<std::string>& path) {
  std::string text;
  for (const std::string& node : path) text += (text.empty() ? "" : " > ") + node;
  return text;
}

}  // namespace

Answer Why(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"to", "class"}); !s.ok()) return s;
  auto flow = SplitFlow(request);
  if (!flow.ok()) return flow.status();
  auto to = NodeMember(agent, *flow);
  if (!to.ok()) return to.status();
  auto c = ClassMember(*flow);
  if (!c.ok()) return c.status();

  std::string name = agent.NameOf(*to);
  std::string class_name(ToString(*c));
  std::vector<std::string> path = agent.Path(*to, *c);
  RouteInfo route;
  for (const RouteInfo& r : agent.Routes(*c)) {
    if (r.to == *to) route = r;
  }
  std::set<std::string> on_route(path.begin(), path.end());
  if (!route.alternate.empty()) on_route.insert(route.alternate);

  Json text = Json::array();
  if (path.size() == 1) {
    text.push_back(name + " is this node: nothing leaves it");
  } else if (path.empty()) {
    text.push_back("there is no path to " + name + " for class " + class_name + " now" +
                   (*c == TrafficClass::kCritical || *c == TrafficClass::kReliable
                        ? "; messages wait in the outbox for one"
                        : ""));
  } else {
    text.push_back(class_name + " traffic to " + name + " goes " + PathText(path) + " (" +
                   std::to_string(path.size() - 1) + (path.size() == 2 ? " hop" : " hops") +
                   ", cost " + std::to_string(route.cost) + " us)");
    for (const NeighborInfo& n : agent.Neighbors()) {
      if (n.name == route.next_hop && n.link_name == route.next_link) {
        text.push_back("next hop " + Sentence(n));
      }
    }
    text.push_back(
        route.alternate.empty()
            ? "no alternate: were " + route.next_hop + " to fail, nothing else leads there"
            : "alternate " + route.alternate + " is installed, to be used at once were " +
                  route.next_hop + " to fail");
  }
  if (!agent.facts().healing) text.push_back("healing is switched off on this node");

  Json events = Json::array();
  Json faults = Json::array();
  std::vector<Event> all = NewestEvents(agent, 4096);
  for (const NamedFault& fault : FaultsIn(all, agent.now())) {
    faults.push_back(FaultJson(fault, agent.now()));
    text.push_back(Told(fault, agent.now()));
  }
  std::vector<Event> reasons;
  for (auto event = all.rbegin(); event != all.rend() && reasons.size() < kReasonsMax; ++event) {
    if (Concerns(*event, name, class_name, on_route)) reasons.push_back(*event);
  }
  std::reverse(reasons.begin(), reasons.end());
  for (const Event& event : reasons) {
    events.push_back(EventJson(event, agent.now()));
    text.push_back(Told(event, agent.now()));
  }
  if (reasons.empty()) text.push_back("no failure or suspicion on record concerns it");
  return Json{{"to", name},
              {"class", class_name},
              {"reachable", !path.empty()},
              {"path", std::move(path)},
              {"next_hop", route.next_hop},
              {"link", route.next_link},
              {"alternate", route.alternate},
              {"cost_us", route.cost},
              {"faults", std::move(faults)},
              {"events", std::move(events)},
              {"text", std::move(text)}};
}

}  // namespace control
}  // namespace selvage
