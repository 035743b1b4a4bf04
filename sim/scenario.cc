#include "sim/scenario.h"

#include <toml++/toml.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace selvage::sim {
namespace {

using Setter = std::function<std::string(const std::string& value, Scenario* s)>;  // "" or wanted

Setter Number(double Scenario::*field, double min, double max) {
  return [=](const std::string& value, Scenario* s) -> std::string {
    char* end = nullptr;
    const double v = std::strtod(value.c_str(), &end);
    if (value.empty() || *end != '\0' || !(v >= min && v <= max)) {
      return absl::StrCat("a number from ", min, " to ", max);
    }
    s->*field = v;
    return "";
  };
}

template <typename T>
Setter Integer(T Scenario::*field, std::uint64_t min, std::uint64_t max) {
  return [=](const std::string& value, Scenario* s) -> std::string {
    char* end = nullptr;
    const unsigned long long v = std::strtoull(value.c_str(), &end, 10);
    if (value.empty() || value[0] == '-' || *end != '\0' || v < min || v > max) {
      return absl::StrCat("an integer from ", min, " to ", max);
    }
    s->*field = static_cast<T>(v);
    return "";
  };
}

Setter OneOf(std::string Scenario::*field, std::set<std::string> words) {
  return [=](const std::string& value, Scenario* s) -> std::string {
    if (words.count(value) == 0) {
      std::string wanted = "one of";
      for (const auto& w : words) absl::StrAppend(&wanted, " ", w);
      return wanted;
    }
    s->*field = value;
    return "";
  };
}

constexpr double kFadeMarginDb = 20;  // of a good link, where nothing else is said

const std::set<std::string>& Faults() {
  static const std::set<std::string> kFaults = {"none", "crash", "silent",    "oneway",    "gray",
                                                "ramp", "fade",  "mtu",       "blackhole",
                                                "flap", "loss",  "partition", "churn",
                                                "drift", "leave", "attack",    "campaign"};
  return kFaults;
}

std::string SetTarget(const std::string& value, Scenario* s) {
  const auto digits = [](const std::string& t) {
    return !t.empty() && t.size() <= 5 && t.find_first_not_of("0123456789") == std::string::npos;
  };
  const auto dash = value.find('-');
  const bool fits = value == "measured" || digits(value) ||
                    (dash != std::string::npos && digits(value.substr(0, dash)) &&
                     digits(value.substr(dash + 1)));
  if (!fits) return "\"measured\", a node (12) or a directed link (3-7)";
  s->target = value;
  return "";
}

Setter Boolean(bool Scenario::*field) {
  return [field](const std::string& value, Scenario* s) -> std::string {
    if (value != "true" && value != "false") return "true or false";
    s->*field = value == "true";
    return "";
  };
}

const std::map<std::string, Setter, std::less<>>& Keys() {
  static const std::map<std::string, Setter, std::less<>> kKeys = {
      {"protocol", OneOf(&Scenario::protocol, {"selvage", "aodv", "olsr", "dsdv"})},
      {"topology", OneOf(&Scenario::topology, {"grid", "rgg", "random"})},
      {"nodes", Integer(&Scenario::nodes, 4, 10000)},
      {"degree", Number(&Scenario::degree, 2, 100)},
      {"field_m", Number(&Scenario::field_m, 1, 1e6)},
      {"move_m", Number(&Scenario::move_m, 0, 1e5)},
      {"move_every_s", Number(&Scenario::move_every_s, 0.1, 1e5)},
      {"range_m", Number(&Scenario::range_m, 1, 1e5)},
      {"link", OneOf(&Scenario::link, {"wifi", "abstract"})},
      {"abstract_rate_kbps", Number(&Scenario::abstract_rate_kbps, 1, 1e8)},
      {"abstract_delay_ms", Number(&Scenario::abstract_delay_ms, 0, 60000)},
      {"abstract_jitter_ms", Number(&Scenario::abstract_jitter_ms, 0, 60000)},
      {"abstract_margin_db", Number(&Scenario::abstract_margin_db, 0, 200)},
      {"abstract_loss", Number(&Scenario::abstract_loss, 0, 1)},
      {"abstract_queue_packets", Integer(&Scenario::abstract_queue_packets, 1, 100000)},
      {"seed", Integer(&Scenario::seed, 0, UINT32_MAX)},
      {"fault", OneOf(&Scenario::fault, Faults())},
      {"target", SetTarget},
      {"fault_s", Number(&Scenario::fault_s, 1, 1e6)},
      {"pre_s", Number(&Scenario::pre_s, 0, 1e5)},
      {"window_s", Number(&Scenario::window_s, 1, 1e5)},
      {"drain_s", Number(&Scenario::drain_s, 0, 1e4)},
      {"injections", Integer(&Scenario::injections, 1, 100000)},
      {"hold_s", Number(&Scenario::hold_s, 0.1, 1e5)},
      {"settle_s", Number(&Scenario::settle_s, 2, 1e5)},
      {"critical_flows", Integer(&Scenario::critical_flows, 0, 10000)},
      {"heal_s", Number(&Scenario::heal_s, 0, 1e5)},
      {"mtu_bytes", Integer(&Scenario::mtu_bytes, 1, 65535)},
      {"flap_times", Integer(&Scenario::flap_times, 1, 1000)},
      {"flap_half_s", Number(&Scenario::flap_half_s, 0.01, 1000)},
      {"loss_share", Number(&Scenario::loss_share, 0, 1)},
      {"ramp_s", Number(&Scenario::ramp_s, 0.1, 1e5)},
      {"fade_db", Number(&Scenario::fade_db, 0, 200)},
      {"leave_mps", Number(&Scenario::leave_mps, 0.1, 1000)},
      {"partition_s", Number(&Scenario::partition_s, 0.1, 1e5)},
      {"churn_every_s", Number(&Scenario::churn_every_s, 0.1, 1e5)},
      {"drift_share", Number(&Scenario::drift_share, 0.0001, 1)},
      {"drift_hold_s", Number(&Scenario::drift_hold_s, 1, 1e5)},
      {"flows", Integer(&Scenario::flows, 0, 10000)},
      {"min_hops", Integer(&Scenario::min_hops, 1, 100)},
      {"rate", Number(&Scenario::rate, 1, 1000)},
      {"payload_bytes", Integer(&Scenario::payload_bytes, 16, 1200)},
      {"class", OneOf(&Scenario::traffic_class, {"critical", "reliable", "telemetry", "bulk"})},
      {"crypto", OneOf(&Scenario::crypto, {"standin", "sodium"})},
      {"healing", Boolean(&Scenario::healing)},
      {"model", OneOf(&Scenario::model, {"on", "off", "threshold"})},
      {"quarantine", Boolean(&Scenario::quarantine)},
      {"wifi_signal", Boolean(&Scenario::wifi_signal)},
      {"attack", OneOf(&Scenario::attack, {"blackhole", "drop20", "accuse", "lie", "mixed"})},
      {"attackers", Number(&Scenario::attackers, 0, 0.5)},
      {"start_jitter_s", Number(&Scenario::start_jitter_s, 0, 10)},
  };
  return kKeys;
}

// The TOML value as the text that `--set` would have.
std::string TextOf(const toml::node& node) {
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  if (const auto* i = node.as_integer()) return absl::StrCat(i->get());
  std::ostringstream out;
  out.precision(17);
  if (const auto* f = node.as_floating_point()) out << f->get();
  return out.str();
}

}  // namespace

bool IsFault(std::string_view kind) { return Faults().count(std::string(kind)) > 0; }

absl::Status ApplySetting(std::string_view key, std::string_view value, Scenario* scenario) {
  const auto it = Keys().find(key);
  if (it == Keys().end()) {
    std::string known;
    for (const auto& [k, setter] : Keys()) absl::StrAppend(&known, " ", k);
    return absl::InvalidArgumentError(
        absl::StrCat("unknown key \"", std::string(key), "\"; known are:", known));
  }
  const std::string wanted = it->second(std::string(value), scenario);
  if (wanted.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", std::string(key), "\" is \"", std::string(value), "\", must be ", wanted));
}

absl::StatusOr<std::pair<std::string, std::string>> ParseSetting(std::string_view text) {
  const auto eq = text.find('=');
  if (eq == std::string_view::npos || eq == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set \"", std::string(text), "\": must be KEY=VALUE"));
  }
  return std::make_pair(std::string(text.substr(0, eq)), std::string(text.substr(eq + 1)));
}

absl::Status FinishScenario(Scenario* s) {
  const auto side = static_cast<std::uint32_t>(std::lround(std::sqrt(s->nodes)));
  if (s->topology == "grid" && side * side != s->nodes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"nodes\" is ", s->nodes, ", must be a square number on a grid: ", side * side, " or ",
        (side + 1) * (side + 1)));
  }
  if (s->abstract() && s->protocol != "selvage") {
    return absl::InvalidArgumentError(
        absl::StrCat("\"link\" is abstract, must be wifi for protocol ", s->protocol,
                     ": ns-3's own protocols need a radio"));
  }
  if (!s->abstract() && s->topology == "random") {
    return absl::InvalidArgumentError(
        "\"topology\" is random, must be grid or rgg on Wi-Fi; a random graph has no places: set "
        "link = \"abstract\"");
  }
  if (!s->abstract() && s->nodes > 4096) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"nodes\" is ", s->nodes, ", must be at most 4096 on Wi-Fi"));
  }
  if (s->move_m > 0 && (s->abstract() || s->topology != "rgg" || s->fault != "none")) {
    return absl::InvalidArgumentError(
        "\"move_m\" needs topology rgg, link wifi and fault none: links follow from places");
  }
  if (s->fault == "attack" && s->protocol != "selvage") {
    return absl::InvalidArgumentError("fault attack needs protocol selvage: the others have none");
  }
  if (s->fault == "campaign") {
    s->window_s = s->injections * (s->hold_s + s->settle_s);
    if (s->fault_s >= 0 && s->fault_s < 2) {
      return absl::InvalidArgumentError("\"fault_s\" must be at least 2 for fault campaign");
    }
  }
  if (s->fault == "leave" && s->abstract()) {
    return absl::InvalidArgumentError("\"link\" is abstract, must be wifi for fault leave");
  }
  if (s->fault == "fade" && s->abstract_margin_db == 0) s->abstract_margin_db = kFadeMarginDb;
  if (s->fault_s < 0) {
    // The baselines' timers are in phase with t = 0 (DSDV dumps its tables at 0, 15, 30 ... s), so
    // the fault moves with the seed instead of always meeting the same phase.
    const double x = static_cast<double>(s->seed) * 0.6180339887498949;
    s->fault_s = 60.0 + std::floor(15e3 * (x - std::floor(x))) / 1e3;
  }
  if (s->traffic_start_s() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"pre_s\" is ", s->pre_s, ", must be at most \"fault_s\", ", s->fault_s));
  }
  const bool measures = s->fault != "none" && s->fault != "drift" && s->fault != "partition";
  if (measures && s->pre_s < 10) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"pre_s\" is ", s->pre_s, ", must be at least 10 for fault ", s->fault,
        ": where the traffic goes is measured first"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Scenario> LoadScenario(const std::string& path, const Settings& settings) {
  if (!std::ifstream(path).good()) {
    return absl::NotFoundError(absl::StrCat("cannot read scenario file ", path));
  }
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& e) {
    return absl::InvalidArgumentError(absl::StrCat(path, ":", e.source().begin.line, ":",
                                                   e.source().begin.column, ": ",
                                                   std::string(e.description())));
  }
  Scenario scenario;
  for (auto&& [key, node] : table) {
    const auto where = key.source().begin;
    const absl::Status status = ApplySetting(std::string(key.str()), TextOf(node), &scenario);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ":", where.line, ":", where.column, ": ",
                                                     std::string(status.message())));
    }
  }
  for (const auto& [key, value] : settings) {
    const absl::Status status = ApplySetting(key, value, &scenario);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--set: ", std::string(status.message())));
    }
  }
  if (const absl::Status status = FinishScenario(&scenario); !status.ok()) return status;
  return scenario;
}

}  // namespace selvage::sim
