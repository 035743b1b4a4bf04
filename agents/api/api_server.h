// Where applications attach to the agent: core/schema/api.proto over a ZeroMQ ROUTER on ipc://.
//
// Back-pressure towards senders. Each application has kCredits sends without an answer. The answer
// comes when the message is accepted: for critical and reliable after the node core reports it
// durable, for telemetry and bulk when the core has taken it. A message the core cannot take now
// ("queue full") waits here, in order, with its credit, and is tried again after every report and
// every few milliseconds: so the application is slowed down, not refused.
//
// Slow receivers. ZeroMQ holds kZmqQueueMax messages an application. Beyond that telemetry, bulk
// and events are dropped and counted (telemetry_dropped); answers and critical or reliable messages
// wait here up to kWaitingMax messages or kWaitingBytesMax, and an application that lets even that
// overflow is detached: its ports are free again, what waited for it is lost and counted
// (protected_lost). Receipts vouch for the destination's agent, not for its applications.
//
// What is wrong is counted and answered with an error where there is somebody to answer: more than
// one part, too large (checked before parsing), not a message, no Hello first, no credit left.
// Routing ids that a peer chose itself are ignored, for one could take another's place with them.
//
// The ipc file has mode 0660: who may attach is the file system's word. libzmq's C interface is
// used because an exception must not cross the reactor. Thread rule: the reactor's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agents/control/agent_view.h"

namespace selvage {

class NodeRuntime;

class ApiServer {
 public:
  static constexpr std::size_t kClientsMax = 64;
  static constexpr std::size_t kPortsMax = 64;    // an application
  static constexpr std::uint32_t kCredits = 256;  // an application
  static constexpr std::size_t kMessageBytesMax = NodeCore::kPayloadBytesMax + 1024;
  static constexpr int kZmqQueueMax = 512;          // messages to an application
  static constexpr std::size_t kWaitingMax = 4096;  // on top, an application
  static constexpr std::size_t kWaitingBytesMax = 8 * 1024 * 1024;
  static constexpr std::size_t kRetryBytesMax = 4 * 1024 * 1024;  // sends the core could not take
  static constexpr std::size_t kReceiptsMax = 16384;  // messages whose receipt is awaited

  struct Counters {
    std::uint64_t clients_attached = 0;
    std::uint64_t clients_refused = 0;
    std::uint64_t clients_too_slow = 0;  // detached
    std::uint64_t messages_bad = 0;      // not what the schema and the rules say
    std::uint64_t sends = 0;
    std::uint64_t sends_refused = 0;
    std::uint64_t sends_waited = 0;       // the core was full at first
    std::uint64_t received = 0;           // handed to applications
    std::uint64_t telemetry_dropped = 0;  // telemetry, bulk and events for a slow application
    std::uint64_t protected_lost = 0;     // critical, reliable: application detached with them
  };

  // Listens at `endpoint` ("ipc://PATH"). `agent` must outlive the server. Errors: InvalidArgument
  // (another kind of endpoint), AlreadyExists (an agent is alive there), Unavailable (cannot bind).
  static absl::StatusOr<std::unique_ptr<ApiServer>> Create(AgentView& agent,
                                                           const std::string& endpoint);
  // The same, owning the view; for a node runtime, which must outlive the server.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Create(std::unique_ptr<AgentView> agent,
                                                           const std::string& endpoint);
  static absl::StatusOr<std::unique_ptr<ApiServer>> Create(NodeRuntime& runtime,
                                                           const std::string& endpoint);
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  const Counters& counters() const;
  std::size_t clients() const;

 private:
  struct Impl;
  explicit ApiServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvage
