#include "sim/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/campaign_report.h"
#include "sim/csv.h"
#include "sim/scenario_json.h"

namespace selvage::sim {
namespace {

constexpr double kTimelineStepSeconds = 0.1;

struct Delivery {
  std::uint64_t sent = 0;
  std::uint64_t got = 0;
  void Add(bool arrived) {
    ++sent;
    got += arrived;
  }
  std::string share() const { return Share(got, sent); }
};

// Everything evaluated of one run.
struct Evaluation {
  std::vector<FlowResult> flows;
  Delivery all, before, after, affected;
  std::vector<double> outages_ms, heals_s, heals5_s, bad_s, lost;  // of affected flows
  std::vector<double> delays_ms;                                   // ascending, fault window
  double delay_mean_ms = std::nan("");
};

FlowWindow WindowOf(const Scenario& s) {
  FlowWindow w;
  w.fault_s = s.fault_s;
  w.reference_s = s.fault == "partition" ? s.fault_s + s.partition_s : s.fault_s;
  w.end_s = s.end_s();
  w.rate = s.rate;
  if (s.fault == "ramp") {
    w.attribution_s = s.ramp_s + 10;
  } else if (s.fault == "none" || s.fault == "campaign" || s.fault == "churn" ||
             s.fault == "drift" || s.fault == "gray" || s.fault == "blackhole" ||
             s.fault == "leave") {
    w.attribution_s = 1e9;
  }
  return w;
}

Evaluation Evaluate(const RunInput& input, const RunOutput& output) {
  Evaluation e;
  const double fault_s = input.scenario.fault_s;
  double sum = 0;
  for (std::size_t f = 0; f < output.packets.size(); ++f) {
    for (const PacketRecord& p : output.packets[f]) {
      const bool arrived = p.received_s >= 0;
      e.all.Add(arrived);
      if (p.sent_s < fault_s) {
        e.before.Add(arrived);
        continue;
      }
      e.after.Add(arrived);
      if (output.affected[f]) e.affected.Add(arrived);
      if (!arrived) continue;
      e.delays_ms.push_back((p.received_s - p.sent_s) * 1e3);
      sum += e.delays_ms.back();
    }
    const FlowResult r = MeasureFlow(output.packets[f], WindowOf(input.scenario));
    e.flows.push_back(r);
    if (!output.affected[f]) continue;
    e.outages_ms.push_back(r.outage_s * 1e3);
    e.heals_s.push_back(r.heal_s);
    e.heals5_s.push_back(r.heal5_s);
    e.bad_s.push_back(r.bad_s);
    e.lost.push_back(r.lost);
  }
  if (!e.delays_ms.empty()) e.delay_mean_ms = sum / static_cast<double>(e.delays_ms.size());
  std::sort(e.delays_ms.begin(), e.delays_ms.end());
  return e;
}

double Percentile95(const std::vector<double>& ascending) {
  if (ascending.empty()) return std::nan("");
  return ascending[static_cast<std::size_t>(0.95 * static_cast<double>(ascending.size() - 1))];
}

void AppendCounts(const char* suffix, const ByteCounts& c, double node_seconds, Row* row) {
  const auto per = [&](std::uint64_t v) { return Number(static_cast<double>(v) / node_seconds); };
  row->push_back({absl::StrCat("control_Bps_node", suffix), per(c.control_bytes)});
  row->push_back({absl::StrCat("control_pps_node", suffix), per(c.control_packets)});
  row->push_back({absl::StrCat("data_Bps_node", suffix), per(c.data_bytes)});
  row->push_back({absl::StrCat("repeated_Bps_node", suffix), per(c.repeated_bytes)});
}

std::string Hex(std::uint64_t v) { return absl::StrFormat("%016x", v); }

std::string ClassName(const Scenario& s) {
  return s.critical_flows > 0 ? absl::StrCat(s.traffic_class, "+critical") : s.traffic_class;
}

Row RunRow(const RunInput& input, const RunOutput& out, const Evaluation& e) {
  const Scenario& s = input.scenario;
  const auto never =
      std::count_if(e.heals_s.begin(), e.heals_s.end(), [](double h) { return std::isinf(h); });
  Row row = {{"protocol", s.protocol},
             {"topology", s.topology},
             {"n", absl::StrCat(input.layout.size())},
             {"seed", absl::StrCat(s.seed)},
             {"rate", Number(s.rate)},
             {"class", s.protocol == "selvage" ? ClassName(s) : "-"},
             {"crypto", s.protocol == "selvage" ? s.crypto : "-"},
             {"fault", s.fault},
             {"target", out.target},
             {"fault_s", Number(s.fault_s)},
             {"window_s", Number(s.window_s)},
             {"affected", absl::StrCat(e.outages_ms.size())},
             {"pdr_all", e.all.share()},
             {"pdr_pre", e.before.share()},
             {"pdr_fault", e.after.share()},
             {"pdr_affected", e.affected.share()},
             {"pdr_connected", Share(out.connected.got, out.connected.sent)},
             {"pdr_connected_late", Share(out.connected_late.got, out.connected_late.sent)},
             {"lost_med", Number(Median(e.lost))},
             {"lost_max", Number(Largest(e.lost))},
             {"outage_med_ms", Number(Median(e.outages_ms))},
             {"outage_max_ms", Number(Largest(e.outages_ms))},
             {"heal_med_s", Number(Median(e.heals_s))},
             {"heal_max_s", Number(Largest(e.heals_s))},
             {"heal5_med_s", Number(Median(e.heals5_s))},
             {"heal5_max_s", Number(Largest(e.heals5_s))},
             {"never_healed", absl::StrCat(never)},
             {"bad_med_s", Number(Median(e.bad_s))},
             {"bad_max_s", Number(Largest(e.bad_s))},
             {"delay_mean_ms", Number(e.delay_mean_ms)},
             {"delay_p95_ms", Number(Percentile95(e.delays_ms))},
             {"dups", absl::StrCat(out.duplicates)}};
  AppendCounts("", out.after, input.layout.size() * s.window_s, &row);
  AppendCounts("_pre", out.before, input.layout.size() * s.pre_s, &row);
  row.push_back({"sim_s", Number(out.simulated_s)});
  row.push_back({"wall_s", Number(out.wall_s)});
  row.push_back({"cpu_s", Number(out.cpu_s)});
  row.push_back({"rss_mb", Number(out.rss_mb)});
  row.push_back({"effects_hash", Hex(out.effects_hash)});
  return row;
}

// Empty: never, or before the fault.
std::string SinceFault(const Scenario& s, double t_s) {
  return t_s < s.fault_s ? "" : absl::StrFormat("%.6f", t_s - s.fault_s);
}

// When the first packet was sent, from the fault on, that never arrived; < 0: all did.
double FirstLost(const Scenario& s, const std::vector<PacketRecord>& packets) {
  for (const PacketRecord& p : packets) {
    if (p.sent_s >= s.fault_s && p.received_s < 0) return p.sent_s;
  }
  return -1;
}

Row FlowRow(const RunInput& input, const RunOutput& out, const Evaluation& e, std::size_t f) {
  const Scenario& s = input.scenario;
  const Flow& flow = input.layout.flows[f];
  const FlowResult& r = e.flows[f];
  return {{"protocol", s.protocol},
          {"topology", s.topology},
          {"n", absl::StrCat(input.layout.size())},
          {"seed", absl::StrCat(s.seed)},
          {"rate", Number(s.rate)},
          {"fault", s.fault},
          {"flow", absl::StrCat(f)},
          {"src", absl::StrCat(flow.src)},
          {"dst", absl::StrCat(flow.dst)},
          {"hops", absl::StrCat(flow.hops)},
          {"affected", out.affected[f] ? "1" : "0"},
          {"sent", absl::StrCat(r.sent)},
          {"got", absl::StrCat(r.got)},
          {"lost", absl::StrCat(r.lost)},
          {"pre_pdr", Share(r.pre_got, r.pre_sent)},
          {"outage_ms", Number(r.outage_s * 1e3)},
          {"heal_s", Number(r.heal_s)},
          {"heal5_s", Number(r.heal5_s)},
          {"crossed_s", SinceFault(s, out.last_crossing_s[f])},
          {"frame_lost_s", SinceFault(s, out.first_frame_lost_s[f])},
          {"packet_lost_s", SinceFault(s, FirstLost(s, out.packets[f]))},
          {"bad_s", Number(r.bad_s)}};
}

// Packets by the time they were sent, seconds relative to the fault.
std::string Timeline(const RunInput& input, const RunOutput& output) {
  const Scenario& s = input.scenario;
  const auto steps = static_cast<std::size_t>((s.pre_s + s.window_s) / kTimelineStepSeconds) + 1;
  std::vector<Delivery> all(steps);
  std::vector<Delivery> affected(steps);
  for (std::size_t f = 0; f < output.packets.size(); ++f) {
    for (const PacketRecord& p : output.packets[f]) {
      const double since = p.sent_s - s.traffic_start_s();
      const auto step = static_cast<std::size_t>(std::max(0.0, since) / kTimelineStepSeconds);
      if (step >= steps) continue;
      all[step].Add(p.received_s >= 0);
      if (output.affected[f]) affected[step].Add(p.received_s >= 0);
    }
  }
  std::string text = "t_s,sent,got,affected_sent,affected_got\n";
  for (std::size_t i = 0; i < steps; ++i) {
    absl::StrAppend(&text, Number(static_cast<double>(i) * kTimelineStepSeconds - s.pre_s), ",",
                    all[i].sent, ",", all[i].got, ",", affected[i].sent, ",", affected[i].got,
                    "\n");
  }
  return text;
}

// What nodes said of themselves, seconds relative to the fault. `text` runs to the end of the line.
std::string EventsCsv(const RunInput& input, const RunOutput& output) {
  std::string text = "t_s,node,kind,text\n";
  for (const Incident& i : output.incidents) {
    std::string line = i.text;
    std::replace(line.begin(), line.end(), '\n', ' ');
    absl::StrAppend(&text, absl::StrFormat("%.6f", i.t_s - input.scenario.fault_s), ",", i.node,
                    ",", i.kind, ",", line, "\n");
  }
  return text;
}

std::string Manifest(const std::vector<std::string>& arguments, const RunInput& input,
                     const RunOutput& out) {
  const Scenario& s = input.scenario;
  nlohmann::ordered_json m = {
      {"program", "selvage-sim"},
      {"arguments", arguments},
      {"versions", {{"selvage", SELVAGE_VERSION}, {"ns3", SELVAGE_NS3_VERSION}}},
      {"protocol", s.protocol},
      {"seed", s.seed},
      {"topology", s.topology},
      {"nodes", input.layout.size()},
      {"links", out.walk_bound / 2},
      {"fault", s.fault},
      {"target", out.target},
      {"effects_hash", Hex(out.effects_hash)},
      {"wall_s", out.wall_s},
      {"cpu_s", out.cpu_s},
      {"sim_s", out.simulated_s},
      {"rss_mb", out.rss_mb},
      {"simulator_events", out.simulator_events},
      {"walks",
       {{"bound_hops", out.walk_bound},
        {"longest_hops", out.walk_longest},
        {"violations", out.walk_violations}}},
      {"counters", out.counters},
      {"counters_after", out.counters_after},
      {"counters_merge", out.counters_merge},
      {"files",
       {"runs.csv", "flows.csv", "timeline.csv", "events.csv", "scenario.json", "manifest.json"}}};
  return m.dump(1) + "\n";
}

}  // namespace

absl::Status WriteReport(const std::string& directory, const std::vector<std::string>& arguments,
                         const RunInput& input, const RunOutput& output) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot make directory ", directory, ": ", error.message()));
  }
  const Evaluation e = Evaluate(input, output);
  std::vector<Row> flows;
  for (std::size_t f = 0; f < e.flows.size(); ++f) flows.push_back(FlowRow(input, output, e, f));
  for (const absl::Status& status :
       {AppendCsv(directory + "/runs.csv", {RunRow(input, output, e)}),
        AppendCsv(directory + "/flows.csv", flows),
        AppendCsv(directory + "/injections.csv", InjectionRows(input, output)),
        WriteFile(directory + "/timeline.csv", Timeline(input, output)),
        WriteFile(directory + "/events.csv", EventsCsv(input, output)),
        WriteFile(directory + "/scenario.json", ExportScenario(input, output)),
        WriteFile(directory + "/manifest.json", Manifest(arguments, input, output))}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string Summary(const RunInput& input, const RunOutput& output) {
  const Evaluation e = Evaluate(input, output);
  const Scenario& s = input.scenario;
  const double node_seconds = input.layout.size() * s.window_s;
  return absl::StrFormat(
      "%s on %s of %d nodes, seed %d, %g packets/s, fault %s at %s: %d of %d flows affected\n"
      "  delivered: %s before, %s after, %s of the affected flows\n"
      "  affected flows: lost %s median, %s worst; outage %s median, %s worst (ms)\n"
      "  control: %.1f B/s per node; delay %s mean, %s p95 (ms)\n"
      "%s"
      "  %.1f s simulated in %.1f s, %.0f MB; effects hash %s\n",
      s.protocol, s.topology, input.layout.size(), s.seed, s.rate, s.fault, output.target,
      e.outages_ms.size(), e.flows.size(), e.before.share(), e.after.share(), e.affected.share(),
      Number(Median(e.lost)), Number(Largest(e.lost)), Number(Median(e.outages_ms)),
      Number(Largest(e.outages_ms)), static_cast<double>(output.after.control_bytes) / node_seconds,
      Number(e.delay_mean_ms), Number(Percentile95(e.delays_ms)), CampaignSummary(input, output),
      output.simulated_s, output.wall_s, output.rss_mb, Hex(output.effects_hash));
}

}  // namespace selvage::sim
