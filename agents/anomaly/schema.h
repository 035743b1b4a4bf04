// What the features of a sample are: names, units, plausible ranges and how each is treated.
//
// The model works on plain vectors of floats. The schema says once what each place holds, so that
// whoever fills a sample, reads a blame share or explains an alarm speaks of the same thing. A
// value that is not there is NaN, never zero and never the last one repeated.
#pragma once

#include <cstddef>
#include <cstdint>

namespace selvage::anomaly {

// How a value is read before it meets its baseline.
enum class FeatureKind : std::uint8_t {
  kPlain,   // as it is
  kSignal,  // a radio level or a battery: as it is, with a known natural spread (`noise`)
  kSkewed,  // delays, queues, rates: log(1 + x / noise), as their spread grows with their level
  kRatio,   // a share of 0 to 1 with a natural spread of `noise`
};

struct Feature {
  const char* name;
  const char* unit;
  FeatureKind kind;
  float low;  // plausible range; what lies outside it is read as missing (a broken sensor, a lie)
  float high;
  float noise;  // spread below which a change means nothing, in the unit; 0: nothing is known
};

// A list of features with static lifetime.
struct Schema {
  const char* name;
  const Feature* features;
  std::size_t count;
};

// One sample of a link, as the node sees it.
const Schema& LinkSchema();
// One sample of the machine the node runs on.
const Schema& NodeSchema();

// Place of the feature of this name, or -1.
int FindFeature(const Schema& schema, const char* name);

}  // namespace selvage::anomaly
