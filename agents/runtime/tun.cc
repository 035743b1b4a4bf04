#include "agents/runtime/tun.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "agents/delivery/payload.h"

namespace selvage {
namespace {

// Closes when it goes out of scope.
struct ScopedFd {
  explicit ScopedFd(int f) : fd(f) {}
  ~ScopedFd() {
    if (fd >= 0) close(fd);
  }
  ScopedFd(const ScopedFd&) = delete;
  ScopedFd& operator=(const ScopedFd&) = delete;
  int Release() { return std::exchange(fd, -1); }
  int fd;
};

absl::Status TunError(const TunConfig& config, const std::string& doing, int error) {
  const std::string what =
      "[tun] " + config.name + ": cannot " + doing + ": " + std::strerror(error);
  switch (error) {
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(
          what +
          "; a TUN interface needs CAP_NET_ADMIN: run as root, or once "
          "`setcap cap_net_admin+ep` on selvaged, or leave [tun] out");
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return absl::NotFoundError(what +
                                 "; load the driver with `modprobe tun`, or in a container give "
                                 "it /dev/net/tun");
    case EBUSY:
    case EEXIST:
      return absl::AlreadyExistsError(
          what + "; another process has it: stop that, or choose another name in [tun]");
    default:
      return absl::UnavailableError(what);
  }
}

ifreq NamedRequest(const std::string& name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  return request;
}

absl::Status SetIpv4(const TunConfig& config, int socket_fd) {
  ifreq request = NamedRequest(config.name);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, config.address.c_str(), &address.sin_addr);
  std::memcpy(&request.ifr_addr, &address, sizeof(address));
  if (ioctl(socket_fd, SIOCSIFADDR, &request) != 0) {
    return TunError(config, "set the address " + config.address, errno);
  }
  address.sin_addr.s_addr = htonl(~std::uint32_t{0} << (32 - config.prefix_length));
  std::memcpy(&request.ifr_netmask, &address, sizeof(address));
  if (ioctl(socket_fd, SIOCSIFNETMASK, &request) != 0) {
    return TunError(config, "set the prefix length", errno);
  }
  return absl::OkStatus();
}

// Over rtnetlink, not ioctl: only there the address can be had without duplicate detection, which
// would leave it unusable for a moment although nobody else can have it on a device of our own.
absl::Status SetIpv6(const TunConfig& config, int index) {
  const ScopedFd netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (netlink.fd < 0) return TunError(config, "open a netlink socket", errno);
  struct {
    nlmsghdr header;
    ifaddrmsg message;
    rtattr attribute;
    in6_addr address;
  } request{};
  static_assert(sizeof(request) == sizeof(nlmsghdr) + sizeof(ifaddrmsg) + sizeof(rtattr) + 16,
                "the parts are contiguous, as netlink wants them");
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_NEWADDR;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  request.message.ifa_family = AF_INET6;
  request.message.ifa_prefixlen = static_cast<std::uint8_t>(config.prefix_length);
  request.message.ifa_flags = IFA_F_NODAD;
  request.message.ifa_index = static_cast<std::uint32_t>(index);
  request.attribute.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(sizeof(in6_addr)));
  request.attribute.rta_type = IFA_LOCAL;
  inet_pton(AF_INET6, config.address.c_str(), &request.address);
  struct {
    nlmsghdr header;
    nlmsgerr error;
    char rest[256];
  } answer{};
  // The kernel handles the request inside send() and the answer is there when it returns.
  if (send(netlink.fd, &request, sizeof(request), 0) < 0 ||
      recv(netlink.fd, &answer, sizeof(answer), 0) <
          static_cast<ssize_t>(sizeof(nlmsghdr) + sizeof(nlmsgerr))) {
    return TunError(config, "set the address " + config.address, errno);
  }
  if (answer.header.nlmsg_type == NLMSG_ERROR && answer.error.error != 0) {
    return TunError(config, "set the address " + config.address, -answer.error.error);
  }
  return absl::OkStatus();
}

// Address, MTU, queue, up: on the interface that `config` names.
absl::Status Configure(const TunConfig& config) {
  const ScopedFd any(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (any.fd < 0) return TunError(config, "open a socket", errno);
  ifreq request = NamedRequest(config.name);
  request.ifr_mtu = config.mtu_bytes;
  if (ioctl(any.fd, SIOCSIFMTU, &request) != 0) {
    return TunError(config, "set the MTU " + std::to_string(config.mtu_bytes), errno);
  }
  request = NamedRequest(config.name);
  request.ifr_qlen = Tun::kQueuePackets;
  if (ioctl(any.fd, SIOCSIFTXQLEN, &request) != 0) {
    return TunError(config, "set the queue's length", errno);
  }
  request = NamedRequest(config.name);
  if (ioctl(any.fd, SIOCGIFINDEX, &request) != 0) return TunError(config, "find it", errno);
  const int index = request.ifr_ifindex;
  const bool v6 = config.address.find(':') != std::string::npos;
  const absl::Status addressed = v6 ? SetIpv6(config, index) : SetIpv4(config, any.fd);
  if (!addressed.ok()) return addressed;
  request = NamedRequest(config.name);
  if (ioctl(any.fd, SIOCGIFFLAGS, &request) != 0) return TunError(config, "read its flags", errno);
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  if (ioctl(any.fd, SIOCSIFFLAGS, &request) != 0) return TunError(config, "bring it up", errno);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tun>> Tun::Open(const TunConfig& config) {
  ScopedFd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd.fd < 0) return TunError(config, "open /dev/net/tun", errno);
  ifreq request = NamedRequest(config.name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(fd.fd, TUNSETIFF, &request) != 0) return TunError(config, "make it", errno);
  if (absl::Status s = Configure(config); !s.ok()) return s;
  return FromFd(fd.Release());
}

std::unique_ptr<Tun> Tun::FromFd(int fd) { return std::unique_ptr<Tun>(new Tun(fd)); }

Tun::~Tun() { close(fd_); }

std::size_t Tun::Read(MutableByteSpan out) {
  ssize_t n;
  do {
    n = read(fd_, out.data(), out.size());
  } while (n < 0 && errno == EINTR);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

bool Tun::Write(ByteSpan packet) {
  ssize_t n;
  do {
    n = write(fd_, packet.data(), packet.size());
  } while (n < 0 && errno == EINTR);
  return n == static_cast<ssize_t>(packet.size());
}

TunPort::TunPort(std::unique_ptr<Tun> tun, const TunConfig& config, NodeCore* core)
    : tun_(std::move(tun)),
      config_(config),
      core_(core),
      own_(IpAddress::Parse(config.address).value_or(IpAddress{})),
      // One more than the kernel sends, so that a packet that was cut does not look whole.
      buffer_(static_cast<std::size_t>(config.mtu_bytes) + 1) {}

void TunPort::OnReadable(Time now) {
  for (int i = 0; i < kBatchMax && !held_back(); ++i) {
    const std::size_t n = tun_->Read(buffer_);
    if (n == 0) return;
    ++counters_.packets_read;
    OnPacket(now, {buffer_.data(), n});
  }
}

bool TunPort::held_back() const {
  return WantsReceipt(config_.traffic_class) && core_->outbox_full();
}

void TunPort::OnPacket(Time now, ByteSpan packet) {
  const std::optional<IpHeader> header = ParseIpHeader(packet);
  if (!header) {
    ++counters_.dropped_malformed;
    return;
  }
  if (header->destination.IsMulticast()) {
    ++counters_.dropped_multicast;
    return;
  }
  const std::optional<NodeId> to = FindOwner(header->destination);
  if (!to) {
    ++counters_.dropped_unknown;
    SendUnreachable(now, packet, *header);
    return;
  }
  Message message;
  message.to = *to;
  message.traffic_class = config_.traffic_class;
  message.payload = packet.ToBytes();
  if (config_.traffic_class == TrafficClass::kReliable) message.deadline = kReliableDeadline;
  std::string reason;
  if (core_->Submit(now, std::move(message), &reason) == 0) ++counters_.dropped_refused;
}

void TunPort::OnDeliver(const Deliver& delivery) {
  const std::optional<IpHeader> header = ParseIpHeader(delivery.payload);
  if (!header) {
    ++counters_.dropped_malformed;
    return;
  }
  // A member must not speak with another member's address. An address that nobody claims (yet, or
  // because the claim has not reached us) passes.
  const std::optional<NodeId> owner = FindOwner(header->source);
  if (header->source == own_ || (owner && *owner != delivery.from)) {
    ++counters_.dropped_spoofed;
    return;
  }
  if (tun_->Write(delivery.payload)) {
    ++counters_.packets_written;
  } else {
    ++counters_.dropped_by_kernel;
  }
}

void TunPort::SendUnreachable(Time now, ByteSpan packet, const IpHeader& header) {
  if (now - unreachable_second_ >= 1s) {
    unreachable_second_ = now;
    unreachable_count_ = 0;
  }
  if (unreachable_count_ >= kUnreachablePerSecond) return;
  const Bytes answer = MakeUnreachable(packet, header);
  if (answer.empty()) return;
  ++unreachable_count_;
  if (tun_->Write(answer)) ++counters_.unreachable_sent;
}

std::optional<NodeId> TunPort::FindOwner(const IpAddress& address) const {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(address.v6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof(text));
  return core_->FindByAddress(text);
}

}  // namespace selvage
