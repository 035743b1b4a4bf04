// A serial port (or pseudo-terminal) on the reactor: raw bytes, reopened for ever when it goes
// away.
//
// USB modems disappear and come back under the same name; the port then reports down and up again.
// Writes go through a bounded buffer. All calls on the reactor's thread; the caller's timer drives
// OnTimeout.
#pragma once

#include <functional>
#include <string>

#include "core/bytes.h"
#include "core/time.h"
#include "transports/reactor.h"

namespace selvage {

class SerialPort {
 public:
  static constexpr std::size_t kWriteBytesMax = 16384;
  static constexpr Duration kReopenInterval = 2s;

  struct Callbacks {
    std::function<void()> on_up;
    std::function<void(const std::string& reason)> on_down;
    std::function<void(ByteSpan bytes)> on_bytes;
  };
  // `baud` is one that termios knows (9600, 19200, 57600, 115200, ...). Opens at the first
  // OnTimeout.
  SerialPort(Reactor& reactor, std::string path, int baud, Callbacks callbacks);
  ~SerialPort();
  SerialPort(const SerialPort&) = delete;
  SerialPort& operator=(const SerialPort&) = delete;

  void OnTimeout(Time now);
  Time NextDeadline() const { return deadline_; }
  // False when the port is down or the buffer is full; nothing was taken then.
  bool Write(Time now, ByteSpan bytes);
  bool up() const { return fd_ >= 0; }

  // True when termios has such a rate.
  static bool IsBaudRate(int baud);

 private:
  void Open(Time now);
  void Close(const std::string& reason);
  void OnReadable();
  void FlushWrites(Time now);

  Reactor& reactor_;
  std::string path_;
  int baud_;
  Callbacks callbacks_;
  int fd_ = -1;
  bool lost_ = false;  // seen inside a callback; closed at the next timeout
  Time deadline_ = TimeFromNanos(0);
  std::string pending_;
};

}  // namespace selvage
