// The datagram lane: one UDP socket that moves frames in batches.
//
// Datagrams carry frames because TCP hides loss and stalls behind it. One readiness event costs one
// recvmmsg of up to 32 frames; it is called again only when the batch came back full, so that no
// system call returns empty-handed. Sending queues frames and hands them over with one sendmmsg, or
// with a plain sendto when there is only one: a lone packet costs what it costs a bare relay.
//
// What the kernel refuses is counted in TransportCounters, never reported. Thread rule: one thread.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/bytes.h"
#include "core/link.h"
#include "transports/ip/socket_address.h"
#include "transports/transport.h"

namespace selvage {

// The discovery group, link-local scope (RFC 4291, 2.7): every node hears beacons sent here. The
// last two words are "self-made": 5e1:7a6e for SEL:VAGE with the letters that hexadecimal lacks
// replaced; from the transient range (flag T is not set by ff02, so it stays out of IANA's
// assignments by its 32-bit group id, RFC 3307, 4.3).
inline constexpr char kDiscoveryGroup[] = "ff02::5e1:7a6e";

class UdpLane {
 public:
  static constexpr int kBatch = 32;
  // A stall of half a second at 1,000 frames/s is read in one turn; other sockets wait no longer.
  static constexpr int kBatchesPerTurnMax = 16;
  // A half-second stall overflows the default of 208 KB; the kernel's limit may make it less.
  static constexpr int kSocketBufferBytes = 4 << 20;
  // Jumbo frame of 9,000 less headers, rounded up; longer datagrams are counted and dropped.
  static constexpr std::size_t kFrameBytesMax = 9216;

  struct Options {
    SocketAddress local;  // port 0: the kernel chooses
    std::string device;   // only frames through this interface; empty: any
    // Join this group on this interface index and hear it only (`local` is the group and port).
    std::uint32_t join_scope = 0;
    // Frames sent to a group leave through this interface, with hop limit 1 and no copy to us.
    std::uint32_t multicast_scope = 0;
    bool reuse_address = false;
    int batch_max = kBatch;  // 1..kBatch frames a system call
  };
  using Receiver = std::function<void(const PeerAddress& from, MutableByteSpan frame)>;

  // `counters` must outlive the lane. Errors name the address and what to do.
  static absl::StatusOr<std::unique_ptr<UdpLane>> Open(const Options& options,
                                                       TransportCounters* counters);
  ~UdpLane();
  UdpLane(const UdpLane&) = delete;
  UdpLane& operator=(const UdpLane&) = delete;

  int fd() const { return fd_; }
  // As the kernel has it (port filled in).
  const SocketAddress& local() const { return local_; }

  // Call when the descriptor is readable.
  void Receive(const Receiver& receiver);
  // Queues a copy; a full batch is flushed at once.
  void Send(const PeerAddress& to, ByteSpan frame);
  void Flush();

 private:
  struct Batch;  // message headers, addresses and buffers of one direction
  UdpLane(int fd, const SocketAddress& local, int batch_max, TransportCounters* counters);
  void CountSent(std::size_t bytes);

  const int fd_;
  const SocketAddress local_;
  const int batch_max_;
  TransportCounters* const counters_;
  std::unique_ptr<Batch> receive_;
  std::unique_ptr<Batch> send_;
  int queued_ = 0;
};

}  // namespace selvage
