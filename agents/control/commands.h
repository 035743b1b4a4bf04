// The questions the control socket answers: one function a command, JSON in, JSON out.
//
// A request is one line, {"command": NAME, ...arguments}; the answer is one line,
// {"ok": true, "result": ...} or {"ok": false, "error": TEXT, "usage": BOOL}. `usage` tells a wrong
// question from an answer that is no. Unknown arguments are errors: a misspelt one must not be
// silently ignored. Thread rule: the reactor's thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/control/agent_view.h"

namespace selvage {
namespace control {

using Json = nlohmann::json;
// InvalidArgument: the question is wrong. Any other error: the answer is no.
using Answer = absl::StatusOr<Json>;

// Looks the command up and runs it. `events` with "follow" is the server's own (it streams) and is
// not found here.
Answer Run(AgentView& agent, const Json& request);

Answer Status(AgentView& agent, const Json& request);
Answer Neighbors(AgentView& agent, const Json& request);
Answer Links(AgentView& agent, const Json& request);
Answer Routes(AgentView& agent, const Json& request);
Answer Path(AgentView& agent, const Json& request);
Answer Why(AgentView& agent, const Json& request);
Answer Events(AgentView& agent, const Json& request);
Answer Lab(AgentView& agent, const Json& request);
Answer Outbox(AgentView& agent, const Json& request);
Answer Anomalies(AgentView& agent, const Json& request);
Answer Doctor(AgentView& agent, const Json& request);
Answer Quarantine(AgentView& agent, const Json& request);
Answer ShowTwin(AgentView& agent, const Json& request);
Answer WhatIf(AgentView& agent, const Json& request);

// ---- shared by the commands
// InvalidArgument unless every member is "command" or in `allowed`.
absl::Status CheckMembers(const Json& request, const std::vector<std::string>& allowed);
// The member as text; empty when absent; InvalidArgument when of another type.
absl::StatusOr<std::string> TextMember(const Json& request, const char* name);
// The member as an integer within [0, max]; `absent` when it is not there.
absl::StatusOr<std::uint64_t> UintMember(const Json& request, const char* name,
                                         std::uint64_t absent, std::uint64_t max);
absl::StatusOr<bool> BoolMember(const Json& request, const char* name, bool absent);
// "class", kTelemetry when absent (what TUN carries unless configured otherwise).
absl::StatusOr<TrafficClass> ClassMember(const Json& request);
// "to": a node; InvalidArgument when absent, NotFound when nobody is called that.
absl::StatusOr<NodeId> NodeMember(const AgentView& agent, const Json& request);

// The newest events that are kept, in order.
std::vector<Event> NewestEvents(const AgentView& agent, std::size_t count_max);

Json NeighborJson(const NeighborInfo& neighbor);
Json EventJson(const Event& event, Time now);
Json RouteJson(const RouteInfo& route);

// One line, never throws: bytes that are not UTF-8 are replaced.
std::string Line(const Json& json);

}  // namespace control
}  // namespace selvage
