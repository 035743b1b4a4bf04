#include "agents/control/commands.h"

namespace selvage {
namespace control {
namespace {

constexpr std::uint64_t kEventsMax = 1000;
constexpr int kPagesMax = 64;

}  // namespace

std::vector<Event> NewestEvents(const AgentView& agent, std::size_t count_max) {
  std::vector<Event> out;
  std::uint64_t after = 0;
  for (int page = 0; page < kPagesMax; ++page) {
    std::vector<Event> more = agent.Events(after, kEventsMax);
    if (more.empty()) break;
    after = more.back().number;
    bool last = more.size() < kEventsMax;
    for (Event& event : more) out.push_back(std::move(event));
    if (out.size() > count_max) out.erase(out.begin(), out.end() - count_max);
    if (last) break;
  }
  return out;
}

Json EventJson(const Event& event, Time now) {
  return Json{{"number", event.number},
              {"time_s", ToSeconds(event.time.time_since_epoch())},
              {"ago_ms", ToMillis(now - event.time)},
              {"kind", event.kind},
              {"text", event.text},
              {"fields", event.fields}};
}

Answer Events(AgentView& agent, const Json& request) {
  if (absl::Status s = CheckMembers(request, {"after", "count"}); !s.ok()) return s;
  auto after = UintMember(request, "after", 0, UINT64_MAX);
  if (!after.ok()) return after.status();
  auto count = UintMember(request, "count", kEventsMax, kEventsMax);
  if (!count.ok()) return count.status();
  Json out = Json::array();
  // With "after" a reader pages forward and misses nothing; without, it wants what is newest.
  for (const Event& event :
       request.contains("after") ? agent.Events(*after, *count) : NewestEvents(agent, *count)) {
    out.push_back(EventJson(event, agent.now()));
  }
  return out;
}

}  // namespace control
}  // namespace selvage
