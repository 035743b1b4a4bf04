#include "transports/plugin/remote_driver.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

extern char** environ;

namespace selvage {
namespace {

constexpr char kProgram[] = "selvage-transport-host";
constexpr int kChildFd = 3;
constexpr int kReapTries = 20;
constexpr useconds_t kReapPauseUs = 200;
constexpr std::size_t kLeftBehindMax = 4;
constexpr Duration kBusyRetry = 5ms;  // the socket's buffer is full

int ConnectTo(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return -1;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

std::string HowItEnded(int status) {
  if (WIFSIGNALED(status)) return " by signal " + std::to_string(WTERMSIG(status));
  return " with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

RemoteDriver::RemoteDriver(Options options, PluginSettings settings)
    : options_(std::move(options)), settings_(std::move(settings)), random_(settings_.seed) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  caps_.reason = "the plug-in's process has not started yet";
}

RemoteDriver::~RemoteDriver() {
  Lose(launched_at_, "");
  if (epoll_ >= 0) close(epoll_);
}

std::string RemoteDriver::FindHostProgram() {
  std::array<char, 4096> path{};
  const ssize_t n = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (n > 0) {
    const std::string self(path.data(), static_cast<std::size_t>(n));
    const std::string beside = self.substr(0, self.rfind('/') + 1) + kProgram;
    if (access(beside.c_str(), X_OK) == 0) return beside;
  }
  return kProgram;
}

absl::Status RemoteDriver::Start(Time now) {
  if (epoll_ < 0) return absl::ResourceExhaustedError("there is no free descriptor");
  wanted_ = true;
  restart_at_ = now;
  return absl::OkStatus();
}

void RemoteDriver::Stop(Time now) {
  wanted_ = false;
  Lose(now, "stopped");
  restart_at_ = kNever;
}

absl::Status RemoteDriver::Spawn(int theirs) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs, kChildFd);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own: what a terminal sends to the agent's group is not for it, and it goes when
  // its socket does.
  sigset_t none;
  sigemptyset(&none);
  sigset_t defaults;
  sigemptyset(&defaults);
  for (const int s : {SIGPIPE, SIGTERM, SIGINT}) sigaddset(&defaults, s);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                            POSIX_SPAWN_SETSIGDEF);
  std::string program = options_.program.empty() ? FindHostProgram() : options_.program;
  std::string plugin = options_.plugin;
  std::string option = "--fd";
  std::string fd = std::to_string(kChildFd);
  char* const argv[] = {program.data(), plugin.data(), option.data(), fd.data(), nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, program.c_str(), &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return absl::UnavailableError("cannot run " + program + ": " + std::strerror(error));
  }
  child_ = child;
  return absl::OkStatus();
}

absl::Status RemoteDriver::Launch() {
  if (left_behind_.size() >= kLeftBehindMax) {
    return absl::ResourceExhaustedError("processes of the plug-in hang in the kernel");
  }
  int ours = -1;
  if (!options_.host_socket.empty()) {
    ours = ConnectTo(options_.host_socket);
    if (ours < 0) {
      return absl::UnavailableError("nobody listens on " + options_.host_socket + ": " +
                                    std::strerror(errno));
    }
  } else {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
      return absl::ResourceExhaustedError("cannot make a pair of sockets");
    }
    const absl::Status status = Spawn(pair[1]);
    close(pair[1]);
    if (!status.ok()) {
      close(pair[0]);
      return status;
    }
    ours = pair[0];
    fcntl(ours, F_SETFL, O_NONBLOCK);
  }
  socket_ = ours;
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_, &event);
  const Bytes create = EncodeCreate(settings_);
  if (send(socket_, create.data(), create.size(), MSG_NOSIGNAL) < 0) {
    return absl::UnavailableError("the plug-in's process does not listen");
  }
  return absl::OkStatus();
}

void RemoteDriver::Reap() {
  for (auto it = left_behind_.begin(); it != left_behind_.end();) {
    it = waitpid(*it, nullptr, WNOHANG) != 0 ? left_behind_.erase(it) : std::next(it);
  }
}

void RemoteDriver::Lose(Time now, const std::string& reason) {
  if (socket_ >= 0) close(socket_);  // epoll forgets it
  socket_ = -1;
  running_ = false;
  lost_.clear();
  ping_at_ = kNever;
  credits_ = 0;
  std::string how;
  if (child_ != 0) {
    kill(child_, SIGKILL);  // harmless for one that has ended and was not asked for yet
    // Its socket closes a moment before its status can be had.
    for (int i = 0; i < kReapTries && child_ != 0; ++i) {
      int status = 0;
      if (waitpid(child_, &status, WNOHANG) != 0) {
        how = HowItEnded(status);
        child_ = 0;
      } else {
        usleep(kReapPauseUs);
      }
    }
    // One that hangs in the kernel is left behind, not waited for.
    if (child_ != 0) left_behind_.push_back(std::exchange(child_, 0));
  }
  Reap();
  if (launched_at_ != Time::min() && now - launched_at_ > kSettled) restart_after_ = kRestartMin;
  const auto spread = static_cast<std::uint64_t>(restart_after_.count() / 4);
  const Duration pause =
      restart_after_ + Duration(static_cast<std::int64_t>(random_.Below(spread)));
  restart_at_ = now + pause;
  restart_after_ = std::min(2 * restart_after_, kRestartMax);
  caps_ = {};
  caps_.reason = reason + how;
  tell_ = true;
}

selvage_transport_caps RemoteDriver::Caps(Time now) {
  selvage_transport_caps out = caps_.caps;
  out.struct_size = sizeof(out);
  if (!running_) out.flags = 0;
  out.reason = caps_.reason.c_str();
  return out;
}

std::vector<selvage_telemetry_field> RemoteDriver::Schema() {
  std::vector<selvage_telemetry_field> out;
  for (const RemoteStarted::Field& f : started_.fields) {
    out.push_back({sizeof(selvage_telemetry_field), f.period_ms, f.name.c_str(), f.unit.c_str(),
                   f.least, f.most});
  }
  return out;
}

int RemoteDriver::Send(Time now, const selvage_unit& unit, std::int64_t* retry_at_ns) {
  if (!running_ || !lost_.empty()) return SELVAGE_SEND_DOWN;
  if (unit.data_size > caps_.caps.mtu) return SELVAGE_SEND_TOO_BIG;
  if (now < no_budget_until_) {
    *retry_at_ns = ToNanos(no_budget_until_);
    return SELVAGE_SEND_NO_BUDGET;
  }
  if (credits_ == 0) return SELVAGE_SEND_BUSY;  // an answer will wake
  const Bytes message = EncodeUnit(unit);
  if (send(socket_, message.data(), message.size(), MSG_NOSIGNAL) < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) {
      *retry_at_ns = ToNanos(now + kBusyRetry);
      return SELVAGE_SEND_BUSY;
    }
    lost_ = "the plug-in's process ended";
    return SELVAGE_SEND_DOWN;
  }
  --credits_;
  return SELVAGE_SEND_ACCEPTED;
}

std::int64_t RemoteDriver::NextDeadline() {
  if (!lost_.empty() || tell_) return ToNanos(Time::min());
  if (socket_ < 0) return restart_at_ == kNever ? SELVAGE_NEVER : ToNanos(restart_at_);
  return ToNanos(std::min(ping_at_, heard_at_ + kSilenceMax));
}

bool RemoteDriver::Give(std::uint32_t kind, selvage_event* event) {
  *event = {};
  event->struct_size = sizeof(*event);
  event->kind = kind;
  return true;
}

bool RemoteDriver::OnAnswer(Time now, const RemoteAnswer& answer, selvage_event* event) {
  if (credits_ < kRemoteCredits) ++credits_;
  if (answer.result == SELVAGE_SEND_NO_BUDGET) {
    no_budget_until_ = answer.retry_at_ns == SELVAGE_NEVER
                           ? now + 1s  // that unit never; another one perhaps
                           : TimeFromNanos(answer.retry_at_ns);
  }
  if (answer.result != SELVAGE_SEND_ACCEPTED) {
    Give(SELVAGE_EVENT_SENT, event);
    event->token = answer.token;
    event->failed = 1;
    tell_ = tell_ || credits_ == 1;
    return true;
  }
  return credits_ == 1 && Give(SELVAGE_EVENT_CAPS, event);
}

bool RemoteDriver::OnMessage(Time now, ByteSpan message, selvage_event* event) {
  heard_at_ = now;
  switch (static_cast<RemoteKind>(message[0])) {
    case RemoteKind::kStarted: {
      auto started = DecodeStarted(message);
      if (!started || running_) break;
      started_ = std::move(*started);
      if (!started_.ok) {
        Lose(now, "the plug-in refuses: " + started_.error);
        return false;
      }
      running_ = true;
      credits_ = kRemoteCredits;
      no_budget_until_ = Time::min();
      return false;  // its capabilities follow
    }
    case RemoteKind::kCaps:
      if (auto caps = DecodeCaps(message); caps && running_) {
        caps_ = std::move(*caps);
        return Give(SELVAGE_EVENT_CAPS, event);
      }
      break;
    case RemoteKind::kAnswer:
      if (const auto answer = DecodeAnswer(message); answer && running_) {
        return OnAnswer(now, *answer, event);
      }
      break;
    case RemoteKind::kPong:
      if (const auto number = DecodeNumber(message); number && *number <= ping_) return false;
      break;
    default:
      if (auto decoded = DecodeEvent(message); decoded && running_) {
        event_ = std::move(*decoded);
        Give(event_.kind, event);
        event->address = event_.address.data();
        event->address_size = static_cast<std::uint32_t>(event_.address.size());
        event->data = event_.data.data();
        event->data_size = static_cast<std::uint32_t>(event_.data.size());
        event->token = event_.token;
        event->failed = event_.failed ? 1 : 0;
        event->present = event_.present;
        event->values = event_.values.data();
        event->value_count = static_cast<std::uint32_t>(event_.values.size());
        return true;
      }
      break;
  }
  Lose(now, "the plug-in's process says what is no message of this version");
  return false;
}

bool RemoteDriver::NextEvent(Time now, selvage_event* event) {
  if (!lost_.empty()) Lose(now, std::string(lost_));
  // This machine slept: that was not the plug-in's silence.
  if (serviced_at_ != Time::min() && now - serviced_at_ > kSilenceMax / 2) heard_at_ = now;
  serviced_at_ = now;
  if (socket_ < 0 && wanted_ && now >= restart_at_) {
    if (launched_at_ != Time::min()) ++restarts_;
    launched_at_ = heard_at_ = now;
    ping_at_ = now + kPingInterval;
    if (const absl::Status s = Launch(); !s.ok()) Lose(now, std::string(s.message()));
  }
  std::array<std::uint8_t, kRemoteBytesMax> buffer;
  for (std::size_t i = 0; socket_ >= 0 && i < 4 * kRemoteCredits; ++i) {
    const ssize_t n = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (n <= 0) {
      Lose(now, "the plug-in's process ended");
    } else if (OnMessage(now, {buffer.data(), static_cast<std::size_t>(n)}, event)) {
      return true;
    }
  }
  if (socket_ >= 0 && now - heard_at_ >= kSilenceMax) {
    Lose(now, "the plug-in's process has not answered for " +
                  std::to_string(static_cast<int>(ToSeconds(kSilenceMax))) + " s and was ended");
  }
  if (socket_ >= 0 && now >= ping_at_) {
    ping_at_ = now + kPingInterval;
    const Bytes ping = EncodeNumber(RemoteKind::kPing, ++ping_);
    send(socket_, ping.data(), ping.size(), MSG_NOSIGNAL);
  }
  return std::exchange(tell_, false) && Give(SELVAGE_EVENT_CAPS, event);
}

}  // namespace selvage
