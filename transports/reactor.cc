#include "transports/reactor.h"

#include <poll.h>
#include <sys/epoll.h>
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

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

namespace selvage {
namespace {

// A deadline served later than this means that the process was held up: look at the descriptors
// again before anything is judged late.
constexpr Duration kHeldUp = 1ms;

// Sleeps in epoll, which looks only at what is ready and counts nanoseconds, and asks zmq_poll only
// about ZeroMQ sockets. Waking for one packet cost, of 1,000 a second on one test machine and
// beside 6.3 us for a blocked recvfrom: 8.8 us so, 10.1 us with ppoll over five descriptors (an
// agent has a dozen), and more with zmq_poll, which looks twice and counts milliseconds.
class ZmqReactor final : public Reactor {
 public:
  ZmqReactor(int stop_fd, int epoll_fd) : stop_fd_(stop_fd), epoll_fd_(epoll_fd) {
    now_ = ReadClock();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = kStopSignal;
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, stop_fd_, &event);
  }
  ~ZmqReactor() override {
    close(epoll_fd_);
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
    int fd;        // as registered; -1 for a ZeroMQ socket
    int sleep_fd;  // what epoll watches
    Handler on_readable;
    std::uint64_t number = 0;  // never used twice: an event of a source that is gone finds nobody
    bool removed = false;
    bool ready = false;  // in this turn
  };

  void Add(void* socket, int fd, Handler on_readable) {
    int sleep_fd = fd;
    if (socket != nullptr) {
      std::size_t size = sizeof(sleep_fd);
      zmq_getsockopt(socket, ZMQ_FD, &sleep_fd, &size);
    }
    sources_.push_back(
        std::make_shared<Source>(Source{socket, fd, sleep_fd, std::move(on_readable)}));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = ++last_number_;
    sources_.back()->number = last_number_;
    by_number_[last_number_] = sources_.back().get();
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, sleep_fd, &event);
    changed_ = true;
  }

  void Remove(void* socket, int fd) {
    for (const auto& s : sources_) {
      if (!s->removed && s->socket == socket && s->fd == fd) {
        s->removed = true;
        by_number_.erase(s->number);
        epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, s->sleep_fd, nullptr);
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
    // Descriptors before sockets: items_ stands for the last of sources_.
    std::stable_partition(sources_.begin(), sources_.end(),
                          [](const auto& source) { return source->socket == nullptr; });
    items_.clear();
    for (const auto& source : sources_) {
      if (source->socket != nullptr) items_.push_back({source->socket, 0, ZMQ_POLLIN, 0});
    }
    events_.resize(sources_.size() + 1);
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
    ready_ = Wait(until == kNever ? nullptr : &timeout);
    now_ = std::max(now_, ReadClock());
  }

  int Wait(const timespec* timeout) {
    const int room = static_cast<int>(events_.size());
    if (has_pwait2_) {
      const int n = epoll_pwait2(epoll_fd_, events_.data(), room, timeout, nullptr);
      if (n >= 0 || errno != ENOSYS) return n;
      has_pwait2_ = false;  // Linux before 5.11: one system call more
    }
    pollfd item{epoll_fd_, POLLIN, 0};
    const int n = ppoll(&item, 1, timeout, nullptr);
    return n <= 0 ? n : epoll_wait(epoll_fd_, events_.data(), room, 0);
  }

  void Dispatch() {
    // Negative: a signal handler has run, the caller looks around; only what was seen before
    // counts.
    bool stirred = false;
    for (int i = 0; i < ready_; ++i) {
      const std::uint64_t number = events_[static_cast<std::size_t>(i)].data.u64;
      if (number == kStopSignal) {
        std::uint64_t ignored;
        [[maybe_unused]] const ssize_t n = read(stop_fd_, &ignored, sizeof(ignored));
        continue;
      }
      const auto it = by_number_.find(number);
      if (it == by_number_.end()) continue;
      it->second->ready = true;
      stirred |= it->second->socket != nullptr;
    }
    if (stirred) LookAtSockets();
    // In the order of registration. Handlers may add (seen next turn) and remove (marked, skipped)
    // at will.
    const std::size_t plain = sources_.size() - items_.size();
    DispatchReady(0, ready_ > 0 ? plain : 0);
    for (std::size_t i = 0; i < items_.size(); ++i) {
      sources_[plain + i]->ready = items_[i].revents != 0;
      items_[i].revents = 0;
    }
    DispatchReady(plain, items_.size());
  }

  void DispatchReady(std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) {
      Source* const source = sources_[i].get();  // stays, even removed, until the next turn
      if (!source->ready) continue;
      source->ready = false;
      if (!source->removed) source->on_readable();
    }
  }

  static constexpr std::uint64_t kStopSignal = 0;

  const int stop_fd_;
  const int epoll_fd_;
  bool has_pwait2_ = true;
  std::atomic<bool> stop_{false};
  std::vector<std::shared_ptr<Source>> sources_;
  absl::flat_hash_map<std::uint64_t, Source*> by_number_;  // those not removed
  std::uint64_t last_number_ = kStopSignal;
  std::vector<epoll_event> events_;    // room for one of each source
  std::vector<zmq_pollitem_t> items_;  // the ZeroMQ sockets among sources_
  bool changed_ = true;
  std::function<Time(Time)> turn_end_;
  Time now_{};
  Time next_ = kNever;  // what turn_end_ asked for
  int ready_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Reactor>> Reactor::Create() {
  const int stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (stop_fd < 0 || epoll_fd < 0) {
    const std::string why = std::strerror(errno);
    if (stop_fd >= 0) close(stop_fd);
    if (epoll_fd >= 0) close(epoll_fd);
    return absl::ResourceExhaustedError("cannot make an event descriptor: " + why +
                                        " (raise the limit of open files, ulimit -n)");
  }
  return std::unique_ptr<Reactor>(std::make_unique<ZmqReactor>(stop_fd, epoll_fd));
}

}  // namespace selvage
