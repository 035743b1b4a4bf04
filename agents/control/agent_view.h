// What the control socket and the application API need of the agent they speak for.
//
// The node runtime is adapted to it (agents/control/runtime_view.h); tests put a scripted agent
// behind it. Everything is called on the reactor's thread and answers at once: no call blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/node_core.h"
#include "agents/node/twin.h"
#include "core/ids.h"
#include "core/time.h"
#include "transports/reactor.h"

namespace selvage {

// What does not change while the agent lives.
struct AgentFacts {
  std::string node;  // name in the certificate
  NodeId id;
  Epoch epoch;  // of this life of the node
  std::string network;
  std::string version;
  Time started{};
  std::string state_dir;
  std::string config_file;   // empty: configured by a program
  std::string api_endpoint;  // empty: applications cannot attach
  std::string tun_name;      // empty: no TUN device
  std::string tun_address;
  bool lab_enabled = false;
  bool healing = true;
  WallSeconds certificate_not_after = 0;
};

class AgentView {
 public:
  using DeliverHandler = std::function<void(const Deliver&)>;
  using ReportListener = std::function<void(const MessageReport&)>;
  using EventListener = std::function<void(const Event&)>;

  virtual ~AgentView() = default;

  virtual Reactor& reactor() = 0;
  virtual Time now() const = 0;
  virtual const AgentFacts& facts() const = 0;

  // ---- questions; the same meaning as in NodeCore
  virtual std::vector<NeighborInfo> Neighbors() const = 0;
  virtual std::vector<LinkStatus> Links() const = 0;
  virtual std::vector<RouteInfo> Routes(TrafficClass c) = 0;
  virtual std::vector<std::string> Path(const NodeId& to, TrafficClass c) = 0;
  // By name, by 32 hex digits or by an IP address that the node claims.
  virtual std::optional<NodeId> FindNode(std::string_view name) const = 0;
  virtual std::string NameOf(const NodeId& id) const = 0;
  virtual Twin GetTwin() const = 0;
  virtual std::size_t nodes_known() const = 0;
  virtual std::size_t outbox_messages() const = 0;
  virtual OutboxInfo Outbox() const = 0;
  virtual std::vector<AnomalyInfo> Anomalies() const = 0;
  virtual std::string store_failure() const = 0;
  // In order, numbers larger than `after`, at most `count_max` of them: the oldest that are kept.
  virtual std::vector<Event> Events(std::uint64_t after, std::size_t count_max) const = 0;
  virtual std::map<std::string, std::uint64_t> Counters() const = 0;

  // ---- quarantine; the same meaning as in NodeCore
  virtual std::string QuarantineAdd(const NodeId& node, bool force) = 0;
  virtual bool QuarantineRemove(const NodeId& node) = 0;
  virtual std::vector<QuarantineInfo> Quarantined() const = 0;
  virtual std::vector<AccusationInfo> Accusations() const = 0;

  // ---- laboratory faults; refused (false) unless facts().lab_enabled
  virtual bool LabSilence(LinkId link) = 0;
  virtual bool LabDropForwarded(double share, std::optional<TrafficClass> only,
                                const std::optional<NodeId>& to) = 0;
  virtual bool LabLieMetric(double factor) = 0;
  virtual bool LabDelay(Duration delay) = 0;
  virtual bool LabReplay() = 0;
  virtual bool LabAccuse(bool flood) = 0;
  virtual bool LabOff() = 0;
  virtual bool lab_active() const = 0;

  // ---- messages of applications
  // As NodeCore::Submit: number > 0, or 0 and *reason.
  virtual std::uint64_t Submit(Message message, std::string* reason) = 0;
  // One handler a port; an empty function takes it away. False: somebody else has the port.
  virtual bool SetDeliverHandler(std::uint16_t port, DeliverHandler handler) = 0;
  // Every report goes to every listener, whoever submitted the message. Both Add return a number
  // for Remove, 0 when there are too many listeners.
  virtual std::uint64_t AddReportListener(ReportListener listener) = 0;
  virtual void RemoveReportListener(std::uint64_t number) = 0;
  virtual std::uint64_t AddEventListener(EventListener listener) = 0;
  virtual void RemoveEventListener(std::uint64_t number) = 0;
};

}  // namespace selvage
