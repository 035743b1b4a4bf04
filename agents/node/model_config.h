// How a node watches its links and itself, and what may be done on the model's word.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/healer/healer.h"
#include "agents/healer/rules.h"
#include "agents/scorer/scorer.h"

namespace selvage {

struct ModelConfig {
  bool enabled = true;
  // Judge by fixed limits instead (for comparison).
  bool thresholds_only = false;
  // One false alarm in 10^this samples of a link. 5.8: one a day on a node with 8 links in use.
  float alarm_decades = 5.8F;
  // Tell neighbours scale, shape and tails of what was learnt, and begin new models with theirs.
  bool share = true;
  // A model of the user's own beside the built-in one; all links take turns. Null: none.
  std::shared_ptr<Scorer> scorer;
  // How loading it went, for people; told as an event when the node starts. Empty: none was wanted.
  std::string scorer_note;
  HealerOptions healer;
  std::vector<Rule> rules;  // of the operator; Rule::kRulesMax at most
};

}  // namespace selvage
