// A scenario: what a run simulates, read from TOML and overridden by `--set KEY=VALUE`.
//
// Every key is flat, so that each line of a scenario file can be overridden by name. Unknown keys
// and values that do not fit are errors that name the place and say what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace selvage::sim {

// All times in seconds of simulated time, all powers in dBm, all distances in metres.
struct Scenario {
  std::string protocol = "selvage";  // selvage | aodv | olsr | dsdv
  std::string topology = "grid";     // grid | rgg | random
  std::uint32_t nodes = 25;          // grid: a square number
  double degree = 7.0;               // rgg, random: mean degree aimed at (rgg: before the border)
  double field_m = 0;                // rgg: side of the square; 0: as `degree` asks
  double move_m = 0;                 // > 0: each node moves up to so far (Wi-Fi, rgg) ...
  double move_every_s = 10;          // ... at the traffic's start and this often
  double range_m = 0;                // Wi-Fi: how far a link reaches; 0: NominalRangeMetres()
  std::string link = "wifi";         // wifi | abstract: links without PHY and MAC (Selvage only)
  std::uint64_t seed = 1;            // topology, flows, faults, ns-3's run number, keys

  std::string fault = "none";       // see IsFault
  std::string target = "measured";  // measured | NODE | A-B
  double fault_s = -1;    // < 0: 60 + 15 * frac(seed * golden ratio); sim/README.md says why
  double pre_s = 20;      // traffic before the fault
  double window_s = 120;  // traffic after the fault
  double drain_s = 5;     // simulated after the traffic ended
  std::uint32_t injections = 20;  // campaign: that many faults, ...
  double hold_s = 6;              // ... each for this time, ...
  double settle_s = 9;            // ... then this long nothing new
  std::string attack = "blackhole";  // attack: blackhole | drop20 | accuse | lie | mixed, by ...
  double attackers = 0.1;            // ... this share of the nodes, none of them a flow's end
  double heal_s = 0;              // > 0: a fault of a node or link is undone after this time
  double loss_share = 0.5;        // gray, loss
  double ramp_s = 20;             // ramp: 0 to 100 % loss in this time
  double fade_db = 30;            // fade: the margin falls by this in ramp_s, and stays there
  double leave_mps = 5;           // leave: how fast the node drives out of the field
  double partition_s = 30;
  double churn_every_s = 10;
  double drift_share = 0.01;  // drift: of all links change state each minute, from pre_s on, ...
  double drift_hold_s = 60;   // ... each comes back after this time
  std::uint32_t mtu_bytes = 400;  // mtu: larger frames are lost
  std::uint32_t flap_times = 5;   // flap: dead and whole again so often, ...
  double flap_half_s = 1;         // ... each for this time

  std::uint32_t flows = 10;
  std::uint32_t min_hops = 3;        // between the ends of a flow
  double rate = 10;                  // packets per second and flow
  std::uint32_t payload_bytes = 64;  // application payload of one packet, at least 16

  // Abstract links, each direction for itself; sim/abstract_network.h.
  double abstract_rate_kbps = 10000;
  double abstract_delay_ms = 1;
  double abstract_jitter_ms = 0;  // more delay, uniform, never overtaking
  // > 0: links are radios with this margin over the least signal that works, in dB, which wanders,
  // and say so; frames get lost as the margin nears 0. 0: no radio (fault fade: 20).
  double abstract_margin_db = 0;
  double abstract_loss = 0;       // share of frames lost at random while nothing is broken
  std::uint32_t abstract_queue_packets = 100;

  // Selvage only.
  std::string traffic_class = "telemetry";  // key `class`
  std::string crypto = "standin";           // standin | sodium
  std::uint32_t critical_flows = 0;         // the first so many flows are of class critical instead
  bool healing = true;
  std::string model = "on";  // on | off | threshold: fixed limits instead of the anomaly model
  bool quarantine = true;
  bool wifi_signal = false;     // on Wi-Fi the radio tells how strong each neighbour's frames are
  double start_jitter_s = 0.1;  // node i starts within [0, this), by seed

  double traffic_start_s() const { return fault_s - pre_s; }
  double end_s() const { return fault_s + window_s; }
  std::string ClassOf(std::uint32_t flow) const {
    return flow < critical_flows ? "critical" : traffic_class;
  }
  bool abstract() const { return link == "abstract"; }
};

// Fault kinds: none crash silent oneway gray ramp fade mtu blackhole partition churn drift flap
// loss leave attack campaign.
bool IsFault(std::string_view kind);

using Settings = std::vector<std::pair<std::string, std::string>>;

// Sets one key. InvalidArgument when there is no such key or the value does not fit it.
absl::Status ApplySetting(std::string_view key, std::string_view value, Scenario* scenario);

// Reads `path`, then applies `settings` in order, then checks the whole and settles fault_s.
// NotFound: no such file. InvalidArgument: file:line:column, what is wrong, what would be right.
absl::StatusOr<Scenario> LoadScenario(const std::string& path, const Settings& settings);

// Checks ranges over all keys and fills in fault_s when it is negative.
absl::Status FinishScenario(Scenario* scenario);

// "KEY=VALUE" -> pair. InvalidArgument when there is no '='.
absl::StatusOr<std::pair<std::string, std::string>> ParseSetting(std::string_view text);

}  // namespace selvage::sim
