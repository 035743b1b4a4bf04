// Asks the kernel's nl80211 once a second about the stations and the channel of one interface.
//
// Where there is no nl80211 (a kernel without Wi-Fi, a container) or the interface is not a Wi-Fi
// one, there is no telemetry, state() says why, and it is asked again now and then: drivers come
// and go. Nothing waits for the kernel: answers come through the reactor. Thread rule: the
// reactor's thread.
#pragma once

#include <memory>
#include <string>

#include "core/time.h"
#include "transports/reactor.h"
#include "transports/reactor_timer.h"
#include "transports/wifi/wifi_sampler.h"

namespace selvage::wifi {

class WifiTelemetry {
 public:
  static constexpr Duration kInterval = 1s;
  static constexpr Duration kRetry = 10s;
  static constexpr Duration kAnswerMax = 5s;  // a dump without an end is given up

  WifiTelemetry(Reactor& reactor, std::string interface);
  ~WifiTelemetry();
  WifiTelemetry(const WifiTelemetry&) = delete;
  WifiTelemetry& operator=(const WifiTelemetry&) = delete;

  void Start();
  const WifiSampler& sampler() const { return sampler_; }
  // For people: "nl80211", or why there is nothing.
  const std::string& state() const { return state_; }

 private:
  enum class Step { kIdle, kFamily, kStations, kSurvey };
  bool Open();
  void Close(const std::string& why);
  void OnDue();
  void OnReadable();
  void OnMessage(const Message& m);
  void Ask(Step step, Bytes request);
  void Finish(const std::string& state, Duration again);

  Reactor& reactor_;
  const std::string interface_;
  std::unique_ptr<ReactorTimer> timer_;
  int fd_ = -1;
  Step step_ = Step::kIdle;
  std::uint16_t family_ = 0;
  std::uint32_t sequence_ = 0;
  int index_ = 0;
  WifiSampler sampler_;
  std::string state_ = "nl80211 was not asked yet";
  Bytes buffer_;
};

}  // namespace selvage::wifi
