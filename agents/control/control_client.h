// The asking side of the control socket: blocking, with timeouts. Used by the command line tool.
//
// Thread rule: one thread at a time.
#pragma once

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace selvage {

class ControlClient {
 public:
  static constexpr std::size_t kLineBytesMax = 8 * 1024 * 1024;

  // Errors: Unavailable (no agent there: no socket, or nobody behind it), PermissionDenied,
  // InvalidArgument (path too long for a socket address).
  static absl::StatusOr<std::unique_ptr<ControlClient>> Connect(const std::string& path,
                                                                std::chrono::milliseconds timeout);
  ~ControlClient();
  ControlClient(const ControlClient&) = delete;
  ControlClient& operator=(const ControlClient&) = delete;

  // Asks and returns the result. Errors: InvalidArgument (the agent says the question is wrong),
  // FailedPrecondition (the answer is no; its reason), Unavailable (the agent went away),
  // DeadlineExceeded (no answer in time), Internal (what came is no answer).
  absl::StatusOr<nlohmann::json> Request(const nlohmann::json& request,
                                         std::chrono::milliseconds timeout);
  // After a request that streams: the next result. Errors as in Request; a negative timeout waits
  // for ever.
  absl::StatusOr<nlohmann::json> Next(std::chrono::milliseconds timeout);
  // Sends a request without waiting for an answer.
  absl::Status Send(const nlohmann::json& request, std::chrono::milliseconds timeout);

 private:
  explicit ControlClient(int fd) : fd_(fd) {}
  int fd_;
  std::string in_;
};

}  // namespace selvage
