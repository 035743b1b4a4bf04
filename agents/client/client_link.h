// One attachment of an application to an agent: a DEALER socket and what tells of its end.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace selvage {

// Made anew for each attachment, so that nothing written for a dead agent reaches its successor.
// Thread rule: one thread.
class ClientLink {
 public:
  // `context` is a ZeroMQ context that outlives the link. nullptr and *error when the endpoint is
  // malformed; that nobody is there shows later.
  static std::unique_ptr<ClientLink> Open(void* context, const std::string& endpoint,
                                          std::size_t message_bytes_max, std::string* error);
  ~ClientLink();
  ClientLink(const ClientLink&) = delete;
  ClientLink& operator=(const ClientLink&) = delete;

  // False: ZeroMQ's queue is full.
  bool Send(std::string_view message);
  // False: nothing there. Messages of more than one part are skipped.
  bool Receive(std::string* message);
  // The agent closed the connection.
  bool Ended();
  // Waits until one of the two above may have something; a negative timeout waits for ever.
  void Wait(std::chrono::milliseconds timeout);
  int fd() const;

 private:
  ClientLink(void* socket, void* monitor) : socket_(socket), monitor_(monitor) {}
  void* socket_;
  void* monitor_;
};

}  // namespace selvage
