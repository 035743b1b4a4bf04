// The IP carrier of one link: UDP on an interface or a fixed address, and streams where UDP fails.
//
// What Wi-Fi, RedCap, broadband satellite and Ethernet share. Three sources of frames, any mix:
//   own lane     interface without `listen`: UDP from the interface's IPv6 link-local address, with
//                neighbours found by multicast (a second socket hears the group)
//   fixed lane   UDP from `listen`, or from any address when there are only `udp://` peers
//   stream lane  `zmq+tcp://` in `listen` or `peers`
//
// The link is up while its sockets are open and, with an interface, while that has a carrier. When
// an interface vanishes its sockets are closed and made anew when it comes back; when only the
// carrier goes they stay. See transport.h for the thread rule.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "transports/ip/endpoint.h"
#include "transports/ip/netlink_monitor.h"
#include "transports/ip/peer_resolver.h"
#include "transports/ip/stream_lane.h"
#include "transports/ip/udp_lane.h"
#include "transports/registry.h"
#include "transports/transport.h"

namespace selvage {

class IpTransport final : public Transport {
 public:
  // IPv6 (40 bytes) and UDP (8); taken for IPv4 too, which needs less.
  static constexpr std::uint32_t kCarrierHeaderBytes = 48;
  static constexpr std::uint32_t kMtuBytesMax = 8952;  // jumbo frames of 9,000
  static constexpr std::uint32_t kMtuBytesDefault = 1452;
  static constexpr std::size_t kPeersMax = 256;

  struct Options {
    std::string transport;  // what LinkInfo says
    // Look for neighbours by multicast on the interface. Networks of carriers have none: then only
    // `listen` and `peers` count, and sockets are bound to the interface.
    bool multicast = true;
    // All in reach take turns on one channel (LinkInfo::shared).
    bool shared = false;
  };
  // InvalidArgument: what is wrong with the section.
  static absl::StatusOr<std::unique_ptr<Transport>> Create(const TransportContext& context,
                                                           const Options& options);
  ~IpTransport() override;

  // Fails when a socket cannot be had that does not depend on an interface's state: address in use,
  // address not on this machine.
  absl::Status Start() override;
  void Send(const PeerAddress& to, ByteSpan frame) override;
  void Flush() override;
  const TransportCounters& counters() const override { return counters_; }

 private:
  IpTransport(const TransportContext& context, Options options);
  absl::Status Parse();
  absl::Status StartStreams();
  absl::Status StartResolver();
  bool uses_interface() const { return !context_.config.interface.empty(); }
  bool wants_own_lane() const {
    return uses_interface() && !fixed_listen_ && options_.multicast;
  }
  bool wants_fixed_lane() const { return fixed_listen_ || !udp_peers_.empty(); }

  // Brings sockets and the reported state in line with the interface as it is.
  void Evaluate();
  absl::Status OpenLanes(const InterfaceState& state);
  absl::Status OpenOwnLane(const InterfaceState& state);
  absl::Status OpenFixedLane();
  void CloseLane(std::unique_ptr<UdpLane>* lane);
  void CloseLanes();
  bool LanesFit(const InterfaceState& state) const;
  void ArmTimer(Duration delay);

  void SetUp(const LinkInfo& info);
  void SetDown(const std::string& reason);
  void OnReadable(UdpLane* lane);
  void OnFrame(const PeerAddress& from, MutableByteSpan frame);

  const TransportContext context_;
  const Options options_;
  TransportCounters counters_;
  std::optional<HostPort> fixed_listen_;
  std::vector<HostPort> udp_peers_;
  std::optional<HostPort> stream_listen_;
  std::vector<Endpoint> stream_peers_;

  std::shared_ptr<NetlinkMonitor> monitor_;
  NetlinkMonitor::Token watch_ = 0;
  std::unique_ptr<PeerResolver> resolver_;
  int timer_fd_ = -1;  // defers the first report into the reactor, and retries
  int lanes_index_ = 0;  // interface the lanes were opened for
  std::unique_ptr<UdpLane> own_;
  std::unique_ptr<UdpLane> group_;
  std::unique_ptr<UdpLane> fixed_;
  std::unique_ptr<StreamLane> stream_;
  PeerAddress group_address_;
  PeerAddress own_address_;
  UdpLane::Receiver receiver_;

  enum class State { kUnknown, kUp, kDown };
  State state_ = State::kUnknown;
  LinkInfo info_;
  std::string down_reason_;
  // udp_peers_ by number (broadcast: not resolved yet), then stream_peers_.
  std::vector<PeerAddress> peers_;
};

}  // namespace selvage
