// Attach an application to the node agent on this machine: send, receive, follow events.
//
//   std::string error;
//   auto client = selvage::Client::Connect("ipc:///run/selvage/api.sock", &error);
//   if (!client) { fprintf(stderr, "%s\n", error.c_str()); return 1; }
//   client->Bind(7000);
//   auto sent = client->Send("r2c2", selvage::Client::Class::kReliable, 7000, "hello", 2s);
//   if (!sent) ...  // sent.error says why
//   selvage::Client::Message m;
//   if (client->Receive(&m, 1s)) ...
//
// Flow control. The agent grants a number of credits. A Send takes one, the agent's answer gives it
// back; without one Send waits and TrySend says kWouldBlock. So an application is slowed down to
// what the mesh takes instead of filling memory.
//
// What an answer means. For critical and reliable the agent answers `accepted` only when the
// message is on its disk: from then on it is delivered, or the sender is told, over crashes and
// partitions. A later receipt says `delivered` (the destination has it) or `failed`. For telemetry
// and bulk `accepted` means handed to the network, and nothing more is said.
//
// The surprising case: the agent restarts. The client attaches again by itself inside the next
// call, binds the same ports and subscribes again; reconnects() goes up by one. Sends whose answer
// was outstanding are then reported as kUnknown: they may have been accepted or not. What had been
// accepted is in the agent's outbox and is delivered, but its receipt no longer reaches us.
//
// Thread rule: one client, one thread. Two clients in two threads are fine. Nothing happens between
// calls: whoever only sends must call Receive or Poll now and then if it also binds a port. No
// exception leaves this API. Linking needs libzmq and protobuf-lite, no database.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace selvage {

class Client {
 public:
  static constexpr std::size_t kPayloadBytesMax = 65536;
  // Kept for the application until it asks; what comes on top is dropped and counted.
  static constexpr std::size_t kReceivedMax = 8192;
  static constexpr std::size_t kReportsMax = 8192;
  static constexpr std::size_t kEventsMax = 1024;

  enum class Class { kCritical, kReliable, kTelemetry, kBulk };

  enum class Code {
    kOk,
    kTimeout,       // nothing in time; for Send: no credit in time, nothing was sent
    kWouldBlock,    // TrySend: no credit
    kRefused,       // the agent says no; error says why
    kDisconnected,  // no agent there now; it is looked for again by the next call
    kInvalid,       // wrong argument; nothing was sent
  };
  struct Result {
    Code code = Code::kOk;
    std::string error;          // for people; empty when kOk
    std::uint64_t request = 0;  // of a Send: number to match reports with
    explicit operator bool() const { return code == Code::kOk; }
  };

  struct Message {
    std::string from;     // node name
    std::string from_id;  // 32 hex digits
    std::uint16_t port = 0;
    Class traffic_class = Class::kTelemetry;
    std::string payload;  // bytes
  };
  // What became of a Send.
  struct Report {
    enum class What {
      kAccepted,   // critical, reliable: on the agent's disk
      kRefused,    // not accepted
      kDelivered,  // the destination's agent has it
      kFailed,     // accepted, but given up
      kUnknown,    // the agent went away before it answered
    };
    std::uint64_t request = 0;
    What what = What::kAccepted;
    std::string error;
  };
  struct Event {
    std::uint64_t number = 0;
    std::int64_t time_ns = 0;  // the agent's monotonic clock
    std::string kind;          // "neighbor-up", "reroute", ...
    std::string text;          // one line for people
    std::string json;          // fields for programs
  };

  // Attaches to the agent's [api] endpoint ("ipc://PATH"). nullptr and *error when it is not there
  // within the timeout or refuses.
  static std::unique_ptr<Client> Connect(
      const std::string& endpoint, std::string* error,
      std::chrono::milliseconds timeout = std::chrono::milliseconds(2000));
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Hands a message over, waiting at most `timeout` for a credit. `to` is a node's name, its id or
  // an address it claims. `deadline` 0 is the class's default. kOk: handed over; the agent's answer
  // comes as a Report.
  Result Send(std::string_view to, Class traffic_class, std::uint16_t port,
              std::string_view payload, std::chrono::milliseconds timeout,
              std::chrono::milliseconds deadline = std::chrono::milliseconds(0));
  // The same without waiting.
  Result TrySend(std::string_view to, Class traffic_class, std::uint16_t port,
                 std::string_view payload,
                 std::chrono::milliseconds deadline = std::chrono::milliseconds(0));
  // Send, then wait for the agent's answer. kOk: accepted (durable for critical and reliable).
  // kTimeout with request != 0: handed over, but not answered in time.
  Result SendAndConfirm(std::string_view to, Class traffic_class, std::uint16_t port,
                        std::string_view payload, std::chrono::milliseconds timeout,
                        std::chrono::milliseconds deadline = std::chrono::milliseconds(0));
  // The next report, oldest first.
  Result NextReport(Report* report, std::chrono::milliseconds timeout);

  // Receives what is sent to this port of this node (1..65535). One application a port: kRefused
  // when another has it.
  Result Bind(std::uint16_t port,
              std::chrono::milliseconds timeout = std::chrono::milliseconds(2000));
  // The next message for any bound port.
  Result Receive(Message* message, std::chrono::milliseconds timeout);

  // Asks for the agent's events from now on.
  Result Subscribe();
  Result NextEvent(Event* event, std::chrono::milliseconds timeout);

  // Takes in what has arrived without waiting; attaches again if need be.
  void Poll();

  bool connected() const;
  const std::string& node_name() const;
  const std::string& node_id() const;
  // Sends that TrySend would take now.
  std::uint32_t credits() const;
  // Times the agent was found again after it had gone.
  std::uint64_t reconnects() const;
  // Messages, reports and events dropped because the application did not fetch them.
  std::uint64_t dropped() const;

  // A descriptor that becomes readable when a call may have something to do: for the application's
  // own poll loop. Edge-like (ZeroMQ's rule): call Poll() and drain before waiting on it again. It
  // changes when the client attaches again.
  int fd() const;

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

const char* ToString(Client::Class c);
// False: no class of that name ("critical", "reliable", "telemetry", "bulk").
bool ParseClass(std::string_view name, Client::Class* out);

}  // namespace selvage
