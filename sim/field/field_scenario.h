// A field: groups of nodes with several kinds of radios each, traffic between groups, and faults.
//
// Read from TOML (docs/fields.md has the keys). Plain data and checks; no ns-3 type here.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/layout.h"

namespace selvage::sim {

enum class RadioKind : std::uint8_t { kWifi, kLora, kRedcap, kSatellite, kSbd };
inline constexpr int kRadioKinds = 5;
inline constexpr std::array<RadioKind, kRadioKinds> kAllRadios = {
    RadioKind::kWifi, RadioKind::kLora, RadioKind::kRedcap, RadioKind::kSatellite,
    RadioKind::kSbd};
// "wifi", "lora", "redcap", "satellite", "sbd".
const char* ToString(RadioKind kind);
bool ParseRadioKind(const std::string& name, RadioKind* out);

struct FieldGroup {
  std::string name;
  std::uint32_t count = 1;
  std::array<double, 4> area{0, 0, 0, 0};  // x0, y0, x1, y1 in metres
  std::string place = "random";            // random | grid | line (from one corner to the other)
  std::vector<RadioKind> radios;
  bool wired = false;  // redcap and satellite are a cable at the other end of the Internet
  std::array<double, 2> move_mps{0, 0};
  double wander_mps = 0;  // random walk within the area
};

struct FieldTraffic {
  std::string from, to;  // groups; each node of `from` sends to one of `to`
  std::string traffic_class = "telemetry";
  std::uint32_t bytes = 24;
  double every_s = 60;     // mean; uniform from half to one and a half of it
  double deadline_s = 0;   // 0: the class's own
  bool nearest = false;    // to the nearest of `to`, not to one after the other
};

// Which kinds there are: see docs/fields.md.
struct FieldFault {
  std::string kind;
  double at_s = 0;
  double for_s = 0;
  std::string node;   // "sensor3", or a group; empty where the kind needs none
  std::string peer;   // as node; empty: all others
  std::string radio;  // empty: all
  double share = 0.5;
  std::uint32_t bytes = 400;
  std::array<double, 2> to{0, 0};
  double every_s = 60;  // churn: how long each node is silent
};

struct FieldScenario {
  std::string name;
  std::uint64_t seed = 1;
  double duration_s = 3600;  // of traffic and faults, after ...
  double warm_s = 600;       // ... this
  double drain_s = 300;      // to arrive afterwards
  std::vector<FieldGroup> groups;
  std::vector<FieldTraffic> traffic;
  std::vector<FieldFault> faults;

  int lora_factor = 9;
  std::string lora_region = "EU868";
  double lora_exponent = 2.32;
  double wifi_range_m = 200;
  double wifi_watts = 0.4;  // of a radio that listens
  bool wifi_abstract = false;  // no PHY (abstract_air.h); then of it:
  double wifi_rate_kbps = 6000, wifi_delay_ms = 1, wifi_loss = 0;
  std::string redcap_network = "att";
  double latitude = 50, longitude = 4;
  std::uint64_t sbd_credits_month = 2000;
  std::uint64_t sbd_control_day = 40;
  double redcap_cents_per_gb = 200;
  double sbd_cents_per_credit = 16;

  std::uint32_t node_count() const;
};

// One node of the field, drawn.
struct FieldNode {
  std::string name;  // group and number in it
  std::size_t group = 0;
  Position at;
};

// NotFound: no such file. InvalidArgument: what is wrong, and where.
absl::StatusOr<FieldScenario> LoadField(const std::string& path);
absl::StatusOr<FieldScenario> ParseField(const std::string& text, const std::string& name);
// Places from the seed; nodes in the order of groups.
std::vector<FieldNode> DrawNodes(const FieldScenario& field);
// Every node gets this radio and no other.
void KeepOnly(RadioKind kind, FieldScenario* field);
// A small field of the same shape for a first look and for tests: groups of more than nine nodes
// keep a ninth, all distances are a third, times stay. Faults of nodes that are gone meet others.
void Shrink(FieldScenario* field);
// What a fault may be called, separated by spaces.
const std::string& FieldFaultKinds();

}  // namespace selvage::sim
