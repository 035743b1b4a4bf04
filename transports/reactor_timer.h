// A one-shot timer of one transport on the reactor.
//
// The reactor itself has one timer, which belongs to the node; a transport that wants to be woken
// brings a descriptor. Thread rule: the reactor's thread.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "core/time.h"
#include "transports/reactor.h"

namespace selvage {

class ReactorTimer {
 public:
  // `on_due` is called from the reactor. ResourceExhausted without a free descriptor.
  static absl::StatusOr<std::unique_ptr<ReactorTimer>> Create(Reactor& reactor,
                                                              std::function<void()> on_due);
  ~ReactorTimer();
  ReactorTimer(const ReactorTimer&) = delete;
  ReactorTimer& operator=(const ReactorTimer&) = delete;

  // Due `delay` from now (at once: next turn); replaces what was set.
  void Arm(Duration delay);
  // Due at `at` as the reactor's clock has it; kNever disarms.
  void ArmAt(Time at);

 private:
  ReactorTimer(Reactor& reactor, int fd, std::function<void()> on_due);
  Reactor& reactor_;
  const int fd_;
};

}  // namespace selvage
