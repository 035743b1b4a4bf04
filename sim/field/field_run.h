// One run of a field: builds its world, runs it, and says what arrived, what it cost and what each
// fault did.
//
// One process makes one run (ns-3 keeps global state).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/field/field_scenario.h"
#include "sim/field/radio_set.h"
#include "sim/protocol.h"

namespace selvage::sim {

struct FieldMessage {
  std::size_t traffic = 0;  // in FieldScenario::traffic
  std::uint32_t from = 0, to = 0;
  double sent_s = 0;
  double received_s = -1;  // < 0: never
};

struct FieldRadioUse {
  std::uint32_t nodes = 0;
  RadioMeter meter;  // sums
  std::uint64_t control_bytes_max = 0;  // of the network itself, sent by one node
  double joules = 0;
  double cents = 0;
  double airtime_s = 0;
  double duty_share_max = 0;  // of one node's legal hour, at any look (one a minute)
  std::uint64_t credits = 0;
};

struct FieldOutput {
  std::vector<FieldNode> nodes;
  std::vector<FieldMessage> messages;
  std::map<RadioKind, FieldRadioUse> radios;
  std::vector<Incident> incidents;
  std::map<std::string, std::uint64_t> counters;
  std::uint64_t effects_hash = 0;
  double simulated_s = 0;
  double wall_s = 0;
};

FieldOutput RunField(const FieldScenario& field);

// Delivery by class, use by radio and delivery during each fault, as tables for people.
std::string FieldSummary(const FieldScenario& field, const FieldOutput& output);
// DIR/field.json, messages.csv. False: could not be written.
bool WriteField(const std::string& directory, const FieldScenario& field,
                const FieldOutput& output);

}  // namespace selvage::sim
