#include "transports/reactor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace selvage {
namespace {

// A deadline served later than this means that the process was held up: look at the descriptors
// again before anything is judged late.
constexpr Duration kHeldUp = 1ms;

// Sleeps in ppoll, which counts nanoseconds and is one system call, and asks zmq_poll only about
// ZeroMQ sockets: on its own zmq_poll looks twice at everything in each turn and counts
// milliseconds (a relay's turn at 1,000 packets a second: 14.4 us that way, 13.1 us this way).
class ZmqReactor final : public Reactor {
 public:
  explicit ZmqReactor(int stop_fd) : stop_fd_(stop_fd) { now_ = ReadClock(); }
  ~ZmqReactor() override { close(stop_fd_); }

  void AddFd(int fd, Handler on_readable) override { Add(nullptr, fd, std::move(on_readable)); }
  void RemoveFd(int fd) override { Remove(nullptr, fd); }
  void AddZmqSocket(void* socket, Handler on_readable) override {
    Add(socket, -1, std::move(on_readable));
  }
  void RemoveZmqSocket(void* socket) override { Remove(socket, -1); }
  void SetTurnEnd(std::function<Time(Time now)> turn_end) override {
    turn_end_ = std::move(turn_end);
    next_ = now_;
  }

  Time now() const override { return now_; }
  Time ReadClock() override {
    timespec ts{};
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return TimeFromNanos(static_cast<std::int64_t>(ts.tv_sec) * 1000000000 + ts.tv_nsec);
  }

  void RunOnce() override {
    RebuildIfChanged();
    const Time wanted = next_;
    // Sending and receiving consume a ZeroMQ socket's wake-up, so its descriptor alone may stay
    // quiet while messages wait: look before sleeping.
    const bool waiting = LookAtSockets();
    Sleep(waiting ? Time::min() : wanted);
    Dispatch();
    if (wanted < now_ - kHeldUp) {
      RebuildIfChanged();
      LookAtSockets();
      Sleep(Time::min());
      Dispatch();
    }
    next_ = turn_end_ ? turn_end_(now_) : kNever;
  }

  void Run() override {
    while (!stop_.exchange(false)) RunOnce();
  }

  void Stop() override {
    stop_ = true;
    const std::uint64_t one = 1;
    // Only async-signal-safe calls here. A full counter is readable too, so failure is harmless.
    [[maybe_unused]] const ssize_t n = write(stop_fd_, &one, sizeof(one));
  }

 private:
  struct Source {
    void* socket;
    int fd;
    Handler on_readable;
    bool removed = false;
  };
  void Add(void* socket, int fd, Handler on_readable) {
    sources_.push_back(std::make_shared<Source>(Source{socket, fd, std::move(on_readable)}));
    changed_ = true;
  }

  void Remove(void* socket, int fd) {
    for (const auto& s : sources_) {
      if (!s->removed && s->socket == socket && s->fd == fd) {
        s->removed = true;
        changed_ = true;
        return;
      }
    }
  }

  void RebuildIfChanged() {
    if (!changed_) return;
    changed_ = false;
    std::vector<std::shared_ptr<Source>> kept;
    for (auto& s : sources_) {
      if (!s->removed) kept.push_back(std::move(s));
    }
    sources_ = std::move(kept);
    // One order in all three, descriptors before sockets: sources_[i] sleeps on fds_[i + 1], and
    // items_ stands for the last of them.
    std::stable_partition(sources_.begin(), sources_.end(),
                          [](const auto& source) { return source->socket == nullptr; });
    fds_.assign(1, {stop_fd_, POLLIN, 0});
    items_.clear();
    for (const auto& source : sources_) {
      int fd = source->fd;
      if (source->socket != nullptr) {
        std::size_t size = sizeof(fd);
        zmq_getsockopt(source->socket, ZMQ_FD, &fd, &size);
        items_.push_back({source->socket, 0, ZMQ_POLLIN, 0});
      }
      fds_.push_back({fd, POLLIN, 0});
    }
  }

  // True when a ZeroMQ socket has a message; which ones is in items_.
  bool LookAtSockets() {
    return !items_.empty() && zmq_poll(items_.data(), static_cast<int>(items_.size()), 0) > 0;
  }

  // Until a descriptor is readable or `until` has come; a time in the past only looks.
  void Sleep(Time until) {
    timespec timeout{};
    if (until != kNever && until > Time::min()) {
      const Duration left = until - ReadClock();
      if (left > Duration(0)) {
        timeout.tv_sec = left.count() / 1000000000;
        timeout.tv_nsec = left.count() % 1000000000;
      }
    }
    ready_ = ppoll(fds_.data(), fds_.size(), until == kNever ? nullptr : &timeout, nullptr);
    now_ = std::max(now_, ReadClock());
  }

  void Dispatch() {
    // EINTR: a signal handler has run, the caller looks around; only what was seen before counts.
    if (ready_ <= 0) {
      for (pollfd& item : fds_) item.revents = 0;
    }
    if (fds_[0].revents != 0) {
      std::uint64_t ignored;
      [[maybe_unused]] const ssize_t n = read(stop_fd_, &ignored, sizeof(ignored));
    }
    const std::size_t count = fds_.size() - 1;
    const std::size_t plain = count - items_.size();
    bool stirred = false;
    for (std::size_t i = plain; i < count; ++i) stirred |= fds_[i + 1].revents != 0;
    if (stirred) LookAtSockets();
    // Handlers may add (at the end, seen next turn) and remove (marked, skipped) at will.
    for (std::size_t i = 0; i < count; ++i) {
      const bool ready = i < plain ? fds_[i + 1].revents != 0 : items_[i - plain].revents != 0;
      if (!ready) continue;
      const std::shared_ptr<Source> source = sources_[i];
      if (!source->removed) source->on_readable();
    }
    for (zmq_pollitem_t& item : items_) item.revents = 0;
  }

  const int stop_fd_;
  std::atomic<bool> stop_{false};
  std::vector<std::shared_ptr<Source>> sources_;
  std::vector<pollfd> fds_;             // [0] is the stop signal
  std::vector<zmq_pollitem_t> items_;
  bool changed_ = true;
  std::function<Time(Time)> turn_end_;
  Time now_{};
  Time next_ = kNever;  // what turn_end_ asked for
  int ready_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Reactor>> Reactor::Create() {
  const int stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (stop_fd < 0) {
    return absl::ResourceExhaustedError(std::string("cannot make an event descriptor: ") +
                                        std::strerror(errno) +
                                        " (raise the limit of open files, ulimit -n)");
  }
  return std::unique_ptr<Reactor>(std::make_unique<ZmqReactor>(stop_fd));
}

}  // namespace selvage
