// The yardstick: the least a relay can do. Receive, open, seal, send; no session, route or memory.
//
// One UDP socket on loopback, ChaCha20-Poly1305 of libsodium, frames laid out like a sealed frame
// of ours (7 bytes of header, tag of 16). With batch 1 it makes one recvfrom and one sendto a
// packet, blocking, which is the cheapest there is; with larger batches recvmmsg and sendmmsg.
// Generator and sink run on threads of their own, as the two end nodes of the real one do.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

namespace selvage::bench {

class BareRelay {
 public:
  struct Options {
    int size = 0;   // of the UDP datagram, bytes
    int batch = 1;  // 1..kBatchMax: frames a system call
  };
  static constexpr int kBatchMax = 32;

  // REQUIRES: size > header and tag. Errors: what the kernel says.
  static absl::StatusOr<std::unique_ptr<BareRelay>> Create(const Options& options);
  ~BareRelay();
  BareRelay(const BareRelay&) = delete;
  BareRelay& operator=(const BareRelay&) = delete;

  // `rate` in packets a second; 0 stops.
  void SetRate(double rate);
  struct Counters {
    std::uint64_t forwarded = 0;
    std::uint64_t received_at_sink = 0;
    std::uint64_t system_calls = 0;
    std::int64_t cpu_ns = 0;  // of the relay's thread
  };
  Counters Read() const;

 private:
  struct Impl;
  explicit BareRelay(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvage::bench
