#include "agents/control/control_connection.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

namespace selvage {

ControlConnection::ControlConnection(int fd, std::size_t request_bytes_max,
                                     std::size_t waiting_bytes_max)
    : fd_(fd), request_bytes_max_(request_bytes_max), waiting_bytes_max_(waiting_bytes_max) {}

ControlConnection::~ControlConnection() { close(fd_); }

bool ControlConnection::Read() {
  char buffer[4096];
  while (in_.size() <= request_bytes_max_) {
    ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n > 0) {
      in_.append(buffer, static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else {
      return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
  }
  return true;
}

std::optional<std::string> ControlConnection::NextLine() {
  std::string::size_type end = in_.find('\n');
  if (end == std::string::npos || end > request_bytes_max_) return std::nullopt;
  std::string line = in_.substr(0, end);
  in_.erase(0, end + 1);
  return line;
}

bool ControlConnection::Write(std::string_view bytes, Time now) {
  if (!waiting()) {
    out_.clear();
    out_at_ = 0;
    last_progress_ = now;
  }
  if (out_.size() - out_at_ + bytes.size() > waiting_bytes_max_) return false;
  out_.append(bytes);
  return Flush(now);
}

bool ControlConnection::Flush(Time now) {
  while (waiting()) {
    ssize_t n = send(fd_, out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
    if (n > 0) {
      out_at_ += static_cast<std::size_t>(n);
      last_progress_ = now;
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else {
      if (!(n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))) return false;
      break;
    }
  }
  // Written bytes are dropped when they are most of the buffer: amortised, and the memory of a
  // large answer is given back once it is out.
  if (!waiting()) {
    std::string().swap(out_);
    out_at_ = 0;
  } else if (out_at_ > out_.size() / 2) {
    out_.erase(0, out_at_);
    out_at_ = 0;
  }
  return true;
}

}  // namespace selvage
