#include "transports/serial_port.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace selvage {
namespace {

constexpr std::pair<int, speed_t> kRates[] = {
    {9600, B9600},     {19200, B19200},   {38400, B38400},   {57600, B57600},
    {115200, B115200}, {230400, B230400}, {460800, B460800}, {921600, B921600}};
constexpr int kReadsPerTurn = 16;  // others want their turn too
constexpr Duration kWriteRetry = 10ms;

}  // namespace

bool SerialPort::IsBaudRate(int baud) {
  for (const auto& [rate, code] : kRates) {
    if (rate == baud) return true;
  }
  return false;
}

SerialPort::SerialPort(Reactor& reactor, std::string path, int baud, Callbacks callbacks)
    : reactor_(reactor), path_(std::move(path)), baud_(baud), callbacks_(std::move(callbacks)) {}

SerialPort::~SerialPort() {
  if (fd_ >= 0) {
    reactor_.RemoveFd(fd_);
    close(fd_);
  }
}

void SerialPort::Open(Time now) {
  deadline_ = now + kReopenInterval;
  const int fd = open(path_.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  termios settings{};
  if (tcgetattr(fd, &settings) == 0) {
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    for (const auto& [rate, code] : kRates) {
      if (rate == baud_) cfsetspeed(&settings, code);
    }
    tcsetattr(fd, TCSANOW, &settings);
    tcflush(fd, TCIOFLUSH);
  }
  fd_ = fd;
  lost_ = false;
  pending_.clear();
  deadline_ = kNever;
  reactor_.AddFd(fd_, [this] { OnReadable(); });
  callbacks_.on_up();
}

void SerialPort::Close(const std::string& reason) {
  if (fd_ < 0) return;
  reactor_.RemoveFd(fd_);
  close(fd_);
  fd_ = -1;
  pending_.clear();
  callbacks_.on_down(reason);
}

void SerialPort::OnReadable() {
  std::array<std::uint8_t, 4096> buffer;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t n = read(fd_, buffer.data(), buffer.size());
    if (n > 0) {
      callbacks_.on_bytes({buffer.data(), static_cast<std::size_t>(n)});
      continue;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    // End of file, or EIO: the device went away. Tried again after a pause.
    deadline_ = reactor_.now() + kReopenInterval;
    return Close(path_ + ": " + (n == 0 ? "closed" : strerror(errno)));
  }
}

bool SerialPort::Write(Time now, ByteSpan bytes) {
  if (fd_ < 0 || pending_.size() + bytes.size() > kWriteBytesMax) return false;
  pending_.append(bytes.begin(), bytes.end());
  FlushWrites(now);
  return true;
}

void SerialPort::FlushWrites(Time now) {
  while (!pending_.empty() && fd_ >= 0) {
    const ssize_t n = write(fd_, pending_.data(), pending_.size());
    if (n > 0) {
      pending_.erase(0, static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      deadline_ = now + kWriteRetry;
      return;
    } else {
      lost_ = true;  // told from OnTimeout: the caller is in the middle of something
      deadline_ = now;
      return;
    }
  }
  deadline_ = kNever;
}

void SerialPort::OnTimeout(Time now) {
  if (now < deadline_) return;
  if (fd_ < 0) return Open(now);
  if (lost_) {
    deadline_ = now + kReopenInterval;
    return Close(path_ + ": cannot be written to");
  }
  FlushWrites(now);
}

}  // namespace selvage
