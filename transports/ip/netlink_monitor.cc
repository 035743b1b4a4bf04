#include "transports/ip/netlink_monitor.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"

namespace selvage {
namespace {

// Kernel messages are at most 32 KB (NLMSG_GOODSIZE for dumps).
constexpr std::size_t kBufferBytes = 32768;
// Bursts (hundreds of interfaces at once) must not overflow; the kernel doubles and caps it.
constexpr int kSocketBufferBytes = 1 << 20;
constexpr int kReadsPerTurnMax = 64;

bool Less(const in6_addr& a, const in6_addr& b) { return std::memcmp(&a, &b, sizeof(a)) < 0; }
bool Equal(const in6_addr& a, const in6_addr& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

// Calls f(type, payload) for each attribute behind a fixed header of `header_bytes`.
template <typename F>
void ForEachAttribute(const nlmsghdr* message, std::size_t header_bytes, F f) {
  if (message->nlmsg_len < NLMSG_LENGTH(header_bytes)) return;
  auto* data = static_cast<const std::uint8_t*>(NLMSG_DATA(message));
  const auto* attribute = reinterpret_cast<const rtattr*>(data + NLMSG_ALIGN(header_bytes));
  int left = static_cast<int>(message->nlmsg_len - NLMSG_LENGTH(header_bytes));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    f(attribute->rta_type, ByteSpan(static_cast<const std::uint8_t*>(RTA_DATA(attribute)),
                                    RTA_PAYLOAD(attribute)));
  }
}

std::uint32_t HostU32(ByteSpan in) {
  std::uint32_t v = 0;
  if (in.size() >= sizeof(v)) std::memcpy(&v, in.data(), sizeof(v));
  return v;
}

void ApplyLink(const nlmsghdr* message, std::map<int, InterfaceState>* interfaces) {
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) return;
  ifinfomsg info;
  std::memcpy(&info, NLMSG_DATA(message), sizeof(info));
  if (info.ifi_family != AF_UNSPEC) return;  // bridge port notices reuse the message type
  if (message->nlmsg_type == RTM_DELLINK) {
    interfaces->erase(info.ifi_index);
    return;
  }
  InterfaceState& state = (*interfaces)[info.ifi_index];
  state.index = info.ifi_index;
  state.up = (info.ifi_flags & IFF_UP) != 0;
  // LOWER_UP is the carrier now; RUNNING adds "not dormant" (802.1X, Wi-Fi keys).
  state.carrier = (info.ifi_flags & IFF_LOWER_UP) != 0 && (info.ifi_flags & IFF_RUNNING) != 0;
  ForEachAttribute(message, sizeof(ifinfomsg), [&](int type, ByteSpan value) {
    if (type == IFLA_MTU) state.mtu_bytes = HostU32(value);
    if (type == IFLA_IFNAME && !value.empty()) {
      state.name.assign(reinterpret_cast<const char*>(value.data()),
                        strnlen(reinterpret_cast<const char*>(value.data()), value.size()));
    }
  });
}

void ApplyAddress(const nlmsghdr* message, std::map<int, InterfaceState>* interfaces) {
  if (message->nlmsg_len < NLMSG_LENGTH(sizeof(ifaddrmsg))) return;
  ifaddrmsg info;
  std::memcpy(&info, NLMSG_DATA(message), sizeof(info));
  const auto it = interfaces->find(static_cast<int>(info.ifa_index));
  if (info.ifa_family != AF_INET6 || it == interfaces->end()) return;
  std::uint32_t flags = info.ifa_flags;
  in6_addr address{};
  ForEachAttribute(message, sizeof(ifaddrmsg), [&](int type, ByteSpan value) {
    if (type == IFA_ADDRESS && value.size() == sizeof(address)) {
      std::memcpy(&address, value.data(), sizeof(address));
    }
    if (type == IFA_FLAGS) flags = HostU32(value);
  });
  if (!IN6_IS_ADDR_LINKLOCAL(&address)) return;
  auto& list = it->second.link_locals;
  list.erase(std::remove_if(list.begin(), list.end(),
                            [&](const in6_addr& a) { return Equal(a, address); }),
             list.end());
  // A tentative address cannot be bound yet; the kernel tells again when it has passed.
  const bool tentative = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
  if (message->nlmsg_type == RTM_NEWADDR && !tentative && (flags & IFA_F_DADFAILED) == 0) {
    list.insert(std::lower_bound(list.begin(), list.end(), address, Less), address);
  }
}

std::map<Reactor*, std::weak_ptr<NetlinkMonitor>>& Monitors() {
  thread_local std::map<Reactor*, std::weak_ptr<NetlinkMonitor>> monitors;
  return monitors;
}

}  // namespace

bool InterfaceState::operator==(const InterfaceState& o) const {
  return name == o.name && index == o.index && up == o.up && carrier == o.carrier &&
         mtu_bytes == o.mtu_bytes && link_locals.size() == o.link_locals.size() &&
         std::equal(link_locals.begin(), link_locals.end(), o.link_locals.begin(), Equal);
}

absl::StatusOr<std::shared_ptr<NetlinkMonitor>> NetlinkMonitor::ForReactor(Reactor& reactor) {
  std::weak_ptr<NetlinkMonitor>& slot = Monitors()[&reactor];
  if (std::shared_ptr<NetlinkMonitor> monitor = slot.lock()) return monitor;
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  local.nl_groups = RTMGRP_LINK | RTMGRP_IPV6_IFADDR;
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof(local)) != 0) {
    const std::string why = std::strerror(errno);
    if (fd >= 0) close(fd);
    return absl::UnavailableError("cannot watch network interfaces over rtnetlink: " + why);
  }
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSocketBufferBytes, sizeof(kSocketBufferBytes));
  std::shared_ptr<NetlinkMonitor> monitor(new NetlinkMonitor(reactor, fd));
  if (absl::Status status = monitor->Refresh(); !status.ok()) return status;
  slot = monitor;
  return monitor;
}

NetlinkMonitor::NetlinkMonitor(Reactor& reactor, int fd)
    : reactor_(reactor), fd_(fd), buffer_(kBufferBytes) {
  reactor_.AddFd(fd_, [this] { OnReadable(); });
}

NetlinkMonitor::~NetlinkMonitor() {
  reactor_.RemoveFd(fd_);
  close(fd_);
  Monitors().erase(&reactor_);
}

NetlinkMonitor::Token NetlinkMonitor::Watch(const std::string& name, Handler handler) {
  watchers_[next_token_] = {name, std::move(handler), Find(name)};
  return next_token_++;
}

void NetlinkMonitor::Unwatch(Token token) { watchers_.erase(token); }

InterfaceState NetlinkMonitor::Find(const std::string& name) const {
  for (const auto& [index, state] : interfaces_) {
    if (state.name == name) return state;
  }
  InterfaceState none;
  none.name = name;
  return none;
}

bool NetlinkMonitor::Request(std::uint16_t type, std::uint8_t family) {
  struct {
    nlmsghdr header;
    rtgenmsg body;
  } request{};
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof(rtgenmsg));
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = ++sequence_;
  request.body.rtgen_family = family;
  return send(fd_, &request, request.header.nlmsg_len, 0) >= 0;
}

absl::Status NetlinkMonitor::Refresh() {
  // Twice at most: a second overflow while asking means that the next event asks again.
  for (int attempt = 0; attempt < 2; ++attempt) {
    interfaces_.clear();
    const bool whole = Request(RTM_GETLINK, AF_UNSPEC) && Read(true) &&
                       Request(RTM_GETADDR, AF_INET6) && Read(true);
    if (whole) return absl::OkStatus();
  }
  return absl::UnavailableError("cannot list network interfaces over rtnetlink");
}

bool NetlinkMonitor::Read(bool until_done) {
  for (int i = 0; i < kReadsPerTurnMax || until_done; ++i) {
    // The kernel answers a dump in the same call or the next: waiting is for its own pace only.
    const ssize_t n = recv(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return !until_done;
    if (n <= 0 || static_cast<std::size_t>(n) > buffer_.size()) return false;
    bool done = false;
    Apply(ByteSpan(buffer_.data(), static_cast<std::size_t>(n)), &done);
    if (until_done && done) return true;
  }
  return true;
}

void NetlinkMonitor::Apply(ByteSpan messages, bool* done) {
  auto left = static_cast<unsigned>(messages.size());
  for (auto* message = reinterpret_cast<const nlmsghdr*>(messages.data());
       NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
    switch (message->nlmsg_type) {
      case NLMSG_DONE:
      case NLMSG_ERROR:
        // Events carry 0, the end of a dump given up earlier an older number.
        *done = *done || message->nlmsg_seq == sequence_;
        break;
      case RTM_NEWLINK:
      case RTM_DELLINK:
        ApplyLink(message, &interfaces_);
        break;
      case RTM_NEWADDR:
      case RTM_DELADDR:
        ApplyAddress(message, &interfaces_);
        break;
      default:
        break;
    }
  }
}

void NetlinkMonitor::OnReadable() {
  if (!Read(false)) {
    // Lost messages: ask anew. Should that fail too, the next event brings us back here.
    [[maybe_unused]] const absl::Status status = Refresh();
  }
  Tell();
}

void NetlinkMonitor::Tell() {
  std::vector<Token> tokens;
  for (const auto& [token, watcher] : watchers_) tokens.push_back(token);
  for (const Token token : tokens) {  // a handler may end its own watch or another
    const auto it = watchers_.find(token);
    if (it == watchers_.end()) continue;
    InterfaceState state = Find(it->second.name);
    if (state == it->second.told) continue;
    it->second.told = state;
    const Handler handler = it->second.handler;
    handler(state);
  }
}

std::uint64_t NetlinkMonitor::RateBps(const std::string& name) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || name.size() >= IFNAMSIZ) {
    if (fd >= 0) close(fd);
    return 0;
  }
  ethtool_cmd command{};
  command.cmd = ETHTOOL_GSET;
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_data = reinterpret_cast<char*>(&command);
  const bool known = ioctl(fd, SIOCETHTOOL, &request) == 0;
  close(fd);
  const std::uint32_t mbps = ethtool_cmd_speed(&command);
  // 0 and ~0 stand for "unknown" in drivers.
  return !known || mbps == 0xffff || mbps == 0xffffffff ? 0 : std::uint64_t{mbps} * 1000000;
}

}  // namespace selvage
