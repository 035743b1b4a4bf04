#include "agents/client/client_link.h"

#include <zmq.h>

#include <atomic>
#include <cstring>

namespace selvage {
namespace {

void SetInt(void* socket, int option, int value) {
  zmq_setsockopt(socket, option, &value, sizeof(value));
}

}  // namespace

std::unique_ptr<ClientLink> ClientLink::Open(void* context, const std::string& endpoint,
                                             std::size_t message_bytes_max, std::string* error) {
  static std::atomic<unsigned> number{0};  // monitor endpoints are named within the process
  void* socket = zmq_socket(context, ZMQ_DEALER);
  void* monitor = zmq_socket(context, ZMQ_PAIR);
  if (socket == nullptr || monitor == nullptr) {
    *error = std::string("cannot make a ZeroMQ socket: ") + zmq_strerror(zmq_errno());
    if (socket != nullptr) zmq_close(socket);
    if (monitor != nullptr) zmq_close(monitor);
    return nullptr;
  }
  std::unique_ptr<ClientLink> link(new ClientLink(socket, monitor));
  SetInt(socket, ZMQ_LINGER, 500);  // a program that sends and exits: let it reach the agent
  SetInt(socket, ZMQ_SNDHWM, 1000);
  SetInt(socket, ZMQ_RCVHWM, 4000);
  SetInt(socket, ZMQ_RECONNECT_IVL, 20);
  SetInt(socket, ZMQ_RECONNECT_IVL_MAX, 500);
  SetInt(monitor, ZMQ_LINGER, 0);
  std::int64_t size_max = static_cast<std::int64_t>(message_bytes_max);
  zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &size_max, sizeof(size_max));
  std::string watch = "inproc://selvage-client-monitor-" + std::to_string(number++);
  if (zmq_socket_monitor(socket, watch.c_str(), ZMQ_EVENT_DISCONNECTED) != 0 ||
      zmq_connect(monitor, watch.c_str()) != 0) {
    *error = std::string("cannot watch a ZeroMQ socket: ") + zmq_strerror(zmq_errno());
    return nullptr;
  }
  if (zmq_connect(socket, endpoint.c_str()) != 0) {
    *error = "\"" + endpoint + "\" is not an endpoint: " + zmq_strerror(zmq_errno());
    return nullptr;
  }
  return link;
}

ClientLink::~ClientLink() {
  zmq_socket_monitor(socket_, nullptr, 0);
  zmq_close(monitor_);
  zmq_close(socket_);
}

bool ClientLink::Send(std::string_view message) {
  return zmq_send(socket_, message.data(), message.size(), ZMQ_DONTWAIT) >= 0;
}

bool ClientLink::Receive(std::string* message) {
  bool parts = false;
  for (;;) {
    zmq_msg_t part;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, socket_, ZMQ_DONTWAIT) < 0) {
      zmq_msg_close(&part);
      return false;
    }
    bool more = zmq_msg_more(&part) != 0;
    bool whole = !more && !parts;
    if (whole) {
      message->assign(static_cast<const char*>(zmq_msg_data(&part)), zmq_msg_size(&part));
    }
    zmq_msg_close(&part);
    if (whole) return true;
    parts = more;
  }
}

bool ClientLink::Ended() {
  bool ended = false;
  zmq_msg_t part;
  zmq_msg_init(&part);
  while (zmq_msg_recv(&part, monitor_, ZMQ_DONTWAIT) >= 0) {
    // First part: the event's number and a value; second part: the endpoint.
    if (zmq_msg_more(&part) != 0 && zmq_msg_size(&part) >= sizeof(std::uint16_t)) {
      std::uint16_t event;
      std::memcpy(&event, zmq_msg_data(&part), sizeof(event));
      ended = ended || event == ZMQ_EVENT_DISCONNECTED;
    }
  }
  zmq_msg_close(&part);
  return ended;
}

void ClientLink::Wait(std::chrono::milliseconds timeout) {
  zmq_pollitem_t items[2] = {{socket_, 0, ZMQ_POLLIN, 0}, {monitor_, 0, ZMQ_POLLIN, 0}};
  zmq_poll(items, 2, static_cast<long>(timeout.count()));
}

int ClientLink::fd() const {
  int fd = -1;
  std::size_t size = sizeof(fd);
  zmq_getsockopt(socket_, ZMQ_FD, &fd, &size);
  return fd;
}

}  // namespace selvage
