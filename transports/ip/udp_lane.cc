#include "transports/ip/udp_lane.h"

#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/status/status.h"

namespace selvage {
namespace {

bool SetInt(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

// With CAP_NET_ADMIN past net.core.rmem_max, otherwise up to it.
void GrowBuffers(int fd) {
  if (!SetInt(fd, SOL_SOCKET, SO_RCVBUFFORCE, UdpLane::kSocketBufferBytes)) {
    SetInt(fd, SOL_SOCKET, SO_RCVBUF, UdpLane::kSocketBufferBytes);
  }
  if (!SetInt(fd, SOL_SOCKET, SO_SNDBUFFORCE, UdpLane::kSocketBufferBytes)) {
    SetInt(fd, SOL_SOCKET, SO_SNDBUF, UdpLane::kSocketBufferBytes);
  }
}

// nullptr when everything could be set, otherwise what could not.
const char* Configure(int fd, const UdpLane::Options& options) {
  GrowBuffers(fd);
  if (options.reuse_address && !SetInt(fd, SOL_SOCKET, SO_REUSEADDR, 1)) return "SO_REUSEADDR";
  if (!options.device.empty() &&
      setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options.device.c_str(),
                 static_cast<socklen_t>(options.device.size())) != 0) {
    return "SO_BINDTODEVICE";
  }
  if (options.local.any.sa_family != AF_INET6) return nullptr;
  // A wildcard socket serves IPv4 peers too; only groups it joined itself are heard.
  if (!SetInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) return "IPV6_V6ONLY";
  if (!SetInt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0)) return "IPV6_MULTICAST_ALL";
  if (options.multicast_scope != 0) {
    const int scope = static_cast<int>(options.multicast_scope);
    if (!SetInt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, scope)) return "IPV6_MULTICAST_IF";
    if (!SetInt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1)) return "IPV6_MULTICAST_HOPS";
    if (!SetInt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0)) return "IPV6_MULTICAST_LOOP";
    // A frame longer than the link's MTU is an error here, not two fragments on the air.
    if (!SetInt(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1)) return "IPV6_DONTFRAG";
  }
  if (options.join_scope != 0) {
    ipv6_mreq request{};
    request.ipv6mr_multiaddr = options.local.v6.sin6_addr;
    request.ipv6mr_interface = options.join_scope;
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request)) != 0) {
      return "IPV6_JOIN_GROUP";
    }
  }
  return nullptr;
}

absl::Status BindError(const SocketAddress& local, int error) {
  std::string text = "cannot bind UDP " + ToText(ToPeerAddress(local)) + ": " +
                     std::strerror(error);
  if (error == EADDRINUSE) text += " (is another agent running on this interface or port?)";
  if (error == EADDRNOTAVAIL) text += " (this machine does not have the address, or not yet)";
  if (error == EACCES) text += " (ports below 1024 need CAP_NET_BIND_SERVICE)";
  return error == EADDRNOTAVAIL ? absl::UnavailableError(text)
                                : absl::FailedPreconditionError(text);
}

}  // namespace

struct UdpLane::Batch {
  std::array<mmsghdr, kBatch> headers{};
  std::array<iovec, kBatch> vectors{};
  std::array<SocketAddress, kBatch> addresses;
  // Not initialised on purpose: pages that no frame ever reaches stay out of resident memory.
  std::unique_ptr<std::uint8_t[]> memory{new std::uint8_t[kBatch * kFrameBytesMax]};

  Batch() {
    for (int i = 0; i < kBatch; ++i) {
      vectors[i] = {memory.get() + i * kFrameBytesMax, kFrameBytesMax};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      headers[i].msg_hdr.msg_name = &addresses[i].any;
      headers[i].msg_hdr.msg_namelen = sizeof(sockaddr_in6);
    }
  }
};

UdpLane::UdpLane(int fd, const SocketAddress& local, int batch_max, TransportCounters* counters)
    : fd_(fd),
      local_(local),
      batch_max_(batch_max),
      counters_(counters),
      receive_(std::make_unique<Batch>()),
      send_(std::make_unique<Batch>()) {}

UdpLane::~UdpLane() { close(fd_); }

absl::StatusOr<std::unique_ptr<UdpLane>> UdpLane::Open(const Options& options,
                                                       TransportCounters* counters) {
  const int fd =
      socket(options.local.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  if (fd < 0) {
    return absl::UnavailableError(std::string("cannot open a UDP socket: ") +
                                  std::strerror(errno));
  }
  if (const char* option = Configure(fd, options); option != nullptr) {
    const std::string why = std::strerror(errno);
    close(fd);
    return absl::UnavailableError(std::string("cannot set ") + option + " on UDP " +
                                  ToText(ToPeerAddress(options.local)) + ": " + why);
  }
  SocketAddress local = options.local;
  if (bind(fd, &local.any, local.size) != 0) {
    const int error = errno;
    close(fd);
    return BindError(options.local, error);
  }
  local.size = sizeof(sockaddr_in6);
  getsockname(fd, &local.any, &local.size);
  return std::unique_ptr<UdpLane>(new UdpLane(fd, local, options.batch_max, counters));
}

void UdpLane::Receive(const Receiver& receiver) {
  for (int round = 0; round < kBatchesPerTurnMax; ++round) {
    const int count =
        recvmmsg(fd_, receive_->headers.data(), static_cast<unsigned>(batch_max_), MSG_DONTWAIT,
                 nullptr);
    ++counters_->system_calls;
    if (count <= 0) return;  // an ICMP error taken off the socket, or nothing after all
    for (int i = 0; i < count; ++i) {
      mmsghdr& header = receive_->headers[i];
      const bool truncated = (header.msg_hdr.msg_flags & MSG_TRUNC) != 0;
      SocketAddress& from = receive_->addresses[i];
      from.size = header.msg_hdr.msg_namelen;
      header.msg_hdr.msg_namelen = sizeof(sockaddr_in6);  // for the next round
      if (truncated || header.msg_len == 0) continue;
      ++counters_->frames_received;
      counters_->bytes_received += header.msg_len;
      receiver(ToPeerAddress(from), {receive_->memory.get() + i * kFrameBytesMax, header.msg_len});
    }
    if (count < batch_max_ || batch_max_ == 1) return;
  }
}

void UdpLane::Send(const PeerAddress& to, ByteSpan frame) {
  SocketAddress& address = send_->addresses[queued_];
  if (frame.size() > kFrameBytesMax || frame.empty() ||
      !ToSocketAddress(to, local_.any.sa_family, &address)) {
    ++counters_->send_errors;
    return;
  }
  std::memcpy(send_->memory.get() + queued_ * kFrameBytesMax, frame.data(), frame.size());
  send_->vectors[queued_].iov_len = frame.size();
  send_->headers[queued_].msg_hdr.msg_namelen = address.size;
  if (++queued_ == batch_max_) Flush();
}

void UdpLane::CountSent(std::size_t bytes) {
  ++counters_->frames_sent;
  counters_->bytes_sent += bytes;
}

void UdpLane::Flush() {
  const int count = queued_;
  queued_ = 0;
  if (count == 1) {
    const ssize_t sent = sendto(fd_, send_->memory.get(), send_->vectors[0].iov_len, MSG_DONTWAIT,
                                &send_->addresses[0].any, send_->addresses[0].size);
    ++counters_->system_calls;
    if (sent >= 0) {
      CountSent(static_cast<std::size_t>(sent));
    } else {
      ++counters_->send_errors;
    }
    return;
  }
  for (int at = 0; at < count;) {
    const int sent = sendmmsg(fd_, &send_->headers[at], count - at, MSG_DONTWAIT);
    ++counters_->system_calls;
    if (sent < 0) {
      // The buffer is full: what follows would be refused too. Otherwise only this one is at fault.
      const bool full = errno == EAGAIN || errno == ENOBUFS;
      const int refused = full ? count - at : 1;
      counters_->send_errors += static_cast<std::uint64_t>(refused);
      at += refused;
      continue;
    }
    for (int i = at; i < at + sent; ++i) CountSent(send_->headers[i].msg_len);
    at += std::max(sent, 1);
  }
}

}  // namespace selvage
