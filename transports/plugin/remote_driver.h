// A plug-in in a process of its own, seen from the agent: what it does there cannot hurt here.
//
// The process is started as a child (selvage-transport-host beside the running program, or in
// PATH), or is there already behind a socket. When it dies, says nonsense, or says nothing for
// kSilenceMax, the link is down and the process is killed and started again after a while that
// doubles up to kRestartMax, for ever. Sending is believed at once and answered later: a unit that
// the plug-in refuses is lost like one on air, and repeated like one.
// Thread rule: see selvage/transport.h.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "transports/plugin/plugin_driver.h"
#include "transports/plugin/remote_wire.h"

namespace selvage {

class RemoteDriver final : public PluginDriver {
 public:
  static constexpr Duration kRestartMin = 500ms;
  static constexpr Duration kRestartMax = 30s;
  static constexpr Duration kSettled = 60s;  // has run that long: the next pause is short again
  static constexpr Duration kPingInterval = 1s;
  static constexpr Duration kSilenceMax = 5s;

  struct Options {
    std::string plugin;       // the shared object: a process is started for it
    std::string host_socket;  // or: where one listens
    std::string program;      // empty: see FindHostProgram
  };
  RemoteDriver(Options options, PluginSettings settings);
  ~RemoteDriver() override;

  absl::Status Start(Time now) override;
  void Stop(Time now) override;
  selvage_transport_caps Caps(Time now) override;
  int Send(Time now, const selvage_unit& unit, std::int64_t* retry_at_ns) override;
  int fd() override { return epoll_; }
  std::int64_t NextDeadline() override;
  bool NextEvent(Time now, selvage_event* event) override;
  std::vector<selvage_telemetry_field> Schema() override;
  // Of the child; 0 when there is none.
  pid_t process() const { return child_; }
  std::uint64_t restarts() const { return restarts_; }

  // selvage-transport-host beside the running program; its bare name, for PATH, when it is not
  // there.
  static std::string FindHostProgram();

 private:
  absl::Status Launch();
  absl::Status Spawn(int theirs);
  void Lose(Time now, const std::string& reason);
  void Reap();
  // One packet; true when it makes an event.
  bool OnMessage(Time now, ByteSpan message, selvage_event* event);
  bool OnAnswer(Time now, const RemoteAnswer& answer, selvage_event* event);
  static bool Give(std::uint32_t kind, selvage_event* event);

  const Options options_;
  const PluginSettings settings_;
  Random random_;
  int epoll_ = -1;
  int socket_ = -1;
  pid_t child_ = 0;
  std::vector<pid_t> left_behind_;  // killed, and not gone yet
  bool running_ = false;  // it has said that it started
  bool wanted_ = false;
  bool tell_ = false;     // the capabilities have changed and nobody was told
  std::string lost_;      // why, noticed while sending; acted upon in NextEvent
  Time launched_at_ = Time::min();
  Time restart_at_ = kNever;
  Duration restart_after_ = kRestartMin;
  std::uint64_t restarts_ = 0;
  Time ping_at_ = kNever;
  Time heard_at_ = Time::min();
  Time serviced_at_ = Time::min();
  std::uint64_t ping_ = 0;
  std::size_t credits_ = 0;
  Time no_budget_until_ = Time::min();
  RemoteCaps caps_;
  RemoteStarted started_;
  RemoteEvent event_;  // the one handed out
};

}  // namespace selvage
