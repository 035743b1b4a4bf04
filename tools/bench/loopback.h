// UDP sockets on 127.0.0.1 for the programs that measure.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

namespace selvage::bench {

inline constexpr int kSocketBufferBytes = 4 << 20;  // as transports/ip/udp_lane.h

// Bound to a port the kernel chose; -1 when it refuses. The caller closes it.
inline int OpenLoopback(sockaddr_in* local) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int size = kSocketBufferBytes;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
  }
  *local = {};
  local->sin_family = AF_INET;
  local->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(*local);
  if (bind(fd, reinterpret_cast<sockaddr*>(local), length) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(local), &length) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

// A port that was free a moment ago; 0 when there is none.
inline std::uint16_t FreePort() {
  sockaddr_in local{};
  const int fd = OpenLoopback(&local);
  if (fd < 0) return 0;
  close(fd);
  return ntohs(local.sin_port);
}

}  // namespace selvage::bench
