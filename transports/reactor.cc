#include "transports/reactor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
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

// A timer served later than this means that the process was held up: look at the descriptors again
// before anything is judged late.
constexpr Duration kHeldUp = 1ms;

class ZmqReactor final : public Reactor {
 public:
  ZmqReactor(int timer_fd, int stop_fd) : timer_fd_(timer_fd), stop_fd_(stop_fd) {
    now_ = ReadClock();
  }
  ~ZmqReactor() override {
    close(timer_fd_);
    close(stop_fd_);
  }

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
    const bool due = wanted <= ReadClock();
    if (!due) Arm();
    Wait(due ? 0 : -1);
    Dispatch();
    if (wanted < now_ - kHeldUp) {
      RebuildIfChanged();
      Wait(0);
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
  // Items 0 and 1 of items_ are the timer and the stop signal; sources follow.
  static constexpr std::size_t kOwnItems = 2;

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
    items_.assign({{nullptr, timer_fd_, ZMQ_POLLIN, 0}, {nullptr, stop_fd_, ZMQ_POLLIN, 0}});
    for (const auto& s : sources_) items_.push_back({s->socket, s->fd, ZMQ_POLLIN, 0});
  }

  // The timer is touched only when it would ring too late: a deadline that moves away with every
  // packet costs nothing, at the price of one idle turn when the old time comes.
  void Arm() {
    const bool rang = armed_ <= now_;
    if (next_ == kNever) {
      if (!rang) return;  // rings once for nothing
      if (armed_ == kDisarmed) return;
    } else if (!rang && armed_ <= next_) {
      return;
    }
    itimerspec spec{};
    if (next_ != kNever) {
      const std::int64_t ns = ToNanos(next_);
      spec.it_value.tv_sec = ns / 1000000000;
      spec.it_value.tv_nsec = ns % 1000000000;
    }
    // Setting also clears the "has rung" state, so the descriptor is never read.
    timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &spec, nullptr);
    armed_ = next_ == kNever ? kDisarmed : next_;
  }

  void Wait(long timeout_ms) {
    ready_ = zmq_poll(items_.data(), static_cast<int>(items_.size()), timeout_ms);
    now_ = std::max(now_, ReadClock());
  }

  void Dispatch() {
    if (ready_ <= 0) return;  // EINTR: a signal handler has run, the caller looks around
    if ((items_[1].revents & ZMQ_POLLIN) != 0) {
      std::uint64_t ignored;
      [[maybe_unused]] const ssize_t n = read(stop_fd_, &ignored, sizeof(ignored));
    }
    // Handlers may add (at the end, seen next turn) and remove (marked, skipped) at will.
    const std::size_t count = items_.size() - kOwnItems;
    for (std::size_t i = 0; i < count; ++i) {
      if (items_[i + kOwnItems].revents == 0) continue;
      const std::shared_ptr<Source> source = sources_[i];
      if (!source->removed) source->on_readable();
    }
  }

  // "Not armed", in the past like a timer that has rung and has been put off.
  static constexpr Time kDisarmed = Time::min();

  const int timer_fd_;
  const int stop_fd_;
  std::atomic<bool> stop_{false};
  std::vector<std::shared_ptr<Source>> sources_;
  std::vector<zmq_pollitem_t> items_;
  bool changed_ = true;
  std::function<Time(Time)> turn_end_;
  Time now_{};
  Time next_ = kNever;       // what turn_end_ asked for
  Time armed_ = kDisarmed;   // what the timer is set to
  int ready_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Reactor>> Reactor::Create() {
  const int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  const int stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (timer_fd < 0 || stop_fd < 0) {
    const std::string why = std::strerror(errno);
    if (timer_fd >= 0) close(timer_fd);
    if (stop_fd >= 0) close(stop_fd);
    return absl::ResourceExhaustedError("cannot make a timer or event descriptor: " + why +
                                        " (raise the limit of open files, ulimit -n)");
  }
  return std::unique_ptr<Reactor>(std::make_unique<ZmqReactor>(timer_fd, stop_fd));
}

}  // namespace selvage
