// The one event loop of a node: descriptors in epoll, ZeroMQ sockets by zmq_poll, one timer.
//
// It sleeps in epoll with a timeout in nanoseconds (zmq_poll counts in milliseconds). The order in
// one turn is fixed: every ready descriptor first, the timer last, so that frames that arrived
// while the process was held up are seen before any timeout is judged.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "core/time.h"

namespace selvage {

class Reactor {
 public:
  using Handler = std::function<void()>;

  static absl::StatusOr<std::unique_ptr<Reactor>> Create();
  virtual ~Reactor() = default;

  // Calls `on_readable` whenever the descriptor (or ZeroMQ socket, a `void*` from zmq_socket) has
  // something to read. A handler may add and remove anything, itself too.
  virtual void AddFd(int fd, Handler on_readable) = 0;
  virtual void RemoveFd(int fd) = 0;
  virtual void AddZmqSocket(void* socket, Handler on_readable) = 0;
  virtual void RemoveZmqSocket(void* socket) = 0;

  // Called at the end of every turn, before sleeping again; returns when it wants to be called next
  // even if nothing arrives. One such function.
  virtual void SetTurnEnd(std::function<Time(Time now)> turn_end) = 0;

  // CLOCK_MONOTONIC, read once per turn (after the wait).
  virtual Time now() const = 0;
  // Reads the clock anew.
  virtual Time ReadClock() = 0;

  // Waits for events until the time TurnEnd asked for and dispatches them once.
  virtual void RunOnce() = 0;
  // RunOnce until Stop(). Stop may be called from any thread and from a signal handler.
  virtual void Run() = 0;
  virtual void Stop() = 0;
};

}  // namespace selvage
