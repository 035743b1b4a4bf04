// What the host believes of a plug-in, and counts when it does not.
//
// A plug-in is somebody else's code or, behind a socket, somebody else's process. Its numbers are
// brought into their ranges here before anything above sees them. No clock; not thread safe.
#pragma once

#include <string>
#include <vector>

#include "core/link.h"
#include "core/link_telemetry.h"
#include "transports/plugin/plugin_driver.h"
#include "transports/small/unit_carrier.h"

namespace selvage {

// What a plug-in did that its contract forbids.
struct PluginFaults {
  std::uint64_t caps = 0;         // a largest unit out of range, an unknown tariff
  std::uint64_t answers = 0;      // to send(): no such result
  std::uint64_t retries = 0;      // a time to retry that has passed, or is absurdly far
  std::uint64_t too_long = 0;     // units longer than any may be
  std::uint64_t events = 0;       // of no kind, or without what belongs to it
  std::uint64_t telemetry = 0;    // values out of their own schema's range
  std::uint64_t empty_wakes = 0;  // awake with nothing to do, again and again
  std::uint64_t slow_calls = 0;   // longer than kSlowCall
  std::uint64_t total() const {
    return caps + answers + retries + too_long + events + telemetry + empty_wakes + slow_calls;
  }
  // "3 units too long, 1 slow call"; empty when there are none.
  std::string ToText() const;
};

inline constexpr Duration kSlowCall = 50ms;
// Later than that nobody can promise to be ready again; what is not budget is asked again then.
inline constexpr Duration kRetryMax = std::chrono::minutes(1);
inline constexpr Duration kBudgetRetryMax = std::chrono::hours(24 * 32);  // a month that is paid

// selvage_transport_caps within its ranges.
struct PluginCaps {
  bool up = false;
  bool can_send_now = false;
  std::size_t mtu = SELVAGE_UNIT_MIN;
  Time window_opens = Time::min();
  Time window_closes = kNever;
  bool has_budget = false;
  std::uint64_t budget_bytes_left = 0;
  Time budget_renews = kNever;
  LinkInfo info;       // without name, transport and MTU, which depend on who asks
  std::string reason;  // at most 200 characters, printable
};

PluginCaps CheckCaps(const selvage_transport_caps& caps, PluginFaults* faults);
SendAnswer CheckAnswer(Time now, int result, std::int64_t retry_at_ns, PluginFaults* faults);
// Whether an event may be used: kind, pointers, lengths.
bool CheckEvent(const selvage_event& event, PluginFaults* faults);
// A nanosecond count as time; SELVAGE_NEVER is kNever.
inline Time PluginTime(std::int64_t ns) {
  return ns == SELVAGE_NEVER ? kNever : TimeFromNanos(ns);
}
// At most `most` bytes of what a plug-in calls text, printable characters of ASCII alone.
std::string PluginText(const char* text, std::size_t most);

// The schema of a plug-in's telemetry, and its samples in the terms of ours.
class PluginSchema {
 public:
  PluginSchema() = default;
  // Fields with a bad name or an empty range are counted and read over.
  PluginSchema(const std::vector<selvage_telemetry_field>& fields, PluginFaults* faults);
  // What Selvage has a name for goes into the sample, the rest into *others ("battery_v 3.7 V").
  LinkTelemetry Read(Time now, const selvage_event& event, std::string* others,
                     PluginFaults* faults) const;
  std::size_t size() const { return fields_.size(); }

 private:
  struct Field {
    std::string name;
    std::string unit;
    double least = 0;
    double most = 0;
    bool usable = false;
    const TelemetryField* ours = nullptr;
  };
  std::vector<Field> fields_;
};

}  // namespace selvage
