#include "agents/control/control_client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace selvage {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Milliseconds until `end`, for poll(): -1 waits for ever.
int Left(milliseconds timeout, Clock::time_point end) {
  if (timeout.count() < 0) return -1;
  auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left) + 1;
}

absl::Status Wait(int fd, short what, milliseconds timeout, Clock::time_point end) {
  for (;;) {
    pollfd item{fd, what, 0};
    int n = poll(&item, 1, Left(timeout, end));
    if (n > 0) return absl::OkStatus();
    if (n < 0 && errno != EINTR)
      return absl::InternalError(std::string("poll: ") + strerror(errno));
    if (n == 0) return absl::DeadlineExceededError("the agent does not answer");
  }
}

absl::Status Gone() { return absl::UnavailableError("the agent has closed the connection"); }

absl::Status ConnectError(int error, const std::string& path) {
  switch (error) {
    case ENOENT:
      return absl::UnavailableError("no agent there: " + path + " does not exist");
    case ECONNREFUSED:
      return absl::UnavailableError("no agent there: nobody listens on " + path);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError("no right to use " + path +
                                         "; be root or a member of the agent's group");
    default:
      return absl::UnavailableError("cannot reach an agent at " + path + ": " + strerror(error));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<ControlClient>> ControlClient::Connect(const std::string& path,
                                                                      milliseconds timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError("socket path \"" + path + "\" must have 1 to " +
                                      std::to_string(sizeof(address.sun_path) - 1) + " bytes");
  }
  memcpy(address.sun_path, path.data(), path.size());
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::UnavailableError(std::string("socket: ") + strerror(errno));
  // A connect to an agent with a full backlog blocks; the send timeout bounds that too.
  timeval limit{static_cast<time_t>(timeout.count() / 1000),
                static_cast<suseconds_t>(timeout.count() % 1000 * 1000)};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    int error = errno;
    close(fd);
    return ConnectError(error, path);
  }
  return std::unique_ptr<ControlClient>(new ControlClient(fd));
}

ControlClient::~ControlClient() { close(fd_); }

absl::Status ControlClient::Send(const nlohmann::json& request, milliseconds timeout) {
  Clock::time_point end = Clock::now() + timeout;
  std::string line = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::size_t at = 0;
  while (at < line.size()) {
    if (absl::Status s = Wait(fd_, POLLOUT, timeout, end); !s.ok()) return s;
    ssize_t n = send(fd_, line.data() + at, line.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      at += static_cast<std::size_t>(n);
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
      // The agent hung up on the request, but may have said why: leave that to Next().
      return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<nlohmann::json> ControlClient::Next(milliseconds timeout) {
  Clock::time_point end = Clock::now() + timeout;
  std::string::size_type line_end;
  while ((line_end = in_.find('\n')) == std::string::npos) {
    if (in_.size() > kLineBytesMax) return absl::InternalError("the agent's answer has no end");
    if (absl::Status s = Wait(fd_, POLLIN, timeout, end); !s.ok()) return s;
    char buffer[65536];
    ssize_t n = recv(fd_, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n > 0) {
      in_.append(buffer, static_cast<std::size_t>(n));
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
      return Gone();
    }
  }
  nlohmann::json answer = nlohmann::json::parse(in_.begin(), in_.begin() + line_end, nullptr,
                                                /*allow_exceptions=*/false);
  in_.erase(0, line_end + 1);
  if (!answer.is_object()) return absl::InternalError("the agent's answer is not a JSON object");
  if (answer.value("ok", nlohmann::json()) == true && answer.contains("result")) {
    return std::move(answer["result"]);
  }
  auto error = answer.find("error");
  if (error == answer.end() || !error->is_string()) {
    return absl::InternalError("the agent's answer has neither result nor error");
  }
  std::string text = error->get<std::string>();
  if (answer.value("usage", nlohmann::json()) == true) return absl::InvalidArgumentError(text);
  return absl::FailedPreconditionError(text);
}

absl::StatusOr<nlohmann::json> ControlClient::Request(const nlohmann::json& request,
                                                      milliseconds timeout) {
  if (absl::Status s = Send(request, timeout); !s.ok()) return s;
  return Next(timeout);
}

}  // namespace selvage
