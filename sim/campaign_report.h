// What each fault of a campaign did to each flow that it met.
#pragma once

#include <string>
#include <vector>

#include "sim/csv.h"
#include "sim/runner.h"

namespace selvage::sim {

// One row per fault and flow met; one with flow "-" for a fault that met none. Empty when the run
// was no campaign. sim/README.md names the columns.
std::vector<Row> InjectionRows(const RunInput& input, const RunOutput& output);

// Lines for people: injections by class. Empty when the run was no campaign.
std::string CampaignSummary(const RunInput& input, const RunOutput& output);

}  // namespace selvage::sim
