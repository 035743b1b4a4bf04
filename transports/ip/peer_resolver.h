// Turns the host names of configured peers into addresses, off the reactor's thread.
//
// Numeric addresses are answered at once and never ask a name server. Names are asked for on a
// thread of their own, again every minute (addresses move) and every five seconds while unknown.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "core/link.h"
#include "transports/ip/socket_address.h"
#include "transports/reactor.h"

namespace selvage {

class PeerResolver {
 public:
  // Called on the reactor's thread for each address that is new or changed.
  using Handler = std::function<void(std::size_t index, const PeerAddress& peer)>;

  // `family` AF_INET: IPv4 only; AF_INET6: either. `hosts` are numbered from 0.
  PeerResolver(Reactor& reactor, int family, std::vector<HostPort> hosts, Handler handler);
  ~PeerResolver();
  PeerResolver(const PeerResolver&) = delete;
  PeerResolver& operator=(const PeerResolver&) = delete;

  // Reports numeric hosts before it returns and starts the thread if there are names.
  absl::Status Start();

 private:
  struct Shared;  // outlives us while a name server keeps the thread waiting
  void OnReadable();

  Reactor& reactor_;
  const Handler handler_;
  std::shared_ptr<Shared> shared_;
  bool registered_ = false;
};

}  // namespace selvage
