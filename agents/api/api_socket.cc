#include "agents/api/api_socket.h"

#include <errno.h>
#include <sys/stat.h>
#include <zmq.h>

#include "agents/control/control_socket.h"

namespace selvage {
namespace {

constexpr char kScheme[] = "ipc://";

void SetInt(void* socket, int option, int value) {
  zmq_setsockopt(socket, option, &value, sizeof(value));
}

// libzmq's own routing ids are a zero byte and four random ones; a peer's own must not start so.
bool IsOurRoutingId(const std::string& id) { return id.size() == 5 && id[0] == '\0'; }

// Receives one part into *part unless it is larger than `bytes_max`. False: nothing there.
bool ReceivePart(void* socket, std::size_t bytes_max, std::string* part, bool* more, bool* large) {
  zmq_msg_t message;
  zmq_msg_init(&message);
  if (zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) < 0) {
    zmq_msg_close(&message);
    return false;
  }
  std::size_t size = zmq_msg_size(&message);
  *large = size > bytes_max;
  part->clear();
  if (!*large) part->assign(static_cast<const char*>(zmq_msg_data(&message)), size);
  *more = zmq_msg_more(&message) != 0;
  zmq_msg_close(&message);
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ApiSocket>> ApiSocket::Bind(const std::string& endpoint,
                                                           std::size_t bytes_max, int queue_max) {
  if (endpoint.rfind(kScheme, 0) != 0 || endpoint.size() == sizeof(kScheme) - 1) {
    return absl::InvalidArgumentError("application endpoint \"" + endpoint +
                                      "\" must be ipc:// and a path: it is for this machine only");
  }
  std::string path = endpoint.substr(sizeof(kScheme) - 1);
  // libzmq would take over the file of a living agent without a word.
  if (absl::Status s = CheckSocketPathFree(path); !s.ok()) return s;
  std::string::size_type slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0) mkdir(path.substr(0, slash).c_str(), 0755);

  void* context = zmq_ctx_new();
  if (context == nullptr) return absl::UnavailableError("cannot start ZeroMQ");
  void* socket = zmq_socket(context, ZMQ_ROUTER);
  if (socket == nullptr) {
    zmq_ctx_term(context);
    return absl::UnavailableError(std::string("cannot make a ZeroMQ socket: ") +
                                  zmq_strerror(zmq_errno()));
  }
  std::unique_ptr<ApiSocket> out(new ApiSocket(context, socket, bytes_max));
  SetInt(socket, ZMQ_LINGER, 0);
  SetInt(socket, ZMQ_ROUTER_MANDATORY, 1);  // tells us who has gone and who does not read
  SetInt(socket, ZMQ_SNDHWM, queue_max);
  SetInt(socket, ZMQ_RCVHWM, queue_max);
  SetInt(socket, ZMQ_HANDSHAKE_IVL, 2000);
  std::int64_t size_max = static_cast<std::int64_t>(bytes_max);
  zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &size_max, sizeof(size_max));

  mode_t mask = umask(0117);
  int bound = zmq_bind(socket, endpoint.c_str());
  int error = zmq_errno();
  umask(mask);
  if (bound != 0) {
    return absl::UnavailableError("cannot open the application endpoint " + endpoint + ": " +
                                  zmq_strerror(error) +
                                  "; the directory must exist and be writable for the agent");
  }
  chmod(path.c_str(), 0660);
  return out;
}

ApiSocket::~ApiSocket() {
  zmq_close(socket_);
  zmq_ctx_term(context_);
}

ApiSocket::Received ApiSocket::Receive(std::string* peer, std::string* message) {
  bool more = false;
  bool large = false;
  if (!ReceivePart(socket_, 255, peer, &more, &large)) return Received::kNothing;
  bool good = more && IsOurRoutingId(*peer);
  if (!good) peer->clear();
  if (more) {
    if (!ReceivePart(socket_, bytes_max_, message, &more, &large)) return Received::kBad;
    good = good && !more && !large;
  }
  std::string rest;
  while (more && ReceivePart(socket_, 0, &rest, &more, &large)) {
  }
  return good ? Received::kMessage : Received::kBad;
}

ApiSocket::Sent ApiSocket::Send(const std::string& peer, std::string_view message) {
  if (zmq_send(socket_, peer.data(), peer.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
    return zmq_errno() == EAGAIN ? Sent::kFull : Sent::kGone;
  }
  if (zmq_send(socket_, message.data(), message.size(), ZMQ_DONTWAIT) < 0) return Sent::kGone;
  return Sent::kSent;
}

}  // namespace selvage
