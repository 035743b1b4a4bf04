#include "transports/ip/zap_handler.h"

#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bytes.h"

namespace selvage {
namespace {

constexpr char kEndpoint[] = "inproc://zeromq.zap.01";
constexpr char kDomain[] = "selvage";
// Of a request: version, request id, domain, address, routing id, mechanism, key.
constexpr std::size_t kParts = 7;
constexpr int kAnswersPerTurnMax = 64;
constexpr int kSelfTestMs = 2000;
// Not in the stable part of zmq.h, though 4.3.4 takes it: without a handler nobody is let in. Not
// relied upon; libraries that do not know the option answer EINVAL, which is ignored.
constexpr int kZapEnforceDomain = 93;

bool SetKey(void* socket, int option, const CurveKey& key) {
  return zmq_setsockopt(socket, option, key.data(), key.size()) == 0;
}

bool SetInt(void* socket, int option, int value) {
  return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

// Receives one part without waiting. False: there is none.
bool ReceivePart(void* socket, std::string* part, bool* more) {
  zmq_msg_t message;
  zmq_msg_init(&message);
  const bool received = zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0;
  if (received) {
    part->assign(static_cast<const char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
    *more = zmq_msg_more(&message) != 0;
  }
  zmq_msg_close(&message);
  return received;
}

// Closes what a self-test has opened, in the order opened.
struct Sockets {
  std::vector<void*> open;
  void* monitored = nullptr;
  ~Sockets() {
    // First: an event for a listener that is gone would block libzmq's own thread for good.
    if (monitored != nullptr) zmq_socket_monitor(monitored, nullptr, 0);
    for (void* socket : open) {
      zmq_setsockopt(socket, ZMQ_LINGER, &kNoLinger, sizeof(kNoLinger));
      zmq_close(socket);
    }
  }
  void* Add(void* socket) {
    if (socket != nullptr) open.push_back(socket);
    return socket;
  }
  static constexpr int kNoLinger = 0;
};

}  // namespace

bool MakeCurveServer(void* socket, const StreamKeys& keys) {
  SetInt(socket, kZapEnforceDomain, 1);
  return SetInt(socket, ZMQ_CURVE_SERVER, 1) &&
         SetKey(socket, ZMQ_CURVE_SECRETKEY, keys.secret_key) &&
         zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, kDomain, sizeof(kDomain) - 1) == 0;
}

bool MakeCurveClient(void* socket, const CurveKey& secret, const CurveKey& own_public,
                     const CurveKey& server) {
  return SetKey(socket, ZMQ_CURVE_SERVERKEY, server) &&
         SetKey(socket, ZMQ_CURVE_PUBLICKEY, own_public) &&
         SetKey(socket, ZMQ_CURVE_SECRETKEY, secret);
}

absl::StatusOr<std::unique_ptr<ZapHandler>> ZapHandler::Create(void* context, Reactor& reactor,
                                                               const StreamKeys& keys) {
  void* socket = zmq_socket(context, ZMQ_REP);
  if (socket == nullptr || !SetInt(socket, ZMQ_LINGER, 0) || zmq_bind(socket, kEndpoint) != 0) {
    const std::string why = zmq_strerror(zmq_errno());
    if (socket != nullptr) zmq_close(socket);
    return absl::InternalError("cannot start the check of CURVE keys: " + why);
  }
  return std::unique_ptr<ZapHandler>(new ZapHandler(context, reactor, keys, socket));
}

ZapHandler::ZapHandler(void* context, Reactor& reactor, const StreamKeys& keys, void* socket)
    : context_(context), reactor_(reactor), keys_(keys), socket_(socket) {
  reactor_.AddZmqSocket(socket_, [this] { OnReadable(); });
}

ZapHandler::~ZapHandler() {
  reactor_.RemoveZmqSocket(socket_);
  zmq_close(socket_);
}

void ZapHandler::OnReadable() {
  for (int i = 0; i < kAnswersPerTurnMax && AnswerOne(); ++i) {
  }
}

bool ZapHandler::AnswerOne() {
  std::array<std::string, kParts> parts;
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    std::string ignored;
    if (!ReceivePart(socket_, count < kParts ? &parts[count] : &ignored, &more)) return false;
  }
  const auto& [version, request_id, domain, address, routing_id, mechanism, key_text] = parts;
  CurveKey key{};
  const bool well_formed =
      count == kParts && domain == kDomain && mechanism == "CURVE" && key_text.size() == key.size();
  if (well_formed) std::memcpy(key.data(), key_text.data(), key.size());
  const bool allowed = well_formed && keys_.is_allowed && keys_.is_allowed(key);
  // 300 ("try again later"), not 400: after a 400 libzmq's client gives up for good, and a node
  // that is admitted a minute later would never come in.
  const std::array<std::string, 6> answer = {"1.0",
                                             request_id,
                                             allowed ? "200" : "300",
                                             "",
                                             allowed ? ToHex(key) : "",
                                             ""};
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const int flags = ZMQ_DONTWAIT | (i + 1 < answer.size() ? ZMQ_SNDMORE : 0);
    if (zmq_send(socket_, answer[i].data(), answer[i].size(), flags) < 0) return false;
  }
  return true;
}

absl::Status ZapHandler::RefusesStrangers() {
  static std::atomic<unsigned> serial{0};
  const std::string tag = std::to_string(getpid()) + "-" + std::to_string(serial++);
  // An abstract local socket: there is no file, and it works where even loopback is down.
  const std::string door = "ipc://@selvage-selftest-" + tag;
  const std::string watch = "inproc://selvage-selftest-" + tag;
  const auto failed = [](const char* step) {
    return absl::InternalError(std::string("self-test of CURVE keys: cannot ") + step + ": " +
                               zmq_strerror(zmq_errno()));
  };

  char public_text[41], secret_text[41];
  CurveKey stranger_public, stranger_secret;
  if (zmq_curve_keypair(public_text, secret_text) != 0) return failed("make a key");
  zmq_z85_decode(stranger_public.data(), public_text);
  zmq_z85_decode(stranger_secret.data(), secret_text);

  Sockets sockets;
  void* server = sockets.Add(zmq_socket(context_, ZMQ_ROUTER));
  void* events = sockets.Add(zmq_socket(context_, ZMQ_PAIR));
  void* stranger = sockets.Add(zmq_socket(context_, ZMQ_DEALER));
  if (server == nullptr || events == nullptr || stranger == nullptr) return failed("open sockets");
  if (!MakeCurveServer(server, keys_) ||
      !MakeCurveClient(stranger, stranger_secret, stranger_public, keys_.public_key)) {
    return failed("set keys");
  }
  constexpr int kEvents = ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
  if (zmq_socket_monitor(server, watch.c_str(), kEvents) != 0) return failed("watch a socket");
  sockets.monitored = server;
  if (zmq_connect(events, watch.c_str()) != 0 || zmq_bind(server, door.c_str()) != 0 ||
      zmq_connect(stranger, door.c_str()) != 0) {
    return failed("connect");
  }
  const Time limit = reactor_.ReadClock() + std::chrono::milliseconds(kSelfTestMs);
  zmq_pollitem_t items[] = {{socket_, 0, ZMQ_POLLIN, 0}, {events, 0, ZMQ_POLLIN, 0}};
  while (reactor_.ReadClock() < limit) {
    if (zmq_poll(items, 2, 50) <= 0) continue;
    if (items[0].revents != 0) OnReadable();
    std::string event, endpoint;
    bool more = false;
    if (items[1].revents == 0 || !ReceivePart(events, &event, &more)) continue;
    if (more) ReceivePart(events, &endpoint, &more);
    std::uint16_t what = 0;
    if (event.size() >= sizeof(what)) std::memcpy(&what, event.data(), sizeof(what));
    if (what == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) return absl::OkStatus();
    if (what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      return absl::FailedPreconditionError(
          "self-test of CURVE keys: an unknown key was let in; streams stay closed");
    }
  }
  return absl::DeadlineExceededError("self-test of CURVE keys: no answer within two seconds");
}

}  // namespace selvage
