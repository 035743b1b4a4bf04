#include "transports/plugin/plugin_host.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>

#include "transports/plugin/loaded_plugin.h"
#include "transports/plugin/remote_wire.h"

namespace selvage {
namespace {

constexpr int kMessagesPerTurn = 64;
// Events that the agent has not taken; what is received beyond is dropped, as by a full socket.
constexpr std::size_t kOutboxMax = 512;

Time Clock() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return TimeFromNanos(std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec);
}

class PluginHost {
 public:
  PluginHost(int socket, const selvage_transport_api& api) : socket_(socket), api_(api) {}
  ~PluginHost() { close(socket_); }

  absl::Status Serve() {
    while (!ended_) {
      Wait();
      now_ = Clock();
      ReadAgent();
      if (driver_ != nullptr && !ended_) {
        ReadPlugin();
        SendUnits();
      }
      WriteAgent();
    }
    if (driver_ != nullptr) driver_->Stop(now_);
    return status_;
  }

 private:
  void End(absl::Status status) {
    if (!ended_) status_ = std::move(status);
    ended_ = true;
  }

  void Wait() {
    std::array<pollfd, 2> fds{};
    fds[0] = {socket_, static_cast<short>(POLLIN | (outbox_.empty() ? 0 : POLLOUT)), 0};
    nfds_t count = 1;
    Time until = kNever;
    if (driver_ != nullptr) {
      if (const int fd = driver_->fd(); fd >= 0) fds[count++] = {fd, POLLIN, 0};
      until = driver_->NextDeadline() == SELVAGE_NEVER ? kNever
                                                       : TimeFromNanos(driver_->NextDeadline());
      if (!units_.empty()) until = std::min(until, retry_at_);
      if (more_) until = Time::min();
    }
    const Time now = Clock();
    // At least a millisecond where nothing is at hand: a plug-in's deadline may have passed.
    const Duration wait = until == kNever ? Duration(60s)
                          : more_         ? Duration(0)
                                          : std::clamp<Duration>(until - now, 1ms, 60s);
    const timespec t{static_cast<time_t>(wait.count() / 1'000'000'000),
                     static_cast<long>(wait.count() % 1'000'000'000)};
    ppoll(fds.data(), count, &t, nullptr);
  }

  void ReadAgent() {
    std::array<std::uint8_t, kRemoteBytesMax> buffer;
    for (int i = 0; i < kMessagesPerTurn && !ended_; ++i) {
      const ssize_t n = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (n <= 0) return End(absl::OkStatus());  // the agent is gone
      OnMessage({buffer.data(), static_cast<std::size_t>(n)});
    }
  }

  void OnMessage(ByteSpan message) {
    switch (static_cast<RemoteKind>(message[0])) {
      case RemoteKind::kCreate:
        if (const auto settings = DecodeCreate(message); settings && driver_ == nullptr) {
          return Create(*settings);
        }
        break;
      case RemoteKind::kUnit:
        if (auto unit = DecodeUnit(message); unit && driver_ != nullptr) {
          if (units_.size() >= kRemoteCredits) break;
          units_.push_back(std::move(*unit));
          return;
        }
        break;
      case RemoteKind::kPing:
        if (const auto number = DecodeNumber(message)) {
          return Put(EncodeNumber(RemoteKind::kPong, *number));
        }
        break;
      default:
        break;
    }
    End(absl::InvalidArgumentError("the agent sent what is no message of this version"));
  }

  void Create(const PluginSettings& settings) {
    auto made = NewLocalDriver(api_, settings);
    absl::Status status = made.status();
    if (made.ok()) {
      driver_ = std::move(*made);
      status = driver_->Start(now_);
    }
    Put(EncodeStarted(status.ok(), std::string(status.message()),
                      status.ok() ? driver_->Schema() : std::vector<selvage_telemetry_field>()));
    if (status.ok()) {
      PutCaps();
    } else {
      driver_.reset();
      WriteAgent();
      End(status);
    }
  }

  void PutCaps() { Put(EncodeCaps(driver_->Caps(now_))); }

  void ReadPlugin() {
    selvage_event event;
    int count = 0;
    while (count < kMessagesPerTurn && driver_->NextEvent(now_, &event)) {
      ++count;
      if (event.kind == SELVAGE_EVENT_CAPS) {
        PutCaps();
        retry_at_ = Time::min();
      } else if (outbox_.size() < kOutboxMax) {
        Put(EncodeEvent(event));
      }
    }
    more_ = count == kMessagesPerTurn;
  }

  void SendUnits() {
    while (!units_.empty() && now_ >= retry_at_) {
      const RemoteUnit& u = units_.front();
      selvage_unit unit{};
      unit.struct_size = sizeof(unit);
      unit.control = u.control ? 1 : 0;
      unit.address = u.address.data();
      unit.address_size = static_cast<std::uint32_t>(u.address.size());
      unit.data = u.data.data();
      unit.data_size = static_cast<std::uint32_t>(u.data.size());
      unit.deadline_ns = u.deadline_ns;
      unit.token = u.token;
      RemoteAnswer answer;
      answer.token = u.token;
      const int result = driver_->Send(now_, unit, &answer.retry_at_ns);
      if (result == SELVAGE_SEND_BUSY && ToNanos(now_) < u.deadline_ns) {
        retry_at_ = answer.retry_at_ns == SELVAGE_NEVER
                        ? now_ + 1s
                        : std::max(TimeFromNanos(answer.retry_at_ns), now_ + 1ms);
        return;
      }
      answer.result = static_cast<std::uint8_t>(result);
      Put(EncodeAnswer(answer));
      if (result == SELVAGE_SEND_TOO_BIG || result == SELVAGE_SEND_DOWN) PutCaps();
      units_.pop_front();
      retry_at_ = Time::min();
    }
  }

  void Put(Bytes message) {
    if (!message.empty()) outbox_.push_back(std::move(message));
  }

  void WriteAgent() {
    while (!outbox_.empty()) {
      const Bytes& m = outbox_.front();
      if (send(socket_, m.data(), m.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EAGAIN && errno != EINTR) End(absl::OkStatus());
        return;
      }
      outbox_.pop_front();
    }
  }

  const int socket_;
  const selvage_transport_api api_;
  std::unique_ptr<PluginDriver> driver_;
  Time now_ = Clock();
  std::deque<RemoteUnit> units_;  // at most kRemoteCredits
  Time retry_at_ = Time::min();
  std::deque<Bytes> outbox_;
  bool more_ = false;
  bool ended_ = false;
  absl::Status status_;
};

}  // namespace

absl::Status ServePlugin(int socket, const selvage_transport_api& api) {
  return PluginHost(socket, api).Serve();
}

absl::Status ListenAndServePlugin(const std::string& path, const selvage_transport_api& api) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(path + " is too long for a socket's name");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  // What an earlier life left; anything but a socket is left alone, and bind says so.
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0 && S_ISSOCK(there.st_mode)) unlink(path.c_str());
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      chmod(path.c_str(), 0660) != 0 || listen(listener, 1) != 0) {
    const absl::Status status =
        absl::UnavailableError("cannot listen on " + path + ": " + std::strerror(errno));
    if (listener >= 0) close(listener);
    return status;
  }
  for (;;) {
    const int agent = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (agent < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      const absl::Status status = absl::UnavailableError(std::strerror(errno));
      close(listener);
      return status;
    }
    if (const absl::Status s = ServePlugin(agent, api); !s.ok()) {
      std::fprintf(stderr, "%s\n", std::string(s.message()).c_str());
    }
  }
}

}  // namespace selvage
