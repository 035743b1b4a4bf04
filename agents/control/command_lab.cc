#include "agents/control/commands.h"

namespace selvage {
namespace control {
namespace {

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
  if (absl::Status s = CheckMembers(request, {"fault", "share", "class"}); !s.ok()) return s;
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
  double value = share->get<double>();
  if (!agent.LabDropForwarded(value, only)) {
    return absl::FailedPreconditionError("the agent refused the fault");
  }
  return Json{{"drop_forwarded", value},
              {"class", only ? std::string(ToString(*only)) : std::string("all")}};
}

}  // namespace

Answer Lab(AgentView& agent, const Json& request) {
  auto fault = TextMember(request, "fault");
  if (!fault.ok()) return fault.status();
  if (*fault != "silence" && *fault != "drop-forwarded" && *fault != "off") {
    return absl::InvalidArgumentError("no such fault \"" + *fault +
                                      "\"; there are: silence, drop-forwarded, off");
  }
  if (!agent.facts().lab_enabled) {
    return absl::PermissionDeniedError(
        "laboratory faults are off on this node; to allow them put "
        "[lab] enabled = true into its configuration and restart");
  }
  if (*fault == "silence") return Silence(agent, request);
  if (*fault == "drop-forwarded") return DropForwarded(agent, request);
  if (absl::Status s = CheckMembers(request, {"fault"}); !s.ok()) return s;
  agent.LabOff();
  return Json{{"off", true}};
}

}  // namespace control
}  // namespace selvage
