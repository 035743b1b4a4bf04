#include "transports/reactor_timer.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace selvage {

absl::StatusOr<std::unique_ptr<ReactorTimer>> ReactorTimer::Create(Reactor& reactor,
                                                                   std::function<void()> on_due) {
  const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) {
    return absl::ResourceExhaustedError(std::string("cannot make a timer descriptor: ") +
                                        std::strerror(errno));
  }
  return std::unique_ptr<ReactorTimer>(new ReactorTimer(reactor, fd, std::move(on_due)));
}

ReactorTimer::ReactorTimer(Reactor& reactor, int fd, std::function<void()> on_due)
    : reactor_(reactor), fd_(fd) {
  reactor_.AddFd(fd_, [fd, on_due = std::move(on_due)] {
    std::uint64_t ignored;
    if (read(fd, &ignored, sizeof(ignored)) == sizeof(ignored)) on_due();
  });
}

ReactorTimer::~ReactorTimer() {
  reactor_.RemoveFd(fd_);
  close(fd_);
}

void ReactorTimer::Arm(Duration delay) {
  const std::int64_t ns = std::max<std::int64_t>(delay.count(), 1);
  itimerspec spec{};
  spec.it_value.tv_sec = ns / 1000000000;
  spec.it_value.tv_nsec = ns % 1000000000;
  timerfd_settime(fd_, 0, &spec, nullptr);
}

void ReactorTimer::ArmAt(Time at) {
  if (at == kNever) {
    const itimerspec off{};
    timerfd_settime(fd_, 0, &off, nullptr);
    return;
  }
  const Time now = reactor_.ReadClock();
  Arm(at <= now ? Duration(0) : at - now);
}

}  // namespace selvage
