#include "transports/ip/ip_transport.h"

#include <arpa/inet.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace selvage {
namespace {

// After the world refused a socket (address in use): rare, and events of the interface come first.
constexpr Duration kRetry = 1s;

in6_addr DiscoveryGroup() {
  in6_addr group{};
  inet_pton(AF_INET6, kDiscoveryGroup, &group);
  return group;
}

int BatchMax(const LinkConfig& config) {
  return config.batch_max > 0 ? std::min(config.batch_max, UdpLane::kBatch) : UdpLane::kBatch;
}

bool SameInfo(const LinkInfo& a, const LinkInfo& b) {
  return a.name == b.name && a.mtu_bytes == b.mtu_bytes && a.rate_bps == b.rate_bps &&
         a.broadcast == b.broadcast;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> IpTransport::Create(const TransportContext& context,
                                                               const Options& options) {
  std::unique_ptr<IpTransport> transport(new IpTransport(context, options));
  if (absl::Status status = transport->Parse(); !status.ok()) return status;
  return std::unique_ptr<Transport>(std::move(transport));
}

IpTransport::IpTransport(const TransportContext& context, Options options)
    : context_(context), options_(std::move(options)) {
  receiver_ = [this](const PeerAddress& from, MutableByteSpan frame) { OnFrame(from, frame); };
}

IpTransport::~IpTransport() {
  CloseLanes();
  if (monitor_ != nullptr) monitor_->Unwatch(watch_);
  if (timer_fd_ >= 0) {
    context_.reactor.RemoveFd(timer_fd_);
    close(timer_fd_);
  }
}

absl::Status IpTransport::Parse() {
  const LinkConfig& config = context_.config;
  if (config.interface.empty() && config.listen.empty() && config.peers.empty()) {
    return absl::InvalidArgumentError(
        "a link needs an interface (interface = \"eth0\"), an address (listen = "
        "\"192.0.2.1:7700\") or peers");
  }
  if (!options_.multicast && config.listen.empty() && config.peers.empty()) {
    return absl::InvalidArgumentError(
        "this network carries no multicast, so nobody is found on it: name peers (peers = "
        "[\"zmq+tcp://hub.example:7701?key=KEY\"]) or an address (listen = \"192.0.2.1:7700\")");
  }
  if (config.peers.size() > kPeersMax) {
    return absl::InvalidArgumentError("at most " + std::to_string(kPeersMax) + " peers per link");
  }
  if (!config.listen.empty()) {
    absl::StatusOr<Endpoint> listen = ParseListen(config.listen);
    if (!listen.ok()) return listen.status();
    (listen->stream ? stream_listen_ : fixed_listen_) = listen->address;
  }
  for (const std::string& text : config.peers) {
    absl::StatusOr<Endpoint> peer = ParsePeer(text);
    if (!peer.ok()) return peer.status();
    if (peer->stream) {
      stream_peers_.push_back(*std::move(peer));
    } else {
      udp_peers_.push_back(std::move(peer->address));
    }
  }
  if ((stream_listen_ || !stream_peers_.empty()) && context_.stream_keys == nullptr) {
    return absl::FailedPreconditionError(
        "zmq+tcp:// endpoints need CURVE keys, and none were given");
  }
  peers_.resize(udp_peers_.size());
  return absl::OkStatus();
}

absl::Status IpTransport::Start() {
  timer_fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timer_fd_ < 0) {
    return absl::ResourceExhaustedError(std::string("cannot make a timer descriptor: ") +
                                        std::strerror(errno));
  }
  context_.reactor.AddFd(timer_fd_, [this] {
    std::uint64_t ignored;
    [[maybe_unused]] const ssize_t n = read(timer_fd_, &ignored, sizeof(ignored));
    Evaluate();
  });
  if (uses_interface()) {
    auto monitor = NetlinkMonitor::ForReactor(context_.reactor);
    if (!monitor.ok()) return monitor.status();
    monitor_ = *std::move(monitor);
    watch_ = monitor_->Watch(context_.config.interface,
                             [this](const InterfaceState&) { Evaluate(); });
    const InterfaceState state = monitor_->Find(context_.config.interface);
    const absl::Status status = state.index != 0 ? OpenLanes(state) : absl::OkStatus();
    // An address that is not there yet comes with an event; anything else a person must settle.
    if (!status.ok() && !absl::IsUnavailable(status)) return status;
  } else if (wants_fixed_lane()) {
    if (absl::Status status = OpenFixedLane(); !status.ok()) return status;
  }
  if (absl::Status status = StartStreams(); !status.ok()) return status;
  if (absl::Status status = StartResolver(); !status.ok()) return status;
  ArmTimer(1ns);  // the first report comes from inside the reactor, as every other
  return absl::OkStatus();
}

absl::Status IpTransport::StartStreams() {
  if (!stream_listen_ && stream_peers_.empty()) return absl::OkStatus();
  auto stream =
      StreamLane::Create(context_.reactor, context_.stream_keys, &counters_, receiver_,
                         options_.multicast ? "" : context_.config.interface);
  if (!stream.ok()) return stream.status();
  stream_ = *std::move(stream);
  if (stream_listen_) {
    if (absl::Status status = stream_->Listen(*stream_listen_); !status.ok()) return status;
  }
  for (const Endpoint& peer : stream_peers_) {
    absl::StatusOr<PeerAddress> address = stream_->Dial(peer.address, *peer.server_key);
    if (!address.ok()) return address.status();
    peers_.push_back(*address);
  }
  return absl::OkStatus();
}

absl::Status IpTransport::StartResolver() {
  if (udp_peers_.empty()) return absl::OkStatus();
  const int family = fixed_ != nullptr ? fixed_->local().any.sa_family : AF_INET6;
  resolver_ = std::make_unique<PeerResolver>(
      context_.reactor, family, udp_peers_, [this](std::size_t i, const PeerAddress& peer) {
        peers_[i] = peer;
        if (state_ == State::kUp) context_.listener.OnConfiguredPeer(context_.link, peer);
      });
  return resolver_->Start();
}

void IpTransport::ArmTimer(Duration delay) {
  itimerspec spec{};
  spec.it_value.tv_sec = delay.count() / 1000000000;
  spec.it_value.tv_nsec = delay.count() % 1000000000;
  timerfd_settime(timer_fd_, 0, &spec, nullptr);
}

bool IpTransport::LanesFit(const InterfaceState& state) const {
  if (wants_fixed_lane() && fixed_ == nullptr) return false;
  if (!wants_own_lane()) return lanes_index_ == state.index;
  if (own_ == nullptr || lanes_index_ != state.index) return false;
  // While the interface is down its addresses are gone, but bound sockets wait for them.
  const auto is_ours = [this](const in6_addr& a) {
    return std::memcmp(&a, &own_->local().v6.sin6_addr, sizeof(a)) == 0;
  };
  return state.link_locals.empty() ||
         std::any_of(state.link_locals.begin(), state.link_locals.end(), is_ours);
}

void IpTransport::Evaluate() {
  LinkInfo info;
  info.transport = options_.transport;
  info.mtu_bytes = kMtuBytesDefault;
  info.shared = options_.shared;
  info.broadcast = wants_own_lane();
  if (!uses_interface()) {
    info.name = context_.config.listen.empty() ? context_.config.peers.front()
                                               : context_.config.listen;
    SetUp(info);
    return;
  }
  const std::string& name = context_.config.interface;
  const InterfaceState state = monitor_->Find(name);
  if (!state.usable()) {
    SetDown(state.index == 0 ? "interface " + name + " does not exist"
            : !state.up      ? "interface " + name + " is switched off"
                             : "interface " + name + " has no carrier");
    if (state.index == 0) CloseLanes();
    return;
  }
  if (!LanesFit(state)) {
    CloseLanes();
    if (absl::Status status = OpenLanes(state); !status.ok()) {
      CloseLanes();
      SetDown(std::string(status.message()));
      ArmTimer(kRetry);
      return;
    }
  }
  if (wants_own_lane() && state.link_locals.empty()) {
    SetDown("interface " + name + " has no usable IPv6 link-local address");
    return;
  }
  info.name = name;
  info.mtu_bytes = std::min(std::max(state.mtu_bytes, kCarrierHeaderBytes) - kCarrierHeaderBytes,
                            kMtuBytesMax);
  info.rate_bps = NetlinkMonitor::RateBps(name);
  SetUp(info);
}

absl::Status IpTransport::OpenLanes(const InterfaceState& state) {
  lanes_index_ = state.index;
  if (wants_own_lane()) {
    if (absl::Status status = OpenOwnLane(state); !status.ok()) return status;
  }
  return wants_fixed_lane() ? OpenFixedLane() : absl::OkStatus();
}

absl::Status IpTransport::OpenOwnLane(const InterfaceState& state) {
  if (state.link_locals.empty()) {
    return absl::UnavailableError("interface " + state.name +
                                  " has no usable IPv6 link-local address (is IPv6 disabled?)");
  }
  const auto scope = static_cast<std::uint32_t>(state.index);
  UdpLane::Options own;
  own.batch_max = BatchMax(context_.config);
  own.local = SocketAddress::Ipv6(state.link_locals.front(), kDefaultPort, scope);
  own.multicast_scope = scope;
  own.reuse_address = wants_fixed_lane();  // beside a wildcard socket on the same port
  auto lane = UdpLane::Open(own, &counters_);
  if (!lane.ok()) return lane.status();
  own_ = *std::move(lane);

  UdpLane::Options group;
  group.batch_max = BatchMax(context_.config);
  group.local = SocketAddress::Ipv6(DiscoveryGroup(), kDefaultPort, scope);
  group.join_scope = scope;
  group.reuse_address = wants_fixed_lane();
  lane = UdpLane::Open(group, &counters_);
  if (!lane.ok()) return lane.status();
  group_ = *std::move(lane);

  group_address_ = ToPeerAddress(group.local);
  own_address_ = ToPeerAddress(own_->local());
  for (UdpLane* l : {own_.get(), group_.get()}) {
    context_.reactor.AddFd(l->fd(), [this, l] { OnReadable(l); });
  }
  return absl::OkStatus();
}

absl::Status IpTransport::OpenFixedLane() {
  UdpLane::Options options;
  options.batch_max = BatchMax(context_.config);
  options.device = context_.config.interface;
  if (fixed_listen_) {
    absl::StatusOr<SocketAddress> local = ParseNumeric(*fixed_listen_);
    if (!local.ok()) return local.status();
    options.local = *local;
  } else {
    options.local = SocketAddress::Ipv6(in6addr_any, kDefaultPort, 0);
    options.reuse_address = wants_own_lane();
  }
  auto lane = UdpLane::Open(options, &counters_);
  if (!lane.ok() && !fixed_listen_) {  // a kernel without IPv6
    options.local = SocketAddress::Ipv4(in_addr{INADDR_ANY}, kDefaultPort);
    lane = UdpLane::Open(options, &counters_);
  }
  if (!lane.ok()) return lane.status();
  fixed_ = *std::move(lane);
  UdpLane* l = fixed_.get();
  context_.reactor.AddFd(l->fd(), [this, l] { OnReadable(l); });
  return absl::OkStatus();
}

void IpTransport::CloseLane(std::unique_ptr<UdpLane>* lane) {
  if (*lane == nullptr) return;
  context_.reactor.RemoveFd((*lane)->fd());
  lane->reset();
}

void IpTransport::CloseLanes() {
  CloseLane(&own_);
  CloseLane(&group_);
  CloseLane(&fixed_);
  lanes_index_ = 0;
}

void IpTransport::SetUp(const LinkInfo& info) {
  if (state_ == State::kUp && SameInfo(info, info_)) return;
  state_ = State::kUp;
  info_ = info;
  context_.listener.OnLinkUp(context_.link, info);
  for (const PeerAddress& peer : peers_) {
    if (!peer.IsBroadcast()) context_.listener.OnConfiguredPeer(context_.link, peer);
  }
}

void IpTransport::SetDown(const std::string& reason) {
  if (state_ == State::kDown && reason == down_reason_) return;
  state_ = State::kDown;
  down_reason_ = reason;
  context_.listener.OnLinkDown(context_.link, reason);
}

void IpTransport::OnReadable(UdpLane* lane) { lane->Receive(receiver_); }

void IpTransport::OnFrame(const PeerAddress& from, MutableByteSpan frame) {
  // Our own beacons, should a switch send them back to us; and what comes before the link is up.
  if (state_ != State::kUp || from == own_address_) return;
  context_.listener.OnFrame(context_.link, from, frame);
}

void IpTransport::Send(const PeerAddress& to, ByteSpan frame) {
  if (to.IsBroadcast()) {
    if (own_ != nullptr) {
      own_->Send(group_address_, frame);
    } else {
      ++counters_.send_errors;
    }
    return;
  }
  if (to.bytes[0] == kPeerTagDialled || to.bytes[0] == kPeerTagAccepted) {
    if (stream_ != nullptr) {
      stream_->Send(to, frame);
    } else {
      ++counters_.send_errors;
    }
    return;
  }
  const bool link_local = to.bytes[0] == kPeerTagIpv6 && to.bytes[1] == 0xfe && to.bytes[2] == 0x80;
  UdpLane* lane = own_ != nullptr && (link_local || fixed_ == nullptr) ? own_.get() : fixed_.get();
  if (lane == nullptr) {
    ++counters_.send_errors;
    return;
  }
  lane->Send(to, frame);
}

void IpTransport::Flush() {
  if (own_ != nullptr) own_->Flush();
  if (fixed_ != nullptr) fixed_->Flush();
}

}  // namespace selvage
