// The agent's control socket: people and scripts ask over AF_UNIX, one JSON line each way.
//
// Any number of requests may follow each other on a connection; each is answered before the next is
// read, so that a client that does not read cannot make the agent store answers. A request for
// {"command":"events","follow":true,"after":N} is answered with one line an event until the client
// goes; after it the connection takes no further requests.
//
// Who may ask is the file system's word: the socket has mode 0660. Everything is bounded: clients,
// bytes of a request, bytes that wait for a client; who exceeds a bound is told where possible,
// dropped and counted. The descriptors sit in one epoll set that the reactor sees as one
// descriptor, which gives the server writability and a timer without more of the reactor.
//
// Thread rule: the reactor's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agents/control/agent_view.h"

namespace selvage {

class NodeRuntime;

class ControlServer {
 public:
  static constexpr std::size_t kClientsMax = 32;
  static constexpr std::size_t kRequestBytesMax = 64 * 1024;
  // An answer, or the lines that wait for a follower. 16,384 routes of about 200 bytes fit.
  static constexpr std::size_t kReplyBytesMax = 4 * 1024 * 1024;
  // A client that takes nothing of what waits for it for this long is dropped.
  static constexpr int kStallSeconds = 5;

  struct Counters {
    std::uint64_t clients_accepted = 0;
    std::uint64_t clients_refused = 0;  // over kClientsMax
    std::uint64_t requests = 0;
    std::uint64_t requests_bad = 0;      // not JSON, too long, wrong arguments
    std::uint64_t clients_too_slow = 0;  // dropped
  };

  // Listens at `path`. `agent` must outlive the server. Errors: see ListenUnix; AlreadyExists when
  // an agent is alive there.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Create(AgentView& agent,
                                                               const std::string& path);
  // The same, owning the view; for a node runtime, which must outlive the server.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Create(std::unique_ptr<AgentView> agent,
                                                               const std::string& path);
  static absl::StatusOr<std::unique_ptr<ControlServer>> Create(NodeRuntime& runtime,
                                                               const std::string& path);
  // Closes every connection and removes the socket file.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  const Counters& counters() const;

 private:
  struct Impl;
  explicit ControlServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvage
