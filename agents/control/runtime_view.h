// The node runtime as the control socket and the application API see it.
#pragma once

#include "agents/control/agent_view.h"
#include "agents/runtime/node_runtime.h"

namespace selvage {

// Owns nothing; `runtime` must outlive it. Thread rule: the reactor's thread.
class RuntimeView : public AgentView {
 public:
  explicit RuntimeView(NodeRuntime& runtime);

  Reactor& reactor() override;
  Time now() const override;
  const AgentFacts& facts() const override { return facts_; }
  std::vector<NeighborInfo> Neighbors() const override;
  std::vector<LinkStatus> Links() const override;
  std::vector<RouteInfo> Routes(TrafficClass c) override;
  std::vector<std::string> Path(const NodeId& to, TrafficClass c) override;
  std::optional<NodeId> FindNode(std::string_view name) const override;
  std::string NameOf(const NodeId& id) const override;
  Twin GetTwin() const override;
  std::size_t nodes_known() const override;
  std::size_t outbox_messages() const override;
  OutboxInfo Outbox() const override;
  std::vector<AnomalyInfo> Anomalies() const override;
  std::string store_failure() const override;
  std::vector<Event> Events(std::uint64_t after, std::size_t count_max) const override;
  std::map<std::string, std::uint64_t> Counters() const override;
  std::string QuarantineAdd(const NodeId& node, bool force) override;
  bool QuarantineRemove(const NodeId& node) override;
  std::vector<QuarantineInfo> Quarantined() const override;
  std::vector<AccusationInfo> Accusations() const override;
  bool LabSilence(LinkId link) override;
  bool LabDropForwarded(double share, std::optional<TrafficClass> only,
                        const std::optional<NodeId>& to) override;
  bool LabLieMetric(double factor) override;
  bool LabDelay(Duration delay) override;
  bool LabReplay() override;
  bool LabAccuse(bool flood) override;
  bool LabOff() override;
  bool lab_active() const override;
  std::uint64_t Submit(Message message, std::string* reason) override;
  bool SetDeliverHandler(std::uint16_t port, DeliverHandler handler) override;
  std::uint64_t AddReportListener(ReportListener listener) override;
  void RemoveReportListener(std::uint64_t number) override;
  std::uint64_t AddEventListener(EventListener listener) override;
  void RemoveEventListener(std::uint64_t number) override;

 private:
  NodeRuntime& runtime_;
  AgentFacts facts_;
};

}  // namespace selvage
