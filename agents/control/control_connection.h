// One client of the control socket: bytes in, lines out, both bounded. Knows no command.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/time.h"

namespace selvage {

// Owns the descriptor (non-blocking). Thread rule: one thread.
class ControlConnection {
 public:
  ControlConnection(int fd, std::size_t request_bytes_max, std::size_t waiting_bytes_max);
  ~ControlConnection();
  ControlConnection(const ControlConnection&) = delete;
  ControlConnection& operator=(const ControlConnection&) = delete;

  int fd() const { return fd_; }
  // Reads what is there, at most up to one request beyond its bound. False: the client has gone
  // (what it sent before is still taken by NextLine).
  bool Read();
  // The next whole line without its end; nullopt when none has arrived.
  std::optional<std::string> NextLine();
  bool HasLine() const { return in_.find('\n') != std::string::npos; }
  void Discard() { in_.clear(); }
  // More than a request's bound has arrived without an end of line.
  bool RequestTooLong() const { return in_.size() > request_bytes_max_; }
  // Queues and writes what the socket takes. False: gone, or more would wait than allowed.
  bool Write(std::string_view bytes, Time now);
  // Writes more of what waits. False: gone.
  bool Flush(Time now);
  bool waiting() const { return out_at_ < out_.size(); }
  // When the client last took something that waited.
  Time last_progress() const { return last_progress_; }

  bool following = false;  // gets events
  bool ended = false;      // the client has closed its writing half
  bool close_when_written = false;
  bool writable_wanted = false;  // as registered with epoll

 private:
  int fd_;
  std::size_t request_bytes_max_;
  std::size_t waiting_bytes_max_;
  std::string in_;
  std::string out_;
  std::size_t out_at_ = 0;
  Time last_progress_{};
};

}  // namespace selvage
