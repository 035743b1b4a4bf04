// The TUN interface: IP packets between the kernel and the mesh.
//
// Tun is the device; TunPort moves packets between it and the node core. The queue of the device
// holds kQueuePackets: the kernel's default of 500 overflows in half a second without us at 1 kHz.
// Thread rule: the reactor's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "agents/node/node_core.h"
#include "agents/runtime/config.h"
#include "agents/runtime/ip_packet.h"
#include "core/bytes.h"
#include "core/time.h"

namespace selvage {

class Tun {
 public:
  static constexpr int kQueuePackets = 2000;

  // Makes the interface, gives it address, prefix and MTU and brings it up. It goes away with the
  // descriptor. Errors: PermissionDenied (CAP_NET_ADMIN is missing), NotFound (no /dev/net/tun),
  // AlreadyExists (the name or the interface is in use), Unavailable; each says what to do.
  static absl::StatusOr<std::unique_ptr<Tun>> Open(const TunConfig& config);
  // Takes a non-blocking descriptor that gives and takes one packet a call. For tests.
  static std::unique_ptr<Tun> FromFd(int fd);
  ~Tun();
  Tun(const Tun&) = delete;
  Tun& operator=(const Tun&) = delete;

  int fd() const { return fd_; }
  // Bytes of the next packet, 0 when there is none. A longer packet is cut.
  std::size_t Read(MutableByteSpan out);
  // False when the kernel does not take it.
  bool Write(ByteSpan packet);

 private:
  explicit Tun(int fd) : fd_(fd) {}
  const int fd_;
};

class TunPort {
 public:
  // Packets read in one turn: frames and timers of the mesh must not wait longer than about 1 ms.
  static constexpr int kBatchMax = 64;
  // ICMP errors sent back, at most.
  static constexpr int kUnreachablePerSecond = 20;
  // An IP packet of class reliable is worth nothing after that: its sender has sent it again.
  static constexpr Duration kReliableDeadline = 2s;

  struct Counters {
    std::uint64_t packets_read = 0;
    std::uint64_t packets_written = 0;
    std::uint64_t dropped_malformed = 0;  // either way
    std::uint64_t dropped_multicast = 0;
    std::uint64_t dropped_unknown = 0;    // nobody claims the destination
    std::uint64_t dropped_refused = 0;    // by the core: queue full
    std::uint64_t dropped_spoofed = 0;    // from the mesh, with another node's address
    std::uint64_t dropped_by_kernel = 0;  // from the mesh, the device did not take it
    std::uint64_t unreachable_sent = 0;
  };

  // `core` must outlive the port.
  TunPort(std::unique_ptr<Tun> tun, const TunConfig& config, NodeCore* core);

  int fd() const { return tun_->fd(); }
  // Reads until there is nothing more, kBatchMax at most, and submits. Effects then wait in the
  // core.
  void OnReadable(Time now);
  // The core has no room for packets of this class: do not read. They then wait in the device's
  // queue, and the kernel slows down or drops for those who send.
  bool held_back() const;
  // Hands a packet from the mesh to the kernel.
  void OnDeliver(const Deliver& delivery);
  const Counters& counters() const { return counters_; }

 private:
  void OnPacket(Time now, ByteSpan packet);
  void SendUnreachable(Time now, ByteSpan packet, const IpHeader& header);
  std::optional<NodeId> FindOwner(const IpAddress& address) const;

  const std::unique_ptr<Tun> tun_;
  const TunConfig config_;
  NodeCore* const core_;
  IpAddress own_;
  Bytes buffer_;
  Counters counters_;
  Time unreachable_second_{};  // begin of the second that unreachable_count_ counts in
  int unreachable_count_ = 0;
};

}  // namespace selvage
