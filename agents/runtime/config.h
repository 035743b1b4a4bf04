// The agent's configuration: one TOML file, checked completely before anything starts.
//
// Unknown keys are errors, because a misspelt key that is silently ignored shows up as a network
// that behaves strangely weeks later. Every error says file, line, column, what is wrong and what
// would be right: "/etc/selvage.toml:9:1: unknown key 'intreface' in [[link]]; did you mean
// 'interface'?". Nothing here looks at the machine: whether an interface exists is found out when
// the link starts. PrintDefaultConfig() is the reference of all keys.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agents/healer/healer.h"
#include "agents/healer/rules.h"
#include "agents/scorer/onnx_scorer.h"
#include "core/ids.h"
#include "transports/transport.h"

namespace selvage {

struct TunConfig {
  static constexpr int kMtuMin = 576;  // every IPv4 host must take that much (RFC 791)
  static constexpr int kMtuMax = 65535;

  std::string name = "selvage0";  // at most 15 characters (IFNAMSIZ - 1)
  std::string address;            // canonical text, IPv4 or IPv6, without the prefix length
  int prefix_length = 0;
  int mtu_bytes = 1280;
  TrafficClass traffic_class = TrafficClass::kReliable;
};

// What may wait, in memory and on the disk. See agents/delivery/sender.h and custody.h.
struct OutboxConfig {
  static constexpr std::int64_t kMessagesMax = 1'000'000;
  static constexpr std::int64_t kMegabytesMax = 4096;

  std::int64_t messages = 16384;  // this node's own, without receipt
  std::int64_t megabytes = 32;
  std::int64_t carried_messages = 8192;  // for others; 0: carries nothing
  std::int64_t carried_megabytes = 16;
};

// The anomaly model and what may be done on its word; docs/anomaly.md.
struct ModelSection {
  static constexpr double kDecadesMin = 3;
  static constexpr double kDecadesMax = 9;
  static constexpr std::int64_t kActionsMax = 3600;

  bool enabled = true;
  bool thresholds_only = false;
  bool share = true;
  double alarm_decades = 5.8;
  std::int64_t actions_per_hour = 60;
  std::vector<Action> advise;  // said, not done
  // A model of the user's own; docs/own-model.md.
  static constexpr std::int64_t kScorerBudgetMax = 10'000;
  std::string onnx;  // file; empty: none
  OnnxScorer::Output onnx_output = OnnxScorer::Output::kByShape;
  std::string scorer;  // shared object, instead of onnx; empty: none
  std::map<std::string, std::string> scorer_settings;
  std::int64_t scorer_budget_us = 50;  // for one window
  std::vector<Rule> rules;             // of the operator: [[healer.rule]]

  bool wants_scorer() const { return enabled && (!onnx.empty() || !scorer.empty()); }
};

struct AgentConfig {
  static constexpr std::size_t kLinksMax = 255;
  static constexpr std::size_t kFileBytesMax = 1 << 20;
  static constexpr std::size_t kStreamKeysMax = 4096;

  std::string source;  // file the configuration came from, for messages; empty: text
  std::string node_name;
  std::string state_dir;
  bool healing = true;
  bool quarantine = true;      // checks neighbours and heeds testimonies
  std::string control_socket;  // empty: off
  std::string http_listen;     // empty: off
  std::string api_endpoint;    // "ipc://PATH"; empty: off
  std::string log_level = "info";
  bool lab = false;
  std::optional<TunConfig> tun;
  OutboxConfig outbox;
  ModelSection model;
  // Where NAME.so is for `transport = "NAME"` that is not built in.
  std::string plugin_directory = "/usr/lib/selvage/transports";
  std::vector<LinkConfig> links;
  // Keys that may dial in on stream lanes (stream_identity.h), of all links together.
  std::vector<std::string> stream_keys_allowed;
};

// Parses and checks `text`; `source` is the file's name in messages.
// Errors: InvalidArgument, with one line for each mistake found (at most 20).
absl::StatusOr<AgentConfig> ParseConfig(std::string_view text, const std::string& source);

// Reads the file, then ParseConfig. Errors also: NotFound, PermissionDenied, Unavailable (reading
// failed), InvalidArgument when it is larger than kFileBytesMax.
absl::StatusOr<AgentConfig> LoadConfig(const std::string& path);

// A commented file with every key; it parses.
std::string PrintDefaultConfig();

}  // namespace selvage
