#include "sim/campaign_report.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace selvage::sim {
namespace {

// News of one change reaches the nodes of a mesh within this time: what they change because of it
// is one change of route.
constexpr double kMomentSeconds = 0.05;

// What one fault did to one flow.
struct Damage {
  std::uint32_t sent = 0;
  std::uint32_t lost = 0;
  double outage_s = 0;     // longest gap between receptions
  double last_loss_s = 0;  // when the last lost packet was sent; 0: none was
  std::uint32_t duplicates = 0;
  std::uint32_t out_of_order = 0;
  std::uint32_t reroutes = 0;  // while the fault lasts
  std::uint32_t returns = 0;   // after it
};

using Moves = std::map<std::string, std::vector<double>>;  // traffic -> times, ascending

Moves MovesOf(const RunOutput& output) {
  Moves moves;
  for (const Incident& i : output.incidents) {
    if (!i.traffic.empty()) moves[i.traffic].push_back(i.t_s);
  }
  return moves;
}

// The first packet sent at `t_s` or later.
std::size_t FirstSince(const std::vector<PacketRecord>& packets, double t_s) {
  const auto at = std::lower_bound(packets.begin(), packets.end(), t_s,
                                   [](const PacketRecord& p, double t) { return p.sent_s < t; });
  return static_cast<std::size_t>(at - packets.begin());
}

// Longest gap between receptions in [from_s, to_s), counted from the last one at most 1 s before;
// with `anew` from from_s itself.
double LongestGap(const std::vector<PacketRecord>& packets, double from_s, double to_s, bool anew) {
  std::vector<double> arrivals;
  double last = from_s;
  double before = -1;
  for (std::size_t k = FirstSince(packets, from_s - 2); k < packets.size(); ++k) {
    const double t = packets[k].received_s;
    if (packets[k].sent_s >= to_s) break;
    if (t >= from_s && t < to_s) arrivals.push_back(t);
    if (t >= 0 && t < from_s) before = std::max(before, t);
  }
  if (!anew && before >= 0) last = std::max(before, from_s - 1);
  std::sort(arrivals.begin(), arrivals.end());
  double longest = 0;
  for (const double t : arrivals) {
    longest = std::max(longest, t - last);
    last = t;
  }
  return std::max(longest, to_s - last);
}

// Moments of change in [from_s, to_s): several changes in quick succession are one.
std::uint32_t Moments(const std::vector<double>& times, double from_s, double to_s) {
  std::uint32_t moments = 0;
  double last = -1;
  for (auto at = std::lower_bound(times.begin(), times.end(), from_s);
       at != times.end() && *at < to_s; ++at) {
    moments += last < 0 || *at - last > kMomentSeconds;
    last = *at;
  }
  return moments;
}

Damage Measure(const RunInput& input, const RunOutput& output, const Moves& moves,
               const Injection& injection, std::uint32_t flow, bool parted) {
  const std::vector<PacketRecord>& packets = output.packets[flow];
  const double from_s = parted ? injection.heal_s : injection.begin_s;
  const std::size_t first = FirstSince(packets, from_s);
  const std::size_t end = FirstSince(packets, injection.next_s);
  Damage d;
  double newest = -1;
  for (std::size_t k = first; k < end; ++k) {
    const PacketRecord& p = packets[k];
    ++d.sent;
    if (p.received_s < 0) {
      ++d.lost;
      d.last_loss_s = p.sent_s - from_s;
    } else {
      d.out_of_order += p.received_s < newest;
      newest = std::max(newest, p.received_s);
    }
  }
  d.outage_s = LongestGap(packets, from_s, injection.next_s, parted);
  for (const std::uint32_t again : output.duplicate_of[flow]) {
    d.duplicates += again >= first && again < end;
  }
  const Scenario& s = input.scenario;
  const auto it = moves.find(absl::StrCat("n", input.layout.flows[flow].dst, " ", s.ClassOf(flow)));
  if (it != moves.end()) {
    d.reroutes = Moments(it->second, injection.begin_s, injection.heal_s);
    d.returns = Moments(it->second, injection.heal_s, injection.next_s);
  }
  return d;
}

Row MakeRow(const RunInput& input, const Injection& injection, std::size_t number) {
  return {{"seed", absl::StrCat(input.scenario.seed)},
          {"n", absl::StrCat(input.layout.size())},
          {"rate", Number(input.scenario.rate)},
          {"injection", absl::StrCat(number)},
          {"kind", injection.kind},
          {"target", injection.target},
          {"begin_s", absl::StrFormat("%.3f", injection.begin_s)}};
}

void AppendDamage(const std::string& flow, const std::string& traffic_class, bool parted,
                  const Damage& d, Row* row) {
  row->push_back({"flow", flow});
  row->push_back({"class", traffic_class});
  row->push_back({"parted", parted ? "1" : "0"});
  row->push_back({"sent", absl::StrCat(d.sent)});
  row->push_back({"lost", absl::StrCat(d.lost)});
  row->push_back({"outage_ms", Number(d.outage_s * 1e3)});
  row->push_back({"last_loss_ms", Number(d.last_loss_s * 1e3)});
  row->push_back({"dups", absl::StrCat(d.duplicates)});
  row->push_back({"out_of_order", absl::StrCat(d.out_of_order)});
  row->push_back({"reroutes", absl::StrCat(d.reroutes)});
  row->push_back({"returns", absl::StrCat(d.returns)});
}

}  // namespace

std::vector<Row> InjectionRows(const RunInput& input, const RunOutput& output) {
  const Moves moves = MovesOf(output);
  std::vector<Row> rows;
  for (std::size_t i = 0; i < output.injections.size(); ++i) {
    const Injection& injection = output.injections[i];
    const auto add = [&](std::uint32_t flow, bool parted) {
      rows.push_back(MakeRow(input, injection, i));
      AppendDamage(absl::StrCat(flow), input.scenario.ClassOf(flow), parted,
                   Measure(input, output, moves, injection, flow, parted), &rows.back());
    };
    for (const std::uint32_t flow : injection.affected) add(flow, false);
    for (const std::uint32_t flow : injection.parted) add(flow, true);
    if (injection.affected.empty() && injection.parted.empty()) {
      rows.push_back(MakeRow(input, injection, i));
      AppendDamage("-", "-", false, {}, &rows.back());
    }
  }
  return rows;
}

std::string CampaignSummary(const RunInput& input, const RunOutput& output) {
  if (output.injections.empty()) return "";
  const Moves moves = MovesOf(output);
  std::map<std::string, std::vector<double>> outages_ms;
  std::map<std::string, std::uint32_t> lost;
  for (const Injection& injection : output.injections) {
    for (const std::uint32_t flow : injection.affected) {
      const Damage d = Measure(input, output, moves, injection, flow, false);
      outages_ms[injection.kind].push_back(d.outage_s * 1e3);
      lost[injection.kind] += d.lost;
    }
  }
  std::string text = absl::StrFormat("  %d faults; longest walk %d hops of %d, %d beyond\n",
                                     output.injections.size(), output.walk_longest,
                                     output.walk_bound, output.walk_violations);
  for (const auto& [kind, values] : outages_ms) {
    absl::StrAppend(
        &text, absl::StrFormat("  %-10s %3d flows met: outage %.1f median, %.1f worst "
                               "(ms); %d packets lost\n",
                               kind, values.size(), Median(values), Largest(values), lost[kind]));
  }
  return text;
}

}  // namespace selvage::sim
