// A plug-in as the host sees it, wherever it runs: the functions of selvage/transport.h on one
// instance.
//
// Implementations: LocalDriver (in this process), RemoteDriver (in one of its own). Nothing that
// comes out of one is trusted; plugin_rules.h says what is wrong with it. Thread rule and ownership
// are those of selvage/transport.h.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/time.h"
#include "transports/include/selvage/transport.h"

namespace selvage {

class PluginDriver {
 public:
  virtual ~PluginDriver() = default;
  // Descriptor and schema may be asked for afterwards.
  virtual absl::Status Start(Time now) = 0;
  virtual void Stop(Time now) = 0;
  virtual selvage_transport_caps Caps(Time now) = 0;
  virtual int Send(Time now, const selvage_unit& unit, std::int64_t* retry_at_ns) = 0;
  virtual int fd() = 0;
  virtual std::int64_t NextDeadline() = 0;
  // False: nothing more now. What *event points to is valid until the next call.
  virtual bool NextEvent(Time now, selvage_event* event) = 0;
  virtual std::vector<selvage_telemetry_field> Schema() = 0;
  // Faults on purpose; false when there is no such fault.
  virtual bool InjectFault(Time now, selvage_fault fault, bool on) { return false; }
};

// What an instance is made from, kept: a driver in another process is made again and again.
struct PluginSettings {
  std::string interface;
  std::vector<std::pair<std::string, std::string>> settings;
  std::uint64_t seed = 0;
};

}  // namespace selvage
