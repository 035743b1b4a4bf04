// Watches the network interfaces of this machine and says at once when one of them changes.
//
// The kernel tells over an rtnetlink socket: carrier, MTU and IPv6 link-local addresses. Carrier
// loss seen here is the fastest failure detection there is (under a millisecond), so one monitor
// serves every link of a reactor and costs nothing while nothing happens. One limit is the
// kernel's: for an interface that is its own lower link (hardware; a veth whose two ends have the
// same index) it reports carrier at most once a second, machine-wide, so a loss soon after another
// change comes late.
//
// When the socket overflows, or the kernel dropped messages, everything is asked for anew.
// Thread rule: the reactor's thread. Must not outlive the reactor.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/bytes.h"
#include "transports/reactor.h"

namespace selvage {

struct InterfaceState {
  std::string name;
  int index = 0;         // 0: there is no such interface (now)
  bool up = false;       // administratively up
  bool carrier = false;  // and the other end is there; on Wi-Fi: associated
  std::uint32_t mtu_bytes = 0;
  std::vector<in6_addr> link_locals;  // usable ones: not tentative, not duplicates; sorted

  bool usable() const { return index != 0 && up && carrier; }
  bool operator==(const InterfaceState& o) const;
};

class NetlinkMonitor {
 public:
  using Handler = std::function<void(const InterfaceState&)>;
  using Token = std::uint64_t;

  // The one monitor of this reactor; made at the first call, gone with the last owner. Fails when
  // the netlink socket cannot be opened.
  static absl::StatusOr<std::shared_ptr<NetlinkMonitor>> ForReactor(Reactor& reactor);
  ~NetlinkMonitor();
  NetlinkMonitor(const NetlinkMonitor&) = delete;
  NetlinkMonitor& operator=(const NetlinkMonitor&) = delete;

  // Calls `handler` from the reactor after each change of the interface called `name`, which need
  // not exist yet. The state at this moment is what Find() says.
  Token Watch(const std::string& name, Handler handler);
  void Unwatch(Token token);
  // index 0 when there is none.
  InterfaceState Find(const std::string& name) const;

  // Nominal rate of an interface in bit/s; 0 when the driver does not say (ethtool).
  static std::uint64_t RateBps(const std::string& name);

 private:
  struct Watcher {
    std::string name;
    Handler handler;
    InterfaceState told;  // handlers are called on changes only
  };
  NetlinkMonitor(Reactor& reactor, int fd);
  absl::Status Refresh();
  bool Request(std::uint16_t type, std::uint8_t family);
  // Reads what is there. False when messages were lost.
  bool Read(bool until_done);
  void Apply(ByteSpan messages, bool* done);
  void OnReadable();
  void Tell();

  Reactor& reactor_;
  const int fd_;
  std::map<int, InterfaceState> interfaces_;  // by index
  std::map<Token, Watcher> watchers_;
  Token next_token_ = 1;
  std::uint32_t sequence_ = 0;  // of our requests
  std::vector<std::uint8_t> buffer_;
};

}  // namespace selvage
