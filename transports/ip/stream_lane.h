// The stream lane: frames over ZeroMQ on TCP with CURVE, for peers that can only dial out.
//
// A listening lane is a ROUTER, each dialled peer a DEALER of its own. Frames are sealed by the
// node core already; CURVE keeps strangers off and hides traffic from onlookers. Nothing hangs on
// the handshake alone (zap_handler.h says why): for every message the key that libzmq attached to
// its connection is checked again, so a revoked key falls silent at once.
//
// TCP would deliver late what is useless late: queues are short, an unconnected peer queues
// nothing, and what does not fit is dropped and counted like a lost datagram. Thread rule: the
// reactor's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/bytes.h"
#include "core/link.h"
#include "transports/ip/socket_address.h"
#include "transports/ip/udp_lane.h"
#include "transports/ip/zap_handler.h"
#include "transports/reactor.h"
#include "transports/stream_keys.h"
#include "transports/transport.h"

namespace selvage {

class StreamLane {
 public:
  static constexpr int kMessageBytesMax = 65536;
  static constexpr int kQueueMessagesMax = 256;  // per peer and direction
  static constexpr int kMessagesPerTurnMax = 64;  // per socket; the rest waits for the next turn
  static constexpr int kHandshakeMs = 2000;
  // A peer behind NAT that is gone without a word is forgotten after 30 s.
  static constexpr int kHeartbeatMs = 10000;
  static constexpr int kHeartbeatTimeoutMs = 30000;
  // Where bytes are paid for: carriers' NAT forgets TCP after minutes, not seconds.
  static constexpr int kHeartbeatMeteredMs = 60000;

  // `reactor`, `counters` outlive the lane. Fails without the right to make a ZeroMQ context.
  // `metered_device`: connections leave through this interface alone, with rare heartbeats; empty:
  // as the routing table says.
  static absl::StatusOr<std::unique_ptr<StreamLane>> Create(Reactor& reactor,
                                                            std::shared_ptr<const StreamKeys> keys,
                                                            TransportCounters* counters,
                                                            UdpLane::Receiver receiver,
                                                            std::string metered_device = "");
  ~StreamLane();
  StreamLane(const StreamLane&) = delete;
  StreamLane& operator=(const StreamLane&) = delete;

  // Accepts peers at a numeric address. Tests first that a stranger's key is refused; takes up to
  // two seconds when it is not answered. At most one call.
  absl::Status Listen(const HostPort& address);
  // Keeps a connection to a peer whose CURVE key is known. Returns its address: frames to it are
  // dropped until the connection stands.
  absl::StatusOr<PeerAddress> Dial(const HostPort& address, const CurveKey& server_key);

  void Send(const PeerAddress& to, ByteSpan frame);

 private:
  StreamLane(Reactor& reactor, std::shared_ptr<const StreamKeys> keys, TransportCounters* counters,
             UdpLane::Receiver receiver, std::string metered_device, void* context);
  void* OpenSocket(int type);
  void CloseSocket(void* socket);
  void ReadAccepted();
  void ReadDialled(std::uint16_t number);
  bool MaySpeak(void* message) const;

  Reactor& reactor_;
  const std::shared_ptr<const StreamKeys> keys_;
  TransportCounters* const counters_;
  const UdpLane::Receiver receiver_;
  const std::string metered_device_;
  void* const context_;
  std::unique_ptr<ZapHandler> zap_;
  void* router_ = nullptr;
  std::map<std::uint16_t, void*> dealers_;
};

}  // namespace selvage
