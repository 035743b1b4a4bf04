#include "agents/control/commands.h"

#include <algorithm>

namespace selvage {
namespace control {
namespace {

struct Entry {
  const char* name;
  Answer (*run)(AgentView&, const Json&);
};
constexpr Entry kCommands[] = {
    {"status", Status}, {"neighbors", Neighbors},
    {"links", Links},   {"routes", Routes},
    {"path", Path},     {"why", Why},
    {"events", Events}, {"lab", Lab},
    {"doctor", Doctor}, {"outbox", Outbox},
    {"twin", ShowTwin}, {"whatif", WhatIf},
    {"anomalies", Anomalies},
    {"quarantine", Quarantine},
};

}  // namespace

Answer Run(AgentView& agent, const Json& request) {
  if (!request.is_object()) {
    return absl::InvalidArgumentError(
        "a request is a JSON object on one line, for example "
        "{\"command\":\"status\"}");
  }
  auto command = TextMember(request, "command");
  if (!command.ok()) return command.status();
  for (const Entry& entry : kCommands) {
    if (*command == entry.name) return entry.run(agent, request);
  }
  std::string known;
  for (const Entry& entry : kCommands) known += std::string(known.empty() ? "" : ", ") + entry.name;
  return absl::InvalidArgumentError("no such command \"" + *command + "\"; there are: " + known);
}

absl::Status CheckMembers(const Json& request, const std::vector<std::string>& allowed) {
  for (auto member = request.begin(); member != request.end(); ++member) {
    if (member.key() == "command") continue;
    if (std::find(allowed.begin(), allowed.end(), member.key()) != allowed.end()) continue;
    return absl::InvalidArgumentError("unknown argument \"" + member.key() + "\"");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> TextMember(const Json& request, const char* name) {
  auto member = request.find(name);
  if (member == request.end()) return std::string();
  if (!member->is_string()) {
    return absl::InvalidArgumentError(std::string("\"") + name + "\" must be text");
  }
  return member->get<std::string>();
}

absl::StatusOr<std::uint64_t> UintMember(const Json& request, const char* name,
                                         std::uint64_t absent, std::uint64_t max) {
  auto member = request.find(name);
  if (member == request.end()) return absent;
  if (!member->is_number_unsigned() || member->get<std::uint64_t>() > max) {
    return absl::InvalidArgumentError(std::string("\"") + name +
                                      "\" must be a whole number from 0 to " + std::to_string(max));
  }
  return member->get<std::uint64_t>();
}

absl::StatusOr<bool> BoolMember(const Json& request, const char* name, bool absent) {
  auto member = request.find(name);
  if (member == request.end()) return absent;
  if (!member->is_boolean()) {
    return absl::InvalidArgumentError(std::string("\"") + name + "\" must be true or false");
  }
  return member->get<bool>();
}

absl::StatusOr<TrafficClass> ClassMember(const Json& request) {
  auto name = TextMember(request, "class");
  if (!name.ok()) return name.status();
  TrafficClass c = TrafficClass::kTelemetry;
  if (!name->empty() && !ParseTrafficClass(*name, &c)) {
    return absl::InvalidArgumentError("no such class \"" + *name +
                                      "\"; there are: critical, reliable, telemetry, bulk");
  }
  return c;
}

absl::StatusOr<NodeId> NodeMember(const AgentView& agent, const Json& request) {
  auto name = TextMember(request, "to");
  if (!name.ok()) return name.status();
  if (name->empty()) return absl::InvalidArgumentError("\"to\" must name a node");
  std::optional<NodeId> id = agent.FindNode(*name);
  if (!id) return absl::NotFoundError("no node called " + *name + " is known here");
  return *id;
}

std::string Line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace control
}  // namespace selvage
