#include "transports/ip/peer_resolver.h"

#include <netdb.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace selvage {
namespace {

constexpr std::chrono::seconds kAskAgain{60};
constexpr std::chrono::seconds kAskAgainUnknown{5};

std::optional<PeerAddress> Ask(const HostPort& host, int family) {
  addrinfo hints{};
  hints.ai_family = family == AF_INET ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.host.c_str(), nullptr, &hints, &found) != 0) return std::nullopt;
  std::optional<PeerAddress> result;
  for (const addrinfo* a = found; a != nullptr && !result; a = a->ai_next) {
    if (a->ai_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(a->ai_addr);
      result = ToPeerAddress(SocketAddress::Ipv4(v4->sin_addr, host.port));
    } else if (a->ai_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(a->ai_addr);
      result = ToPeerAddress(SocketAddress::Ipv6(v6->sin6_addr, host.port, v6->sin6_scope_id));
    }
  }
  freeaddrinfo(found);
  return result;
}

}  // namespace

struct PeerResolver::Shared {
  struct Host {
    HostPort address;
    bool numeric = false;
    PeerAddress known;  // broadcast: not known yet
    bool told = true;
  };
  int family = AF_INET6;
  int event_fd = -1;
  std::vector<Host> hosts;  // the thread reads `address` and `numeric`, which never change
  std::mutex mutex;         // guards known, told, stop
  std::condition_variable wake;
  bool stop = false;

  ~Shared() {
    if (event_fd >= 0) close(event_fd);
  }

  void Run() {
    std::unique_lock<std::mutex> lock(mutex);
    while (!stop) {
      bool all_known = true;
      for (Host& host : hosts) {
        if (host.numeric || stop) continue;
        lock.unlock();
        const std::optional<PeerAddress> answer = Ask(host.address, family);
        lock.lock();
        if (answer && *answer != host.known) {
          host.known = *answer;
          host.told = false;
          eventfd_write(event_fd, 1);
        }
        all_known = all_known && !host.known.IsBroadcast();
      }
      wake.wait_for(lock, all_known ? kAskAgain : kAskAgainUnknown, [this] { return stop; });
    }
  }
};

PeerResolver::PeerResolver(Reactor& reactor, int family, std::vector<HostPort> hosts,
                           Handler handler)
    : reactor_(reactor), handler_(std::move(handler)), shared_(std::make_shared<Shared>()) {
  shared_->family = family;
  for (HostPort& host : hosts) {
    Shared::Host entry;
    entry.address = std::move(host);
    if (const auto numeric = ParseNumeric(entry.address); numeric.ok()) {
      entry.numeric = true;
      entry.known = ToPeerAddress(*numeric);
    }
    shared_->hosts.push_back(std::move(entry));
  }
}

PeerResolver::~PeerResolver() {
  if (registered_) reactor_.RemoveFd(shared_->event_fd);
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->stop = true;
  shared_->wake.notify_all();
}

absl::Status PeerResolver::Start() {
  bool names = false;
  for (std::size_t i = 0; i < shared_->hosts.size(); ++i) {
    const Shared::Host& host = shared_->hosts[i];
    if (host.numeric) {
      handler_(i, host.known);
    } else {
      names = true;
    }
  }
  if (!names) return absl::OkStatus();
  shared_->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (shared_->event_fd < 0) {
    return absl::ResourceExhaustedError(std::string("cannot make an event descriptor: ") +
                                        std::strerror(errno));
  }
  try {
    // Detached: a name server that does not answer must not hold up the end of the program.
    std::thread([shared = shared_] { shared->Run(); }).detach();
  } catch (const std::system_error& e) {
    return absl::ResourceExhaustedError(std::string("cannot start a thread for names: ") +
                                        e.what());
  }
  reactor_.AddFd(shared_->event_fd, [this] { OnReadable(); });
  registered_ = true;
  return absl::OkStatus();
}

void PeerResolver::OnReadable() {
  eventfd_t ignored;
  eventfd_read(shared_->event_fd, &ignored);
  std::vector<std::pair<std::size_t, PeerAddress>> fresh;
  {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    for (std::size_t i = 0; i < shared_->hosts.size(); ++i) {
      Shared::Host& host = shared_->hosts[i];
      if (!host.told) fresh.emplace_back(i, host.known);
      host.told = true;
    }
  }
  for (const auto& [index, peer] : fresh) handler_(index, peer);
}

}  // namespace selvage
