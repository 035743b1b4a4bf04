// Protocol time: a monotonic instant that is always an argument, never read here.
//
// `Time` has no `now()`. The driver (node runtime on a device, ns-3 in simulation) reads its clock
// once per event and hands the value in; protocol code only compares and adds. The origin is
// arbitrary but fixed while a process lives, and time never goes back.
#pragma once

#include <chrono>
#include <cstdint>

namespace selvage {

// Clock tag without now(): makes "reading a clock inside a protocol machine" a compile error.
struct ProtocolClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ProtocolClock, duration>;
  static constexpr bool is_steady = true;
};

using Duration = ProtocolClock::duration;
using Time = ProtocolClock::time_point;

using namespace std::chrono_literals;  // NOLINT: durations are written 20ms throughout the tree

// "Never": later than every deadline; what NextDeadline() returns when nothing is pending.
inline constexpr Time kNever = Time::max();

// Seconds since the Unix epoch (UTC). Enters as its own input, for expiry only; 0 = unknown.
using WallSeconds = std::uint64_t;

constexpr Time TimeFromNanos(std::int64_t ns) { return Time(Duration(ns)); }
constexpr std::int64_t ToNanos(Time t) { return t.time_since_epoch().count(); }
constexpr std::int64_t ToMicros(Duration d) { return d.count() / 1000; }
constexpr double ToMillis(Duration d) { return static_cast<double>(d.count()) / 1e6; }
constexpr double ToSeconds(Duration d) { return static_cast<double>(d.count()) / 1e9; }

}  // namespace selvage
