#include "sim/field/field_scenario.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "core/ids.h"
#include "sim/scenario_random.h"

namespace selvage::sim {
namespace {

constexpr std::uint32_t kNodesMax = 2000;
constexpr std::size_t kFaultsMax = 1000;

const std::set<std::string>& Kinds() {
  static const std::set<std::string> kKinds = {
      "crash", "silent", "oneway",    "gray",      "loss", "ramp",      "mtu",       "flap", "jam",
      "churn", "accuse", "blackhole", "selective", "lie",  "partition", "radio-off", "away"};
  return kKinds;
}

// Reads keys of one table, remembers which, and the first thing that was wrong.
class Reader {
 public:
  Reader(const toml::table& table, std::string where) : table_(table), where_(std::move(where)) {}

  void Number(const char* key, double* out, double min, double max) {
    if (const toml::node* node = Take(key)) {
      const auto value = node->value<double>();
      if (!value || !(*value >= min && *value <= max)) {
        Wrong(*node, absl::StrCat("\"", key, "\" must be a number from ", min, " to ", max));
      } else {
        *out = *value;
      }
    }
  }
  template <typename T>
  void Whole(const char* key, T* out, double min, double max) {
    double value = static_cast<double>(*out);
    Number(key, &value, min, max);
    *out = static_cast<T>(value);
  }
  void Text(const char* key, std::string* out) {
    if (const toml::node* node = Take(key)) {
      const auto value = node->value<std::string>();
      if (!value) Wrong(*node, absl::StrCat("\"", key, "\" must be text"));
      if (value) *out = *value;
    }
  }
  void Flag(const char* key, bool* out) {
    if (const toml::node* node = Take(key)) {
      const auto value = node->value<bool>();
      if (!value) Wrong(*node, absl::StrCat("\"", key, "\" must be true or false"));
      if (value) *out = *value;
    }
  }
  template <std::size_t N>
  void Numbers(const char* key, std::array<double, N>* out) {
    if (const toml::node* node = Take(key)) {
      const toml::array* array = node->as_array();
      if (array == nullptr || array->size() != N) {
        return Wrong(*node, absl::StrCat("\"", key, "\" must be ", N, " numbers"));
      }
      for (std::size_t i = 0; i < N; ++i) {
        const auto value = (*array)[i].value<double>();
        if (!value) return Wrong(*node, absl::StrCat("\"", key, "\" must be ", N, " numbers"));
        (*out)[i] = *value;
      }
    }
  }
  void Radios(const char* key, std::vector<RadioKind>* out) {
    const toml::node* node = Take(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
      RadioKind kind;
      if (!ParseRadioKind((*array)[i].value_or(std::string()), &kind)) array = nullptr;
      if (array != nullptr && std::find(out->begin(), out->end(), kind) == out->end()) {
        out->push_back(kind);
      }
    }
    if (array == nullptr) {
      Wrong(*node, absl::StrCat("\"", key, "\" must be a list of wifi, lora, redcap, satellite, ",
                                "sbd"));
    }
  }
  // Every table of an array of tables.
  void Tables(const char* key, const std::function<void(Reader*)>& each) {
    const toml::node* node = Take(key);
    if (node == nullptr) return;
    const toml::array* array = node->as_array();
    if (array == nullptr) return Wrong(*node, absl::StrCat("\"", key, "\" must be [[", key, "]]"));
    for (const toml::node& element : *array) {
      const toml::table* table = element.as_table();
      if (table == nullptr) return Wrong(element, absl::StrCat("must be [[", key, "]]"));
      Reader reader(*table, where_);
      each(&reader);
      Merge(reader.Finish());
    }
  }
  void Table(const char* key, const std::function<void(Reader*)>& each) {
    const toml::node* node = Take(key);
    if (node == nullptr) return;
    const toml::table* table = node->as_table();
    if (table == nullptr) return Wrong(*node, absl::StrCat("must be [", key, "]"));
    Reader reader(*table, where_);
    each(&reader);
    Merge(reader.Finish());
  }
  void Refuse(const std::string& what) { Wrong(table_, what); }
  absl::Status Finish() {
    for (auto&& [key, node] : table_) {
      if (taken_.count(std::string(key.str())) == 0) {
        Wrong(node, absl::StrCat("there is no key \"", std::string(key.str()), "\" here"));
      }
    }
    return status_;
  }

 private:
  const toml::node* Take(const char* key) {
    taken_.insert(key);
    return table_.get(key);
  }
  void Wrong(const toml::node& node, const std::string& what) {
    const auto at = node.source().begin;
    Merge(absl::InvalidArgumentError(
        absl::StrCat(where_, ":", at.line, ":", at.column, ": ", what)));
  }
  void Merge(const absl::Status& status) {
    if (status_.ok()) status_ = status;
  }

  const toml::table& table_;
  const std::string where_;
  std::set<std::string> taken_;
  absl::Status status_;
};

FieldGroup ReadGroup(Reader* r) {
  FieldGroup g;
  r->Text("name", &g.name);
  r->Whole("count", &g.count, 1, kNodesMax);
  r->Numbers("area", &g.area);
  r->Text("place", &g.place);
  r->Radios("radios", &g.radios);
  r->Flag("wired", &g.wired);
  r->Numbers("move_mps", &g.move_mps);
  r->Number("wander_mps", &g.wander_mps, 0, 100);
  if (g.name.empty()) r->Refuse("a group needs a \"name\"");
  if (g.radios.empty()) r->Refuse("a group needs \"radios\"");
  if (g.place != "random" && g.place != "grid" && g.place != "line") {
    r->Refuse("\"place\" must be random, grid or line");
  }
  return g;
}

FieldTraffic ReadTraffic(Reader* r) {
  FieldTraffic t;
  r->Text("from", &t.from);
  r->Text("to", &t.to);
  r->Text("class", &t.traffic_class);
  r->Whole("bytes", &t.bytes, 16, 1200);
  r->Number("every_s", &t.every_s, 0.01, 1e6);
  r->Number("deadline_s", &t.deadline_s, 0, 1e6);
  r->Flag("nearest", &t.nearest);
  TrafficClass known;
  if (!ParseTrafficClass(t.traffic_class, &known)) {
    r->Refuse("\"class\" must be critical, reliable, telemetry or bulk");
  }
  return t;
}

FieldFault ReadFault(Reader* r) {
  FieldFault f;
  r->Text("kind", &f.kind);
  r->Number("at_s", &f.at_s, 0, 1e7);
  r->Number("for_s", &f.for_s, 0, 1e7);
  r->Text("node", &f.node);
  r->Text("peer", &f.peer);
  r->Text("radio", &f.radio);
  r->Number("share", &f.share, 0, 1);
  r->Whole("bytes", &f.bytes, 1, 65535);
  r->Numbers("to", &f.to);
  r->Number("every_s", &f.every_s, 1, 1e6);
  RadioKind kind;
  if (Kinds().count(f.kind) == 0) r->Refuse("\"kind\" must be one of " + FieldFaultKinds());
  if (!f.radio.empty() && !ParseRadioKind(f.radio, &kind)) {
    r->Refuse("\"radio\" must be wifi, lora, redcap, satellite or sbd");
  }
  if (f.node.empty() && f.kind != "partition" && f.kind != "jam" && f.kind != "churn") {
    r->Refuse("fault " + f.kind + " needs a \"node\"");
  }
  return f;
}

// `[random_faults]`: kinds one after the other at nodes drawn from groups.
void DrawFaults(Reader* r, FieldScenario* field) {
  std::string kinds, groups, radios;
  double every_s = 600, for_s = 300;
  r->Text("kinds", &kinds);
  r->Text("groups", &groups);
  r->Text("radios", &radios);
  r->Number("every_s", &every_s, 1, 1e6);
  r->Number("for_s", &for_s, 0.1, 1e6);
  const auto words = [](const std::string& text) {
    std::istringstream in(text);
    return std::vector<std::string>{std::istream_iterator<std::string>(in), {}};
  };
  const std::vector<std::string> names = words(kinds);
  const std::vector<std::string> media = words(radios);
  std::vector<std::string> nodes;
  for (const std::string& group : words(groups)) {
    for (const FieldGroup& g : field->groups) {
      for (std::uint32_t i = 0; g.name == group && i < g.count; ++i) {
        nodes.push_back(absl::StrCat(g.name, i));
      }
    }
  }
  if (names.empty() || nodes.empty()) return r->Refuse("needs \"kinds\" and \"groups\"");
  ScenarioRandom random(field->seed * 7919 + 11);
  for (double at = every_s; at + for_s < field->duration_s; at += every_s) {
    FieldFault f;
    f.kind = names[random.Below(names.size())];
    f.node = nodes[random.Below(nodes.size())];
    if (!media.empty()) f.radio = media[random.Below(media.size())];
    f.at_s = at;
    f.for_s = for_s;
    if (Kinds().count(f.kind) == 0) return r->Refuse("there is no fault \"" + f.kind + "\"");
    if (field->faults.size() < kFaultsMax) field->faults.push_back(f);
  }
}

absl::StatusOr<FieldScenario> Read(const toml::table& table, const std::string& where) {
  FieldScenario f;
  f.name = where;
  Reader r(table, where);
  r.Text("name", &f.name);
  r.Whole("seed", &f.seed, 0, 1e9);
  r.Number("duration_s", &f.duration_s, 1, 1e7);
  r.Number("warm_s", &f.warm_s, 0, 1e6);
  r.Number("drain_s", &f.drain_s, 0, 1e6);
  r.Tables("group", [&](Reader* g) { f.groups.push_back(ReadGroup(g)); });
  r.Tables("traffic", [&](Reader* t) { f.traffic.push_back(ReadTraffic(t)); });
  r.Tables("fault", [&](Reader* t) { f.faults.push_back(ReadFault(t)); });
  r.Table("lora", [&](Reader* t) {
    t->Whole("spreading_factor", &f.lora_factor, 7, 12);
    t->Text("region", &f.lora_region);
    t->Number("exponent", &f.lora_exponent, 1, 6);
  });
  r.Table("wifi", [&](Reader* t) {
    t->Number("range_m", &f.wifi_range_m, 1, 10000);
    t->Number("watts", &f.wifi_watts, 0, 100);
    t->Flag("abstract", &f.wifi_abstract);
    t->Number("rate_kbps", &f.wifi_rate_kbps, 1, 1e7);
    t->Number("delay_ms", &f.wifi_delay_ms, 0, 1e4);
    t->Number("loss", &f.wifi_loss, 0, 1);
  });
  r.Table("redcap", [&](Reader* t) {
    t->Text("network", &f.redcap_network);
    t->Number("cents_per_gb", &f.redcap_cents_per_gb, 0, 1e6);
  });
  r.Table("satellite", [&](Reader* t) {
    t->Number("latitude", &f.latitude, -90, 90);
    t->Number("longitude", &f.longitude, -180, 180);
  });
  r.Table("sbd", [&](Reader* t) {
    t->Whole("credits_per_month", &f.sbd_credits_month, 0, 1e9);
    t->Whole("control_per_day", &f.sbd_control_day, 0, 1e9);
    t->Number("cents_per_credit", &f.sbd_cents_per_credit, 0, 1e6);
  });
  r.Table("random_faults", [&](Reader* t) { DrawFaults(t, &f); });
  std::set<std::string> groups, nodes;
  for (const FieldGroup& g : f.groups) {
    if (!groups.insert(g.name).second) r.Refuse("two groups are called " + g.name);
    for (std::uint32_t i = 0; i < g.count; ++i) nodes.insert(absl::StrCat(g.name, i));
  }
  if (f.groups.empty()) r.Refuse("there is no [[group]]");
  if (nodes.size() > kNodesMax) r.Refuse(absl::StrCat("more than ", kNodesMax, " nodes"));
  if (f.faults.size() > kFaultsMax) r.Refuse(absl::StrCat("more than ", kFaultsMax, " faults"));
  for (const FieldTraffic& t : f.traffic) {
    if (groups.count(t.from) == 0 || groups.count(t.to) == 0) {
      r.Refuse(absl::StrCat("traffic from \"", t.from, "\" to \"", t.to, "\": no such group"));
    }
  }
  for (const FieldFault& fault : f.faults) {
    for (const std::string& name : {fault.node, fault.peer}) {
      if (!name.empty() && groups.count(name) == 0 && nodes.count(name) == 0) {
        r.Refuse(absl::StrCat("fault ", fault.kind, ": there is no node \"", name, "\""));
      }
    }
  }
  if (absl::Status status = r.Finish(); !status.ok()) return status;
  return f;
}

}  // namespace

const char* ToString(RadioKind kind) {
  static constexpr const char* kNames[] = {"wifi", "lora", "redcap", "satellite", "sbd"};
  return kNames[static_cast<int>(kind)];
}

bool ParseRadioKind(const std::string& name, RadioKind* out) {
  for (const RadioKind kind : kAllRadios) {
    if (name == ToString(kind)) {
      *out = kind;
      return true;
    }
  }
  return false;
}

const std::string& FieldFaultKinds() {
  static const std::string kText = [] {
    std::string text;
    for (const std::string& kind : Kinds()) absl::StrAppend(&text, text.empty() ? "" : " ", kind);
    return text;
  }();
  return kText;
}

std::uint32_t FieldScenario::node_count() const {
  std::uint32_t n = 0;
  for (const FieldGroup& g : groups) n += g.count;
  return n;
}

absl::StatusOr<FieldScenario> ParseField(const std::string& text, const std::string& name) {
  try {
    return Read(toml::parse(text), name);
  } catch (const toml::parse_error& e) {
    return absl::InvalidArgumentError(absl::StrCat(name, ":", e.source().begin.line, ":",
                                                   e.source().begin.column, ": ",
                                                   std::string(e.description())));
  }
}

absl::StatusOr<FieldScenario> LoadField(const std::string& path) {
  std::ifstream in(path);
  if (!in.good()) return absl::NotFoundError("cannot read " + path);
  std::ostringstream text;
  text << in.rdbuf();
  return ParseField(text.str(), path);
}

std::vector<FieldNode> DrawNodes(const FieldScenario& field) {
  std::vector<FieldNode> nodes;
  ScenarioRandom random(field.seed * 104729 + 3);
  for (std::size_t g = 0; g < field.groups.size(); ++g) {
    const FieldGroup& group = field.groups[g];
    const auto [x0, y0, x1, y1] = group.area;
    const auto columns = static_cast<std::uint32_t>(std::ceil(std::sqrt(group.count)));
    const std::uint32_t rows = (group.count + columns - 1) / columns;
    for (std::uint32_t i = 0; i < group.count; ++i) {
      double u = random.Uniform();
      double v = random.Uniform();
      if (group.place == "grid") {
        u = columns == 1 ? 0.5 : static_cast<double>(i % columns) / (columns - 1);
        v = rows == 1 ? 0.5 : static_cast<double>(i / columns) / (rows - 1);
      } else if (group.place == "line") {
        u = v = group.count == 1 ? 0.5 : static_cast<double>(i) / (group.count - 1);
      }
      nodes.push_back({absl::StrCat(group.name, i), g, {x0 + u * (x1 - x0), y0 + v * (y1 - y0)}});
    }
  }
  return nodes;
}

void Shrink(FieldScenario* field) {
  constexpr std::uint32_t kSmall = 9;
  constexpr double kWidth = 3;  // its square is what is kept of the nodes
  for (FieldFault& fault : field->faults) {
    for (std::string* name : {&fault.node, &fault.peer}) {
      for (const FieldGroup& g : field->groups) {
        const auto kept = g.count > kSmall ? std::max(1u, g.count / kSmall) : g.count;
        for (std::uint32_t i = kept; i < g.count; ++i) {
          if (*name == absl::StrCat(g.name, i)) *name = absl::StrCat(g.name, i % kept);
        }
      }
    }
    for (double& metres : fault.to) metres /= kWidth;
  }
  for (FieldGroup& g : field->groups) {
    if (g.count > kSmall) g.count = std::max(1u, g.count / kSmall);
    for (double& metres : g.area) metres /= kWidth;
  }
}

void KeepOnly(RadioKind kind, FieldScenario* field) {
  for (FieldGroup& group : field->groups) group.radios = {kind};
}

}  // namespace selvage::sim
