#include "sim/scenario_json.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace selvage::sim {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kNodesMax = 10000;
constexpr std::size_t kFlowsMax = 10000;

Json QualityJson(const LinkQuality& q) {
  return {{"latency_ms", q.delay_ms}, {"loss", q.loss}, {"rate_kbps", q.rate_kbps}};
}

Json TopologyJson(const RunInput& input) {
  const Layout& layout = input.layout;
  Json topology = {{"kind", input.scenario.topology},
                   {"n", layout.size()},
                   {"seed", input.scenario.seed},
                   {"field_m", layout.field_m},
                   {"link", input.scenario.link}};
  if (layout.radio) {
    topology["radio"] = {
        {"standard", "802.11g adhoc"},
        {"mode", "ErpOfdmRate6Mbps"},
        {"tx_dbm", kTxDbm},
        {"ref_loss_db_1m", kReferenceLossDb},
        {"exponent", kLossExponent},
        {"link_threshold_dbm", kLinkDbm},
        {"nominal_range_m", layout.range_m > 0 ? layout.range_m : NominalRangeMetres()}};
  } else {
    topology["abstract"] = {{"rate_kbps", input.scenario.abstract_rate_kbps},
                            {"delay_ms", input.scenario.abstract_delay_ms},
                            {"jitter_ms", input.scenario.abstract_jitter_ms},
                            {"loss", input.scenario.abstract_loss},
                            {"margin_db", input.scenario.abstract_margin_db},
                            {"queue_packets", input.scenario.abstract_queue_packets}};
  }
  Json nodes = Json::array();
  Json links = Json::array();
  Json qualities = Json::array();
  for (std::uint32_t i = 0; i < layout.size(); ++i) {
    nodes.push_back({{"id", i},
                     {"x", layout.positions[i].x},
                     {"y", layout.positions[i].y},
                     {"side", layout.right[i] ? 1 : 0},
                     {"endpoint", layout.endpoint[i] ? 1 : 0}});
    for (std::size_t place = 0; place < layout.neighbours[i].size(); ++place) {
      const std::uint32_t j = layout.neighbours[i][place];
      if (i > j) continue;
      links.push_back({i, j});
      if (layout.qualities.empty()) continue;
      const auto& back = layout.neighbours[j];
      const auto at = std::lower_bound(back.begin(), back.end(), i) - back.begin();
      qualities.push_back(
          {{"ab", QualityJson(layout.qualities[i][place])},
           {"ba", QualityJson(layout.qualities[j][static_cast<std::size_t>(at)])}});
    }
  }
  topology["nodes"] = nodes;
  topology["links"] = links;
  if (!layout.qualities.empty()) topology["link_qualities"] = qualities;
  return topology;
}

Json FaultJson(const Scenario& s, const RunOutput& output) {
  Json events = Json::array();
  for (const FaultEvent& e : output.events) {
    events.push_back({{"t", e.t_s}, {"what", e.what}, {"a", e.a}, {"b", e.b}, {"p", e.p}});
  }
  return {{"kind", s.fault},
          {"t_s", s.fault_s},
          {"end_s", s.end_s()},
          {"loss_p", s.loss_share},
          {"ramp_s", s.ramp_s},
          {"partition_s", s.partition_s},
          {"churn_every_s", s.churn_every_s},
          {"target_rule", s.target},
          {"resolved_by", s.protocol},
          {"events", events}};
}

LinkQuality ReadQuality(const Json& q) {
  return {q.at("rate_kbps").get<double>(), q.at("latency_ms").get<double>(),
          q.at("loss").get<double>()};
}

// A graph's links are its own; elsewhere they follow from places. `qualities` null, or one for each
// link: as its ends see it.
void ReadLinks(const Json& links, const Json& qualities, Layout* layout) {
  layout->fixed_links = true;
  std::vector<std::map<std::uint32_t, LinkQuality>> lines(layout->size());
  for (std::size_t i = 0; i < links.size(); ++i) {
    const auto a = links[i].at(0).get<std::uint32_t>();
    const auto b = links[i].at(1).get<std::uint32_t>();
    if (a >= layout->size() || b >= layout->size() || a == b) continue;  // no link: no way
    lines[a][b] = qualities.is_null() ? LinkQuality() : ReadQuality(qualities.at(i).at("ab"));
    lines[b][a] = qualities.is_null() ? LinkQuality() : ReadQuality(qualities.at(i).at("ba"));
  }
  layout->neighbours.assign(layout->size(), {});
  layout->qualities.assign(qualities.is_null() ? 0 : layout->size(), {});
  for (std::uint32_t a = 0; a < layout->size(); ++a) {
    for (const auto& [b, quality] : lines[a]) {
      layout->neighbours[a].push_back(b);
      if (!qualities.is_null()) layout->qualities[a].push_back(quality);
    }
  }
}

// Reads known members; throws what nlohmann-json throws, caught by ImportScenario.
void ReadJson(const Json& file, RunInput* input) {
  Scenario& s = input->scenario;
  const Json& topology = file.at("topology");
  const Json& traffic = file.at("traffic");
  const Json& fault = file.at("fault");
  s.topology = topology.at("kind").get<std::string>();
  s.seed = topology.at("seed").get<std::uint64_t>();
  s.link = topology.value("link", "wifi");
  if (s.abstract()) {
    const Json& links = topology.at("abstract");
    s.abstract_rate_kbps = links.at("rate_kbps").get<double>();
    s.abstract_delay_ms = links.at("delay_ms").get<double>();
    s.abstract_jitter_ms = links.at("jitter_ms").get<double>();
    s.abstract_loss = links.at("loss").get<double>();
    s.abstract_margin_db = links.value("margin_db", 0.0);  // absent in older files
    s.abstract_queue_packets = links.at("queue_packets").get<std::uint32_t>();
    input->layout.radio = false;
  } else if (topology.contains("radio")) {
    input->layout.range_m = topology.at("radio").value("nominal_range_m", 0.0);
  }
  input->layout.field_m = topology.at("field_m").get<double>();
  for (const Json& node : topology.at("nodes")) {
    input->layout.positions.push_back({node.at("x").get<double>(), node.at("y").get<double>()});
  }
  s.nodes = input->layout.size();
  if (s.topology == "random" || s.topology == "twin") {
    ReadLinks(topology.at("links"), topology.value("link_qualities", Json()), &input->layout);
  }
  s.rate = traffic.at("rate_pps").get<double>();
  s.payload_bytes = traffic.at("payload_bytes").get<std::uint32_t>();
  for (const Json& f : traffic.at("flows")) {
    input->layout.flows.push_back({f.at("src").get<std::uint32_t>(),
                                   f.at("dst").get<std::uint32_t>(), f.at("start_s").get<double>(),
                                   f.at("hops").get<std::uint32_t>()});
  }
  s.flows = static_cast<std::uint32_t>(input->layout.flows.size());
  s.fault = fault.at("kind").get<std::string>();
  s.fault_s = fault.at("t_s").get<double>();
  s.window_s = fault.at("end_s").get<double>() - s.fault_s;
  s.loss_share = fault.at("loss_p").get<double>();
  s.ramp_s = fault.at("ramp_s").get<double>();
  s.partition_s = fault.at("partition_s").get<double>();
  s.churn_every_s = fault.at("churn_every_s").get<double>();
  for (const Json& e : fault.at("events")) {
    input->script.push_back({e.at("t").get<double>(), e.at("what").get<std::string>(),
                             e.at("a").get<int>(), e.at("b").get<int>(), e.at("p").get<double>()});
  }
}

absl::Status Check(const RunInput& input) {
  const Scenario& s = input.scenario;
  const std::uint32_t n = input.layout.size();
  if (n < 2 || n > kNodesMax || input.layout.flows.empty() ||
      input.layout.flows.size() > kFlowsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("needs 2 to ", kNodesMax, " nodes and 1 to ", kFlowsMax, " flows"));
  }
  for (const Flow& f : input.layout.flows) {
    if (f.src >= n || f.dst >= n || f.src == f.dst || f.start_s < 0) {
      return absl::InvalidArgumentError(absl::StrCat("flow ", f.src, " to ", f.dst, " is wrong"));
    }
  }
  if (!(s.rate >= 1 && s.rate <= 1000) || s.payload_bytes < 16 || s.payload_bytes > 1200) {
    return absl::InvalidArgumentError("rate_pps must be 1 to 1000, payload_bytes 16 to 1200");
  }
  if (!IsFault(s.fault)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "fault kind \"", s.fault, "\" cannot be replayed (none crash silent oneway gray ramp fade "
        "mtu ", "blackhole partition churn drift flap loss can)"));
  }
  if (s.fault != "none" && input.script.empty()) {
    return absl::InvalidArgumentError("the fault has no events to replay");
  }
  if (s.link != "wifi" && !s.abstract()) {
    return absl::InvalidArgumentError("the topology's link must be wifi or abstract");
  }
  if (!(input.layout.range_m >= 0) || input.layout.range_m > 1e5) {
    return absl::InvalidArgumentError("nominal_range_m must be 0 to 100000");
  }
  if (s.abstract() && (s.protocol != "selvage" || !(s.abstract_rate_kbps >= 1) ||
                       !(s.abstract_delay_ms >= 0) || !(s.abstract_jitter_ms >= 0))) {
    return absl::InvalidArgumentError(
        "abstract links need protocol selvage, a rate of at least 1 kbit/s and no negative delay");
  }
  for (const auto& of_node : input.layout.qualities) {
    for (const LinkQuality& q : of_node) {
      if (!(q.rate_kbps >= 1) || !(q.delay_ms >= 0) || !(q.loss >= 0 && q.loss <= 1)) {
        return absl::InvalidArgumentError(
            "link_qualities: rate_kbps must be at least 1, latency_ms at least 0, loss 0 to 1");
      }
    }
  }
  if (s.fault_s < 10 || s.window_s <= 0) {
    return absl::InvalidArgumentError("the fault must come at 10 s or later and before end_s");
  }
  for (const FaultEvent& e : input.script) {
    const bool needs_node = e.what != "cut" && e.what != "merge";
    const bool needs_link = ConcernsLink(e.what);
    if (!IsFaultEvent(e.what) || e.t_s < 0 || (needs_node && e.a < 0) || (needs_link && e.b < 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("fault event \"", e.what, "\" at ", e.t_s, " s cannot be replayed"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string ExportScenario(const RunInput& input, const RunOutput& output) {
  const Scenario& s = input.scenario;
  Json flows = Json::array();
  for (std::size_t f = 0; f < input.layout.flows.size(); ++f) {
    const Flow& flow = input.layout.flows[f];
    flows.push_back({{"id", f},
                     {"src", flow.src},
                     {"dst", flow.dst},
                     {"start_s", flow.start_s},
                     {"hops", flow.hops}});
  }
  const Json file = {{"topology", TopologyJson(input)},
                     {"traffic",
                      {{"rate_pps", s.rate},
                       {"payload_bytes", s.payload_bytes},
                       {"stop_s", s.end_s()},
                       {"flows", flows}}},
                     {"fault", FaultJson(s, output)}};
  return file.dump(1) + "\n";
}

absl::StatusOr<RunInput> ImportScenario(const std::string& path) {
  std::ifstream in(path);
  if (!in.good()) return absl::NotFoundError(absl::StrCat("cannot read scenario file ", path));
  RunInput input;
  try {
    ReadJson(Json::parse(in), &input);
  } catch (const nlohmann::json::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", e.what()));
  }
  if (const absl::Status status = Check(input); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", std::string(status.message())));
  }
  double first = input.scenario.fault_s;
  for (const Flow& f : input.layout.flows) first = std::min(first, f.start_s);
  // Flows start within the first second of the traffic.
  input.scenario.pre_s = std::max(1.0, std::ceil(input.scenario.fault_s - first));
  CompleteLayout(&input.layout);
  return input;
}

}  // namespace selvage::sim
