#include "transports/ip/stream_lane.h"

#include <zmq.h>

#include <array>
#include <cstring>
#include <utility>

namespace selvage {
namespace {

// A routing id our ROUTER chose: a zero and a 32-bit number. Peers may ask for others; whoever does
// is not heard.
constexpr std::size_t kRoutingIdBytes = 5;

bool SetInt(void* socket, int option, int value) {
  return zmq_setsockopt(socket, option, &value, sizeof(value)) == 0;
}

std::string TcpEndpoint(const HostPort& a) {
  const bool v6 = a.host.find(':') != std::string::npos;
  return "tcp://" + (v6 ? "[" + a.host + "]" : a.host) + ":" + std::to_string(a.port);
}

absl::Status Failed(const std::string& what) {
  return absl::UnavailableError(what + ": " + zmq_strerror(zmq_errno()));
}

PeerAddress DialledAddress(std::uint16_t number) {
  return PeerAddress::From(std::array<std::uint8_t, 3>{
      kPeerTagDialled, static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)});
}

// Owns one message part.
class Part {
 public:
  Part() { zmq_msg_init(&message_); }
  ~Part() { zmq_msg_close(&message_); }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  bool Receive(void* socket) { return zmq_msg_recv(&message_, socket, ZMQ_DONTWAIT) >= 0; }
  bool more() const { return zmq_msg_more(&message_) != 0; }
  MutableByteSpan span() {
    return {static_cast<std::uint8_t*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)};
  }
  zmq_msg_t* get() { return &message_; }

 private:
  zmq_msg_t message_;
};

// The parts of a message arrive together, so this never leaves half a message behind.
void DropRest(void* socket, bool more) {
  while (more) {
    Part part;
    if (!part.Receive(socket)) return;
    more = part.more();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<StreamLane>> StreamLane::Create(
    Reactor& reactor, std::shared_ptr<const StreamKeys> keys, TransportCounters* counters,
    UdpLane::Receiver receiver, std::string metered_device) {
  if (zmq_has("curve") == 0) {
    return absl::UnimplementedError("this libzmq was built without CURVE");
  }
  void* context = zmq_ctx_new();
  if (context == nullptr) return Failed("cannot make a ZeroMQ context");
  return std::unique_ptr<StreamLane>(
      new StreamLane(reactor, std::move(keys), counters, std::move(receiver),
                     std::move(metered_device), context));
}

StreamLane::StreamLane(Reactor& reactor, std::shared_ptr<const StreamKeys> keys,
                       TransportCounters* counters, UdpLane::Receiver receiver,
                       std::string metered_device, void* context)
    : reactor_(reactor),
      keys_(std::move(keys)),
      counters_(counters),
      receiver_(std::move(receiver)),
      metered_device_(std::move(metered_device)),
      context_(context) {}

StreamLane::~StreamLane() {
  if (router_ != nullptr) CloseSocket(router_);
  for (const auto& [number, socket] : dealers_) CloseSocket(socket);
  zap_.reset();  // after the sockets it answers for
  zmq_ctx_term(context_);
}

void StreamLane::CloseSocket(void* socket) {
  reactor_.RemoveZmqSocket(socket);
  zmq_close(socket);
}

void* StreamLane::OpenSocket(int type) {
  void* socket = zmq_socket(context_, type);
  if (socket == nullptr) return nullptr;
  const std::int64_t message_bytes_max = kMessageBytesMax;
  const bool metered = !metered_device_.empty();
  const int heartbeat_ms = metered ? kHeartbeatMeteredMs : kHeartbeatMs;
  const bool set =
      (!metered || zmq_setsockopt(socket, ZMQ_BINDTODEVICE, metered_device_.c_str(),
                                  metered_device_.size()) == 0) &&
      zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_bytes_max, sizeof(message_bytes_max)) == 0 &&
      SetInt(socket, ZMQ_LINGER, 0) && SetInt(socket, ZMQ_IPV6, 1) &&
      SetInt(socket, ZMQ_SNDHWM, kQueueMessagesMax) &&
      SetInt(socket, ZMQ_RCVHWM, kQueueMessagesMax) &&
      SetInt(socket, ZMQ_HANDSHAKE_IVL, kHandshakeMs) &&
      SetInt(socket, ZMQ_HEARTBEAT_IVL, heartbeat_ms) &&
      SetInt(socket, ZMQ_HEARTBEAT_TIMEOUT, kHeartbeatTimeoutMs);
  if (set) return socket;
  zmq_close(socket);
  return nullptr;
}

absl::Status StreamLane::Listen(const HostPort& address) {
  auto zap = ZapHandler::Create(context_, reactor_, *keys_);
  if (!zap.ok()) return zap.status();
  zap_ = *std::move(zap);
  if (absl::Status status = zap_->RefusesStrangers(); !status.ok()) return status;
  void* socket = OpenSocket(ZMQ_ROUTER);
  if (socket == nullptr) return Failed("cannot open a ZeroMQ socket");
  const std::string endpoint = TcpEndpoint(address);
  // MANDATORY: a peer that is gone or whose queue is full is an error we count, not a silent loss.
  if (!SetInt(socket, ZMQ_ROUTER_MANDATORY, 1) || !MakeCurveServer(socket, *keys_) ||
      zmq_bind(socket, endpoint.c_str()) != 0) {
    const absl::Status status = Failed("cannot listen on zmq+" + endpoint);
    zmq_close(socket);
    return status;
  }
  router_ = socket;
  reactor_.AddZmqSocket(router_, [this] { ReadAccepted(); });
  return absl::OkStatus();
}

absl::StatusOr<PeerAddress> StreamLane::Dial(const HostPort& address, const CurveKey& server_key) {
  void* socket = OpenSocket(ZMQ_DEALER);
  if (socket == nullptr) return Failed("cannot open a ZeroMQ socket");
  const std::string endpoint = TcpEndpoint(address);
  // IMMEDIATE: nothing is queued for a connection that does not stand yet. Dialling again: after
  // 100 ms, then slower up to 5 s.
  if (!SetInt(socket, ZMQ_IMMEDIATE, 1) || !SetInt(socket, ZMQ_RECONNECT_IVL, 100) ||
      !SetInt(socket, ZMQ_RECONNECT_IVL_MAX, 5000) ||
      !MakeCurveClient(socket, keys_->secret_key, keys_->public_key, server_key) ||
      zmq_connect(socket, endpoint.c_str()) != 0) {
    const absl::Status status = Failed("cannot dial zmq+" + endpoint);
    zmq_close(socket);
    return status;
  }
  const auto number = static_cast<std::uint16_t>(dealers_.size());
  dealers_[number] = socket;
  reactor_.AddZmqSocket(socket, [this, number] { ReadDialled(number); });
  return DialledAddress(number);
}

bool StreamLane::MaySpeak(void* message) const {
  // Set from the ZAP handler's answer; absent when libzmq let somebody in without asking.
  const char* user_id = zmq_msg_gets(static_cast<zmq_msg_t*>(message), "User-Id");
  Bytes bytes;
  CurveKey key{};
  if (user_id == nullptr || !FromHex(user_id, &bytes) || bytes.size() != key.size()) return false;
  std::memcpy(key.data(), bytes.data(), key.size());
  return keys_->is_allowed && keys_->is_allowed(key);
}

void StreamLane::ReadAccepted() {
  for (int i = 0; i < kMessagesPerTurnMax; ++i) {
    Part id, frame;
    if (!id.Receive(router_)) return;
    if (!id.more() || !frame.Receive(router_)) {
      ++counters_->frames_refused;
      continue;
    }
    const bool single = !frame.more();
    DropRest(router_, !single);
    const MutableByteSpan routing_id = id.span();
    if (!single || frame.span().size() == 0 || routing_id.size() != kRoutingIdBytes ||
        routing_id.data()[0] != 0 || !MaySpeak(frame.get())) {
      ++counters_->frames_refused;
      continue;
    }
    PeerAddress from;
    from.bytes[0] = kPeerTagAccepted;
    std::memcpy(from.bytes.data() + 1, routing_id.data(), kRoutingIdBytes);
    from.size = 1 + kRoutingIdBytes;
    ++counters_->frames_received;
    counters_->bytes_received += frame.span().size();
    receiver_(from, frame.span());
  }
}

void StreamLane::ReadDialled(std::uint16_t number) {
  void* socket = dealers_[number];
  for (int i = 0; i < kMessagesPerTurnMax; ++i) {
    Part frame;
    if (!frame.Receive(socket)) return;
    const bool single = !frame.more();
    DropRest(socket, !single);
    if (!single || frame.span().size() == 0) {
      ++counters_->frames_refused;
      continue;
    }
    ++counters_->frames_received;
    counters_->bytes_received += frame.span().size();
    receiver_(DialledAddress(number), frame.span());
  }
}

void StreamLane::Send(const PeerAddress& to, ByteSpan frame) {
  void* socket = nullptr;
  ByteReader reader(to.Span());
  const std::uint8_t tag = reader.U8();
  if (tag == kPeerTagAccepted && reader.remaining() == kRoutingIdBytes && router_ != nullptr) {
    const ByteSpan id = reader.Rest();
    // Refused here: the peer is gone, or its queue is full.
    if (zmq_send(router_, id.data(), id.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0) socket = router_;
  } else if (tag == kPeerTagDialled && reader.remaining() == 2) {
    const auto it = dealers_.find(reader.U16());
    if (it != dealers_.end()) socket = it->second;
  }
  if (socket != nullptr && zmq_send(socket, frame.data(), frame.size(), ZMQ_DONTWAIT) >= 0) {
    ++counters_->frames_sent;
    counters_->bytes_sent += frame.size();
  } else {
    ++counters_->send_errors;
  }
}

}  // namespace selvage
