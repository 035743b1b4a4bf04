#include "tools/cli/twin_scenario.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tools/cli/cli.h"

namespace selvage {
namespace cli {
namespace {

using Ordered = nlohmann::ordered_json;

constexpr double kPi = 3.14159265358979;
constexpr double kSpacingMetres = 30;  // on the circle; means nothing, spreads pictures
// Sessions and the map need a moment; then traffic for half a minute before the end.
constexpr double kTrafficSeconds = 10;
constexpr double kMarkSeconds = 20;
constexpr double kEndSeconds = 50;

struct Quality {
  double latency_ms = 0;
  double loss = 0;
  double rate_kbps = kTwinRateKbps;
};
struct Ends {
  Quality ab;
  Quality ba;
};
using Links = std::map<std::pair<std::size_t, std::size_t>, Ends>;  // first < second

Quality ReadQuality(const Json& link, const char* direction) {
  const Json m = link.value(direction, Json::object());
  Quality q;
  q.latency_ms = std::max(0.0, Number(m, "latency_us") / 1000);
  q.loss = std::min(1.0, std::max(0.0, Number(m, "loss")));
  if (Number(m, "rate_kbps") >= 1) q.rate_kbps = Number(m, "rate_kbps");
  return q;
}

Links ReadLinks(const Json& twin, const std::map<std::string, std::size_t>& numbers) {
  Links links;
  for (const Json& link : twin.value("links", Json::array())) {
    const auto a = numbers.find(Text(link, "a"));
    const auto b = numbers.find(Text(link, "b"));
    if (a == numbers.end() || b == numbers.end() || a == b) continue;
    Ends ends{ReadQuality(link, "ab"), ReadQuality(link, "ba")};
    auto key = std::make_pair(a->second, b->second);
    if (key.first > key.second) {
      std::swap(key.first, key.second);
      std::swap(ends.ab, ends.ba);
    }
    const auto [it, fresh] = links.emplace(key, ends);
    if (!fresh && ends.ab.latency_ms + ends.ba.latency_ms <
                      it->second.ab.latency_ms + it->second.ba.latency_ms) {
      it->second = ends;
    }
  }
  return links;
}

std::vector<int> HopsFrom(std::size_t from, const std::vector<std::vector<std::size_t>>& next) {
  std::vector<int> hops(next.size(), -1);
  std::vector<std::size_t> queue{from};
  hops[from] = 0;
  for (std::size_t i = 0; i < queue.size(); ++i) {
    for (const std::size_t to : next[queue[i]]) {
      if (hops[to] >= 0) continue;
      hops[to] = hops[queue[i]] + 1;
      queue.push_back(to);
    }
  }
  return hops;
}

// From each node to the one farthest from it, the longest ways first; each pair once.
Ordered Flows(std::size_t nodes, const Links& links) {
  std::vector<std::vector<std::size_t>> next(nodes);
  for (const auto& [ends, quality] : links) {
    next[ends.first].push_back(ends.second);
    next[ends.second].push_back(ends.first);
  }
  std::vector<std::tuple<int, std::size_t, std::size_t>> pairs;  // -hops, from, to
  for (std::size_t from = 0; from < nodes; ++from) {
    const std::vector<int> hops = HopsFrom(from, next);
    const auto farthest = std::max_element(hops.begin(), hops.end());
    const auto to = static_cast<std::size_t>(farthest - hops.begin());
    if (*farthest > 0) pairs.emplace_back(-*farthest, from, to);
  }
  std::sort(pairs.begin(), pairs.end());
  Ordered flows = Ordered::array();
  for (const auto& [hops, from, to] : pairs) {
    if (flows.size() == kTwinFlows) break;
    const auto id = static_cast<double>(flows.size());
    flows.push_back({{"id", flows.size()},
                     {"src", from},
                     {"dst", to},
                     {"start_s", kTrafficSeconds + id * 0.0137},
                     {"hops", -hops}});
  }
  return flows;
}

Ordered QualityJson(const Quality& q) {
  return {{"latency_ms", q.latency_ms}, {"loss", q.loss}, {"rate_kbps", q.rate_kbps}};
}

Ordered TopologyOf(const std::vector<std::string>& names, const Links& links) {
  const auto n = static_cast<double>(names.size());
  const double radius = kSpacingMetres * std::max(1.0, n / (2 * kPi));
  Ordered nodes = Ordered::array();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const double angle = 2 * kPi * static_cast<double>(i) / n;
    const double x = std::round(100 * radius * (1 + std::cos(angle))) / 100;
    const double y = std::round(100 * radius * (1 + std::sin(angle))) / 100;
    nodes.push_back({{"id", i},
                     {"name", names[i]},
                     {"x", x},
                     {"y", y},
                     {"side", x > radius ? 1 : 0},
                     {"endpoint", 0}});
  }
  Ordered pairs = Ordered::array();
  Ordered qualities = Ordered::array();
  for (const auto& [ends, quality] : links) {
    pairs.push_back({ends.first, ends.second});
    qualities.push_back({{"ab", QualityJson(quality.ab)}, {"ba", QualityJson(quality.ba)}});
  }
  return {{"kind", "twin"},
          {"n", names.size()},
          {"seed", 1},
          {"field_m", 2 * radius},
          {"link", "abstract"},
          {"abstract",
           {{"rate_kbps", kTwinRateKbps},
            {"delay_ms", 0},
            {"jitter_ms", 0},
            {"loss", 0},
            {"queue_packets", 100}}},
          {"nodes", nodes},
          {"links", pairs},
          {"link_qualities", qualities}};
}

}  // namespace

absl::StatusOr<Ordered> TwinScenario(const Json& twin) {
  if (!twin.is_object() || !twin.contains("nodes") || !twin["nodes"].is_array()) {
    return absl::InvalidArgumentError("this is no twin: it has no list of nodes");
  }
  std::vector<std::string> names;
  std::map<std::string, std::size_t> numbers;
  for (const Json& node : twin["nodes"]) {
    numbers.emplace(Text(node, "name"), names.size());
    names.push_back(Text(node, "name"));
  }
  const Links links = ReadLinks(twin, numbers);
  const Ordered flows = Flows(names.size(), links);
  if (flows.empty()) {
    return absl::FailedPreconditionError(
        "the map has no link between two nodes: there is nothing to simulate");
  }
  Ordered topology = TopologyOf(names, links);
  for (const Ordered& flow : flows) {
    for (const char* end : {"src", "dst"}) {
      topology["nodes"][flow[end].get<std::size_t>()]["endpoint"] = 1;
    }
  }
  return Ordered{{"topology", topology},
                 {"traffic",
                  {{"rate_pps", 10}, {"payload_bytes", 64}, {"stop_s", kEndSeconds},
                   {"flows", flows}}},
                 {"fault",
                  {{"kind", "none"},
                   {"t_s", kMarkSeconds},
                   {"end_s", kEndSeconds},
                   {"loss_p", 0.5},
                   {"ramp_s", 20},
                   {"partition_s", 30},
                   {"churn_every_s", 10},
                   {"target_rule", "measured"},
                   {"resolved_by", "selvage"},
                   {"events", Ordered::array()}}}};
}

}  // namespace cli
}  // namespace selvage
