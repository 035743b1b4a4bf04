#include <cstdio>

#include "agents/control/commands.h"

namespace selvage {
namespace control {
namespace {

constexpr double kFactorMax = 1000;
constexpr double kDelayMsMax = 60'000;

absl::Status Refused() { return absl::FailedPreconditionError("the agent refused the fault"); }

std::string Text(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

Answer Silence(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"fault", "link"}); !s.ok()) return s;
  auto name = TextMember(request, "link");
  if (!name.ok()) return name.status();
  std::string known;
  for (const LinkStatus& link : agent.Links()) {
    if (link.info.name == *name) {
      if (agent.LabSilence(link.id)) return Json{{"silenced", *name}};
      return absl::NotFoundError("link " + *name + " could not be silenced: it is gone");
    }
    known += (known.empty() ? "" : ", ") + link.info.name;
  }
  return absl::NotFoundError("no link called \"" + *name +
                             "\"; there are: " + (known.empty() ? "none" : known));
}

Answer DropForwarded(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"fault", "share", "class", "to"}); !s.ok()) return s;
  auto share = request.find("share");
  if (share == request.end() || !share->is_number() || !(share->get<double>() >= 0.0) ||
      !(share->get<double>() <= 1.0)) {
    return absl::InvalidArgumentError("\"share\" must be a number from 0 (none) to 1 (all)");
  }
  std::optional<TrafficClass> only;
  if (request.contains("class")) {
    auto c = ClassMember(request);
    if (!c.ok()) return c.status();
    only = *c;
  }
  std::optional<NodeId> to;
  if (request.contains("to")) {
    auto node = NodeMember(agent, request);
    if (!node.ok()) return node.status();
    to = *node;
  }
  double value = share->get<double>();
  if (!agent.LabDropForwarded(value, only, to)) {
    return Refused();
  }
  return Json{{"drop_forwarded", value},
              {"class", only ? std::string(ToString(*only)) : std::string("all")},
              {"to", to ? agent.NameOf(*to) : std::string("all")}};
}

// A number from `min` to `max`.
absl::StatusOr<double> NumberMember(const Json& request, const char* name, double min, double max) {
  auto member = request.find(name);
  if (member == request.end() || !member->is_number() || !(member->get<double>() >= min) ||
      !(member->get<double>() <= max)) {
    return absl::InvalidArgumentError(std::string("\"") + name + "\" must be a number from " +
                                      Text(min) + " to " + Text(max));
  }
  return member->get<double>();
}

Answer LieMetric(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"fault", "factor"}); !s.ok()) return s;
  auto factor = NumberMember(request, "factor", 0, kFactorMax);
  if (!factor.ok()) return factor.status();
  if (!agent.LabLieMetric(*factor)) return Refused();
  return Json{{"lie_metric", *factor}};
}

Answer Delay(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"fault", "ms"}); !s.ok()) return s;
  auto ms = NumberMember(request, "ms", 0, kDelayMsMax);
  if (!ms.ok()) return ms.status();
  if (!agent.LabDelay(Duration(static_cast<std::int64_t>(*ms * 1e6)))) return Refused();
  return Json{{"delay_ms", *ms}};
}

Answer Replay(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"fault"}); !s.ok()) return s;
  if (!agent.LabReplay()) return Refused();
  return Json{{"replay", true}};
}

Answer Accuse(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"fault", "flood"}); !s.ok()) return s;
  auto flood = BoolMember(request, "flood", false);
  if (!flood.ok()) return flood.status();
  if (!agent.LabAccuse(*flood)) return Refused();
  return Json{{"accuse", true}, {"flood", *flood}};
}

Answer Off(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"fault"}); !s.ok()) return s;
  agent.LabOff();
  return Json{{"off", true}};
}

struct Fault {
  const char* name;
  Answer (*run)(AgentView&, const Json&);
};
constexpr Fault kFaults[] = {
    {"silence", Silence}, {"drop-forwarded", DropForwarded}, {"lie-metric", LieMetric},
    {"delay", Delay},     {"replay", Replay},                {"accuse", Accuse},
    {"off", Off},
};

}  // namespace

Answer Lab(AgentView& agent, const Json& request) {
  auto fault = TextMember(request, "fault");
  if (!fault.ok()) return fault.status();
  const Fault* found = nullptr;
  std::string known;
  for (const Fault& f : kFaults) {
    if (*fault == f.name) found = &f;
    known += std::string(known.empty() ? "" : ", ") + f.name;
  }
  if (found == nullptr) {
    return absl::InvalidArgumentError("no such fault \"" + *fault + "\"; there are: " + known);
  }
  if (!agent.facts().lab_enabled) {
    return absl::PermissionDeniedError(
        "laboratory faults are off on this node; to allow them put "
        "[lab] enabled = true into its configuration and restart");
  }
  return found->run(agent, request);
}

}  // namespace control
}  // namespace selvage
