// The agent without its body: everything a node decides, with no clock, socket, thread or file.
//
// A driver (node runtime on a device, an ns-3 application, a test) feeds events in with the time
// they happened and then drains effects until there are none:
//
//   core.OnFrame(now, link, from, frame);
//   while (auto effect = core.PollEffect()) Perform(*effect);
//   ArmTimer(core.NextDeadline());
//
// No call blocks, calls back or fails: bad input is dropped and counted. Time never goes back.
// Same seed, same events: same effects, byte for byte. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agents/membership/certificate.h"
#include "agents/node/model_config.h"
#include "agents/telemetry/telemetry.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "core/ids.h"
#include "core/link.h"
#include "core/link_telemetry.h"
#include "core/store.h"
#include "core/time.h"

namespace selvage {

struct Twin;       // agents/node/twin.h
class RecordPool;  // agents/node/record_pool.h

struct NodeConfig {
  // Off: routes are computed but nothing is left on suspicion or failure (for comparison).
  bool healing = true;
  // IP addresses claimed for the TUN interface, e.g. "10.99.0.1"; may be empty.
  std::vector<std::string> addresses;
  // How much may wait for receipts, in memory and on the disk; and how much is carried for others
  // (agents/delivery/custody.h), 0 messages: nothing.
  std::size_t outbox_messages_max = 16384;
  std::size_t outbox_bytes_max = 32 * 1024 * 1024;
  std::size_t carried_messages_max = 8192;
  std::size_t carried_bytes_max = 16 * 1024 * 1024;
  // Off: no neighbour is checked on suspicion and nobody's testimony heeded (for comparison); an
  // operator can still put nodes into quarantine.
  bool quarantine = true;
  // Laboratory faults allowed.
  bool lab = false;
  ModelConfig model;
};

// A message from an application (or a packet from TUN) to another node.
struct Message {
  NodeId to;
  TrafficClass traffic_class = TrafficClass::kTelemetry;
  std::uint16_t port = 0;  // 0 is TUN
  Bytes payload;           // at most NodeCore::kPayloadBytesMax
  Duration deadline{0};    // 0: the class's default
};

// ---- effects
struct SendFrame {
  LinkId link;
  PeerAddress to;  // broadcast: everybody on the link
  Bytes frame;
  bool data = false;  // carries traffic; otherwise it is the network's own, with its own budget
};
struct Deliver {
  NodeId from;
  TrafficClass traffic_class;
  std::uint16_t port;
  Bytes payload;
};
// Make these writes durable as one batch, then call OnPersisted(token). Effects that depend on it
// are held back inside the core until then. token 0: nobody waits.
struct Persist {
  std::uint64_t token;
  std::vector<StoreWrite> writes;
};
// What became of a message: accepted (durable if its class is), receipt from the destination, or
// given up.
struct MessageReport {
  enum class What { kAccepted, kDelivered, kFailed };
  std::uint64_t message;  // as Submit() returned
  What what;
  std::string reason;  // for people, when kFailed
};
// Something a person may want to know: what, when, why.
struct Event {
  std::uint64_t number = 0;
  Time time{};
  std::string kind;  // "neighbor-up", "neighbor-suspect", "reroute", "certificate-refused", ...
  std::string text;  // one line for people
  // For programs: neighbor, link, evidence, alternative, ...
  std::map<std::string, std::string> fields;
};
using Effect = std::variant<SendFrame, Deliver, Persist, MessageReport, Event>;

// ---- what people and programs may ask
enum class NeighborState { kUp, kSuspect, kOneway, kDown, kQuarantined };
std::string_view ToString(NeighborState s);

struct NeighborInfo {
  NodeId id;
  std::string name;
  LinkId link;
  std::string link_name;
  std::string transport;
  PeerAddress address;  // on that link
  NeighborState state;
  AdjacencyIndex index;
  double rtt_ms = 0;
  double jitter_ms = 0;
  double loss = 0;    // 0..1, frames of ours the neighbour did not report
  double health = 1;  // 0..1
  Duration in_state{0};
};
struct RouteInfo {
  NodeId to;
  std::string name;
  TrafficClass traffic_class;
  std::string next_hop;    // name; empty: none
  std::string next_link;   // link name
  std::string alternate;   // next hop were that adjacency to fail; empty: none
  std::uint64_t cost = 0;  // microseconds-equivalent, see routing/path_cost.h
  int hops = 0;
};
// What waits here for a path or a receipt.
struct OutboxInfo {
  struct Line {
    std::string from;  // name; this node's for its own
    std::string to;
    bool reachable = false;  // a path leads there now
    std::size_t messages = 0;
    Duration oldest{0};  // own messages only
  };
  std::size_t messages = 0;  // own
  std::size_t bytes = 0;
  std::size_t carried_messages = 0;  // of others, and receipts that have no path
  std::size_t carried_bytes = 0;
  std::vector<Line> lines;  // own first, by destination; then carried, by origin and destination
};
// What the model thinks of one link, or of the machine (then `neighbor` and `link` are empty).
struct AnomalyInfo {
  struct Line {
    std::string feature;
    std::string unit;
    float value = kMissing;
    float deviation = 0;  // from its level, in its usual deviations
    float blame = 0;      // share in what looks wrong, 0..1
  };
  std::string neighbor;
  std::string link;
  std::string state;  // "ok", "suspect", "degraded", "recovering", "failed", of levels
  bool alarm = false;
  float score = 0;         // decades
  float loss_decades = 0;  // evidence that more frames get lost than usual
  float margin_db = kMissing;
  float margin_slope_db_s = kMissing;
  float seconds_to_failure = kMissing;  // infinite: it does not fall
  std::uint64_t samples = 0;
  std::size_t bytes = 0;         // of state
  std::size_t prior_voices = 0;  // models elsewhere that it began from; 0: from nothing
  std::vector<Line> lines;
  std::string diagnosis;  // of the last alarm; empty: there was none
  std::string evidence;
  Duration alarm_age{0};
  bool detour = false;
  // Of the user's own model.
  std::string scorer;  // empty: there is none
  float scorer_decades = 0;
  std::string scorer_feature;  // that it blames most
  std::uint64_t scorer_samples = 0;
  std::uint64_t scorer_failures = 0;  // samples for which it had no score
  std::uint64_t scorer_alarms = 0;    // it had a part in
};
// A node that is not to carry the traffic of others, was not long ago, or cannot be spared.
struct QuarantineInfo {
  std::string name;
  // quarantined, barred (by force), withheld (others would be cut off), probation
  std::string state;
  std::string cause;  // operator, evidence, witnesses, false-witness
  std::string evidence;
  std::vector<std::string> witnesses;
  Duration since{0};
  std::optional<Duration> left;  // until it is checked or let go; nullopt: until it is taken out
};
// What a node says of another, signed.
struct AccusationInfo {
  std::string witness;
  std::string node;
  std::string what;  // accuses, suspects, vouches
  Duration age{0};
};
struct LinkStatus {
  LinkId id;
  LinkInfo info;
  int neighbors = 0;
  bool up = false;
  // What its transport adds; the core knows neither.
  std::string radio;  // one line for people: state of the radio; empty: no radio
  std::optional<LinkTelemetry> telemetry;
};

class NodeCore {
 public:
  static constexpr std::size_t kPayloadBytesMax = 65536;

  struct Init {
    Identity identity;
    TrustAnchor anchor;
    Epoch epoch;  // larger than any used before, already persisted
    std::shared_ptr<Crypto> crypto;
    std::uint64_t seed = 0;
    NodeConfig config;
    WallSeconds wall = 0;
    // Shared by cores of one process that run on one thread (record_pool.h); nullptr: its own.
    std::shared_ptr<RecordPool> pool;
  };
  // `store` is read during construction only (warm start, outbox); writes leave as Persist effects.
  NodeCore(Time now, Init init, Store& store);
  ~NodeCore();
  NodeCore(const NodeCore&) = delete;
  NodeCore& operator=(const NodeCore&) = delete;

  // ---- events
  void OnLinkUp(Time now, LinkId link, const LinkInfo& info);  // again with new values: changed
  void OnLinkDown(Time now, LinkId link);
  // A peer that multicast does not reach. May be called again; forgotten when the link goes down.
  void OnConfiguredPeer(Time now, LinkId link, const PeerAddress& peer);
  // `frame` is decrypted in place.
  void OnFrame(Time now, LinkId link, const PeerAddress& from, MutableByteSpan frame);
  void OnPersisted(Time now, std::uint64_t token);
  // This batch will never be durable: there was no room to queue it.
  void OnPersistRefused(Time now, std::uint64_t token);
  // The disk began to refuse writes; `reason` is for people. What an application submitted and is
  // not durable yet is withdrawn and reported as failed, and Submit refuses what needs the disk
  // until OnStoreWorks. Everything else goes on: routing, best effort, what is durable already.
  // Writes already handed out stay with the driver, which tries them again.
  void OnStoreFailed(Time now, const std::string& reason);
  void OnStoreWorks(Time now);
  // What a radio measured of frames of `from` (broadcast: of whoever is there). As often as it is
  // known; more than 50 a second are not looked at.
  void OnRadio(Time now, LinkId link, const PeerAddress& from, const RadioReading& reading);
  // What the machine says of itself, about once a second; without it there is no model of the node.
  void OnMachine(Time now, const MachineReading& reading);
  void OnWallClock(Time now, WallSeconds wall);
  // The driver is about to end: what is worth keeping leaves as Persist effects; no call but
  // PollEffect after it. Not calling it loses at most what was learnt in the last minutes.
  void OnStopping(Time now);
  void OnTimeout(Time now);
  // kNever when nothing is pending. Calling OnTimeout early is harmless.
  Time NextDeadline() const;

  // Queues a message. Returns its number (> 0), reported on later by MessageReport when its class
  // promises anything; 0 when it is refused at once, then *reason says why ("unknown node",
  // "payload too large", "queue full": try again after a report).
  std::uint64_t Submit(Time now, Message message, std::string* reason);

  // The next effect in order, nullopt when drained.
  std::optional<Effect> PollEffect();
  // Gives a frame's memory back for reuse. Optional.
  void Recycle(Bytes frame);

  // ---- quarantine by hand
  // Empty: done; else why not ("x would be cut off from y; ..."). `force`: nothing leads on through
  // it any more, whoever is cut off by that; else it is the last way on.
  std::string QuarantineAdd(Time now, const NodeId& node, bool force);
  // False: it was not in quarantine. Nobody's word puts it back for an hour.
  bool QuarantineRemove(Time now, const NodeId& node);
  std::vector<QuarantineInfo> Quarantined(Time now) const;
  std::vector<AccusationInfo> Accusations(Time now) const;

  // ---- laboratory faults (no-ops unless config.lab)
  // Drops everything that arrives on or leaves for the link. False: no such link, or no lab.
  bool LabSilence(LinkId link);
  // A share (0..1) of what is forwarded, of this class or to this node alone if given.
  void LabDropForwarded(double share, std::optional<TrafficClass> only);
  void LabDropForwarded(double share, std::optional<TrafficClass> only,
                        const std::optional<NodeId>& to);
  // Advertises its links at `factor` times what they cost; 1: the truth.
  void LabLieMetric(double factor);
  // Holds back what it forwards, up to a minute; 0: not.
  void LabDelay(Duration delay);
  // Sends what it forwards a second time, 100 ms later, as the same frame and as another walk.
  void LabReplay();
  // Accuses all its neighbours, signed. `flood`: by the hundred each second, old testimonies again,
  // in others' names and malformed ones among them.
  void LabAccuse(bool flood);
  void LabOff();
  bool lab_active() const;

  // ---- questions
  const Identity& identity() const;
  std::vector<NeighborInfo> Neighbors(Time now) const;
  std::vector<LinkStatus> Links() const;
  std::vector<RouteInfo> Routes(Time now, TrafficClass c);
  // Node names from here to `to` as the map has it now; empty: unreachable.
  std::vector<std::string> Path(Time now, const NodeId& to, TrafficClass c);
  // By name or 32 hex digits; nullopt when no such node is known.
  std::optional<NodeId> FindNode(std::string_view name_or_id) const;
  std::optional<NodeId> FindByAddress(std::string_view ip) const;
  std::string NameOf(const NodeId& id) const;  // hex when unknown
  std::vector<AnomalyInfo> Anomalies(Time now) const;
  // A copy of the whole map.
  Twin GetTwin() const;
  std::size_t nodes_known() const;
  std::size_t outbox_messages() const;
  std::size_t carried_messages() const;  // for others
  OutboxInfo Outbox(Time now) const;
  // Why the disk refuses writes; empty while it works.
  const std::string& store_failure() const;
  // Submit would answer "queue full" to what waits for a receipt.
  bool outbox_full() const;
  std::vector<Event> Events(std::uint64_t after, std::size_t count_max) const;
  // Names end in _total.
  std::map<std::string, std::uint64_t> Counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvage
