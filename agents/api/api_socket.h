// The ROUTER socket of the application API: whole messages in and out, nothing of their meaning.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace selvage {

// Thread rule: one thread. Owns its ZeroMQ context.
class ApiSocket {
 public:
  enum class Received { kMessage, kBad, kNothing };
  enum class Sent { kSent, kFull, kGone };

  // See ApiServer::Create for errors. `bytes_max`: larger messages end their connection.
  static absl::StatusOr<std::unique_ptr<ApiSocket>> Bind(const std::string& endpoint,
                                                         std::size_t bytes_max, int queue_max);
  ~ApiSocket();
  ApiSocket(const ApiSocket&) = delete;
  ApiSocket& operator=(const ApiSocket&) = delete;

  void* handle() const { return socket_; }
  // kBad: something came that is no message of ours (more than one part, too large, a routing id of
  // the peer's own choice); `*peer` is set when it can be answered, else empty.
  Received Receive(std::string* peer, std::string* message);
  // kFull: the peer does not read; kGone: it has closed.
  Sent Send(const std::string& peer, std::string_view message);

 private:
  ApiSocket(void* context, void* socket, std::size_t bytes_max)
      : context_(context), socket_(socket), bytes_max_(bytes_max) {}
  void* context_;
  void* socket_;
  std::size_t bytes_max_;
};

}  // namespace selvage
