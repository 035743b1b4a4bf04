// Instances of a plug-in on a bench: a clock that can jump, what they said, what was wrong with it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "transports/plugin/loaded_plugin.h"
#include "transports/plugin/plugin_rules.h"

namespace selvage {

// Ends a check; the text is for people.
struct ConformanceFailure {
  std::string text;
};
struct ConformanceSkip {
  std::string text;
};

class ConformanceRig {
 public:
  struct Unit {
    Bytes from;
    Bytes data;
  };
  struct Instance {
    std::unique_ptr<PluginDriver> driver;
    PluginCaps caps;
    PluginFaults faults;
    std::deque<Unit> received;
    PluginSchema schema;
    int samples = 0;
    Duration slowest{0};  // call so far
    std::string slowest_call;
  };

  ConformanceRig(const selvage_transport_api& api, PluginSettings settings, Duration patience)
      : api_(api), settings_(std::move(settings)), patience_(patience) {}

  // Makes, starts and brings up `count` instances. Throws ConformanceFailure.
  void BringUp(int count);
  Instance& at(int i) { return instances_[static_cast<std::size_t>(i)]; }
  Time Now() const;
  void Jump(Duration by) { offset_ += by; }
  // Lets all instances do what is due until `done` or the time is over; whether it was `done`.
  bool Turn(Duration at_most, const std::function<bool()>& done);
  void ReadCaps(Instance* instance);
  // A unit of random bytes; `to` empty: everybody. Sees that the answer is one.
  SendAnswer Send(Instance* from, const Bytes& to, const Bytes& data);
  // The same, but again while the answer is that it is busy.
  SendAnswer SendPatiently(Instance* from, const Bytes& to, const Bytes& data);
  Bytes Random(std::size_t size);
  // Whether the instance has been given exactly this.
  static bool Has(const Instance& instance, const Bytes& data);
  bool Fault(Instance* instance, selvage_fault fault, bool on);
  void Start(Instance* instance);
  Instance Make();
  // Throws for the first fault any instance has, and for calls that blocked.
  void ExpectNoFaults() const;
  Duration patience() const { return patience_; }
  const selvage_transport_api& api() const { return api_; }
  const PluginSettings& settings() const { return settings_; }

 private:
  template <typename F>
  auto Timed(Instance* instance, const char* what, F&& call);
  bool Drain(Instance* instance);

  const selvage_transport_api api_;
  PluginSettings settings_;
  const Duration patience_;
  Duration offset_{0};
  std::uint64_t random_ = 0x2545f4914f6cdd1dull;
  std::uint64_t token_ = 0;
  std::deque<Instance> instances_;
};

// The checks themselves; each throws when it is not satisfied and returns what was seen.
struct ConformanceEntry {
  const char* name;
  const char* what;
  std::string (*run)(ConformanceRig* rig);
};
const std::vector<ConformanceEntry>& ConformanceEntries();

}  // namespace selvage
