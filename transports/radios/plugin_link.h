// A link over a plug-in: what selvage/transport.h describes in C, as a Transport.
//
// Frames are cut into the plug-in's units above it (small_link.h), so a plug-in whose largest unit
// changes with the weather is nothing special. A plug-in that breaks its contract is counted, and
// believed no further than plugin_rules.h allows: it may make the link slow, lossy or dead, never
// the node. One that cannot start is tried again for ever, ever less often.
// See transport.h for the thread rule.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/random.h"
#include "transports/plugin/plugin_driver.h"
#include "transports/plugin/plugin_rules.h"
#include "transports/small/small_link.h"

namespace selvage {

class PluginLink final : public SmallLink {
 public:
  static constexpr int kEventsPerTurn = 64;  // others want their turn too
  static constexpr int kEmptyWakesMax = 64;  // in a row, then the descriptor rests
  static constexpr Duration kDescriptorRest = 100ms;
  static constexpr Duration kStartAgainMin = 1s;
  static constexpr Duration kStartAgainMax = 60s;
  static constexpr std::size_t kPeersSampledMax = 256;

  PluginLink(const TransportContext& context, std::unique_ptr<PluginDriver> driver,
             std::uint64_t seed);
  ~PluginLink() override;

  absl::Status Start() override;
  void Send(const PeerAddress& to, ByteSpan frame) override;
  std::optional<LinkTelemetry> Telemetry(const PeerAddress& peer) const override;
  std::string RadioState() const override;
  const PluginFaults& faults() const { return faults_; }

 private:
  // ---- UnitCarrier
  std::size_t unit_bytes_max() const override { return caps_.mtu; }
  SendAnswer SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) override;
  // ---- SmallLink
  void OnRadioTimeout(Time now) override;
  Time RadioDeadline() const override;

  void StartDriver(Time now);
  void Watch();
  void Unwatch();
  void OnReadable();
  bool Service(Time now);  // whether there was anything to do
  void OnEvent(Time now, const selvage_event& event);
  void ReadCaps(Time now);
  // Runs a call into the plug-in and counts it when it blocked.
  template <typename F>
  auto Timed(F&& call);

  std::unique_ptr<PluginDriver> driver_;
  Random random_;
  PluginFaults faults_;
  PluginCaps caps_;
  PluginSchema schema_;
  bool started_ = false;
  Time start_at_ = Time::min();
  Duration start_again_ = kStartAgainMin;
  std::string start_error_;
  int fd_ = -1;  // watched; a duplicate of the plug-in's
  int empty_wakes_ = 0;
  Time rests_until_ = kNever;  // the descriptor is not watched
  Time service_at_ = kNever;
  bool wake_ = false;  // the queue, after the events at hand
  bool read_caps_ = false;  // at the next opportunity
  std::uint64_t token_ = 0;
  std::uint64_t sent_failed_ = 0;
  std::map<PeerAddress, LinkTelemetry> samples_;
  std::map<PeerAddress, std::string> others_;
};

// InvalidArgument when the plug-in cannot be loaded or refuses its settings. The section's options:
// "plugin" (the file), "isolated", "host_socket", "plugin_host", "setting.KEY".
absl::StatusOr<std::unique_ptr<Transport>> CreatePluginLink(const TransportContext& context);

// Makes plug-ins known to the registry: sections that name no built-in transport become theirs. May
// be called again; one thread.
void RegisterPlugins();

}  // namespace selvage
