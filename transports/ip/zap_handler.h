// Answers ZeroMQ's question "may this CURVE key come in?" (ZAP, ZeroMQ RFC 27).
//
// libzmq 4.3.4 fails open: with no handler, or a dead one, every key is let in. So nothing may hang
// on this handler alone: the lane asks again for every message (stream_lane.h), and
// RefusesStrangers is asked before a lane listens. A context has one handler; it lives on the
// reactor.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "transports/reactor.h"
#include "transports/stream_keys.h"

namespace selvage {

class ZapHandler {
 public:
  // `context` (from zmq_ctx_new), reactor and keys outlive the handler.
  static absl::StatusOr<std::unique_ptr<ZapHandler>> Create(void* context, Reactor& reactor,
                                                            const StreamKeys& keys);
  ~ZapHandler();
  ZapHandler(const ZapHandler&) = delete;
  ZapHandler& operator=(const ZapHandler&) = delete;

  // Self-test: knocks with a key made up on the spot, without the reactor (it answers by itself).
  // Ok when the key is refused; an error when it is let in, or nothing happens for two seconds.
  absl::Status RefusesStrangers();

 private:
  ZapHandler(void* context, Reactor& reactor, const StreamKeys& keys, void* socket);
  void OnReadable();
  bool AnswerOne();

  void* const context_;
  Reactor& reactor_;
  const StreamKeys& keys_;
  void* const socket_;
};

// Options of every server socket: our keys, the mechanism, the domain that makes libzmq ask.
bool MakeCurveServer(void* socket, const StreamKeys& keys);
// Options of a dialling socket.
bool MakeCurveClient(void* socket, const CurveKey& secret, const CurveKey& own_public,
                     const CurveKey& server);

}  // namespace selvage
