// The body of an agent: composes reactor, transports, node core, store and TUN on one thread.
//
// What happens goes into the core as events (frames, links, timers, packets, submitted messages,
// finished writes), what the core decides is performed: frames to transports (one Flush a turn),
// writes to the commit queue, deliveries to TUN (port 0) or to whoever has the port, reports and
// events to listeners. Order in a turn: ready descriptors, posted functions, then the core's timer.
//
// Thread rule: everything belongs to the thread that runs the reactor, except Post() and Stop().
// Functions handed in are called on that thread, one at a time, never from inside the call that
// hands them in; they must not block.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agents/node/node_core.h"
#include "agents/runtime/config.h"
#include "core/store.h"
#include "transports/reactor.h"
#include "transports/transport.h"

namespace selvage {

class NodeRuntime {
 public:
  static constexpr std::size_t kEventsMax = 512;    // the newest that are kept
  static constexpr std::size_t kPostedMax = 4096;   // functions that wait for the thread
  static constexpr std::size_t kPortsMax = 4096;    // ports with a handler
  static constexpr std::size_t kListenersMax = 64;  // of each kind

  using DeliverHandler = std::function<void(const Deliver&)>;
  using ReportListener = std::function<void(const MessageReport&)>;
  using EventListener = std::function<void(const Event&)>;
  using LinkFactory = std::function<absl::StatusOr<std::unique_ptr<Transport>>(
      const LinkConfig&, LinkId, Reactor&, LinkListener&)>;

  // Replaces parts of the body; every member may be left empty. For tests and embedding.
  struct Parts {
    std::unique_ptr<Store> store;  // empty: RocksDB in <state_dir>/store
    LinkFactory make_link;         // empty: the registry of transports
  };

  // Loads the identity from <state_dir>, opens the store, moves the epoch on (durable before this
  // returns) and makes the core. Sends nothing yet.
  // Errors: what LoadMembership and RocksStore::Open say; FailedPrecondition when the certificate
  // has expired or names another node than the configuration.
  static absl::StatusOr<std::unique_ptr<NodeRuntime>> Create(AgentConfig config, Parts parts);
  static absl::StatusOr<std::unique_ptr<NodeRuntime>> Create(AgentConfig config);
  // Writes what is still queued for the store, unless the disk refuses.
  ~NodeRuntime();
  NodeRuntime(const NodeRuntime&) = delete;
  NodeRuntime& operator=(const NodeRuntime&) = delete;

  // Opens TUN and the links. Errors name the section of the configuration and what to do. After an
  // error the runtime can only be destroyed.
  absl::Status Start();
  // The protocol thread: returns after Stop().
  void Run();
  // One turn of the loop, for tests and drivers of their own.
  void RunOnce();
  // Any thread, also a signal handler.
  void Stop();
  // Any thread: runs `function` on the protocol thread. False when kPostedMax wait already.
  bool Post(std::function<void()> function);

  Reactor& reactor();
  // Questions may be asked directly. Whoever feeds events into the core calls Kick() after it.
  NodeCore& core();
  const NodeCore& core() const;
  // Performs the effects that wait in the core at the end of this turn (a turn is made if none is
  // under way). Submit() does it by itself.
  void Kick();

  Time now() const;      // of this turn
  Time started() const;  // when Create() returned
  const AgentConfig& config() const;
  const TrustAnchor& anchor() const;
  Epoch epoch() const;
  static const char* Version();  // "0.1.0"

  // As NodeCore::Submit, and refused ("queue full") while the disk cannot keep up. The traffic on
  // port 0 is IP packets; applications use others.
  std::uint64_t Submit(Message message, std::string* reason);

  // One handler a port; an empty function takes it away. False: port 0, or somebody has the port.
  bool SetDeliverHandler(std::uint16_t port, DeliverHandler handler);
  // Every report goes to every listener; who did not submit the message ignores it. Returns a
  // number for Remove..., 0 when there are kListenersMax. Removing is allowed inside a listener.
  std::uint64_t AddReportListener(ReportListener listener);
  void RemoveReportListener(std::uint64_t number);
  std::uint64_t AddEventListener(EventListener listener);
  void RemoveEventListener(std::uint64_t number);

  // The core's events and the body's own ("store-failed", "link-down", ...), numbered together:
  // in order, numbers larger than `after`, at most `count_max`, the oldest kept first.
  std::vector<Event> Events(std::uint64_t after, std::size_t count_max) const;
  // Every link of the configuration, also those that never came up; with what the radios say.
  std::vector<LinkStatus> Links() const;
  // What the radio says towards one neighbour of the link; nullopt: nothing.
  std::optional<LinkTelemetry> Telemetry(LinkId link, const PeerAddress& peer) const;
  // The core's counters and the body's own. Names end in _total.
  std::map<std::string, std::uint64_t> Counters() const;

 private:
  struct Impl;
  explicit NodeRuntime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvage
