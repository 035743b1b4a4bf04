// What every carrier of frames offers to the node runtime, and what it reports back.
//
// A transport instance serves one link. It registers its sockets with the reactor it is given,
// reports frames and link changes to a LinkListener from inside Reactor::RunOnce(), and queues what
// it is asked to send until Flush(), so that one system call carries a batch. All calls happen on
// the reactor's thread. Errors of the world come back as Status from Start(); after that the
// transport keeps trying by itself and says so through OnLinkDown / OnLinkUp.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/bytes.h"
#include "core/link.h"
#include "core/link_telemetry.h"
#include "core/store.h"
#include "transports/reactor.h"

namespace selvage {

// Implemented by the node runtime. `link` is the id the transport was created with.
class LinkListener {
 public:
  virtual ~LinkListener() = default;
  // The link can carry frames; called again when anything in `info` changed.
  virtual void OnLinkUp(LinkId link, const LinkInfo& info) = 0;
  virtual void OnLinkDown(LinkId link, const std::string& reason) = 0;
  // A peer named in the configuration has an address now.
  virtual void OnConfiguredPeer(LinkId link, const PeerAddress& peer) = 0;
  // `frame` may be changed in place; it is gone after the call.
  virtual void OnFrame(LinkId link, const PeerAddress& from, MutableByteSpan frame) = 0;
};

struct TransportCounters {
  std::uint64_t frames_sent = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_sent = 0;       // of frames, carrier headers not included
  std::uint64_t bytes_received = 0;
  std::uint64_t send_errors = 0;      // the kernel refused (buffer full, unreachable)
  std::uint64_t frames_refused = 0;   // malformed, or from a stream peer that may not speak
  std::uint64_t system_calls = 0;     // for sending and receiving
};

class Transport {
 public:
  virtual ~Transport() = default;
  // Opens sockets and registers with the reactor. The link may come up later.
  virtual absl::Status Start() = 0;
  // Queues one frame; copies it. An unknown or unreachable peer is counted, not reported.
  virtual void Send(const PeerAddress& to, ByteSpan frame) = 0;
  // As Send, for what is not traffic of applications. Radios keep a budget for it.
  virtual void SendControl(const PeerAddress& to, ByteSpan frame) { Send(to, frame); }
  // Hands everything queued to the kernel. Called once after each batch of events.
  virtual void Flush() = 0;
  virtual const TransportCounters& counters() const = 0;

  // ---- what the radio says of itself
  // Towards a peer, or of the link as a whole (broadcast). nullopt: it says nothing (now).
  virtual std::optional<LinkTelemetry> Telemetry(const PeerAddress& peer) const {
    return std::nullopt;
  }
  // One line for people: state of the radio, and why there is no telemetry. Empty: no radio.
  virtual std::string RadioState() const { return ""; }
};

// Where a transport keeps what must outlive the process: legal air time, paid bytes.
class TransportStore {
 public:
  virtual ~TransportStore() = default;
  // What earlier lives left under keys that begin with "radio", as it was at the start.
  virtual Store& Records() = 0;
  // Makes the writes durable, then calls `done` from the reactor. False: nothing was taken and
  // nothing will be called; what depends on it must not happen.
  virtual bool MakeDurable(std::vector<StoreWrite> writes, std::function<void()> done) = 0;
  // Seconds since 1970; 0 where no clock is trusted.
  virtual WallSeconds wall() const = 0;
};

// One [[link]] section of the configuration.
struct LinkConfig {
  std::string transport;           // "ethernet", "wifi", ... or a plug-in's name
  std::string interface;           // network interface; empty: none
  std::string listen;              // "address:port"; empty: the interface's own
  std::vector<std::string> peers;  // "udp://host:port", "zmq+tcp://host:port"
  // Most frames that one system call moves; 0: as many as the transport can. Not in the
  // configuration file: measurements compare like with like.
  int batch_max = 0;
  // What this transport alone understands, as text ("apn", "frequency_hz", ...); which keys there
  // are is told by OptionsOf() in registry.h.
  std::map<std::string, std::string> options;
};

}  // namespace selvage
