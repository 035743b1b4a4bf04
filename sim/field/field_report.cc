// What a run of a field comes to: tables for people, JSON and CSV for programs.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/field/field_run.h"

namespace selvage::sim {
namespace {

struct Arrivals {
  std::uint64_t sent = 0;
  std::vector<double> delays_s;  // of those that arrived, ascending after Sort
  void Add(const FieldMessage& m) {
    ++sent;
    if (m.received_s >= 0) delays_s.push_back(m.received_s - m.sent_s);
  }
  void Sort() { std::sort(delays_s.begin(), delays_s.end()); }
  double share() const {
    return sent == 0 ? 0 : static_cast<double>(delays_s.size()) / static_cast<double>(sent);
  }
  double Quantile(double q) const {
    if (delays_s.empty()) return 0;
    return delays_s[static_cast<std::size_t>(q * static_cast<double>(delays_s.size() - 1))];
  }
};

std::map<std::string, Arrivals> ByClass(const FieldScenario& field, const FieldOutput& output,
                                        double from_s, double to_s) {
  std::map<std::string, Arrivals> all;
  for (const FieldMessage& m : output.messages) {
    if (m.sent_s < from_s || m.sent_s >= to_s) continue;
    all[field.traffic[m.traffic].traffic_class].Add(m);
  }
  for (auto& [name, arrivals] : all) arrivals.Sort();
  return all;
}

std::string About(const FieldFault& f) {
  std::string text = f.kind;
  if (!f.node.empty()) absl::StrAppend(&text, " ", f.node);
  if (!f.peer.empty()) absl::StrAppend(&text, "-", f.peer);
  if (!f.radio.empty()) absl::StrAppend(&text, " ", f.radio);
  return text;
}

double EndOf(const FieldScenario& field, const FieldFault& f) {
  const double end = field.warm_s + field.duration_s;
  return f.for_s > 0 ? std::min(end, field.warm_s + f.at_s + f.for_s) : end;
}

}  // namespace

std::string FieldSummary(const FieldScenario& field, const FieldOutput& output) {
  std::string text =
      "| class | sent | arrived | delay p50, s | p95, s |\n| --- | --- | --- | --- | --- |\n";
  for (const auto& [name, a] : ByClass(field, output, 0, 1e18)) {
    absl::StrAppendFormat(&text, "| %s | %d | %.1f%% | %.2f | %.2f |\n", name, a.sent,
                          100 * a.share(), a.Quantile(0.5), a.Quantile(0.95));
  }
  absl::StrAppendFormat(
      &text,
      "\n| radio | nodes | kB given to it | of it control | control kB/day, of one node at most | "
      "joules/node/day | cents in %.1f h | "
      "legal hour used |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
      output.simulated_s / 3600);
  const double days = output.simulated_s / 86400;
  for (const auto& [kind, use] : output.radios) {
    absl::StrAppendFormat(
        &text, "| %s | %d | %.1f | %.0f%% | %.0f | %.0f | %.1f | %s |\n", ToString(kind), use.nodes,
        static_cast<double>(use.meter.bytes_sent) / 1e3,
        use.meter.bytes_sent == 0 ? 0.0
                                  : 100.0 * static_cast<double>(use.meter.control_bytes_sent) /
                                        static_cast<double>(use.meter.bytes_sent),
        static_cast<double>(use.control_bytes_max) / 1e3 / days, use.joules / use.nodes / days,
        use.cents,
        kind == RadioKind::kLora ? absl::StrFormat("%.0f%%", 100 * use.duty_share_max) : "");
  }
  if (field.faults.empty()) return text;
  absl::StrAppend(&text, "\n| fault | arrived of what was sent meanwhile, by class |\n| --- | --- "
                         "|\n");
  for (const FieldFault& f : field.faults) {
    std::string cells;
    for (const auto& [name, a] :
         ByClass(field, output, field.warm_s + f.at_s, EndOf(field, f))) {
      absl::StrAppendFormat(&cells, "%s%s %d/%d", cells.empty() ? "" : ", ", name,
                            a.delays_s.size(), a.sent);
    }
    absl::StrAppendFormat(&text, "| %s | %s |\n", About(f), cells);
  }
  return text;
}

bool WriteField(const std::string& directory, const FieldScenario& field,
                const FieldOutput& output) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  nlohmann::json json;
  json["name"] = field.name;
  json["seed"] = field.seed;
  json["simulated_s"] = output.simulated_s;
  json["wall_s"] = output.wall_s;
  json["effects_hash"] = absl::StrFormat("%016x", output.effects_hash);
  json["counters"] = output.counters;
  for (const auto& [name, a] : ByClass(field, output, 0, 1e18)) {
    json["classes"][name] = {{"sent", a.sent},
                             {"arrived", a.delays_s.size()},
                             {"delay_p50_s", a.Quantile(0.5)},
                             {"delay_p95_s", a.Quantile(0.95)}};
  }
  for (const auto& [kind, use] : output.radios) {
    json["radios"][ToString(kind)] = {{"nodes", use.nodes},
                                      {"bytes_sent", use.meter.bytes_sent},
                                      {"control_bytes_sent", use.meter.control_bytes_sent},
                                      {"control_bytes_max", use.control_bytes_max},
                                      {"frames_sent", use.meter.frames_sent},
                                      {"lost_to_faults", use.meter.frames_lost_to_faults},
                                      {"joules", use.joules},
                                      {"cents", use.cents},
                                      {"airtime_s", use.airtime_s},
                                      {"legal_hour_share_max", use.duty_share_max},
                                      {"credits", use.credits}};
  }
  json["faults"] = nlohmann::json::array();
  for (const FieldFault& f : field.faults) {
    nlohmann::json entry = {{"about", About(f)}, {"at_s", f.at_s}, {"for_s", f.for_s}};
    for (const auto& [name, a] :
         ByClass(field, output, field.warm_s + f.at_s, EndOf(field, f))) {
      entry["classes"][name] = {{"sent", a.sent}, {"arrived", a.delays_s.size()}};
    }
    json["faults"].push_back(entry);
  }
  for (const Incident& i : output.incidents) {
    json["events"].push_back({i.t_s, output.nodes[i.node].name, i.kind, i.text});
  }
  std::ofstream(directory + "/field.json") << json.dump(1) << "\n";
  std::ofstream csv(directory + "/messages.csv");
  csv << "class,from,to,sent_s,received_s\n";
  for (const FieldMessage& m : output.messages) {
    csv << field.traffic[m.traffic].traffic_class << "," << output.nodes[m.from].name << ","
        << output.nodes[m.to].name << "," << m.sent_s << "," << m.received_s << "\n";
  }
  return csv.good();
}

}  // namespace selvage::sim
