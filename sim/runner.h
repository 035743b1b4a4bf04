// One run: builds the simulated world of a scenario, runs it, and measures every flow.
//
// ns-3 keeps global state (node list, addresses, random streams): one process makes one run.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sim/campaign.h"
#include "sim/fault_injector.h"
#include "sim/layout.h"
#include "sim/ledger.h"
#include "sim/metrics.h"
#include "sim/protocol.h"
#include "sim/scenario.h"

namespace selvage::sim {

struct RunInput {
  Scenario scenario;
  Layout layout;
  std::vector<FaultEvent> script;  // empty: the fault's target is resolved by the rule
  std::string pcap;       // not empty: PREFIX of a file per node with its Wi-Fi frames
  std::string animation;  // not empty: a file for NetAnim
};

// Packets sent and arrived.
struct Delivered {
  std::uint64_t sent = 0;
  std::uint64_t got = 0;
  void Add(bool arrived) {
    ++sent;
    got += arrived;
  }
};

struct RunOutput {
  std::string target;
  std::vector<FaultEvent> events;
  std::vector<bool> affected;                      // by flow
  // By flow, in seconds; < 0: never. When its last packet crossed the broken link, and when the
  // first of its frames was lost there (abstract links).
  std::vector<double> last_crossing_s;
  std::vector<double> first_frame_lost_s;
  std::vector<std::vector<PacketRecord>> packets;  // by flow
  std::uint64_t duplicates = 0;
  ByteCounts before;
  ByteCounts after;
  std::uint64_t walk_bound = 0;       // hops
  std::uint64_t walk_longest = 0;     // hops
  std::uint64_t walk_violations = 0;  // walks beyond the bound
  std::uint64_t effects_hash = 0;
  std::map<std::string, std::uint64_t> counters;
  std::map<std::string, std::uint64_t> counters_after;  // of these, what was added since the fault
  std::map<std::string, std::uint64_t> counters_merge;  // ... since a partition's merge; else empty
  std::vector<Incident> incidents;
  Delivered connected;                // packets sent while their flow's ends had a path of links
  Delivered connected_late;           // of these, in the last 2 s before the nodes moved again
  std::vector<Injection> injections;  // campaign
  std::vector<std::vector<std::uint32_t>> duplicate_of;  // by flow: packets that came again
  std::uint64_t simulator_events = 0;
  double simulated_s = 0;
  double wall_s = 0;
  double cpu_s = 0;
  double rss_mb = 0;  // largest resident set, 10^6 bytes
};

// Runs to the end. InvalidArgument: the fault target is no node or link of the layout.
absl::StatusOr<RunOutput> Run(const RunInput& input);

}  // namespace selvage::sim
