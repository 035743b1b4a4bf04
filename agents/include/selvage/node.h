// A whole mesh node inside your process: links, routing, store, and messages to and from others.
//
//   auto created = selvage::Node::CreateFromFile("/etc/selvage/node.toml");
//   if (!created) { fprintf(stderr, "%s\n", created.error.c_str()); return 1; }
//   selvage::Node& node = *created.node;
//   node.OnReceive(7000, [](const selvage::Node::Received& r) { ... });
//   if (std::string error = node.Start(); !error.empty()) ...
//   node.Send("r2c2", selvage::Node::Class::kCritical, 7000, "hello",
//             [](const selvage::Node::Report& r) { ... });
//
// It is what `selvaged` runs, with the same configuration file and the same state directory (admit
// it with `selvage network admit`). Whoever wants several programs to share one node runs
// `selvaged` and attaches with selvage/client.h instead; [control] and [api] sections work here
// too.
//
// Threads. Start() makes two: one runs the protocol, one calls your functions, one at a time and in
// order. Every function here may be called from any thread, also from inside your functions, except
// that Stop() and the destructor must not be. Your functions may block: what waits for them is
// bounded (kWaitingMax); beyond that received telemetry and bulk, and events, are dropped and
// counted, while critical and reliable messages and reports are kept up to four times as many.
//
// Errors are texts for people that say what to do; empty means fine. No exception leaves this API.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace selvage {

class Node {
 public:
  static constexpr std::size_t kPayloadBytesMax = 65536;
  static constexpr std::size_t kWaitingMax = 4096;

  enum class Class { kCritical, kReliable, kTelemetry, kBulk };

  struct Received {
    std::string from;     // name of the sender; hexadecimal id when its name is not known
    std::string from_id;  // 32 hexadecimal digits
    std::uint16_t port = 0;
    Class traffic_class = Class::kTelemetry;
    std::string payload;  // bytes
  };
  // What became of a message.
  struct Report {
    enum class What {
      kAccepted,   // critical, reliable: on this node's disk; others: handed to the network
      kDelivered,  // the destination has it; critical and reliable only
      kFailed,     // refused at once or given up: reason says why
    };
    What what = What::kFailed;
    std::string reason;
  };
  struct EventInfo {
    std::uint64_t number = 0;
    std::string kind;  // "neighbor-up", "neighbor-suspect", "reroute", ...
    std::string text;  // one line for people
    std::map<std::string, std::string> fields;
  };
  struct Neighbor {
    std::string name;
    std::string link;
    std::string transport;
    std::string state;  // "up", "suspect", "oneway", "down", "quarantined"
    double rtt_ms = 0;
    double loss = 0;    // 0 to 1
    double health = 1;  // 0 to 1
  };
  struct Status {
    bool running = false;
    std::string node;
    std::string id;  // 32 hexadecimal digits
    std::string network;
    std::uint32_t epoch = 0;
    double uptime_s = 0;
    std::vector<Neighbor> neighbors;
    std::size_t nodes_known = 0;
    std::size_t outbox_messages = 0;
    std::map<std::string, std::uint64_t> counters;  // names end in _total
  };
  using ReceiveFunction = std::function<void(const Received&)>;
  using ReportFunction = std::function<void(const Report&)>;
  using EventFunction = std::function<void(const EventInfo&)>;

  struct Created {
    std::unique_ptr<Node> node;  // null: error says why
    std::string error;
    explicit operator bool() const { return node != nullptr; }
  };
  // Reads and checks the configuration, loads the identity, opens the store. Nothing runs yet.
  static Created CreateFromFile(const std::string& path);
  static Created CreateFromText(const std::string& toml);

  // Stops.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Opens links, TUN and sockets and starts the threads. A node starts once.
  std::string Start();
  // Returns when no function of yours runs any more. What was accepted as critical or reliable
  // stays in the outbox on disk; reports that did not come are not called any more.
  void Stop();

  // Sends to a node by name or id. `report` may be empty; it is called with kAccepted or kFailed,
  // and for critical and reliable later with kDelivered or kFailed. `deadline` 0: the class's own.
  // The result: empty when the message was handed to the protocol thread, otherwise why not
  // ("queue full": try again later).
  std::string Send(const std::string& to, Class traffic_class, std::uint16_t port,
                   std::string payload, ReportFunction report = nullptr,
                   std::chrono::milliseconds deadline = std::chrono::milliseconds{0});

  // One function a port (1 to 65535); an empty one takes it away. May be called before Start().
  void OnReceive(std::uint16_t port, ReceiveFunction function);
  // One function for all events; an empty one takes it away.
  void OnEvent(EventFunction function);

  // Asks the protocol thread and waits for its answer, a millisecond or so.
  Status GetStatus() const;
  // Messages and events dropped because your functions did not keep up.
  std::uint64_t dropped() const;

 private:
  struct Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvage
